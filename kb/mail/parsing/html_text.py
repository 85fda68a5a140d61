"""HTML of a mail as plain text, for mails that have no text part.

Only words are taken: no markup, style, script or address of a picture survives, so nothing of the
HTML reaches a page. What mail programs mark as a quotation keeps ``>`` at its lines.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import nh3

_IGNORED = {"script", "style", "title", "template", "noscript", "object", "svg", "textarea"}
_ATTRIBUTES = {"*": {"id", "class", "style", "type"}}
_BLOCKS = frozenset(
    {
        *(
            "address",
            "article",
            "blockquote",
            "body",
            "center",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
        ),
        *(
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "main",
            "nav",
        ),
        *("ol", "p", "pre", "section", "table", "tbody", "tr", "ul"),
    }
)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"}
)
_PARAGRAPHS = frozenset(
    {"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "table", "ul"}
)
#: Where the mail programs of offices and providers begin what they quote.
_QUOTATION_IDS = frozenset(
    {"divrplyfwdmsg", "appendonsend", "olk_src_body_section", "isreplycontent"}
)
_QUOTATION_CLASSES = ("gmail_quote", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote")
_RULE_ABOVE = re.compile(
    r"border(?:-top)?:\s*(?:none;\s*border-top:\s*)?solid\s*#?(?:b5c4df|e1e1e1)"
)
#: Deeper elements are read as if they were not nested.
_DEEPEST = 200
_MOST_QUOTES = 5


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self.quoted_from: int | None = None
        self._open: list[tuple[str, bool]] = []  # element, whether it is a quotation
        self._quotes = 0
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "br":
            self._line()
        elif tag in _BLOCKS:
            self._block(tag)
        elif tag in ("td", "th"):
            self._words(" ")
        if self.quoted_from is None and _begins_quotation(tag, values):
            self._line()
            self.quoted_from = len(self.lines) - 1
        if tag in _VOID or len(self._open) >= _DEEPEST:
            return
        is_quote = tag == "blockquote" and "margin:" not in values.get("style", "").lower()[:20]
        self._open.append((tag, is_quote))
        self._quotes += is_quote
        self._preformatted += tag == "pre"
        if tag == "li":
            self._words("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._block(tag)
        if not any(name == tag for name, _ in self._open):
            return
        while self._open:
            name, is_quote = self._open.pop()
            self._quotes -= is_quote
            self._preformatted -= name == "pre"
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._preformatted:
            for number, line in enumerate(data.split("\n")):
                if number:
                    self._line()
                self._words(line)
            return
        self._words(re.sub(r"[ \t\r\n\f]+", " ", data))

    def _words(self, text: str) -> None:
        if not self.lines[-1]:
            text = text if self._preformatted else text.lstrip(" ")
            if not text:
                return
            if self._quotes:
                self.lines[-1] = f"{'>' * min(self._quotes, _MOST_QUOTES)} "
        elif self.lines[-1].endswith(" ") and text.startswith(" "):
            text = text[1:]
        self.lines[-1] += text

    def _line(self) -> None:
        self.lines.append("")

    def _block(self, tag: str) -> None:
        if self.lines[-1]:
            self._line()
        if tag in _PARAGRAPHS and len(self.lines) > 1 and self.lines[-2]:
            self._line()


def _begins_quotation(tag: str, values: dict[str, str]) -> bool:
    if values.get("id", "").lower().removeprefix("x_") in _QUOTATION_IDS:
        return True
    classes = values.get("class", "").lower()
    if any(name in classes for name in _QUOTATION_CLASSES):
        return True
    if tag == "blockquote" and values.get("type", "").lower() == "cite":
        return True
    return tag == "div" and bool(_RULE_ABOVE.search(values.get("style", "").lower()[:300]))


def html_text(html: str) -> tuple[str, str]:
    """The text, and what mail programs have marked as the quotation below it.

    >>> html_text("<p>Thank&nbsp;you.<blockquote type=cite>Hello</blockquote>")
    ('Thank you.', '> Hello')
    """
    reader = _Reader()
    # Python's parser takes quadratic time for unfinished tags: it only sees what is well formed.
    tags = _BLOCKS | _VOID | {"a", "b", "i", "span", "td", "th"}
    reader.feed(
        nh3.clean(
            html, tags=set(tags), attributes=_ATTRIBUTES, clean_content_tags=_IGNORED, link_rel=None
        )
    )
    reader.close()
    lines = [line.replace("\xa0", " ").rstrip() for line in reader.lines]
    cut = len(lines) if reader.quoted_from is None else reader.quoted_from
    own, quoted = _joined(lines[:cut]), _joined(lines[cut:])
    return (own, quoted) if own else (quoted, "")


def _joined(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
