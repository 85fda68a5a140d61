"""An HTML page of a manual, a help export or a site becomes one Document.

The chrome comes off (``boilerplate.main_content``), the rest is cut into Sections. Facts come from
``<meta>`` and the front matter that some generators leave in. Not for FAQ pages, whose questions
become Documents of their own (``faq``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from indexer.html import boilerplate, sections, tree
from indexer.readers import frontmatter, metadata
from indexer.readers.context import ReadContext
from kb import ids
from kb.search.documents import Document

_META = {
    "description": "description", "keywords": "keywords", "author": "author", "product": "product",
    "version": "version", "audience": "audience", "date": "date", "last-modified": "updated", "uid": "uid",
    "article:modified_time": "updated", "ms.date": "ms.date", "ms.prod": "ms.prod",
}  # fmt: skip
_REFRESH = re.compile(r"""url\s*=\s*["']?([^"'\s>]{1,500})""", re.IGNORECASE)
_SEPARATORS = (" — ", " – ", " | ", " · ", " :: ", " - ")


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The document in a page, or nothing (with a finding) when no text is left."""
    found = metadata.split_front_matter(text, context)
    if found is None:
        return ()
    written, body, _ = found
    root = tree.parse_html(body, context)
    facts = page_facts(root, context, written)
    if facts is None:
        return ()
    head = head_title(root)
    onward = _onward(root)
    cut = sections.to_article(
        boilerplate.main_content(root, context.site_index.boilerplate_of(context.file.absolute)),
        context,
        expected=head,
    )
    if not any(section.text for section in cut.sections):
        _leads_on(onward, context)
        return ()
    titles = (facts.title, cut.title, _own(root, cut.title) or head)
    return (metadata.make_document(context, facts, cut.sections, titles=titles, html=cut.html),)


def _onward(root: tree.Element) -> str:
    """The address that a page without text leads on to by itself; "" when it does not."""
    for meta in root.iter("meta"):
        if (meta.get("http-equiv") or "").lower() == "refresh":
            found = _REFRESH.search(meta.get("content") or "")
            return found[1].strip() if found else ""
    return ""


def _leads_on(onward: str, context: ReadContext) -> None:
    """Its one link is noted, for the old address to lead there too (``pipeline``)."""
    context.links.clear()
    if onward and context.link(onward):
        context.note(f"It only leads on to {onward[:200]}.", skipped=True)
    else:
        context.note("No text is left when its navigation is taken off.", skipped=True)


def _own(root: tree.Element, heading: str) -> str:
    """The part of ``<title>`` that is the page's heading: "Manual - Installing" names the site
    first.
    """
    parts = _parts(root)
    return (
        next((part for part in parts[1:] if ids.slug(part) == ids.slug(heading)), "")
        if heading
        else ""
    )


def page_facts(
    root: tree.Element, context: ReadContext, written: Mapping[str, Any] | None = None
) -> metadata.Metadata | None:
    """What the page's head says, and front matter (``written``) above it; None when the page must
    not surface.
    """
    values: dict[str, Any] = {}
    for meta in root.iter("meta"):
        name = _META.get((meta.get("name") or meta.get("property") or "").lower())
        if name and meta.get("content"):
            values[name] = meta.get("content")
    page = root if root.tag == "html" else root.find(".//html")
    if page is not None and page.get("lang"):
        values["lang"] = page.get("lang")
    for name in ("date", "updated", "ms.date"):
        try:
            frontmatter.parse_date(str(values.get(name, "")))
        except ValueError:
            del values[name]
    values |= written or {}
    return (
        metadata.parse_metadata(values, context) if metadata.may_publish(values, context) else None
    )


def head_title(root: tree.Element) -> str:
    """``<title>`` without the site's name: "Installing — Manual 3.1" -> "Installing"."""
    return next(iter(_parts(root)), "")


def _parts(root: tree.Element) -> list[str]:
    """What stands between the separators of ``<title>``."""
    element = root.find(".//title")
    title = " ".join((element.text or "").split()) if element is not None else ""
    separator = next((one for one in _SEPARATORS if one in title), None)
    parts = [part.strip() for part in title.split(separator)] if separator else [title]
    return parts if parts[0] else [title]
