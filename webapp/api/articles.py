"""Articles and sections for programs: what the help centre shows, as JSON, Markdown, HTML or text.

Everything is read by the audience of whoever asks, as on the pages.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flask import Response, jsonify, make_response, request

from kb.errors import NotFound
from kb.search.display.article_tree import article_nodes
from kb.search.display.sections import ROOT, ArticleOrder, GuideSection
from kb.search.documents import DocumentKind
from kb.search.results import Hit
from webapp.api.paging import (
    conditional,
    cursor_of,
    cursor_values,
    page_of,
    page_size,
)
from webapp.api.v1 import api_blueprint
from webapp.context import audience, centre
from webapp.customer.help_centre import markdown_of
from webapp.sub_path import portal_links, portal_path

blueprint = api_blueprint("articles")

#: The article as nodes, for pages of other sites, which build elements of them.
TREE = "application/vnd.askfirst.tree+json"
#: Media types of an article, the first for whoever accepts all of them.
FORMATS = ("application/json", "text/markdown", "text/html", "text/plain", TREE)


@blueprint.get("/articles")
def listing() -> Response:
    """Documents of a kind by their titles, from the generation that answers."""
    searcher, kind = centre().searcher, request.args.get("kind", DocumentKind.DOC)
    generation = searcher.generation
    count, of = page_size(), f"articles/{kind}"
    origin, start, *last = cursor_values(of, str, int, str, str) or (generation, 0)
    # In another generation positions are others: there it goes on after the last title.
    after = last if origin != generation else ()
    start, total, hits = searcher.titled(
        audience(), kind, start=max(0, start), after=after, count=count
    )
    following = None
    if hits and start + count < total:
        following = cursor_of(of, generation, start + count, hits[-1].title, hits[-1].id)
    return page_of(
        "articles",
        [listed_article(hit) for hit in hits],
        following,
        total=total,
        generation=generation,
    )


def listed_article(hit: Hit) -> dict[str, Any]:
    """An article in a list."""
    return {
        "id": hit.id,
        "kind": hit.kind,
        "title": hit.title,
        "summary": hit.summary,
        "url": portal_path(f"/help/{hit.id}"),
        "updated": hit.updated or None,
        "language": hit.language,
        "product": hit.product,
        "versions": list(hit.versions),
    }


@blueprint.get("/articles/<path:document_id>")
def show(document_id: str) -> Response:
    """One article by its ID or an old one, in the media type that the request accepts best."""
    generation = centre().searcher.generation
    document = centre().searcher.article(document_id, audience=audience())
    media_type = request.accept_mimetypes.best_match(FORMATS, default=FORMATS[0])
    if media_type == "text/markdown":
        return _text(markdown_of(document), media_type)
    if media_type == "text/html":
        return _text(portal_links(document.html), media_type)
    if media_type == "text/plain":
        return _text(document.text(), media_type)
    if media_type == TREE:
        return _text(json.dumps(article_nodes(portal_links(document.html))), media_type)

    trail = centre().searcher.sections(audience()).location(document).trail
    response = jsonify(
        {
            "id": document.id,
            "kind": document.kind,
            "title": document.title,
            "summary": document.summary,
            "url": portal_path(document.url),
            "updated": document.updated.isoformat() if document.updated else None,
            "language": document.language,
            "product": document.product,
            "versions": list(document.versions),
            "tags": list(document.tags),
            "solved": document.solved,
            "sections": [{"path": each.path, "title": each.title} for each in trail],
            "html": portal_links(document.html),
            "markdown": markdown_of(document),
            "text": document.text(),
            "generation": generation,
        }
    )
    response.vary.add("Accept")
    return conditional(response)


def _text(body: str, media_type: str) -> Response:
    response = make_response(body)
    response.mimetype = media_type
    response.vary.add("Accept")
    return conditional(response)


@blueprint.get("/sections", defaults={"path": ROOT})
@blueprint.get("/sections/<path:path>")
def section(path: str) -> Response:
    """A section of the guides: what is directly in it. The first one holds all others."""
    searcher = centre().searcher
    generation, sections, path = searcher.generation, searcher.sections(audience()), path.strip("/")
    if sections.section(path) is None:
        raise NotFound("There is no such section. GET /api/v1/sections lists all sections.")

    count, of = page_size(), f"sections/{path}"
    cursor = cursor_values(of, str, int, int, float, str, str) or (generation, 0)
    origin, start, *last = cursor
    # As in the list of all articles.
    after = ArticleOrder(*last) if origin != generation else None
    contents = sections.contents(path, start=max(0, start), after=after, count=count)
    following, end = None, contents.start + count
    if contents.last is not None and end < contents.count:
        following = cursor_of(of, generation, end, *contents.last)
    return page_of(
        "articles",
        [listed_article(hit) for hit in contents.articles],
        following,
        total=contents.count,
        section=_section_json(contents.section),
        sections=[_section_json(each) for each in contents.sections],
        generation=generation,
    )


def _section_json(section: GuideSection) -> dict[str, Any]:
    path = portal_path(f"/docs/{section.path}" if section.path else "/docs")
    return {**asdict(section), "index": section.index or None, "url": path}
