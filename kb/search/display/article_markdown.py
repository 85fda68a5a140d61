"""Articles as Markdown (CommonMark, with the tables of GFM), for programs and language models.

Made from the published HTML, whose tags the indexer's sanitiser limits, so that it says what the
page says. Links and pictures get the whole address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import urljoin

from kb.search.display.article_tree import ArticleElement, article_tree

_BLOCKS = frozenset(
    {"blockquote", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "h2", "h3", "h4"}
    | {"h5", "h6", "hr", "li", "ol", "p", "pre", "section", "summary", "table", "ul"}
)
_MARKS: Mapping[str, str] = MappingProxyType(
    {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~"}
)
_CODE = frozenset({"code", "kbd", "samp", "tt", "var"})
_BLANKS = re.compile(r"[ \t\r\n\f]+")
#: Signs with a meaning inside a line; an underscore has one only at the edge of a word.
_SIGNS = re.compile(r"[\\`*\[\]<]|(?<!\w)_|_(?!\w)")
#: What makes a heading, a quotation or a list of a line that it begins.
_OPENERS = re.compile(r"^(?:[#>+-]|\d+(?=[.)]))", re.MULTILINE)


def article_markdown(title: str, html: str, address: str) -> str:
    """The title as a heading, then the text; ``address`` is that of the article's page.

    >>> article_markdown("Jam", '<p>See <a href="/help/doc/ink">ink</a>.</p>', "https://a.example/")
    '# Jam\\n\\nSee [ink](https://a.example/help/doc/ink).\\n'
    """
    text = _Writer(address).blocks(article_tree(html).children)
    return f"# {_escaped(title)}\n\n{text}".rstrip() + "\n"


class _Writer:
    def __init__(self, address: str) -> None:
        self._address = address
        self._writers: Mapping[str, Callable[[ArticleElement], str]] = {
            "pre": _fenced,
            "blockquote": lambda element: _prefixed(self.blocks(element.children), "> ", "> "),
            "ul": self._list,
            "ol": self._list,
            "table": self._table,
            "dt": lambda element: f"**{self._line(element.children)}**",
            "summary": lambda element: f"**{self._line(element.children)}**",
            "hr": lambda _: "---",
        }

    def blocks(self, children: Iterable[ArticleElement | str]) -> str:
        """Blocks with a blank line between; what stands between them in a line is a paragraph."""
        parts: list[str] = []
        line: list[ArticleElement | str] = []
        for child in children:
            if isinstance(child, ArticleElement) and child.tag in _BLOCKS:
                parts += [self._paragraph(line), self._block(child)]
                line = []
            else:
                line.append(child)
        parts.append(self._paragraph(line))
        return "\n\n".join(filter(None, parts))

    def _block(self, element: ArticleElement) -> str:
        write = self._writers.get(element.tag)
        if write:
            return write(element)
        if element.tag[0] == "h":
            return f"{'#' * int(element.tag[1])} {self._line(element.children)}"
        return self.blocks(element.children)

    def _paragraph(self, children: Iterable[ArticleElement | str]) -> str:
        return _OPENERS.sub(_escape_opener, self._line(children, breaks="\\\n"))

    def _line(self, children: Iterable[ArticleElement | str], breaks: str = " ") -> str:
        return "".join(self._inline(child, breaks) for child in children).strip()

    def _inline(self, child: ArticleElement | str, breaks: str) -> str:
        if isinstance(child, str):
            return _escaped(_BLANKS.sub(" ", child))
        if child.tag == "br":
            return breaks
        if child.tag == "img":
            return f"![{_escaped(child.attributes.get('alt', ''))}]({self._link(child, 'src')})"
        if child.tag in _CODE:
            return _inline_code(_BLANKS.sub(" ", child.text()))

        inner = "".join(self._inline(each, breaks) for each in child.children)
        if child.tag in _BLOCKS:  # in a cell or a heading
            return f" {inner.strip()} "
        if child.tag == "a" and child.attributes.get("href"):
            return f"[{inner.strip()}]({self._link(child, 'href')})" if inner.strip() else ""
        mark = _MARKS.get(child.tag, "")
        bare = inner.strip()
        return inner.replace(bare, f"{mark}{bare}{mark}", 1) if mark and bare else inner

    def _link(self, element: ArticleElement, name: str) -> str:
        target = urljoin(self._address, element.attributes.get(name, ""))
        return target.replace(" ", "%20").replace("(", "%28").replace(")", "%29")

    def _list(self, element: ArticleElement) -> str:
        start = element.attributes.get("start", "")
        number = int(start) if start.isascii() and start.isdigit() else 1
        items = []
        for child in element.children:
            if not isinstance(child, ArticleElement):
                continue
            marker = f"{number}. " if element.tag == "ol" else "- "
            items.append(_prefixed(self.blocks(child.children), marker, " " * len(marker)))
            number += 1
        return "\n".join(items)

    def _table(self, element: ArticleElement) -> str:
        rows = [
            [
                self._line(cell.children).replace("|", "\\|")
                for cell in row.children
                if isinstance(cell, ArticleElement)
            ]
            for row in _descendants(element, "tr")
        ]
        width = max(map(len, rows), default=0)
        if not width:
            return ""
        cells = [row + [""] * (width - len(row)) for row in rows]
        lines = [f"| {' | '.join(row)} |" for row in cells]
        caption = next((self._line(each.children) for each in _descendants(element, "caption")), "")
        table = "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]])
        return f"{caption}\n\n{table}" if caption else table


def _descendants(element: ArticleElement, tag: str) -> Iterable[ArticleElement]:
    for child in element.children:
        if isinstance(child, ArticleElement):
            if child.tag == tag:
                yield child
            else:
                yield from _descendants(child, tag)


def _fenced(element: ArticleElement) -> str:
    code = element.text().strip("\n")
    longest = max(map(len, re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{code}\n{fence}"


def _inline_code(text: str) -> str:
    if not text.strip():
        return text
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _prefixed(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join(
        ((rest if number else first) + line).rstrip() for number, line in enumerate(lines)
    )


def _escaped(text: str) -> str:
    return _SIGNS.sub(r"\\\g<0>", text)


def _escape_opener(match: re.Match[str]) -> str:
    opener = match[0]
    return f"{opener}\\" if opener[0].isdigit() else f"\\{opener}"
