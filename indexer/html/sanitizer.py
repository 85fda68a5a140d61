"""The allow-list of HTML for everything that visitors see.

Nothing that passes it can run, load from elsewhere, or take the portal's IDs, whatever comes in.
"""

from __future__ import annotations

import nh3

from indexer.readers.site_index import ID_PREFIX

CALLOUTS = frozenset({"note", "tip", "important", "warning", "caution", "danger", "hint", "info"})

_TAGS = {
    "a", "abbr", "b", "bdi", "bdo", "blockquote", "br", "caption", "cite", "code", "col",
    "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure",
    "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre",
    "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span", "strong", "sub", "summary",
    "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var",
    "wbr",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"id", "lang", "dir", "title"},
    "a": {"href", "hreflang"},
    "img": {"src", "alt", "width", "height", "loading"},
    "ol": {"start", "reversed"},
    "li": {"value"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "scope", "headers"},
    "pre": {"tabindex"},
    "div": {"tabindex"},
    "details": {"open"},
    "time": {"datetime"},
    "q": {"cite"},
}
_CLASSES = {"blockquote": {"callout", *CALLOUTS}, "div": {"table", "post"}}
_URL_SCHEMES = {"http", "https", "mailto", "tel", "ftp", "ftps"}


def sanitize(markup: str) -> str:
    """``markup`` through the allow-list."""
    return nh3.clean(
        markup,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        url_schemes=_URL_SCHEMES,
        id_prefix=ID_PREFIX,
        link_rel="noopener noreferrer",
    )
