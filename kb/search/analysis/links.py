"""Links of a document to others: a reader sees those that lead somewhere.

A link to a document that the reader may not see reads like one to a document that does not exist:
the author's own text stays. Documents are sanitised before they are indexed; nothing is parsed here
but their anchors.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import unquote

_ATTRIBUTES = r'(?:[^>"]|"[^"]*")*?'
_LINK = re.compile(
    rf'<a\b({_ATTRIBUTES})\shref="/help/([^"#?]*)[^"]*"({_ATTRIBUTES})>(.*?)</a>', re.DOTALL
)


def keep_links(markup: str, leads_somewhere: Callable[[str], bool]) -> str:
    """``markup`` with the links to documents for whose IDs ``leads_somewhere``; the others become
    their text.

    >>> keep_links('See <a href="/help/doc/a#s-b">the page</a>.', lambda id_: id_ != "doc/a")
    'See the page.'
    """
    if "/help/" not in markup:
        return markup

    def kept(link: re.Match[str]) -> str:
        before, target, after, text = link.groups()
        if leads_somewhere(unquote(html.unescape(target))):
            return link[0]
        attributes = before + after
        return f"<a{attributes}>{text}</a>" if ' id="' in attributes else text

    return _LINK.sub(kept, markup)
