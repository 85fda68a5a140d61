"""HTML pages of manuals, help exports, and sites: one page becomes one Document.

The site around the content comes off (``html.boilerplate``), the rest is cut into Sections.
Metadata comes from ``<meta>`` and from the front matter that some generators leave in. FAQ pages,
whose questions become Documents of their own, are read by ``faq``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from indexer.html.boilerplate import main_content
from indexer.html.sections import split_title, to_article
from indexer.html.tree import Element, parse_html
from indexer.readers import frontmatter
from indexer.readers.access import sounds_like_access
from indexer.readers.context import ReadContext
from indexer.readers.metadata import (
    Metadata,
    make_document,
    may_publish,
    parse_metadata,
    split_front_matter,
)
from kb import ids
from kb.search.documents import Document

#: Names of ``<meta>`` elements -> names in front matter.
_META_NAMES = {
    "description": "description",
    "keywords": "keywords",
    "author": "author",
    "product": "product",
    "version": "version",
    "audience": "audience",
    "date": "date",
    "last-modified": "updated",
    "uid": "uid",
    "article:modified_time": "updated",
    "ms.date": "ms.date",
    "ms.prod": "ms.prod",
}
_META_DATES = ("date", "updated", "ms.date")
_REFRESH_URL = re.compile(r"""url\s*=\s*["']?([^"'\s>]{1,500})""", re.IGNORECASE)


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The document in a page, or nothing, with a finding."""
    parts = split_front_matter(text, context)
    if parts is None:
        return ()
    values, body, _ = parts

    root = parse_html(body, context)
    metadata = page_metadata(root, context, values)
    if metadata is None:
        return ()

    # Before the tree is changed below
    title_parts = _title_parts(root)
    refresh_url = _find_refresh_url(root)

    boilerplate = context.site_index.boilerplate_of(context.file.absolute)
    content = main_content(root, boilerplate)
    article = to_article(content, context, expected_title=title_parts[0])
    if not article.has_text:
        _note_missing_text(refresh_url, context)
        return ()

    # "Manual - Installing" names the site first: then the part that is the heading is the title.
    own_title = title_parts[0]
    for part in title_parts[1:]:
        if article.title and ids.slug(part) == ids.slug(article.title):
            own_title = part
            break
    titles = (metadata.title, article.title, own_title)
    return (make_document(context, metadata, article.sections, titles=titles, html=article.html),)


def page_metadata(
    root: Element, context: ReadContext, front_matter: Mapping[str, Any] | None = None
) -> Metadata | None:
    """The metadata in the page's head, below that of ``front_matter``; None when the page must not
    be published."""
    values: dict[str, Any] = {}
    for meta in root.iter("meta"):
        written = str(meta.get("name") or meta.get("property") or "")
        name = _META_NAMES.get(written.lower())
        if name and meta.get("content"):
            values[name] = meta.get("content")
        elif not name and sounds_like_access(written):
            values[written] = meta.get("content") or ""

    page = root if root.tag == "html" else root.find(".//html")
    if page is not None and page.get("lang"):
        values["lang"] = page.get("lang")

    # Dates that a tool wrote in its own way are not the editor's mistake.
    for name in _META_DATES:
        try:
            frontmatter.parse_date(str(values.get(name, "")))
        except ValueError:
            del values[name]

    values |= front_matter or {}
    return parse_metadata(values, context) if may_publish(values, context) else None


def head_title(root: Element) -> str:
    """``<title>`` without the site's name: "Installing — Manual 3.1" -> "Installing"."""
    return _title_parts(root)[0]


def _title_parts(root: Element) -> list[str]:
    """What stands between the separators of ``<title>``."""
    element = root.find(".//title")
    return split_title(" ".join((element.text or "").split()) if element is not None else "")


def _find_refresh_url(root: Element) -> str:
    """The address that a page redirects to by itself; "" when it does not."""
    for meta in root.iter("meta"):
        if (meta.get("http-equiv") or "").lower() == "refresh":
            url = _REFRESH_URL.search(meta.get("content") or "")
            return url[1].strip() if url else ""
    return ""


def _note_missing_text(refresh_url: str, context: ReadContext) -> None:
    """A page without text may redirect: its one link is noted, so that the pipeline lets the old
    address lead there too."""
    context.links.clear()
    if refresh_url and context.link(refresh_url):
        context.note("redirect-page", target=refresh_url)
    else:
        context.note("only-navigation")
