"""How is hostile markup held in the hand: parsed, bounded in depth, and changed element by element?

``tree`` never fails and never nests deeper than the limit, whatever it is given. Not for deciding
what is content.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from indexer.readers.context import ReadContext

Element = Any  # lxml's element: its stubs do not tell elements from comments

DEPTH_LIMIT = 200
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
    "legend", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul", "video",
})  # fmt: skip
GONE = (
    "script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "math", "canvas", "form", "input",
    "button", "select", "textarea", "link", "meta", "base", "audio", "video", "source", "track", "map", "area",
)  # fmt: skip
_SPACE = re.compile(r"[ \t\r\n\f\v\xa0]+")


def parse_html(markup: str, context: ReadContext | None = None) -> Element:
    """The body of ``markup``; nested deeper than the limit it is flattened. Never fails; may be
    empty.
    """
    root = _parse(markup)
    if root is not None and not _too_deep(root):
        return _unwrapped(root)
    if context is not None:
        context.note("The page nests its elements too deeply; it was flattened.")
    flat = re.sub(r"</?(?!h[1-6]\b|p\b|pre\b|br\b)[a-zA-Z][^<>]*>", "\n", markup)
    root = _parse(flat)
    if root is None or _too_deep(root):
        root = _parse("<p>" + re.sub(r"<[^<>]*>?", "\n", markup).replace("<", " ") + "</p>")
    return _unwrapped(root) if root is not None else lxml_html.Element("div")


def _unwrapped(root: Element) -> Element:
    """The element itself of a fragment; the whole of a page."""
    if root.find("head") is None:
        body = root.find("body")
        if body is not None:
            return (
                body[0] if len(body) == 1 and body[0].tag == "div" and not body[0].attrib else body
            )
    return root


def _parse(markup: str) -> Element | None:
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    data = f"<div>{markup}</div>" if "<html" not in markup[:4096].lower() else _undeclared(markup)
    try:
        return lxml_html.document_fromstring(data.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return None


def _undeclared(markup: str) -> str:
    # What the page declares about its encoding is no longer true: it has been decoded already.
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", markup, count=1)


def _too_deep(root: Element) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEPTH_LIMIT:
            return True
    # The HTML parser of libxml2 stops at its own limit of 2,048.
    return False


def inner_html(root: Element) -> str:
    inner = [_escape(root.text or "")] + [
        etree.tostring(child, encoding="unicode", method="html", with_tail=True) for child in root
    ]
    return "".join(inner).strip()


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def remove_tags(root: Element, tags: tuple[str, ...]) -> None:
    for element in list(root.iter(*tags)):
        if element is not root:
            drop(element)


def drop(element: Element) -> None:
    if element.getparent() is not None:
        element.drop_tree()


def embolden(element: Element) -> None:
    """Turn a heading into a bold line."""
    element.tag = "p"
    element.attrib.clear()
    strong = lxml_html.Element("strong")
    strong.text, element.text = element.text, None
    for child in list(element):
        strong.append(child)
    element.append(strong)


def squeeze_space(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
