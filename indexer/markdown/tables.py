"""Pipe tables as people write them, made into tables that every renderer takes.

Rows get as many cells as the head, as on GitHub: missing ones are empty, additional ones join the
last. A bar inside code does not separate cells. A table right below a paragraph gets its blank
line. HTML tables are left alone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_DELIMITER_ROW = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_FENCE = re.compile(r"^[ \t>]*(?:[-*+] |\d+[.)] )?[ \t]*(`{3,}|~{3,})")
_CODE_SPAN = re.compile(r"(`+)[^`]{1,500}\1")
_INDENT = re.compile(r"^[ \t>]*")
_ANY_TABLE = re.compile(r"-[ \t:]*\||\|[ \t:]*-")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_MAX_LINE = 4000  # characters


def normalize_tables(text: str) -> str:
    """``text`` with its pipe tables made regular."""
    if "|" not in text or not _ANY_TABLE.search(text):
        return text
    return "\n".join(_lines(text.split("\n")))


def _lines(lines: list[str]) -> Iterator[str]:
    fence = ""  # of the code block that is open
    width = 0  # of the table that is open
    previous = ""
    for index, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence, width = mark[1], 0
        elif mark and mark[1].startswith(fence) and not line.strip(" \t>`~"):
            fence, width = "", 0

        following = lines[index + 1] if index + 1 < len(lines) else ""
        if width and "|" in line and len(line) <= _MAX_LINE:
            yield _row(line, width)
        elif not fence and not width and _is_head(line, following):
            width = len(_cells(following))
            if previous.strip(" \t>"):
                indent = previous[: len(previous) - len(previous.lstrip(" \t>"))]
                yield ">" * indent.count(">")
            yield _row(line, width)
        else:
            width = 0
            yield line
        previous = line


def _is_head(line: str, following: str) -> bool:
    """Whether a table begins: a row, and as many cells of dashes below it."""
    if "|" not in line or "-" not in following or "|" not in following:
        return False
    if max(len(line), len(following)) > _MAX_LINE:
        return False
    return bool(_DELIMITER_ROW.match(following)) and len(_cells(line)) == len(_cells(following))


def _row(line: str, width: int) -> str:
    indent = _INDENT.match(line)
    cells = _cells(line)
    if len(cells) > width:
        cells = [*cells[: width - 1], " ".join(cells[width - 1 :])]
    cells += [""] * (width - len(cells))
    return f"{indent[0] if indent else ''}| {' | '.join(cells)} |"


def _cells(line: str) -> list[str]:
    row = _CODE_SPAN.sub(_protect_bars, line.strip(" \t>")).removeprefix("|")
    if row.endswith("|") and not row.endswith("\\|"):
        row = row[:-1]
    return [cell.strip() for cell in _CELL_BORDER.split(row)]


def _protect_bars(span: re.Match[str]) -> str:
    """Code that holds a bar, written so that no renderer separates cells at it."""
    if "|" not in span[0]:
        return span[0]
    code = html.escape(span[0].strip("`").strip().replace("\\|", "|"), quote=False)
    return f"<code>{code.replace('|', '&#124;')}</code>"
