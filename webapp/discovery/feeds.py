"""Feeds of what changed last: the whole help centre, a kind of documents, or a section.

Atom (RFC 4287) and JSON Feed (jsonfeed.org, version 1.1). A document without a date is in none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from flask import Blueprint, Response, make_response, request, url_for

from kb.errors import NotFound
from kb.search.display.sections import ROOT
from kb.search.documents import PUBLIC, DocumentKind
from kb.search.results import Hit
from webapp.context import centre
from webapp.discovery.addresses import whole_address
from webapp.discovery.xml_text import add, xml_response
from webapp.formatting import KINDS, article_path, section_path
from webapp.security.access_policy import MINUTES

blueprint = Blueprint("feeds", __name__)

NEWEST = 50
_ATOM = "http://www.w3.org/2005/Atom"
#: When a feed changed that has no entry: it says so every time.
_NEVER = "1970-01-01T00:00:00Z"


class Feed(NamedTuple):
    """What a feed is about: ``page`` is the page that shows the same to people."""

    title: str
    page: str
    hits: Sequence[Hit]


@blueprint.get("/feed.<any(atom, json):form>")
def whole(form: str) -> Response:
    hits = sorted(
        (hit for kind in DocumentKind for hit in _newest(kind)),
        key=lambda hit: hit.updated,
        reverse=True,
    )
    return _response(form, Feed(centre().site.name, url_for("help_centre.home"), hits[:NEWEST]))


@blueprint.get("/docs/feed.<any(atom, json):form>", defaults={"place": KINDS["doc"].path})
@blueprint.get("/<any(faq, forum):place>/feed.<any(atom, json):form>")
def of_kind(place: str, form: str) -> Response:
    kind, row = next((kind, row) for kind, row in KINDS.items() if row.path == place)
    title = f"{row.list_title} – {centre().site.name}"
    return _response(form, Feed(title, url_for_place(place), _newest(DocumentKind(kind))))


@blueprint.get("/docs/<path:path>/feed.<any(atom, json):form>")
def of_section(path: str, form: str) -> Response:
    sections = centre().searcher.sections(PUBLIC)
    section = sections.section(path)
    if section is None:
        raise NotFound(
            "There is no such section. Look for it in the list of all guides, or search for it."
        )
    title = f"{section.title} – {centre().site.name}"
    hits = sections.newest_below(path, NEWEST)
    return _response(form, Feed(title, section_path(section), hits))


def url_for_place(place: str) -> str:
    """The address of a kind's list."""
    if place == KINDS["doc"].path:
        return url_for("sections.show")
    return url_for("help_centre.listing", place=place)


def _newest(kind: DocumentKind) -> tuple[Hit, ...]:
    searcher = centre().searcher
    if kind is DocumentKind.DOC:
        return searcher.sections(PUBLIC).newest_below(ROOT, NEWEST)
    _, newest = searcher.listing(PUBLIC, kind, per_page=NEWEST, newest=True)
    return tuple(hit for hit in newest if hit.updated)


def _response(form: str, feed: Feed) -> Response:
    own = whole_address(request.script_root + request.path)
    if form == "atom":
        return xml_response(_atom(feed, own), "application/atom+xml", MINUTES)
    response = make_response(json.dumps(_json_feed(feed, own), ensure_ascii=False, indent=1))
    response.mimetype = "application/feed+json"
    response.headers["Cache-Control"] = MINUTES
    return response


def _atom(feed: Feed, own: str) -> Element:
    root = Element("feed", xmlns=_ATOM)
    add(root, "title", feed.title)
    add(root, "id", own)
    add(root, "link", rel="self", type="application/atom+xml", href=own)
    add(root, "link", rel="alternate", type="text/html", href=whole_address(feed.page))
    add(root, "updated", max(map(_instant, feed.hits), default=_NEVER))
    add(add(root, "author"), "name", centre().site.name)
    for hit in feed.hits:
        entry = add(root, "entry")
        address = whole_address(article_path(hit))
        add(entry, "title", hit.title)
        add(entry, "id", address)
        add(entry, "link", rel="alternate", type="text/html", href=address)
        add(entry, "updated", _instant(hit))
        add(entry, "category", term=hit.kind, label=KINDS[hit.kind].title)
        add(entry, "summary", _summary(hit))
        if hit.language:
            entry.set("xml:lang", hit.language)
    return root


def _json_feed(feed: Feed, own: str) -> dict[str, Any]:
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": whole_address(feed.page),
        "feed_url": own,
        "authors": [{"name": centre().site.name}],
        "items": [_item(hit) for hit in feed.hits],
    }


def _item(hit: Hit) -> dict[str, Any]:
    address = whole_address(article_path(hit))
    item = {
        "id": address,
        "url": address,
        "title": hit.title,
        "content_text": _summary(hit),
        "date_modified": _instant(hit),
        "tags": [KINDS[hit.kind].title],
    }
    return {**item, "language": hit.language} if hit.language else item


def _summary(hit: Hit) -> str:
    return hit.summary or hit.passage.text


def _instant(hit: Hit) -> str:
    """The beginning of the day on which a document changed."""
    return f"{hit.updated}T00:00:00Z"
