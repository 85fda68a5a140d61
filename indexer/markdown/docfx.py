"""DocFX (Microsoft Learn): includes, alerts, code snippets, tabs, and ``xref``."""

from __future__ import annotations

import re

INCLUDE = re.compile(r"\[!include\s*\[[^\]\n]*\]\(([^)\n]+)\)\]", re.IGNORECASE)
#: ``> [!NOTE] text``
ALERT = re.compile(r"^([ \t>]*>[ \t]*)\[!([A-Za-z]+)\][ \t]*(.*)$")
#: ``[!code-LANGUAGE[title](file#L1-L9)]``
CODE = re.compile(
    r"^[ \t]*\[!code(?:-([\w#+-]{1,30}))?\s*\[[^\]\n]*\]\(([^)\s]+)\)\][ \t]*$", re.IGNORECASE
)
TAB = re.compile(r"^#{1,6}[ \t]*\[([^\]\n]+)\]\(#tab/[^)\n]*\)[ \t]*$")
XREF = re.compile(r"<xref:([^<>\s]+)>")

_LAYOUT = re.compile(
    r"^[ \t>]*>[ \t]*\[!(?:div|TABZONE|VIDEO|SELECTOR)[^\]\n]*\][ \t]*$", re.IGNORECASE
)
_LINE_RANGE = re.compile(r"#L(\d{1,6})(?:-L?(\d{1,6}))?$")
_ATTRIBUTE = re.compile(r"""([\w-]+)=["']([^"'\n]*)["']""")


def is_removed(line: str) -> bool:
    """Whether a line only concerns the layout of the site."""
    return _LAYOUT.match(line) is not None


def attributes(text: str) -> dict[str, str]:
    """The attributes of a ``:::name key="value":::`` line, by lower-cased name."""
    return {name.lower(): value for name, value in _ATTRIBUTE.findall(text)}


def file_of(source: str) -> str:
    """The path in the address of a code snippet."""
    return source.split("#")[0].split("?")[0].removeprefix("~/")


def select_lines(source: str, text: str) -> list[str]:
    """The lines of a file that the address of a code snippet names, or all of them."""
    lines = text.rstrip("\n").split("\n")
    named = _LINE_RANGE.search(source)
    if named is None:
        return lines
    first, last = int(named[1]), int(named[2] or named[1])
    return lines[first - 1 if first else 0 : last]


def fenced(language: str, lines: list[str]) -> list[str]:
    """``lines`` as a code block; tildes, as code rarely contains four of them."""
    return [f"~~~~{language}", *lines, "~~~~"]
