"""Which part of a passage does one show, and what in it matched?

Text and spans, never HTML: only a template or a text node turns spans into marks. Pure.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from kb.search.analysis.tokenizer import WORD_CONTINUATION, fold_with_offsets, is_spaced, tokens
from kb.search.results import Passage

WIDTH = 240
#: What stands in code and names of code, and seldom in sentences: signs, words with inner capitals,
#: calls, options, labels. The rare letters come first and what must stand before them after: so it
#: is found ten times as quickly.
_SIGNS = r"{}\[\]|=$<>\\;_*#@`~+"
_ODD = re.compile(
    rf"[A-Z:(\-{_SIGNS}](?:(?<=[{_SIGNS}])|(?<=[a-z.\-][A-Z])|(?<=\w\()|(?<= -)(?=\w)|(?<=:)(?=[ "
    rf":]))"
)
_ODD_EVERY = 25  # characters: where there is more of it, it is code
_AROUND = 40  # characters before and after a match
_SENTENCE = 50  # characters without any of it: there is one
_END = re.compile(r"[.!?] (?=\w)")


class FoldedText(NamedTuple):
    """A text to look for words in: folded, where in the whole text each folded letter stands (see
    ``fold_with_offsets``), and where there stands what is seldom in sentences."""

    whole: str
    folded: str
    places: Sequence[int]
    odd: Sequence[int]


def fold_text(text: str) -> FoldedText:
    return FoldedText(
        text, *fold_with_offsets(text), [found.start() for found in _ODD.finditer(text)]
    )


class Matches:
    """The words a query stands for: whole words by their stems, an open last word by its beginning."""

    def __init__(
        self, stems: Iterable[str], beginnings: Iterable[str], stem: Callable[[str], str]
    ) -> None:
        self._stems = frozenset(stems)
        self._beginnings = tuple(beginnings)
        self._stem = stem
        # Snowball keeps at least the first letters of a word, all but the last of the stem (happily
        # -> happili).
        self._starts = {s[:-1] if len(s) > 3 else s for s in self._stems} | set(self._beginnings)
        self._spaced = all(is_spaced(start) for start in self._starts)

    def word(self, folded: str) -> bool:
        return self._stem(folded) in self._stems or (
            bool(self._beginnings) and folded.startswith(self._beginnings)
        )

    def spans(self, text: FoldedText) -> list[tuple[int, int]]:
        """Half-open spans in order; overlapping ones (pairs of unspaced scripts) are merged."""
        if not self._spaced:
            return self._pairs(text.whole)
        found: set[tuple[int, int]] = set()
        for start in self._starts:  # looking for each beginning is quicker than for any of them
            at = text.folded.find(start)
            while at >= 0:
                end = at + len(start)
                if at == 0 or (before := text.folded[at - 1]) == " " or not _inside(before):
                    end = WORD_CONTINUATION.match(text.folded, end).end()  # type: ignore[union-attr]  # it always matches
                    if self.word(text.folded[at:end]):
                        found.add((at, end))
                at = text.folded.find(start, end)
        spans = sorted(found)
        return spans if isinstance(text.places, range) else _moved(spans, text.places)

    def _pairs(self, text: str) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for token in tokens(text):
            if self.word(token.text):
                if spans and token.start < spans[-1][1]:
                    spans[-1] = (spans[-1][0], max(spans[-1][1], token.end))
                else:
                    spans.append((token.start, token.end))
        return spans


def _inside(letter: str) -> bool:
    return letter.isalnum() or WORD_CONTINUATION.fullmatch(letter) is not None


def _moved(spans: Iterable[tuple[int, int]], places: Sequence[int]) -> list[tuple[int, int]]:
    """Spans of folded text where they stand in the text itself; those that share a letter there
    become one.
    """
    moved: list[tuple[int, int]] = []
    for a, b in spans:
        start, end = places[a], max(places[b], places[b - 1] + 1)
        if moved and start < moved[-1][1]:
            moved[-1] = (moved[-1][0], max(end, moved[-1][1]))
        else:
            moved.append((start, end))
    return moved


def reads_well(text: str) -> bool:
    """Whether there is a sentence to read in ``text``, besides code, tables of parameters and lists
    of names.
    """
    odd = [found.start() for found in _ODD.finditer(text)]
    if len(odd) * _ODD_EVERY <= len(text):
        return True
    return any(end - start > _SENTENCE for start, end in pairwise((-1, *odd, len(text))))


def _window(shown: FoldedText, spans: list[tuple[int, int]], width: int) -> tuple[int, int]:
    text = shown.whole
    if len(text) <= width:
        return 0, len(text)
    best, last = _densest(shown, spans, width - 40)
    start = 0 if best <= width // 3 else _start(text, best, last, width)
    return start, _word_end(text, min(len(text), start + width))


def _densest(shown: FoldedText, spans: list[tuple[int, int]], width: int) -> tuple[int, int]:
    """Where a window of ``width`` characters begins that holds the most different words, and where
    the last match in it ends; of equal ones the first that begins with prose. A word that stands
    among code counts half."""
    prose = _among_prose(shown, spans)
    if spans and not prose and spans[-1][1] <= spans[0][0] + width:
        return spans[0][0], spans[-1][1]
    words = [shown.whole[a:b].lower() for a, b in spans]
    held: dict[str, int] = {}
    marked: dict[str, int] = {}
    best, most, entered = (0, 0), (-1, False), 0
    for left, (start, _) in enumerate(spans):
        while entered < len(spans) and (entered <= left or spans[entered][1] <= start + width):
            held[words[entered]] = held.get(words[entered], 0) + 1
            if prose and prose[entered]:
                marked[words[entered]] = marked.get(words[entered], 0) + 1
            entered += 1
        worth = (len(held) + len(marked), bool(prose) and prose[left])
        if worth > most:
            best, most = (start, spans[entered - 1][1]), worth
        _drop(held, words[left])
        if prose and prose[left]:
            _drop(marked, words[left])
    return best


def _drop(held: dict[str, int], word: str) -> None:
    held[word] -= 1
    if not held[word]:
        del held[word]


def _among_prose(shown: FoldedText, spans: list[tuple[int, int]]) -> list[bool]:
    """Of each match, whether what stands around it reads well; the match itself may be a name of
    code. Empty where there is little code, or nothing to choose from."""
    odd = shown.odd
    if len(spans) < 2 or 2 * len(odd) * _ODD_EVERY <= len(shown.whole):
        return []

    def between(start: int, end: int) -> int:
        return bisect_left(odd, end) - bisect_left(odd, start)

    around = (between(a - _AROUND, a - 1) + between(b + 1, b + _AROUND) for a, b in spans)
    return [count * _ODD_EVERY <= 2 * _AROUND for count in around]


def _start(text: str, best: int, last: int, width: int) -> int:
    """Where an excerpt begins that shows what matches from ``best`` to ``last``: with a sentence,
    if one is near.
    """
    rest = len(text) - width
    begun = [
        end.end() for end in _END.finditer(text, max(0, min(best - 80, rest), last - width), best)
    ]
    if begun:
        return (
            begun[0] if best > rest else begun[-1]
        )  # at the end of a passage there is room for more before
    before = max(0, min(best - 40, rest))
    return _word_start(text, best - 40 if _ODD.search(text, before, max(0, best - 40)) else before)


def _word_start(text: str, at: int) -> int:
    space = text.find(" ", at, at + 30)
    return space + 1 if at and space >= 0 else at


def _word_end(text: str, at: int) -> int:
    if at >= len(text):
        return len(text)
    space = text.rfind(" ", max(0, at - 30), at)
    return space if space > 0 else at


def passage(shown: FoldedText, anchor: str, path: tuple[str, ...], matches: Matches) -> Passage:
    """The passage to show for a hit, of a text on one line, as the store keeps it.

    At most about WIDTH characters around the densest matches; an ellipsis marks a cut.
    """
    text, found = shown.whole, matches.spans(shown)
    start, end = _window(shown, found, WIDTH)
    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    shift = len(before) - start
    spans = tuple((a + shift, b + shift) for a, b in found if a >= start and b <= end)
    return Passage(before + text[start:end] + after, spans, anchor, path)
