"""Hostile markup as a tree: parsed, bounded in depth, and changed element by element.

``parse_html`` never fails and never nests deeper than the limit, whatever it is given. What is
content is decided in ``boilerplate``, what is safe in ``sanitizer``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from indexer.readers.context import ReadContext

Element = Any  # lxml's element: its stubs do not tell elements from comments

MAX_DEPTH = 200

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details",
    "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "html", "legend", "li", "main", "nav", "ol", "p", "pre",
    "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "video",
})  # fmt: skip

#: Elements that are removed with everything in them.
REMOVED_TAGS = (
    "script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "math",
    "canvas", "form", "input", "button", "select", "textarea", "link", "meta", "base", "audio",
    "video", "source", "track", "map", "area",
)  # fmt: skip

_SPACE = re.compile(r"[ \t\r\n\f\v\xa0]+")
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_TAG = re.compile(r"<[^<>]*>?")
_TAG_OF_NO_TEXT_BLOCK = re.compile(r"</?(?!h[1-6]\b|p\b|pre\b|br\b)[a-zA-Z][^<>]*>")


def parse_html(markup: str, context: ReadContext | None = None) -> Element:
    """The root of ``markup``: the body of a fragment, or the whole page. May be empty.

    Markup that nests too deeply is flattened: first all but headings and paragraphs, then all tags.
    """
    root = _parse(markup)
    if root is not None and not _is_too_deep(root):
        return _unwrap(root)

    if context is not None:
        context.note("nesting-flattened")
    root = _parse(_TAG_OF_NO_TEXT_BLOCK.sub("\n", markup))
    if root is None or _is_too_deep(root):
        root = _parse("<p>" + _TAG.sub("\n", markup).replace("<", " ") + "</p>")
    return _unwrap(root) if root is not None else lxml_html.Element("div")


def _parse(markup: str) -> Element | None:
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    page = f"<div>{markup}</div>"
    if "<html" in markup[:4096].lower():
        # What a page declares about its encoding is no longer true: it has been decoded.
        page = _XML_DECLARATION.sub("", markup, count=1)
    try:
        return lxml_html.document_fromstring(page.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return None


def _unwrap(root: Element) -> Element:
    """The element itself of a fragment; the whole of a page."""
    body = root.find("body")
    if root.find("head") is not None or body is None:
        return root
    is_wrapped = len(body) == 1 and body[0].tag == "div" and not body[0].attrib
    return body[0] if is_wrapped else body


def _is_too_deep(root: Element) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def inner_html(root: Element) -> str:
    text = (root.text or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    children = [
        etree.tostring(child, encoding="unicode", method="html", with_tail=True) for child in root
    ]
    return "".join([text, *children]).strip()


def remove_tags(root: Element, tags: Iterable[str]) -> None:
    for element in list(root.iter(*tags)):
        if element is not root:
            drop(element)


def drop(element: Element) -> None:
    """Remove an element, keeping the text behind it."""
    if element.getparent() is not None:
        element.drop_tree()


def embolden(heading: Element) -> None:
    """Turn a heading into a bold line."""
    heading.tag = "p"
    heading.attrib.clear()
    strong = lxml_html.Element("strong")
    strong.text, heading.text = heading.text, None
    for child in list(heading):
        strong.append(child)
    heading.append(strong)


def squeeze_space(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
