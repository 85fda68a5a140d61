"""Where may an excerpt of a document be cut?

A passage is at most about 1,000 characters of one section, cut at blank lines (search.md 7.3): long
enough to be judged by itself, short enough to be read at a glance. Pure; the store keeps the
passages and the matrix ranks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kb.search.documents import Document, Section

MAX_PASSAGE_LENGTH = 1000
_BLANK = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class SectionPassage:
    """A passage with the anchor and heading path of the section it comes from."""

    anchor: str
    path: tuple[str, ...]
    text: str


def split_passages(document: Document) -> list[SectionPassage]:
    """The passages of a document in reading order; at least one, so that a bare title can be shown."""
    sections = document.sections or (Section("", (), ""),)
    cuts = [SectionPassage(s.anchor, s.path, text) for s in sections for text in _pieces(s.text)]
    first = document.summary.strip()
    return cuts or [SectionPassage("", (), first)]


def _pieces(text: str) -> Iterator[str]:
    piece = ""
    for paragraph in _BLANK.split(text):
        for block in _blocks(paragraph.strip()):
            if piece and len(piece) + len(block) > MAX_PASSAGE_LENGTH:
                yield piece
                piece = ""
            piece = f"{piece}\n\n{block}" if piece else block
    if piece:
        yield piece


def _blocks(paragraph: str) -> Iterator[str]:
    """A paragraph, or its lines and words where it alone is longer than a passage."""
    while len(paragraph) > MAX_PASSAGE_LENGTH:
        at = max(
            paragraph.rfind("\n", 0, MAX_PASSAGE_LENGTH),
            paragraph.rfind(" ", 0, MAX_PASSAGE_LENGTH),
        )
        at = at if at > MAX_PASSAGE_LENGTH // 2 else MAX_PASSAGE_LENGTH
        yield paragraph[:at].rstrip()
        paragraph = paragraph[at:].lstrip()
    if paragraph:
        yield paragraph
