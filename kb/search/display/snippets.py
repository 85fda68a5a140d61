"""Snippets: the part of a passage to show for a hit, and what in it matched.

Text and spans, never HTML: only a template or a text node turns spans into marks. Choosing the
passage belongs to ``scoring``, choosing prose before code to ``hits``. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kb.search.analysis.common_words import COMMON_WORDS
from kb.search.analysis.passages import TextRange
from kb.search.analysis.tokenizer import (
    WORD_CONTINUATION,
    FoldedText,
    folded_text,
    is_spaced,
    tokens,
)
from kb.search.display.passage_text import PassageText
from kb.search.results import Passage

WIDTH = 240
_CONTEXT = 40  # characters before and after a match
_MAX_WORD_SHIFT = 30  # characters by which an end moves so that no word is cut
_SENTENCE_END = re.compile(r"[.!?] (?=\w)")


Terms = int  # of a query, a bit for each


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A term of the query: the stems that it stands for, or the beginning of words."""

    stems: frozenset[str]
    beginning: str  # "" for a whole word
    idf: float
    is_marked: bool = True  # in what is shown


class MatchedWord(NamedTuple):
    """A word of a text, or several without a space between them, and the terms it stands for."""

    start: int
    end: int
    terms: Terms


def all_terms(words: Iterable[MatchedWord]) -> Terms:
    """The terms that any of some words stands for."""
    terms = 0
    for word in words:
        terms |= word.terms
    return terms


class MatchedPassage(NamedTuple):
    """A passage of a document, and what of a query stands in it."""

    passage: PassageText
    title: str
    above: Terms  # in the title and the headings
    words: Sequence[MatchedWord]  # in the text
    marked: Sequence[MatchedWord]  # those of them that are marked where they are shown


class Matches:
    """The words that a query stands for: whole words by their stems, an open last word by its
    beginning.
    """

    def __init__(
        self, terms: Sequence[WeightedTerm], stems_of: Callable[[Sequence[str]], Sequence[str]]
    ) -> None:
        """``stems_of`` gives the stem of each of some words."""
        self._stems_of = stems_of
        self._whole = frozenset().union(*(term.stems for term in terms if not term.beginning))
        self._beginnings = {
            term.beginning: 1 << number for number, term in enumerate(terms) if term.beginning
        }
        self._prefixes = tuple(self._beginnings)
        self._by_stem: dict[str, Terms] = {}
        for number, term in enumerate(terms):
            for stem_of in term.stems:
                self._by_stem[stem_of] = self._by_stem.get(stem_of, 0) | 1 << number
        self._known: dict[str, Terms | None] = {}  # the same words come again
        self._unmarked = sum(1 << number for number, term in enumerate(terms) if not term.is_marked)

        # Snowball keeps the first letters of a word, all but the last of the stem: happily ->
        # happili.
        starts = {stem[:-1] if len(stem) > 3 else stem for stem in self._whole}
        self._starts = starts | set(self._prefixes)
        self._is_spaced = is_spaced("".join(self._starts))

    def _terms_of(self, words: Sequence[str]) -> list[Terms | None]:
        """The terms that each word stands for; None where the query does not stand for it."""
        new = [word for word in dict.fromkeys(words) if word not in self._known]
        for word, stem in zip(new, self._stems_of(new) if new else (), strict=True):
            is_sought = stem in self._whole or word.startswith(self._prefixes)
            self._known[word] = self._look_up(word, stem) if is_sought else None
        return [self._known[word] for word in words]

    def _look_up(self, word: str, stem: str) -> Terms:
        if word.isalnum():
            return self._terms_of_plain_word(word, stem)
        terms = 0
        # the words in what may be joined: a file name, a version
        parts = [token.text for token in tokens(word)]
        for part, stem_of_part in zip(parts, self._stems_of(parts), strict=True):
            terms |= self._terms_of_plain_word(part, stem_of_part)
        return terms

    def _terms_of_plain_word(self, word: str, stem: str) -> Terms:
        terms = self._by_stem.get(stem, 0)
        for beginning, term in self._beginnings.items():
            if word.startswith(beginning):
                terms |= term
        return terms

    def asks(self, heading: str) -> bool:
        """Whether the query has each word of ``heading``, but for common words."""
        words = [token.text for token in tokens(heading) if token.text not in COMMON_WORDS]
        said = [word for word, stem in zip(words, self._stems_of(words), strict=True) if stem]
        return bool(said) and None not in self._terms_of(said)

    def marked(self, words: Iterable[MatchedWord]) -> list[MatchedWord]:
        """Those of some matching words that are marked where they are shown."""
        return [word for word in words if not word.terms or word.terms & ~self._unmarked]

    def in_passage(self, title: str, passage: PassageText) -> MatchedPassage:
        """What matches in a passage of the document with this ``title``, and above it."""
        headings = folded_text("\n".join((title, *passage.stored.path)))
        words = self.words(passage.folded)
        above = all_terms(self.words(headings))
        return MatchedPassage(passage, title, above, words, self.marked(words))

    def words(self, text: FoldedText) -> list[MatchedWord]:
        """What matches in the original text, in order; overlapping words are merged."""
        if not self._is_spaced:
            return self._words_of_tokens(text.original)

        ranges: set[TextRange] = set()
        folded = text.folded
        # One search for each start is faster than one regular expression for all.
        for start in self._starts:
            offset = folded.find(start)
            while offset >= 0:
                end = offset + len(start)
                before = folded[offset - 1] if offset else " "
                if before == " " or not _is_inside_word(before):
                    continuation = WORD_CONTINUATION.match(folded, end)
                    end = continuation.end() if continuation else end
                    ranges.add((offset, end))
                offset = folded.find(start, end)

        ordered = self._matched(sorted(ranges), folded)
        return ordered if isinstance(text.offsets, range) else _in_original(ordered, text.offsets)

    def _matched(self, ranges: Sequence[TextRange], text: str) -> list[MatchedWord]:
        """Those of the words at ``ranges`` that the query stands for."""
        terms_of = self._terms_of([text[start:end] for start, end in ranges])
        return [
            MatchedWord(start, end, terms)
            for (start, end), terms in zip(ranges, terms_of, strict=True)
            if terms is not None
        ]

    def _words_of_tokens(self, text: str) -> list[MatchedWord]:
        """For scripts without spaces, whose tokens are overlapping pairs of characters."""
        words: list[MatchedWord] = []
        parts = list(tokens(text))
        terms_of = self._terms_of([token.text for token in parts])
        for token, terms in zip(parts, terms_of, strict=True):
            if terms is None:
                continue
            if words and token.start < words[-1].end:
                start, end, others = words.pop()
                words.append(MatchedWord(start, max(end, token.end), others | terms))
            else:
                words.append(MatchedWord(token.start, token.end, terms))
        return words


def _is_inside_word(letter: str) -> bool:
    return letter.isalnum() or WORD_CONTINUATION.fullmatch(letter) is not None


def _in_original(words: Iterable[MatchedWord], offsets: Sequence[int]) -> list[MatchedWord]:
    """Words of folded text as words of the original; those that share a letter there are merged."""
    originals: list[MatchedWord] = []
    for folded_start, folded_end, terms in words:
        start = offsets[folded_start]
        end = max(offsets[folded_end], offsets[folded_end - 1] + 1)
        if originals and start < originals[-1].end:
            first, last, others = originals.pop()
            originals.append(MatchedWord(first, max(end, last), others | terms))
        else:
            originals.append(MatchedWord(start, end, terms))
    return originals


def snippet(
    line: FoldedText, matches: Matches, *, anchor: str = "", path: tuple[str, ...] = ()
) -> Passage:
    """The part to show of a passage whose text is on one ``line``.

    At most about WIDTH characters around the densest matches; an ellipsis marks a cut.
    """
    text = line.original
    words = matches.marked(matches.words(line))
    start, end = 0, len(text)
    if len(text) > WIDTH:
        first, last = _densest_window(line, words, WIDTH - _CONTEXT)
        start = 0 if first <= WIDTH // 3 else _snippet_start(text, first, last)
        end = _word_end_before(text, min(len(text), start + WIDTH))

    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    shift = len(before) - start
    shown_spans = tuple(
        (first + shift, last + shift) for first, last, _ in words if first >= start and last <= end
    )
    return Passage(before + text[start:end] + after, shown_spans, anchor, path)


def _densest_window(shown: FoldedText, matched: list[MatchedWord], width: int) -> TextRange:
    """From the first to the last match of the window of ``width`` characters that holds the most
    different words; the first of equal windows.
    """
    if matched and matched[-1].end <= matched[0].start + width:
        return matched[0].start, matched[-1].end

    words = [shown.original[word.start : word.end].lower() for word in matched]
    counts: dict[str, int] = {}  # of the words in the window
    best, most = (0, 0), 0
    entered = 0
    for left, (start, _, _) in enumerate(matched):
        while entered < len(matched) and (entered <= left or matched[entered].end <= start + width):
            counts[words[entered]] = counts.get(words[entered], 0) + 1
            entered += 1
        if len(counts) > most:
            best, most = (start, matched[entered - 1].end), len(counts)

        counts[words[left]] -= 1
        if not counts[words[left]]:
            del counts[words[left]]
    return best


def _snippet_start(text: str, first: int, last: int) -> int:
    """Where a snippet begins that shows the matches from ``first`` to ``last``: with a sentence, if
    one begins near.
    """
    latest = len(text) - WIDTH  # a snippet that begins later has less to read
    earliest_match_end = max(0, min(first - 2 * _CONTEXT, latest), last - WIDTH)
    sentences = [end.end() for end in _SENTENCE_END.finditer(text, earliest_match_end, first)]
    if sentences:
        return sentences[0] if first > latest else sentences[-1]

    return _word_start_after(text, max(0, min(first - _CONTEXT, latest)))


def _word_start_after(text: str, offset: int) -> int:
    space = text.find(" ", offset, offset + _MAX_WORD_SHIFT)
    return space + 1 if offset and space >= 0 else offset


def _word_end_before(text: str, offset: int) -> int:
    if offset >= len(text):
        return len(text)
    space = text.rfind(" ", max(0, offset - _MAX_WORD_SHIFT), offset)
    return space if space > 0 else offset
