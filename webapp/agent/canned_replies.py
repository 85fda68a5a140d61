"""Canned replies: prepared texts that an agent inserts into a reply.

Plain text in ``replies/*.md`` of the content folder. A first line ``# Title`` is the title;
``{customer}``, ``{number}`` and ``{agent}`` are replaced. The files are read for every page, so
that an edit needs no restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_REPLIES = 100
MAX_REPLY_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class CannedReply:
    """``name`` is the file's name without its extension."""

    name: str
    title: str
    words: str


def canned_replies(folder: Path, values: Mapping[str, str]) -> tuple[CannedReply, ...]:
    """The replies in ``folder``, sorted by title; files that are not readable text are skipped."""
    try:
        files = sorted(folder.glob("*.md"))[:MAX_REPLIES]
    except OSError:
        return ()
    replies = [reply for file in files if (reply := _read(file, values)) is not None]
    return tuple(sorted(replies, key=lambda reply: reply.title))


def _read(file: Path, values: Mapping[str, str]) -> CannedReply | None:
    try:
        # A symbolic link could lead out of the content folder.
        if file.is_symlink() or file.stat().st_size > MAX_REPLY_BYTES:
            return None
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None

    title, words = file.stem, text
    first_line, _, after = text.partition("\n")
    if first_line.startswith("# "):
        title, words = first_line.lstrip("# ").strip() or file.stem, after
    return CannedReply(file.stem, title, fill_placeholders(words.strip(), values))


def fill_placeholders(words: str, values: Mapping[str, str]) -> str:
    """``words`` with ``{name}`` replaced by its value; unknown placeholders stay.

    >>> fill_placeholders("Dear {customer}, {x}", {"customer": "Alice"})
    'Dear Alice, {x}'
    """
    for name, value in values.items():
        words = words.replace("{" + name + "}", value)
    return words
