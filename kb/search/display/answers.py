"""Answers: the sentences or the steps of one passage that answer a query, word for word.

An answer is a slice of a passage: whole sentences, or a list with the sentence that introduces it.
It is never put together, shortened within a sentence, or taken out of a table or a code sample.
Whether a document is sure enough to be quoted at all is decided by ``scoring.confidence``. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from kb.search.analysis.passages import SectionPassage, TextRange
from kb.search.analysis.tokenizer import Analyzer
from kb.search.display.snippets import FoldedText, Matches
from kb.search.documents import Region, RegionKind

MAX_PROSE = 360  # characters of sentences
MAX_STEPS = 700  # characters of a list with its introduction
_MIN_WORDS = 4  # fewer are a label, not a sentence
#: Share of the query, by idf, that the answer explains together with its title and heading.
_MIN_EXPLAINED = 0.6
#: Share that the answer itself holds; less is enough at the beginning of a section whose title and
#: heading hold the query.
_MIN_OWN_SHARE = 0.25
_FIRST_OF_SECTION = 0.5  # what the first sentences of a section gain, times what its heading holds
_FIRST_SENTENCE = 0.1  # what it gains by what its first sentence holds
_NUMBER_ASKED = 0.2  # what a number gains where a number is asked for

_BLANK_LINES = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)(?<!\bvs)(?<!\bz\.B)(?<!\bd\.h)(?<!\bbzw)"
    r"[.!?…][\"”’)]*\s+(?=[^a-z\s])|[。！？]"
)
#: Sentences that begin so need the one before: without it they would say something else.
_NEEDS_CONTEXT = re.compile(
    r"(?:otherwise|then|if (?:so|not)|in (?:this|that|both|either|these|those) (?:case|cases)|it|"
    r"its|this|that|these|those|they|their|he|she|both|but|however|instead|also|afterwards|"
    r"after that|for example|therefore|so)\b",
    re.IGNORECASE,
)
#: Sentences that only lead to another page.
_POINTS_ELSEWHERE = re.compile(
    r"(?:there is more|see|read|more) (?:on|about|in|at|also)\b", re.IGNORECASE
)
_ASKS_FOR_NUMBER = re.compile(r"\bhow (?:many|much|long|large|big|often|old|far)\b", re.IGNORECASE)
_HAS_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A term of the query: the stems that it stands for, or the beginning of words."""

    stems: frozenset[str]
    beginning: str  # "" for a whole word
    idf: float

    def matches(self, word: str, stem: str) -> bool:
        return stem in self.stems or bool(self.beginning and word.startswith(self.beginning))


class MatchedWord(NamedTuple):
    """A word of a text, or several without a space between them, and the terms it stands for."""

    start: int
    end: int
    terms: frozenset[int]  # positions of the terms in the query


class QueryCoverage:
    """How much of a query a text explains, by the idf of its words."""

    def __init__(
        self, terms: Sequence[WeightedTerm], ideal: float, matches: Matches, analyzer: Analyzer
    ) -> None:
        """``ideal`` is the idf of all words of the query, of those that no document has too.
        ``matches`` finds the words that ``terms`` stand for.
        """
        self._terms = terms
        self._ideal = ideal
        self._matches = matches
        self._analyzer = analyzer
        self._terms_of: dict[str, frozenset[int]] = {}  # the same words come again

    def words_in(self, text: str) -> list[MatchedWord]:
        """The words of ``text`` that the query has, in order."""
        return [
            MatchedWord(start, end, self._terms_in(text[start:end]))
            for start, end in self._matches.spans(FoldedText.of(text))
        ]

    def _terms_in(self, words: str) -> frozenset[int]:
        terms = self._terms_of.get(words)
        if terms is None:
            terms = self._terms_of[words] = self._look_up(words)
        return terms

    def _look_up(self, words: str) -> frozenset[int]:
        stems = self._analyzer.written_stems(words)
        return frozenset(
            position
            for position, term in enumerate(self._terms)
            if any(term.matches(word, stem) for word, stem in stems.items())
        )

    def holds_rarest(self, terms: frozenset[int]) -> bool:
        """Whether the most informative term is among these; no word that no document has may be
        more informative.
        """
        rarest = max((term.idf for term in self._terms), default=0.0)
        known = sum(term.idf for term in self._terms)
        if self._ideal - known > rarest:  # unknown words are as rare as can be
            return False
        return any(self._terms[position].idf >= rarest for position in terms)

    def share(self, terms: frozenset[int]) -> float:
        """The share of the query that these terms are, 0 to 1."""
        return sum(self._terms[position].idf for position in terms) / max(self._ideal, 1e-9)


def _terms_within(words: Sequence[MatchedWord], start: int, end: int) -> frozenset[int]:
    inside = (word.terms for word in words if start <= word.start and word.end <= end)
    return frozenset().union(*inside)


class _Block(NamedTuple):
    """A paragraph, or a whole list, table or code sample; ``kind`` is None for prose."""

    start: int
    end: int
    kind: RegionKind | None


def find_answer(
    query: str,
    coverage: QueryCoverage,
    title: str,
    passage: SectionPassage,
    *,
    opens_section: bool,
    continues: bool,
) -> TextRange | None:
    """The part of ``passage.text`` that answers ``query``; None when none clearly does.

    ``opens_section`` says that the passage is the first of its section, ``continues`` that another
    passage of the section follows: a list at its end may go on there.
    """
    text = passage.text
    headings = "\n".join((title, *passage.path))
    above = _terms_within(coverage.words_in(headings), 0, len(headings))
    words = coverage.words_in(text)
    if coverage.share(above | _terms_within(words, 0, len(text))) < _MIN_EXPLAINED:
        return None
    asks_for_number = _ASKS_FOR_NUMBER.search(query) is not None

    best, best_worth = None, -1.0
    for position, (start, end) in enumerate(_quotable(passage, continues=continues)):
        own = _terms_within(words, start, end)
        own_share = coverage.share(own)
        is_opening = opens_section and position == 0
        if coverage.share(own | above) < _MIN_EXPLAINED or not coverage.holds_rarest(own | above):
            continue
        if _POINTS_ELSEWHERE.match(text, start):
            continue
        if own_share < _MIN_OWN_SHARE and not (
            is_opening and coverage.share(above) >= _MIN_EXPLAINED
        ):
            continue

        first = _SENTENCE_END.search(text, start, end)
        opening = _terms_within(words, start, first.end()) if first else own
        worth = own_share + _FIRST_SENTENCE * coverage.share(opening)
        if is_opening:
            worth += _FIRST_OF_SECTION * coverage.share(above)
        if asks_for_number and _HAS_DIGIT.search(text, start, end):
            worth += _NUMBER_ASKED
        if worth > best_worth:
            best, best_worth = (start, end), worth
    return best


def _quotable(passage: SectionPassage, *, continues: bool) -> Iterator[TextRange]:
    """What can be quoted by itself, in order."""
    text = passage.text
    blocks = _blocks(text, passage.regions)
    for number, block in enumerate(blocks):
        following = blocks[number + 1] if number + 1 < len(blocks) else None
        before = blocks[number - 1] if number else None
        if block.kind is not None:
            continue
        if text[block.start : block.end].endswith((":", "：")):
            is_whole = following is not None and not (continues and following is blocks[-1])
            if following is not None and following.kind is RegionKind.LIST and is_whole:
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


def _within(length: int, span: TextRange | None) -> Iterator[TextRange]:
    if span is not None and span[1] - span[0] <= length:
        yield span


def _is_sentence(text: str) -> bool:
    ends = text.rstrip().rstrip('"”’)').endswith((".", "!", "?", "…", "。", "！", "？"))
    return ends and (len(text.split()) >= _MIN_WORDS or not text.isascii())


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
