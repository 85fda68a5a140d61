"""What in the HTML of an article could run or take over, seen by a parser that is not the
sanitizer's.
"""

from __future__ import annotations

from lxml import html as lxml_html

_ALLOWED = frozenset(
    {
        "a",
        "b",
        "bdi",
        "bdo",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "section",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
        "var",
        "abbr",
        "time",
    }
)


_ATTRIBUTES = frozenset(
    {
        "id",
        "href",
        "rel",
        "src",
        "alt",
        "title",
        "loading",
        "class",
        "tabindex",
        "start",
        "colspan",
        "rowspan",
        "open",
        "lang",
        "dir",
        "width",
        "height",
        "value",
    }
)


def find_dangers(markup_: str) -> list[str]:
    """What in ``markup_`` could run or take over, seen by a parser that is not the sanitiser's."""
    found: list[str] = []
    for element in lxml_html.fromstring(f"<div>{markup_}</div>").iter():
        if not isinstance(element.tag, str) or element.tag not in _ALLOWED:
            found.append(f"<{element.tag!r}>")
        for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
            if name not in _ATTRIBUTES:
                found.append(name)
            if name in ("href", "src") and ":" in value.split("/")[0]:
                found += [] if value.startswith(("http:", "https:", "mailto:")) else [value]
            if name == "id" and not value.startswith("s-"):
                found.append(f"id={value}")
    return found
