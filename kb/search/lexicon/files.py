"""The word lists that are shipped, one text file for each language, each read once.

``LANGUAGE.txt`` has a group of equals on each line (its first lines say how it is written), and
``common/LANGUAGE.txt`` common words, one on each line. A line that begins with # is a comment.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that mean the same: whoever types one of ``typed`` may mean any of ``meant``.

    ``same`` says that they are one word, spelt differently.
    """

    typed: tuple[str, ...]
    meant: tuple[str, ...]
    same: bool = False


@functools.cache
def shipped_groups() -> tuple[Group, ...]:
    """The groups of all languages."""
    return tuple(_group(line) for file in _files(_FOLDER) for line in _lines(file))


@functools.cache
def common_words() -> frozenset[str]:
    """Common words of all languages; of each, one inflection."""
    return frozenset(word for file in _files(_FOLDER / "common") for word in _lines(file))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.txt"))


def _lines(file: Path) -> Iterator[str]:
    for line in file.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def _group(line: str) -> Group:
    """
    >>> _group("csp > content security policy")
    Group(typed=('csp',), meant=('content security policy',), same=False)
    """
    typed, _, meant = line.removeprefix("= ").partition(" > ")
    return Group(_entries(typed), _entries(meant or typed), same=line.startswith("= "))


def _entries(listed: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in listed.split(","))
