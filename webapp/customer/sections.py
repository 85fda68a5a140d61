"""Sections: the guides page by page as a reader walks them, and the site map.

``kb.search.display.sections`` decides what an audience may see, and in which order.
"""

from __future__ import annotations

from flask import Blueprint, render_template

from kb.errors import NotFound
from kb.search.display.sections import ROOT, GuideSection
from kb.search.documents import Document, DocumentKind
from webapp.context import audience, centre
from webapp.customer.help_centre import fits_above_section, page_number

blueprint = Blueprint("sections", __name__)

PER_SECTION = 60  # articles on the page of their section
PREVIEWED = 6  # articles of each section on the page above it
SITE_MAP = 2000  # documents of a kind: of more, the site map has only the sections


@blueprint.get("/docs", strict_slashes=False)
@blueprint.get("/docs/<path:path>")
def show(path: str = ROOT) -> str:
    """A section: its introduction, the sections in it, and its articles."""
    sections, page = centre().searcher.sections(audience()), page_number()
    path = path.strip("/")
    section = sections.section(path)
    if section is None:
        raise NotFound("There is no such section. Look for it among all guides, or search for it.")

    contents = sections.contents(path, start=(page - 1) * PER_SECTION, count=PER_SECTION)
    if page > 1 and not contents.articles:
        raise NotFound(f"This section has no page {page}. Start at the first page.")
    introduction = _introduction(section)
    previewed = PREVIEWED if path == ROOT else 0
    return render_template(
        "customer/section.html",
        trail=sections.trail(path),
        contents=contents,
        inner=[sections.contents(each.path, count=previewed) for each in contents.sections],
        introduction=introduction,
        introduction_fits=introduction is None or fits_above_section(introduction),
        page=page,
        pages=-(-contents.count // PER_SECTION),
    )


def _introduction(section: GuideSection) -> Document | None:
    """The index page of a section, if it says more than its title."""
    if not section.index:
        return None
    document = centre().searcher.article(section.index, audience=audience())
    return document if any(part.text for part in document.sections) else None


@blueprint.get("/sitemap")
def site_map() -> str:
    """Every section and article that the reader may see."""
    searcher = centre().searcher
    sections = searcher.sections(audience())
    complete = sections.count <= SITE_MAP
    all_contents = sections.all_contents(articles=SITE_MAP if complete else 0)
    lists = {
        kind: searcher.listing(audience(), kind, per_page=SITE_MAP)
        for kind in (DocumentKind.FAQ, DocumentKind.FORUM)
    }
    return render_template(
        "customer/site_map.html",
        all_contents=[
            (sections.trail(contents.section.path), contents) for contents in all_contents
        ],
        lists={kind: hits for kind, (total, hits) in lists.items() if total <= SITE_MAP},
        complete=complete,
    )
