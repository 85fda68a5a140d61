"""Here is a word or its beginning: which numbers does the index know it by?

Sorted UTF-8 words in one byte array with offsets, so that a prefix is a contiguous range and the
whole is mapped from a file. Look-ups bisect; nothing is loaded. Not for meaning: stems, typos and
weights are others' business.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.index.array_file import Arrays

Ints = npt.NDArray[Any]


def pack(words: Sequence[str], name: str) -> Arrays:
    """Arrays for ``words``, which must be sorted by their UTF-8 bytes."""
    text = np.frombuffer("".join(words).encode("utf-8", "surrogatepass"), dtype=np.uint8)
    first = np.append(
        np.flatnonzero((text & 0xC0) != 0x80), text.size
    )  # where each character begins
    ends = np.cumsum(np.fromiter(map(len, words), dtype=np.int64, count=len(words)))
    offsets = np.concatenate((first[:1], first[ends])).astype(np.int64)
    return {f"{name}_text": text, f"{name}_offsets": offsets, f"{name}_keys": _keys(text, offsets)}


def _keys(text: Ints, offsets: Ints) -> Ints:
    """The first 8 bytes of each word as a number, zeros behind a shorter one."""
    at = offsets[:-1, None] + np.arange(8)
    inside = at < offsets[1:, None]
    at[~inside] = 0
    found = np.where(inside, text[at] if text.size else np.uint8(0), np.uint8(0))
    return np.ascontiguousarray(found, dtype=np.uint8).view(">u8").ravel().astype("<u8")


class TermDictionary:
    """The words packed under ``name``; a word's number is its place in sorted order."""

    def __init__(self, arrays: Arrays, name: str) -> None:
        self._text = arrays[f"{name}_text"].data
        self._offsets = arrays[f"{name}_offsets"]
        self._keys = arrays[f"{name}_keys"].data  # a view: bisecting it makes no arrays

    def __len__(self) -> int:
        return len(self._keys)

    def word(self, number: int) -> str:
        start, end = self._offsets[number : number + 2].tolist()
        return bytes(self._text[start:end]).decode("utf-8", "replace")

    def words(self) -> list[str]:
        """All of them, in order."""
        raw = np.frombuffer(self._text, dtype=np.uint8)
        text = bytes(self._text).decode("utf-8", "surrogatepass")
        first = np.append(np.flatnonzero((raw & 0xC0) != 0x80), raw.size)
        return [text[a:b] for a, b in pairwise(first.searchsorted(self._offsets).tolist())]

    def find(self, word: str) -> int:
        """The number of ``word``, or -1."""
        target = _bytes(word)
        at, end = self._same_key(target)
        while at < end and self._at(at) < target:
            at += 1
        return at if at < end and self._at(at) == target else -1

    def range(self, prefix: str) -> tuple[int, int]:
        """The half-open range of numbers whose words begin with ``prefix``."""
        target = _bytes(prefix)
        if not target:
            return 0, len(self)
        if len(target) <= 8:
            low = int.from_bytes(target.ljust(8, b"\0"), "big")
            high = int.from_bytes(target.ljust(8, b"\xff"), "big")
            return self._left(low), self._right(high)
        start, end = self._same_key(target)
        while start < end and not self._at(start).startswith(target):
            start += 1
        stop = start
        while stop < end and self._at(stop).startswith(target):
            stop += 1
        return start, stop

    def _same_key(self, target: bytes) -> tuple[int, int]:
        key = int.from_bytes(target[:8].ljust(8, b"\0"), "big")
        return self._left(key), self._right(key)

    def _left(self, key: int) -> int:
        return bisect_left(self._keys, key)

    def _right(self, key: int) -> int:
        return bisect_right(self._keys, key)

    def _at(self, number: int) -> bytes:
        start, end = self._offsets[number : number + 2].tolist()
        return bytes(self._text[start:end])


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")
