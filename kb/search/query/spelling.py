"""Which known word did someone mean?

Corrections at distance 1 by deletes in common (Garbe's SymSpell): every word of four letters or
more is filed under itself and under itself less each one letter, as hashes in two sorted arrays.
Our own, because symspellpy builds for seconds at every start and cannot be mapped. The words are
those of one audience, so a correction never tells of others' documents.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.index.array_file import Arrays
from kb.search.index.term_dictionary import TermDictionary
from kb.search.scoring import weights

SHORTEST = 4
LONGEST = 32
BEST = 3


def pack(
    words: Sequence[str],
    df: npt.NDArray[np.int32],
    before: Arrays | None = None,
    now: npt.NDArray[Any] | None = None,
) -> Arrays:
    """Arrays for the sorted vocabulary ``words``; words of one document only are nobody's
    correction.

    ``before`` are the same audience's arrays of last time, and ``now`` the numbers that its words
    have now (-1 for those that are gone): the forms of words that were filed then are not made
    again.
    """
    hashes, numbers = np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int32)
    filed = np.zeros(len(words), dtype=bool)
    if before is not None and now is not None:
        numbers = now[before["typo_words"]]
        still = numbers >= 0
        still[still] = df[numbers[still]] >= 2
        hashes, numbers = before["typo_hashes"][still], numbers[still]
        filed[numbers] = True
    more_hashes: list[int] = []
    more_numbers: list[int] = []
    for number in np.flatnonzero((df >= 2) & ~filed).tolist():
        if correctable(words[number]):
            forms = _forms(words[number])
            more_hashes.extend(forms)
            more_numbers.extend([number] * len(forms))
    more = np.array(more_hashes, dtype=np.uint32), np.array(more_numbers, dtype=np.int32)
    order = np.lexsort(more[::-1])
    # What was filed is in order still: numbers change, but the order of words does not.
    keys, added = _keys(hashes, numbers), _keys(more[0][order], more[1][order])
    at = keys.searchsorted(added)
    return {
        "typo_hashes": np.insert(hashes, at, more[0][order]),
        "typo_words": np.insert(numbers, at, more[1][order]),
    }


def _keys(hashes: npt.NDArray[np.uint32], numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    return (hashes.astype(np.int64) << 31) | numbers


def correctable(word: str) -> bool:
    """Prose only: identifiers, numbers and versions are matched exactly or not at all."""
    return SHORTEST <= len(word) <= LONGEST and word.isalpha()


class Speller:
    """Corrections for unknown words, best first, with weights that sum to 1."""

    def __init__(self, arrays: Arrays, surfaces: TermDictionary) -> None:
        self._hashes, self._words = arrays["typo_hashes"], arrays["typo_words"]
        self._df = arrays["surface_df"]
        self._surfaces = surfaces

    def corrections(self, word: str) -> list[tuple[int, float]]:
        """(number of the surface word, weight) for an unknown ``word``; at most three, by document
        frequency.
        """
        if not correctable(word):
            return []
        forms = np.array(_forms(word), dtype=np.uint32)
        starts, ends = (
            self._hashes.searchsorted(forms, "left"),
            self._hashes.searchsorted(forms, "right"),
        )
        near = {
            int(n) for start, end in zip(starts, ends, strict=True) for n in self._words[start:end]
        }
        scored = [
            (
                number,
                float(self._df[number]) * (1.0 if known[0] == word[0] else weights.FIRST_LETTER),
            )
            for number in near
            if one_edit(word, known := self._surfaces.word(number))
        ]
        best = sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:BEST]
        total = sum(score for _, score in best)
        return [(number, score / total) for number, score in best]


def _forms(word: str) -> list[int]:
    shorter = {word[:i] + word[i + 1 :] for i in range(len(word))}
    return [zlib.crc32(form.encode("utf-8", "surrogatepass")) for form in sorted({word, *shorter})]


def one_edit(a: str, b: str) -> bool:
    """Whether one letter inserted, deleted, changed, or two neighbours swapped, makes ``b`` of
    ``a``.

    >>> one_edit("recieve", "receive"), one_edit("cat", "dogs")
    (True, False)
    """
    if len(a) > len(b):
        a, b = b, a
    i = 0
    while i < len(a) and a[i] == b[i]:
        i += 1
    if len(a) < len(b):
        return a[i:] == b[i + 1 :]
    return a[i + 1 :] == b[i + 1 :] or (
        a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :]
    )
