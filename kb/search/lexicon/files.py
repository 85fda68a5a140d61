"""The word lists that are shipped, one text file for each language, each read once.

``LANGUAGE.txt`` has a group of synonyms on each line (its first lines explain the format), and
``common/LANGUAGE.txt`` has a common word on each line. A line that begins with # is a comment.

``translations.tsv`` has a term on each line and a column for each language. Somebody who types an
entry of one column, or a synonym of it in that language, may mean the entries of the other columns.
``function_words.tsv`` has the words of each language that say nothing about the subject.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kb.search.analysis.tokenizer import fold

_FOLDER = Path(__file__).parent
_ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that mean the same: whoever types one of ``typed`` may mean any of ``meant``.

    ``same``: they are one word with different spellings. ``language`` is that of ``meant``, which
    only documents in that language can mean; "" for any. ``translated``: ``typed`` is in another.
    """

    typed: tuple[str, ...]
    meant: tuple[str, ...]
    same: bool = False
    language: str = ""
    translated: bool = False


@functools.cache
def shipped_groups() -> tuple[Group, ...]:
    """The groups of all languages, and the translations between them."""
    by_language = {
        file.stem: [_group(line, file.stem) for line in _lines(file)] for file in _files(_FOLDER)
    }
    own = [group for groups in by_language.values() for group in groups]
    return (*own, *_translations(by_language))


def _translations(by_language: Mapping[str, Sequence[Group]]) -> Iterator[Group]:
    for row in _rows("translations.tsv"):
        typed = {
            name: _listed_with(_entries(cell), by_language[name]) for name, cell in row.items()
        }
        meant = {name: _meant_by(_entries(cell), by_language[name]) for name, cell in row.items()}
        for language, entries in typed.items():
            if language != _ENGLISH:  # the German "Handy" is a phone; the English "handy" is not
                entries = dict.fromkeys(entry for entry in entries if entry not in common_words())
            for other in meant.keys() - {language}:
                meanings = tuple(entry for entry in meant[other] if entry not in entries)
                if meanings:
                    yield Group(tuple(entries), meanings, language=other, translated=True)


def _listed_with(entries: Sequence[str], groups: Sequence[Group]) -> dict[str, None]:
    """``entries``, and the entries that are in one group with any of them in their language."""
    near = [group for group in groups if not {*entries}.isdisjoint(group.typed)]
    return dict.fromkeys((*entries, *(entry for group in near for entry in group.typed)))


def _meant_by(entries: Sequence[str], groups: Sequence[Group]) -> dict[str, None]:
    """``entries``, and what they may also mean although it is not a synonym in both directions."""
    others = [
        entry
        for group in groups
        if group.typed != group.meant and not {*entries}.isdisjoint(group.typed)
        for entry in group.meant
    ]
    return dict.fromkeys((*entries, *others))


@functools.cache
def function_words() -> frozenset[str]:
    """The words of all languages except English that say nothing about the subject."""
    rows = _rows("function_words.tsv")
    return frozenset(fold(word) for row in rows for word in row["words"].split())


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as opened:
        yield from csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE)


@functools.cache
def common_words() -> frozenset[str]:
    """Common words of all languages; of each, one inflection."""
    return frozenset(word for file in _files(_FOLDER / "common") for word in _lines(file))


def word_lists() -> list[Path]:
    """All of these files, in order."""
    return sorted(path for path in _FOLDER.rglob("*") if path.suffix in {".txt", ".tsv"})


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.txt"))


def _lines(file: Path) -> Iterator[str]:
    for line in file.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def _group(line: str, language: str) -> Group:
    """
    >>> group = _group("csp > content security policy", "en")
    >>> group.typed, group.meant, group.same
    (('csp',), ('content security policy',), False)
    """
    typed, _, meant = line.removeprefix("= ").partition(" > ")
    same = line.startswith("= ")
    return Group(_entries(typed), _entries(meant or typed), same, language)


def _entries(listed: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in listed.split(","))
