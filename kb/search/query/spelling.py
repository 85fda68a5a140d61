"""Spelling: the known words that somebody might have meant.

Corrections at edit distance 1 by shared deletions (SymSpell, W. Garbe 2012): every word of four
letters or more is filed under itself and under each of its forms with one letter removed, as hashes
in two sorted arrays. Our own, because symspellpy takes seconds to build at every start and cannot
be memory-mapped. The words are those of one audience, so a correction never reveals what others
wrote.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.edits import is_correctable, is_one_edit, is_two_edits, shortened
from kb.search.index.array_file import Arrays
from kb.search.index.term_dictionary import TermDictionary

FormHashes = NDArray[np.uint32]  # [forms], ascending
FormWords = NDArray[np.int32]  # [forms], the number of the word, ascending within a hash

_MAX_CORRECTIONS = 3
#: The lengths of words that may have two typos: in a shorter word, two typos make another word.
_TWO_TYPOS = range(8, 21)
#: Of words that were written as one: the letters of each, and how many words.
_MIN_PART, _MAX_PARTS = 3, 4
#: In a small help centre a word of a single document may be what was meant; in a large one most of
#: these are typos themselves, and they would double the file.
_SMALL, _MIN_DOCUMENTS = 10_000, 2


class Speller:
    """Corrections for unknown words, best first, with weights that sum to 1."""

    def __init__(self, arrays: Arrays, surfaces: TermDictionary) -> None:
        self._hashes: FormHashes = arrays["typo_hashes"]
        self._words: FormWords = arrays["typo_words"]
        self._df = arrays["surface_df"]
        self._surfaces = surfaces
        #: Words that count as corrections since documents were edited (see ``index.edits``).
        self._added: tuple[FormHashes, FormWords] | None = None
        if "added_typo_hashes" in arrays:
            self._added = arrays["added_typo_hashes"], arrays["added_typo_words"]
            self._fewest = fewest_documents(int(arrays["kind"].size))

    @staticmethod
    def pack(
        words: Sequence[str],
        df: NDArray[np.int32],
        documents: int,
        previous: Arrays | None = None,
        numbers_now: NDArray[np.int32] | None = None,
    ) -> Arrays:
        """The arrays of the sorted vocabulary ``words`` of so many ``documents``.

        ``previous`` are the same audience's arrays of the previous generation, and ``numbers_now``
        the numbers that its words have now (-1 for those that are gone): the forms of words that
        were filed then are not made again.
        """
        fewest = fewest_documents(documents)
        hashes, numbers = np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int32)
        is_filed = np.zeros(len(words), dtype=bool)
        if previous is not None and numbers_now is not None:
            numbers = numbers_now[previous["typo_words"]]
            kept = numbers >= 0
            kept[kept] = df[numbers[kept]] >= fewest
            hashes, numbers = previous["typo_hashes"][kept], numbers[kept]
            # What was looked at then has its forms, or none.
            fewest_then = fewest_documents(previous["kind"].size)
            looked_at = numbers_now[previous["surface_df"] >= fewest_then]
            is_filed[looked_at[looked_at >= 0]] = True

        new_hashes: list[int] = []
        new_numbers: list[int] = []
        for number in np.flatnonzero((df >= fewest) & ~is_filed).tolist():
            if is_correctable(words[number]):
                forms = _forms(words[number])
                new_hashes.extend(forms)
                new_numbers.extend([number] * len(forms))

        added_hashes = np.array(new_hashes, dtype=np.uint32)
        added_numbers = np.array(new_numbers, dtype=np.int32)
        order = np.lexsort((added_numbers, added_hashes))
        added_hashes, added_numbers = added_hashes[order], added_numbers[order]

        # What was filed then is still in order: numbers change, but the order of words does not.
        keys = _sort_keys(hashes, numbers)
        positions = keys.searchsorted(_sort_keys(added_hashes, added_numbers))
        return {
            "typo_hashes": np.insert(hashes, positions, added_hashes),
            "typo_words": np.insert(numbers, positions, added_numbers),
        }

    def corrections(self, word: str) -> list[tuple[int, float]]:
        """(number of the surface word, weight) for an unknown ``word``: at most three, by document
        frequency.
        """
        if not is_correctable(word):
            return []
        return self._filed_under(word, _forms(word), is_one_edit)

    def farther_corrections(self, word: str) -> list[tuple[int, float]]:
        """The same for a long correctable ``word`` with two typos, neither in its first letter."""
        if len(word) not in _TWO_TYPOS:
            return []
        forms = {form for each in (word, *shortened(word)) for form in _forms(each)}
        return self._filed_under(word, forms, is_two_edits)

    def _filed_under(
        self, word: str, hashes: Iterable[int], is_near: Callable[[str, str], bool]
    ) -> list[tuple[int, float]]:
        forms = np.array(sorted(hashes), dtype=np.uint32)
        numbers = _filed(self._hashes, self._words, forms)
        if self._added is not None:
            numbers |= _filed(*self._added, forms)
            numbers = {number for number in numbers if self._df[number] >= self._fewest}

        scores = []
        for number, surface in zip(numbers, self._surfaces.words_at(numbers), strict=True):
            if is_near(word, surface):
                factor = 1.0 if surface[0] == word[0] else weights.FIRST_LETTER
                scores.append((-float(self._df[number]) * factor, surface, number))

        best = sorted(scores)[:_MAX_CORRECTIONS]
        total = sum(score for score, _, _ in best)
        return [(number, score / total) for score, _, number in best]

    def parts(self, word: str, links: Sequence[str]) -> tuple[int, ...]:
        """The numbers of the surface words that an unknown correctable ``word`` is made of; or
        none.

        The fewest words count, of several such the ones whose rarest is the most frequent. Between
        two of them one of ``links`` may stand, letters that belong to neither.
        """
        best: dict[int, tuple[int, ...]] = {len(word): ()}  # by where the rest of the word begins
        for start in range(len(word) - _MIN_PART, -1, -1):
            splits = []
            for end in range(start + _MIN_PART, len(word) + 1):
                rests = {end + len(link) for link in links if word.startswith(link, end)}
                rests = {
                    rest for rest in (end, *rests) if rest in best and (rest == end or best[rest])
                }
                number = self._surfaces.find(word[start:end]) if rests else -1
                if number >= 0:
                    splits += [(number, *best[rest]) for rest in rests]
            if splits:
                best[start] = min(splits, key=self._rank)
        parts = best.get(0, ())
        return parts if len(parts) <= _MAX_PARTS else ()

    def _rank(self, parts: tuple[int, ...]) -> tuple[int, int]:
        return len(parts), -min(int(self._df[number]) for number in parts)


def fewest_documents(documents: int) -> int:
    """In how many of so many documents a word must be that counts as a correction."""
    return 1 if documents < _SMALL else _MIN_DOCUMENTS


def _filed(hashes: FormHashes, words: FormWords, forms: FormHashes) -> set[int]:
    """The words that are filed under any of ``forms``."""
    starts, ends = hashes.searchsorted(forms, "left"), hashes.searchsorted(forms, "right")
    return {
        number
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        for number in words[start:end].tolist()
    }


def _forms(word: str) -> list[int]:
    """The hashes of ``word`` and of ``word`` less each one letter."""
    forms = sorted({word, *shortened(word)})
    return [zlib.crc32(form.encode("utf-8", "surrogatepass")) for form in forms]


def _sort_keys(hashes: FormHashes, numbers: FormWords) -> NDArray[np.int64]:
    return (hashes.astype(np.int64) << 31) | numbers
