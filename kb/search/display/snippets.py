"""Snippets: the part of a passage to show for a hit, and what in it matched.

Text and spans, never HTML: only a template or a text node turns spans into marks. Choosing the
passage belongs to ``scoring``, choosing prose before code to ``hits``. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self

from kb.search.analysis.passages import TextRange
from kb.search.analysis.tokenizer import WORD_CONTINUATION, fold_with_offsets, is_spaced, tokens
from kb.search.results import Passage

WIDTH = 240
_CONTEXT = 40  # characters before and after a match
_MAX_WORD_SHIFT = 30  # characters by which an end moves so that no word is cut
_SENTENCE_END = re.compile(r"[.!?] (?=\w)")


class FoldedText(NamedTuple):
    """A text to find words in. ``places`` gives the position in ``original`` of each folded letter
    (see ``fold_with_offsets``).
    """

    original: str
    folded: str
    places: Sequence[int]

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(text, *fold_with_offsets(text))


class Matches:
    """The words that a query stands for: whole words by their stems, an open last word by its
    beginning.
    """

    def __init__(
        self, stems: Iterable[str], beginnings: Iterable[str], stem: Callable[[str], str]
    ) -> None:
        self._stems = frozenset(stems)
        self._prefixes = tuple(beginnings)
        self._stem = stem

        # Snowball keeps the first letters of a word, all but the last of the stem: happily ->
        # happili.
        starts = {stem[:-1] if len(stem) > 3 else stem for stem in self._stems}
        self._starts = starts | set(self._prefixes)
        self._is_spaced = is_spaced("".join(self._starts))

    def word(self, folded: str) -> bool:
        """Whether the query stands for this word."""
        return self._stem(folded) in self._stems or (
            bool(self._prefixes) and folded.startswith(self._prefixes)
        )

    def spans(self, text: FoldedText) -> list[TextRange]:
        """What matches in the original text, in order; overlapping spans are merged."""
        if not self._is_spaced:
            return self._spans_of_tokens(text.original)

        spans: set[TextRange] = set()
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
                    if self.word(folded[offset:end]):
                        spans.add((offset, end))
                offset = folded.find(start, end)

        ordered = sorted(spans)
        return ordered if isinstance(text.places, range) else _in_original(ordered, text.places)

    def _spans_of_tokens(self, text: str) -> list[TextRange]:
        """For scripts without spaces, whose tokens are overlapping pairs of characters."""
        spans: list[TextRange] = []
        for token in tokens(text):
            if self.word(token.text):
                if spans and token.start < spans[-1][1]:
                    spans[-1] = (spans[-1][0], max(spans[-1][1], token.end))
                else:
                    spans.append((token.start, token.end))
        return spans


def _is_inside_word(letter: str) -> bool:
    return letter.isalnum() or WORD_CONTINUATION.fullmatch(letter) is not None


def _in_original(spans: Iterable[TextRange], places: Sequence[int]) -> list[TextRange]:
    """Spans of folded text as spans of the original; those that share a letter there are merged."""
    originals: list[TextRange] = []
    for folded_start, folded_end in spans:
        start = places[folded_start]
        end = max(places[folded_end], places[folded_end - 1] + 1)
        if originals and start < originals[-1][1]:
            originals[-1] = (originals[-1][0], max(end, originals[-1][1]))
        else:
            originals.append((start, end))
    return originals


def snippet(
    line: FoldedText, matches: Matches, *, anchor: str = "", path: tuple[str, ...] = ()
) -> Passage:
    """The part to show of a passage whose text is on one ``line``.

    At most about WIDTH characters around the densest matches; an ellipsis marks a cut.
    """
    text = line.original
    spans = matches.spans(line)
    start, end = 0, len(text)
    if len(text) > WIDTH:
        first, last = _densest_window(line, spans, WIDTH - _CONTEXT)
        start = 0 if first <= WIDTH // 3 else _snippet_start(text, first, last)
        end = _word_end_before(text, min(len(text), start + WIDTH))

    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    shift = len(before) - start
    shown_spans = tuple(
        (first + shift, last + shift) for first, last in spans if first >= start and last <= end
    )
    return Passage(before + text[start:end] + after, shown_spans, anchor, path)


def _densest_window(shown: FoldedText, spans: list[TextRange], width: int) -> TextRange:
    """From the first to the last match of the window of ``width`` characters that holds the most
    different words; the first of equal windows.
    """
    if spans and spans[-1][1] <= spans[0][0] + width:
        return spans[0][0], spans[-1][1]

    words = [shown.original[start:end].lower() for start, end in spans]
    counts: dict[str, int] = {}  # of the words in the window
    best, most = (0, 0), 0
    entered = 0
    for left, (start, _) in enumerate(spans):
        while entered < len(spans) and (entered <= left or spans[entered][1] <= start + width):
            counts[words[entered]] = counts.get(words[entered], 0) + 1
            entered += 1
        if len(counts) > most:
            best, most = (start, spans[entered - 1][1]), len(counts)

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
