"""Files that machines look for: robots.txt, the sitemap, llms.txt, OpenSearch, security.txt and
favicon.ico.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from flask import Blueprint, Response, abort, current_app, make_response, redirect, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import NotFound
from kb.search.display.sections import Sections
from kb.search.documents import PUBLIC, DocumentKind
from kb.search.results import Hit
from webapp.context import centre, now
from webapp.discovery.addresses import whole_address
from webapp.discovery.feeds import url_for_place
from webapp.discovery.xml_text import add, xml_response
from webapp.formatting import KINDS, section_path
from webapp.security.access_policy import MINUTES
from webapp.sub_path import portal_path

blueprint = Blueprint("discovery", __name__)

HOUR = "public, max-age=3600"
#: What search engines would find nothing in.
CLOSED = (
    *("/tickets", "/desk", "/editor", "/account", "/api", "/sign-in"),
    *("/search", "/follow", "/copies", "/subscriptions"),
)
#: Addresses of one sitemap; sitemaps.org allows 50,000, and 50 MB.
SITEMAP_PAGE = 10_000
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_OPENSEARCH = "http://a9.com/-/spec/opensearch/1.1/"
#: Documents of a kind in llms.txt; of more, it names the sections and the list.
LLMS_DOCUMENTS = 500
#: RFC 9116 recommends less than a year, so that files that nobody maintains expire.
SECURITY_TXT_DAYS = 90


@blueprint.get("/robots.txt")
def robots() -> Response:
    lines = [f"Disallow: {portal_path(path)}\n" for path in CLOSED]
    sitemap = whole_address(url_for("discovery.sitemap"))
    return _text("".join(["User-agent: *\n", *lines, f"\nSitemap: {sitemap}\n"]), HOUR)


# --- sitemap


@blueprint.get("/sitemap.xml")
def sitemap() -> Response:
    """Every public page, or the sitemaps that do if there are many."""
    parts = _parts()
    if parts <= 1:
        return _sitemap(1)
    root = Element("sitemapindex", xmlns=_SITEMAP)
    for part in range(1, parts + 1):
        address = whole_address(url_for("discovery.sitemap_part", part=part))
        add(add(root, "sitemap"), "loc", address)
    return xml_response(root, "application/xml", MINUTES)


@blueprint.get("/sitemap-<int(max=100000):part>.xml")
def sitemap_part(part: int) -> Response:
    if not 1 <= part <= _parts():
        raise NotFound("There is no such sitemap. Start at /sitemap.xml.")
    return _sitemap(part)


def _parts() -> int:
    count, _ = centre().searcher.entries(PUBLIC, start=0, count=0)
    return -(-count // SITEMAP_PAGE)


def _sitemap(part: int) -> Response:
    """Some of the documents; the first part also has the pages that are none."""
    searcher = centre().searcher
    sections = searcher.sections(PUBLIC)
    all_contents = sections.all_contents(articles=0)
    root = Element("urlset", xmlns=_SITEMAP)
    if part == 1:
        for path in (*_pages(), *(section_path(each.section) for each in all_contents[1:])):
            add(add(root, "url"), "loc", whole_address(path))

    # The index page of a section leads to the section.
    indexes = {each.section.index for each in all_contents}
    _, listed = searcher.entries(PUBLIC, start=(part - 1) * SITEMAP_PAGE, count=SITEMAP_PAGE)
    for document in listed:
        if document.id not in indexes:
            url = add(root, "url")
            add(url, "loc", whole_address(portal_path(f"/help/{document.id}")))
            if document.updated:
                add(url, "lastmod", document.updated)
    return xml_response(root, "application/xml", MINUTES)


def _pages() -> Iterator[str]:
    yield url_for("help_centre.home")
    yield from (url_for_place(row.path) for row in KINDS.values())
    for endpoint in ("known_problems.overview", "site.sla", "site.schedule", "site.versions"):
        yield url_for(endpoint)
    yield url_for("site.contact")


# --- llms.txt


@blueprint.get("/llms.txt")
def llms() -> Response:
    """The help centre for language models (llmstxt.org): what there is, each page as Markdown."""
    site, searcher = centre().site, centre().searcher
    sections = searcher.sections(PUBLIC)
    about = " ".join(filter(None, (site.tagline, site.scope)))
    search = whole_address(url_for("api.search", q=""))
    api = whole_address(url_for("well_known.openapi"))
    lines = [
        f"# {site.name}",
        "",
        f"> {about}",
        "",
        "Each page is also available as Markdown: append `.md` to its address.",
        f"Search with `{search}QUERY`; the whole API is described at {api}.",
        "",
        *_guide_lines(sections),
    ]
    for kind in (DocumentKind.FAQ, DocumentKind.FORUM):
        count, hits = searcher.listing(PUBLIC, kind, per_page=LLMS_DOCUMENTS)
        row = KINDS[kind]
        if count > len(hits):
            hits = ()
        if count:
            address = whole_address(url_for_place(row.path))
            all_of = f"- [All {count} {row.noun}]({address})"
            lines += [f"## {row.list_title}", "", *(_lines(hits) or [all_of]), ""]
    return _text("\n".join(lines), MINUTES)


def _guide_lines(sections: Sections) -> Iterator[str]:
    has_articles = sections.count <= LLMS_DOCUMENTS
    for contents in sections.all_contents(articles=LLMS_DOCUMENTS if has_articles else 0):
        section = contents.section
        if has_articles and not contents.articles:
            continue
        yield f"## {_in_line(section.title or KINDS['doc'].list_title)}"
        yield ""
        if not has_articles:
            yield f"- [{section.total} guides]({whole_address(section_path(section))})"
        yield from _lines(contents.articles)
        yield ""


def _lines(hits: Iterable[Hit]) -> list[str]:
    lines = []
    for hit in hits:
        address = whole_address(portal_path(f"/help/{hit.id}.md"))
        summary = f": {_in_line(hit.summary)}" if hit.summary else ""
        lines.append(f"- [{_in_line(hit.title)}]({address}){summary}")
    return lines


def _in_line(text: str) -> str:
    """A text in one line, in which nothing ends a link."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


# --- the rest


@blueprint.get("/opensearch.xml")
def opensearch() -> Response:
    """The search of the help centre for a browser's address bar (OpenSearch 1.1, draft 6)."""
    name = centre().site.name
    root = Element("OpenSearchDescription", xmlns=_OPENSEARCH)
    add(root, "ShortName", name[:16])
    add(root, "Description", f"Search {name}"[:1024])
    add(root, "InputEncoding", "UTF-8")
    template = whole_address(url_for("help_centre.search")) + "?q={searchTerms}"
    add(root, "Url", type="text/html", template=template)
    own = whole_address(url_for("discovery.opensearch"))
    add(root, "Url", type="application/opensearchdescription+xml", rel="self", template=own)
    return xml_response(root, "application/opensearchdescription+xml", HOUR)


@blueprint.get("/.well-known/security.txt")
def security_txt() -> Response:
    """Where to report a vulnerability (RFC 9116), if the site says so."""
    contact = centre().site.security_contact
    if not contact:
        abort(404)
    midnight = dt.datetime.combine(now().date(), dt.time(), dt.UTC)
    expires = midnight + dt.timedelta(days=SECURITY_TXT_DAYS)
    lines = (
        f"Contact: {contact if contact.startswith('https:') else f'mailto:{contact}'}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        f"Canonical: {whole_address(url_for('discovery.security_txt'))}",
    )
    return _text("".join(f"{line}\n" for line in lines), HOUR)


@blueprint.get("/favicon.ico")
def favicon() -> Response | BaseResponse:
    """For programs that look nowhere else; pages name the icon themselves."""
    site = centre().site
    if site.logo:
        return redirect(url_for("site.logo", v=site.version))
    response = current_app.send_static_file("shared/favicon.ico")
    response.headers["Cache-Control"] = HOUR
    return response


def _text(text: str, cache: str) -> Response:
    response = make_response(text)
    response.mimetype = "text/plain"
    response.headers["Cache-Control"] = cache
    return response
