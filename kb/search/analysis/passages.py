"""Passages: a document split into excerpts of at most about 1,000 characters.

A passage belongs to one section and is cut at blank lines: long enough to be judged on its own,
short enough to be read at a glance. Pure; the document store keeps passages, scoring ranks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kb.search.documents import Document, Section

MAX_PASSAGE_LENGTH = 1000  # characters
_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class SectionPassage:
    """A passage with the anchor and the heading path of its section."""

    anchor: str
    path: tuple[str, ...]
    text: str


def split_passages(document: Document) -> list[SectionPassage]:
    """The passages of a document in reading order; at least one, so that a bare title can be
    shown.
    """
    sections = document.sections or (Section("", (), ""),)
    passages = [
        SectionPassage(section.anchor, section.path, text)
        for section in sections
        for text in _split_text(section.text)
    ]
    return passages or [SectionPassage("", (), document.summary.strip())]


def _split_text(text: str) -> Iterator[str]:
    passage = ""
    for paragraph in _BLANK_LINES.split(text):
        for block in _split_paragraph(paragraph.strip()):
            if passage and len(passage) + len(block) > MAX_PASSAGE_LENGTH:
                yield passage
                passage = ""
            passage = f"{passage}\n\n{block}" if passage else block
    if passage:
        yield passage


def _split_paragraph(paragraph: str) -> Iterator[str]:
    """A paragraph; its lines or words where it is longer than a passage."""
    while len(paragraph) > MAX_PASSAGE_LENGTH:
        line_end = paragraph.rfind("\n", 0, MAX_PASSAGE_LENGTH)
        word_end = paragraph.rfind(" ", 0, MAX_PASSAGE_LENGTH)
        end = max(line_end, word_end)
        if end <= MAX_PASSAGE_LENGTH // 2:
            end = MAX_PASSAGE_LENGTH
        yield paragraph[:end].rstrip()
        paragraph = paragraph[end:].lstrip()
    if paragraph:
        yield paragraph
