"""Passages: a document split into excerpts of at most about 1,000 characters.

A passage belongs to one section and is cut at blank lines: long enough to be judged on its own,
short enough to be read at a glance. Its text is a slice of the section, unchanged. Pure; the
document store keeps passages, scoring ranks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kb.search.analysis.tokenizer import is_hyphenated_prose
from kb.search.documents import Document, Region, RegionKind, Section

MAX_PASSAGE_LENGTH = 1000  # characters
_BLANK_LINES = re.compile(r"\n\s*\n|\Z")

TextRange = tuple[int, int]  # half-open, in characters


@dataclass(frozen=True, slots=True)
class SectionPassage:
    """A passage with the anchor and the heading path of its section.

    ``regions`` are the lists, code samples and tables in ``text``, or what of them is in it.
    """

    anchor: str
    path: tuple[str, ...]
    text: str
    regions: tuple[Region, ...] = ()


_CODE = frozenset({RegionKind.CODE})
_LEFT_OUT = " … "
#: In a sample, three words or more behind the sign of a comment.
_COMMENT = re.compile(r"(?:(?<=\s)|^)(?:#|//|--)[ \t]+(?=\S+[ \t]+\S+[ \t]+\S)[^\n]+", re.MULTILINE)


def text_without(passage: SectionPassage, kinds: frozenset[RegionKind] = _CODE) -> str:
    """The text without the regions of these ``kinds``; an ellipsis marks what is left out between
    two parts.
    """
    parts, end = [], 0
    for region in passage.regions:
        if region.kind in kinds and region.end > end:
            parts.append(passage.text[end : region.start].strip())
            end = region.end
    if not end:
        return passage.text
    parts.append(passage.text[end:].strip())
    return _LEFT_OUT.join(filter(None, parts))


def code_of(passage: SectionPassage) -> tuple[str, str]:
    """The code samples of a passage, and the comments in them, which are sentences."""
    samples, end = [], 0
    for region in passage.regions:
        if region.kind is RegionKind.CODE and region.end > end:
            samples.append(passage.text[max(region.start, end) : region.end])
            end = region.end
    code = "\n".join(samples)
    return _COMMENT.sub(" ", code), "\n".join(_COMMENT.findall(code))


def split_passages(document: Document) -> list[SectionPassage]:
    """The passages of a document in reading order; at least one, so that a bare title can be
    shown.
    """
    sections = document.sections or (Section("", (), ""),)
    passages = [
        SectionPassage(
            section.anchor, section.path, section.text[start:end], _cut(section.regions, start, end)
        )
        for section in sections
        for start, end in _passage_ranges(section.text)
    ]
    return passages or [SectionPassage("", (), document.summary.strip())]


class PassageTexts(NamedTuple):
    """The text by which a passage is found; comments in its code are part of the body."""

    headings: tuple[str, ...]
    body: str
    code: str


def passage_texts(document: Document, passages: Sequence[SectionPassage]) -> Iterator[PassageTexts]:
    """What each passage of a document is found by; the first also by what the whole has."""
    for position, (passage, headings) in enumerate(zip(passages, _headings(passages), strict=True)):
        code, comments = code_of(passage)
        texts = [text_without(passage), comments]
        if position == 0:
            texts += [document.summary, *document.tags, document.product]
        yield PassageTexts(headings, "\n".join(texts), code)


def _headings(passages: Sequence[SectionPassage]) -> Iterator[tuple[str, ...]]:
    """The headings that each passage is found by: that of its section, and those above it under
    which there is nothing else, so that no heading of a document is left out.
    """
    read: set[tuple[str, ...]] = set()
    for passage in passages:
        above = [passage.path[:depth] for depth in range(1, len(passage.path))]
        yield (*(path[-1] for path in above if path not in read), *passage.path[-1:])
        read.update(above, (passage.path,))


def title_text(document: Document) -> str:
    """What the title is found by; one that is one word in kebab case is a code: "no-shadow"."""
    titles = (document.title, *document.aliases)
    return " ".join(f"[{each}]" if is_hyphenated_prose(each) else each for each in titles)


def _cut(regions: tuple[Region, ...], start: int, end: int) -> tuple[Region, ...]:
    """What of ``regions`` is in the passage from ``start`` to ``end``, counted from its start."""
    return tuple(
        Region(region.kind, max(region.start, start) - start, min(region.end, end) - start)
        for region in regions
        if region.start < end and region.end > start
    )


def _passage_ranges(text: str) -> Iterator[TextRange]:
    if len(text) <= MAX_PASSAGE_LENGTH:  # as most sections of guides
        start, end = _stripped(text, 0, len(text))
        if end > start:
            yield start, end
        return

    first = last = 0
    for start, end in _block_ranges(text):
        if last > first and end - first > MAX_PASSAGE_LENGTH:
            yield first, last
            last = first
        if last == first:
            first = start
        last = end
    if last > first:
        yield first, last


def _block_ranges(text: str) -> Iterator[TextRange]:
    """Paragraphs; their lines or words where they are longer than a passage."""
    begin = 0
    for blank in _BLANK_LINES.finditer(text):
        start, end = _stripped(text, begin, blank.start())
        while end - start > MAX_PASSAGE_LENGTH:
            limit = start + MAX_PASSAGE_LENGTH
            cut = max(text.rfind("\n", start, limit), text.rfind(" ", start, limit))
            if cut <= start + MAX_PASSAGE_LENGTH // 2:
                cut = limit
            yield _stripped(text, start, cut)
            start, end = _stripped(text, cut, end)
        if end > start:
            yield start, end
        begin = blank.end()


def _stripped(text: str, start: int, end: int) -> TextRange:
    """The range without the white space at its ends."""
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())
