"""Which answers are kept ready for agents?

Plain texts in ``replies/*.md`` of the content folder: a first line ``# Title``, then the words;
``{customer}``, ``{number}`` and ``{agent}`` are filled in. Read at every look, so that an edit
needs no restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MOST = 100
LARGEST = 20_000  # bytes of one reply


@dataclass(frozen=True, slots=True)
class CannedReply:
    """``name`` is the file's, without its ending."""

    name: str
    title: str
    words: str


def ready(folder: Path, about: Mapping[str, str]) -> tuple[CannedReply, ...]:
    """The replies in ``folder``, by title; a file that cannot be read as a text is left out."""
    try:
        files = sorted(folder.glob("*.md"))[:MOST]
    except OSError:
        return ()
    found = (_read(file, about) for file in files)
    return tuple(sorted((one for one in found if one), key=lambda one: one.title))


def _read(file: Path, about: Mapping[str, str]) -> CannedReply | None:
    try:
        if file.is_symlink() or file.stat().st_size > LARGEST:
            return None
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    first, _, rest = text.partition("\n")
    title, words = (
        (first.lstrip("# ").strip(), rest) if first.startswith("# ") else (file.stem, text)
    )
    return CannedReply(file.stem, title or file.stem, filled(words.strip(), about))


def filled(words: str, about: Mapping[str, str]) -> str:
    """``words`` with ``{name}`` replaced; braces that name nothing stay.

    >>> filled("Dear {customer}, {x}", {"customer": "Alice"})
    'Dear Alice, {x}'
    """
    for name, value in about.items():
        words = words.replace("{" + name + "}", value)
    return words
