"""How are the pipe tables that people write made into tables that every renderer takes?

Rows get as many cells as the head, as on GitHub: missing ones are empty, what is too much joins the
last; a bar inside code does not cut. A table right below a paragraph gets its blank line. Not for
HTML tables.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_RULE = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_FENCE = re.compile(r"^[ \t>]*(?:[-*+] |\d+[.)] )?[ \t]*(`{3,}|~{3,})")
_CODE = re.compile(r"(`+)[^`]{1,500}\1")
_INDENT = re.compile(r"^[ \t>]*")
_LONGEST = 4000  # characters of a line


def normalize_tables(text: str) -> str:
    """``text`` with its pipe tables made regular."""
    if "|" not in text or not re.search(r"-[ \t:]*\||\|[ \t:]*-", text):
        return text
    return "\n".join(_lines(text.split("\n")))


def _lines(lines: list[str]) -> Iterator[str]:
    fence, width, before = "", 0, ""
    for index, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark and (not fence or (mark[1].startswith(fence) and not line.strip(" \t>`~"))):
            fence, width = ("" if fence else mark[1]), 0
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if width and "|" in line and len(line) <= _LONGEST:
            yield _row(line, width)
        elif not fence and not width and _opens(line, following):
            width = len(_cells(following))
            if before.strip(" \t>"):
                yield ">" * before[: len(before) - len(before.lstrip(" \t>"))].count(">")
            yield _row(line, width)
        else:
            width = 0
            yield line
        before = line


def _opens(line: str, following: str) -> bool:
    if (
        "|" not in line
        or "-" not in following
        or "|" not in following
        or max(len(line), len(following)) > _LONGEST
    ):
        return False
    return bool(_RULE.match(following)) and len(_cells(line)) == len(_cells(following))


def _row(line: str, width: int) -> str:
    indent = _INDENT.match(line)
    cells = _cells(line)
    kept = [*cells[: width - 1], " ".join(cells[width - 1 :])] if len(cells) > width else cells
    kept += [""] * (width - len(kept))
    return f"{indent[0] if indent else ''}| {' | '.join(kept)} |"


def _cells(line: str) -> list[str]:
    inside = _CODE.sub(_code, line.strip(" \t>"))
    inside = inside.removeprefix("|")
    if inside.endswith("|") and not inside.endswith("\\|"):
        inside = inside[:-1]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", inside)]


def _code(match: re.Match[str]) -> str:
    """Code that holds a bar, written so that no renderer cuts at it."""
    if "|" not in match[0]:
        return match[0]
    code = match[0].strip("`").strip().replace("\\|", "|")
    return f"<code>{html.escape(code, quote=False).replace('|', '&#124;')}</code>"
