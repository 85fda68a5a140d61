"""Term dictionary: a word, or the beginning of one, to the numbers that the index knows it by.

Sorted UTF-8 words in one byte array with offsets, so that a prefix is a contiguous range and the
whole is mapped from a file. Look-ups bisect; nothing is loaded. Stems, typos and weights live
elsewhere: in ``analysis``, ``query.spelling`` and ``scoring``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search.index.array_file import Arrays

WordBytes = NDArray[np.uint8]  # [bytes], the words one after the other
WordOffsets = NDArray[np.int64]  # [words + 1], where each word begins, and where the last one ends
WordKeys = NDArray[np.uint64]  # [words], ascending: the first 8 bytes of each word, big-endian

_KEY_BYTES = 8
#: In how many documents the words of each dictionary are.
_DOCUMENT_FREQUENCIES = {"surface": "surface_df", "stem": "df"}


class TermDictionary:
    """The words stored under ``name``; a word's number is its rank in sorted order.

    Words that came with edits (see ``index.edits``) have numbers after all others, in an order of
    their own; those that are gone with edits are not found any more.
    """

    def __init__(self, arrays: Arrays, name: str) -> None:
        self._text = arrays[f"{name}_text"].data
        self._offsets: NDArray[Any] = arrays[f"{name}_offsets"]
        self._keys = arrays[f"{name}_keys"].data  # a view: bisecting it creates no arrays
        self._added: TermDictionary | None = None
        self._df: NDArray[np.int32] | None = None
        if f"added_{name}_text" in arrays:
            self._added = TermDictionary(arrays, f"added_{name}")
            self._df = arrays[_DOCUMENT_FREQUENCIES[name]]

    @staticmethod
    def pack(words: Sequence[str], name: str) -> Arrays:
        """The arrays of ``words``, which must be sorted by their UTF-8 bytes."""
        text = np.frombuffer("".join(words).encode("utf-8", "surrogatepass"), dtype=np.uint8)
        characters = _character_offsets(text)
        ends = np.cumsum(np.fromiter(map(len, words), dtype=np.int64, count=len(words)))
        offsets = np.concatenate((characters[:1], characters[ends])).astype(np.int64)
        return {
            f"{name}_text": text,
            f"{name}_offsets": offsets,
            f"{name}_keys": _keys(text, offsets),
        }

    def __len__(self) -> int:
        return len(self._keys) + (0 if self._added is None else len(self._added))

    def word(self, number: int) -> str:
        if self._added is not None and number >= len(self._keys):
            return self._added.word(number - len(self._keys))
        return self._bytes_of(number).decode("utf-8", "replace")

    def words_at(self, numbers: Iterable[int]) -> list[str]:
        """The words of these numbers."""
        return [self.word(number) for number in numbers]

    def words(self) -> list[str]:
        """All words, in order."""
        raw = np.frombuffer(self._text, dtype=np.uint8)
        text = bytes(self._text).decode("utf-8", "surrogatepass")
        ends = _character_offsets(raw).searchsorted(self._offsets).tolist()
        return [text[start:end] for start, end in pairwise(ends)]

    def find(self, word: str) -> int:
        """The number of ``word``, or -1."""
        number = self._find(word)
        if self._added is None or self._df is None:
            return number
        if number < 0:
            number = self._added.find(word)
            number += len(self._keys) if number >= 0 else 0
        return number if number >= 0 and self._df[number] else -1

    def find_all(self, words: Iterable[str]) -> list[int]:
        """The number of each of ``words``, or -1."""
        return [self.find(word) for word in words]

    def _find(self, word: str) -> int:
        target = _encoded(word)
        number, end = self._same_key(target)
        while number < end and self._bytes_of(number) < target:
            number += 1
        return number if number < end and self._bytes_of(number) == target else -1

    def beginning_with(self, prefix: str) -> NDArray[np.int64]:
        """The numbers of all words that begin with ``prefix``, in the order of the words."""
        numbers = np.arange(*self.range(prefix))
        if self._added is None or self._df is None:
            return numbers
        added = len(self._keys) + np.arange(*self._added.range(prefix))
        if added.size:
            # The few that were added, each before the next word of the others.
            words = [self._bytes_of_any(number) for number in added.tolist()]
            places = [self._place(word, numbers) for word in words]
            numbers = np.insert(numbers, places, added)
        return numbers[self._df[numbers] > 0]

    def has_added(self, prefix: str) -> bool:
        """Whether a word that begins with ``prefix`` came with edits."""
        low, high = (0, 0) if self._added is None else self._added.range(prefix)
        return low < high

    def _place(self, word: bytes, numbers: NDArray[np.int64]) -> int:
        return bisect_left(numbers, word, key=self._bytes_of)

    def _bytes_of_any(self, number: int) -> bytes:
        return _encoded(self.word(number))

    def range(self, prefix: str) -> tuple[int, int]:
        """The half-open range of numbers whose words begin with ``prefix``."""
        target = _encoded(prefix)
        if not target:
            return 0, len(self._keys)

        if len(target) <= _KEY_BYTES:
            low = int.from_bytes(target.ljust(_KEY_BYTES, b"\0"), "big")
            high = int.from_bytes(target.ljust(_KEY_BYTES, b"\xff"), "big")
            return bisect_left(self._keys, low), bisect_right(self._keys, high)

        start, end = self._same_key(target)
        while start < end and not self._bytes_of(start).startswith(target):
            start += 1
        stop = start
        while stop < end and self._bytes_of(stop).startswith(target):
            stop += 1
        return start, stop

    def _same_key(self, target: bytes) -> tuple[int, int]:
        """The half-open range of words that have the first 8 bytes of ``target``."""
        key = int.from_bytes(target[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0"), "big")
        return bisect_left(self._keys, key), bisect_right(self._keys, key)

    def _bytes_of(self, number: int) -> bytes:
        start, end = self._offsets[number : number + 2].tolist()
        return bytes(self._text[start:end])


def _character_offsets(text: WordBytes) -> NDArray[np.int64]:
    """Where each character of a UTF-8 text begins, and where the last one ends."""
    return np.append(np.flatnonzero((text & 0xC0) != 0x80), text.size)


def _keys(text: WordBytes, offsets: WordOffsets) -> WordKeys:
    """The first 8 bytes of each word as a number, with zeros behind a shorter word."""
    padded = np.concatenate((text, np.zeros(_KEY_BYTES, dtype=np.uint8)))
    heads = np.lib.stride_tricks.sliding_window_view(padded, _KEY_BYTES)[offsets[:-1]]
    keys = heads.view(">u8").ravel().astype(np.uint64)
    missing = 8 * (_KEY_BYTES - np.minimum(np.diff(offsets), _KEY_BYTES)).astype(np.uint64)
    return keys >> missing << missing


def _encoded(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")
