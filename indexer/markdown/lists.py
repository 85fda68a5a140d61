"""Lists as CommonMark and GitHub read them, written so that Python-Markdown reads them alike.

Python-Markdown wants four spaces for each level, a blank line before a list and between blocks of
different kinds, and ``1.`` where others also take ``1)``. What belongs to an item is indented with
it, code and quotes included. A backslash at the end of a line becomes two spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_ANY_MARK = re.compile(r"^[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]|^[ \t]*>|\\$", re.MULTILINE)
_ITEM = re.compile(r"([-*+]|\d{1,9}[.)])(?:( +)(.*))?$")
_RULE = re.compile(r"(?:(?:-[ ]*){3,}|(?:\*[ ]*){3,}|(?:_[ ]*){3,})$")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_QUOTE = re.compile(r" *> ?")
#: What ends a paragraph without a blank line.
_BLOCK_START = re.compile(r"#{1,6} |>|\||</?[a-zA-Z]|`{3}|~{3}")

_LEVEL = 4  # spaces
_MAX_LEVELS = 20


@dataclass(frozen=True, slots=True)
class _Item:
    """An open item: the column at which its content begins, and whether it is numbered."""

    column: int
    numbered: bool


def normalize_lists(text: str) -> str:
    """``text`` with its lists indented by levels of four spaces."""
    if not _ANY_MARK.search(text):
        return text
    return "\n".join(_ListReader().lines(text.expandtabs(_LEVEL).split("\n")))


class _ListReader:
    """One pass over lines; the lines of a quote are read by a reader of their own."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._fence = ""
        self._quote: list[str] = []
        self._is_blank = True  # the line before
        self._after_quote = False  # but for blank lines
        self._in_paragraph = False
        self._in_item_block = False  # the lines since the last blank one begin with an item
        self._block_depth = 0  # of that item

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if not self._fence and line.lstrip().startswith(">"):
                self._begin_quote(line)
                self._quote.append(_QUOTE.sub("", line, count=1))
                continue
            yield from self._end_quote()
            if self._fence:
                yield self._code_line(line)
            elif not line.strip():
                self._is_blank, self._in_paragraph, self._in_item_block = True, False, False
                yield ""
            else:
                yield from self._text_line(line)
                self._is_blank = self._after_quote = False
        yield from self._end_quote()

    @property
    def _margin(self) -> str:
        return " " * (_LEVEL * len(self._items))

    @property
    def _column(self) -> int:
        return self._items[-1].column if self._items else 0

    def _leave_items(self, indent: int) -> _Item | None:
        """Close the items that a line with ``indent`` is not in; the outermost of them."""
        left = None
        while self._items and indent < self._items[-1].column:
            left = self._items.pop()
        return left

    # --- quotes

    def _begin_quote(self, line: str) -> None:
        if not self._quote:
            self._leave_items(len(line) - len(line.lstrip()))

    def _end_quote(self) -> Iterator[str]:
        if self._quote:
            if not self._is_blank:
                yield ""
            elif self._after_quote:  # two quotes with a blank line between them are two
                yield from (f"{self._margin}<!-- -->", "")
            self._after_quote = True
            for line in _ListReader().lines(self._quote):
                yield f"{self._margin}> {line}".rstrip(" ") + ("  " if line.endswith("  ") else "")
            self._quote = []
            self._is_blank, self._in_item_block = False, False
            self._in_paragraph = True  # the next line may belong to it

    # --- code and text

    def _code_line(self, line: str) -> str:
        self._fence = _fence_after(line.lstrip(), self._fence)
        removed = min(len(line) - len(line.lstrip()), self._column)
        return f"{self._margin}{line[removed:]}" if line.strip() else ""

    def _text_line(self, line: str) -> Iterator[str]:
        indent = len(line) - len(line.lstrip())
        content = line.strip()
        item = None if _RULE.match(content) else _ITEM.match(content)
        break_ = ""
        if content.endswith("\\") and not content.endswith("\\\\"):
            content, break_ = content[:-1], "  "
        elif line.endswith("  "):
            break_ = "  "

        is_lazy = self._in_paragraph and item is None and not _BLOCK_START.match(content)
        if is_lazy and indent < self._column:
            yield f"{self._margin}{content}{break_}"
            return

        left = self._leave_items(indent)
        local = indent - self._column
        if item is not None and local < _LEVEL and len(self._items) < _MAX_LEVELS:
            for written in self._item_line(item, indent, left):
                yield f"{written.removesuffix(chr(92))}{break_}" if break_ and written else written
            return

        self._fence = _fence_after(content, "")
        is_text = local < _LEVEL or self._in_paragraph
        self._in_paragraph = is_text and not _BLOCK_START.match(content)
        yield f"{self._margin}{' ' * local}{content}{break_}"

    def _item_line(self, item: re.Match[str], indent: int, left: _Item | None) -> Iterator[str]:
        marker, space, content = item[1], item[2] or " ", item[3] or ""
        numbered = marker[0].isdigit()
        is_sibling = left is not None and left.numbered == numbered
        # "in the year\n2026. It was" is a sentence.
        may_interrupt = content and (not numbered or int(marker[:-1]) == 1)
        is_in_text = self._in_paragraph and left is None and not self._in_item_block
        if is_in_text and not may_interrupt:
            yield f"{self._margin}{item[0]}"
            return
        continues = self._in_item_block and len(self._items) >= self._block_depth
        if not self._is_blank and not (continues and (is_sibling or left is None)):
            yield ""
            self._is_blank = True

        number = f"{marker[:-1]}." if numbered else marker
        yield f"{self._margin}{number} {content}"
        self._items.append(
            _Item(indent + len(marker) + (len(space) if len(space) <= _LEVEL else 1), numbered)
        )
        if self._is_blank:
            self._in_item_block, self._block_depth = True, len(self._items) - 1
        self._fence = _fence_after(content, "")
        self._in_paragraph = bool(content) and not self._fence


def _fence_after(line: str, fence: str) -> str:
    """The fence of the code that is open after ``line``; "" for none."""
    mark = _FENCE.match(line)
    if mark is None:
        return fence
    if not fence:
        return "" if mark[1][0] == "`" and "`" in line[len(mark[1]) :] else mark[1]
    is_closed = mark[1].startswith(fence) and not line.strip(f"{fence[0]} ")
    return "" if is_closed else fence
