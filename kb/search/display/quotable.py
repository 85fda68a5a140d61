"""Quotable parts: what of a passage can be quoted by itself, word for word.

Whole sentences that need no other, short paragraphs, and lists with the sentence that introduces
them; nothing out of a table or a code sample. Which of them answers a query is decided in
``answers``. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from kb.search.analysis.passages import SectionPassage, TextRange
from kb.search.documents import Region, RegionKind

MAX_PROSE = 360  # characters of sentences
MAX_STEPS = 700  # characters of a list with its introduction
MAX_WHOLE = 700  # characters of a page of which nothing is left out
_MIN_WORDS = 4  # fewer are a label, not a sentence

_BLANK_LINES = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)(?<!\bvs)(?<!\bz\.B)(?<!\bd\.h)(?<!\bbzw)"
    r"[.!?…][\"”’)]*\s+(?=[^a-z\s])|[。！？]"
)
#: Sentences that begin so need the one before: without it they would say something else.
_NEEDS_CONTEXT = re.compile(
    r"(?:otherwise|then|if (?:so|not)|in (?:this|that|both|either|these|those) (?:case|cases)|it|"
    r"its|this|that|these|those|they|their|he|she|both|but|however|instead|also|afterwards|"
    r"after that|for example|therefore|so|alternatively|additionally|another|finally|furthermore|"
    r"you (?:can|may|could) also|once (?:this|that|done|identified)|"
    r"when (?:you(?:['’]re| are|['’]ve| have) )?(?:done|finished)|"
    r"(?:please )?note that|(?:please note|note|tip|hint|caution|important|warning)(?=:))\b",
    re.IGNORECASE,
)
#: Sentences that only lead to another page: "See also ...", "If you forgot it, see ...".
_POINTS_ELSEWHERE = re.compile(
    r"(?:there is more|see|read|more) (?:on|about|in|at|also)\b|"
    r"(?:for|if|to)\b[^,.!?\n]*, (?:please )?(?:check|read|refer to|see|visit)\b[^.!?\n]*[.!]?\Z",
    re.IGNORECASE,
)
#: Introductions to lists of links, which are not answers.
_INTRODUCES_LINKS = re.compile(r"\bfollowing (?:articles|guides|pages|sections)\b", re.IGNORECASE)
#: Sentences that announce what follows; without it, they say nothing.
_NEEDS_WHAT_FOLLOWS = re.compile(
    r"\b(?:following (?:code|commands?|examples?|instructions|lists?|methods?|ones?|options?|"
    r"sections?|steps?|tables?|ways?)|"
    r"(?:code|commands?|examples?|instructions|lists?|methods?|options?|sections?|steps?|tables?|"
    r"ways?|as (?:described|explained|shown)|see) below)\b",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")


class Quotable(NamedTuple):
    """A part of a text that can be quoted, and where its first sentence ends."""

    start: int
    end: int
    first_end: int
    has_digit: bool
    has_list: bool  # such as steps
    is_first: bool  # of its passage


class _Block(NamedTuple):
    """A paragraph, or a whole list, table or code sample; ``kind`` is None for prose."""

    start: int
    end: int
    kind: RegionKind | None


def quotable(passage: SectionPassage, *, continues: bool) -> tuple[Quotable, ...]:
    """What can be quoted of a passage, in order.

    ``continues`` says that another passage of its section follows: a list at its end may go on
    there.
    """
    text, parts = passage.text, []
    lists = [region for region in passage.regions if region.kind is RegionKind.LIST]
    opening = next((i for i, char in enumerate(text) if not char.isspace()), 0)
    for start, end in _parts(passage, continues=continues):
        if _POINTS_ELSEWHERE.match(text[start:end].rstrip()):
            continue
        first = _SENTENCE_END.search(text, start, end)
        has_digit = _DIGIT.search(text, start, end) is not None
        first_end = first.end() if first else end
        parts.append(
            Quotable(
                start,
                end,
                first_end,
                has_digit,
                has_list=any(start < region.start < end for region in lists),
                is_first=start == opening,
            )
        )
    return tuple(parts)


def whole_passage(passage: SectionPassage) -> Quotable | None:
    """All of a short passage of paragraphs and lists; None if there is more, or no complete
    sentence at the end.
    """
    text, start = passage.text, len(passage.text) - len(passage.text.lstrip())
    end = start + len(text.strip())
    blocks = _blocks(text, passage.regions)
    if not blocks or end - start > MAX_WHOLE or blocks[0].kind is not None:
        return None
    if any(block.kind not in (None, RegionKind.LIST) for block in blocks):
        return None
    last = blocks[-1]
    is_complete = _has_words(text[start:end]) and (
        _is_complete(text[last.start : end]) if last.kind is None else not _breaks_off(text, last)
    )
    is_of_links = _INTRODUCES_LINKS.search(text, start, end) is not None
    if not is_complete or is_of_links or _POINTS_ELSEWHERE.match(text[start:end]):
        return None

    first = _SENTENCE_END.search(text, start, end)
    return Quotable(
        start,
        end,
        first.end() if first else end,
        has_digit=_DIGIT.search(text, start, end) is not None,
        has_list=any(block.kind is RegionKind.LIST for block in blocks),
        is_first=True,
    )


def _parts(passage: SectionPassage, *, continues: bool) -> Iterator[TextRange]:
    """Paragraphs, windows of sentences and lists, in order."""
    text = passage.text
    blocks = _blocks(text, passage.regions)
    for number, block in enumerate(blocks):
        following = blocks[number + 1] if number + 1 < len(blocks) else None
        before = blocks[number - 1] if number else None
        if block.kind is not None:
            continue
        if text[block.start : block.end].endswith((":", "：")):
            is_whole = following is not None and not (continues and following is blocks[-1])
            if _INTRODUCES_LINKS.search(text, block.start, block.end):
                continue
            if following is None or following.kind is not RegionKind.LIST or not is_whole:
                continue
            if not _breaks_off(text, following):
                yield from _within(MAX_STEPS, _with_context(text, block, following.end, before))
            continue
        yield from _sentence_windows(text, block, before)


def _sentence_windows(text: str, block: _Block, before: _Block | None) -> Iterator[TextRange]:
    """A short paragraph as a whole; of a longer one, each sentence with those that follow it."""
    if block.end - block.start <= MAX_PROSE:
        if _is_sentence(text[block.start : block.end]):
            yield from _within(MAX_PROSE, _with_context(text, block, block.end, before))
        return

    ends = [end.end() for end in _SENTENCE_END.finditer(text, block.start, block.end)]
    bounds = [block.start, *ends, block.end]
    sentences = [(start, end) for start, end in pairwise(bounds) if text[start:end].strip()]
    for number, (start, end) in enumerate(sentences):
        if _NEEDS_CONTEXT.match(text, start):
            continue  # it is quoted with the sentence before
        for _, later_end in sentences[number + 1 :]:
            if later_end - start > MAX_PROSE:
                break
            end = later_end
        following = next((s for s, _ in sentences if s >= end), None)
        if following is not None and _NEEDS_CONTEXT.match(text, following):
            # What is cut off may take back what is quoted: "... However, ..."
            continue
        if _is_sentence(text[start:end]):
            yield from _within(MAX_PROSE, (start, start + len(text[start:end].rstrip())))


def _with_context(text: str, block: _Block, end: int, before: _Block | None) -> TextRange | None:
    """From ``block`` to ``end``, with the paragraph before where the block needs it."""
    if not _NEEDS_CONTEXT.match(text, block.start):
        return block.start, end
    if before is None or before.kind is not None or _NEEDS_CONTEXT.match(text, before.start):
        return None
    return before.start, end


def _breaks_off(text: str, steps: _Block) -> bool:
    """Whether the last step introduces something that follows the list."""
    last = text[: steps.end].rstrip().rsplit("\n", 1)[-1]
    return last.endswith((":", "：")) and _NEEDS_WHAT_FOLLOWS.search(last) is not None


def _within(length: int, span: TextRange | None) -> Iterator[TextRange]:
    if span is not None and span[1] - span[0] <= length:
        yield span


def _is_sentence(text: str) -> bool:
    """Whether the text begins and ends like a statement, and is complete without what follows."""
    begins_within = text.startswith(("...", "…", "- ", "* ", "• "))
    return not begins_within and _has_words(text) and _is_complete(text)


def _has_words(text: str) -> bool:
    return len(text.split()) >= _MIN_WORDS or not text.isascii()


def _is_complete(text: str) -> bool:
    """Whether the text ends like a statement, and announces nothing that follows."""
    ends = text.rstrip().rstrip('"”’)').endswith((".", "!", "…", "。", "！"))
    return ends and _NEEDS_WHAT_FOLLOWS.search(text) is None


def _blocks(text: str, regions: tuple[Region, ...]) -> list[_Block]:
    """The paragraphs outside of all regions, and the outermost regions, in order."""
    blocks: list[_Block] = []
    end = 0
    for region in regions:
        if region.start >= end:
            blocks += _paragraphs(text, end, region.start)
            blocks.append(_Block(region.start, region.end, region.kind))
            end = region.end
    return [*blocks, *_paragraphs(text, end, len(text))]


def _paragraphs(text: str, start: int, end: int) -> Iterator[_Block]:
    bounds = [start]
    for blank in _BLANK_LINES.finditer(text, start, end):
        bounds += blank.span()
    bounds.append(end)
    for first, last in zip(bounds[::2], bounds[1::2], strict=True):
        if text[first:last].strip():
            yield _Block(first, last, None)
