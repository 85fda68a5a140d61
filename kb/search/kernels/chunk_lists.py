"""Chunk lists: texts as numbers, by the chunks between white space that they consist of.

Texts repeat themselves: nineteen chunks of twenty were seen before. What a chunk stands for, such
as the numbers of its words, is computed once. Build time only.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, pairwise

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import Pointers
from kb.search.kernels.layout import ChunkTable, Loops

ListedValues = NDArray[np.int32]  # [entries], of texts or chunks, one after the other

#: Chunks that are kept, and their letters. Where there are more, all are forgotten.
_MOST_CHUNKS, _MOST_LETTERS = 400_000, 16 * 1024 * 1024
_SLOTS = 1 << 20
#: Long chunks (scripts without spaces, binary noise) come once.
_LONGEST_KEPT = 64  # characters
#: Bytes of texts that compiled loops read together.
MOST_BYTES = 1 << 20


class ChunkLists(dict[str, Sequence[int]]):
    """The numbers that each chunk of text stands for, by what ``read`` gives for a new one."""

    def __init__(self, read: Callable[[str], Sequence[int]]) -> None:
        self._read_chunk = read
        self._table: _CompiledTable | None = None

    def use(self, loops: Loops) -> None:
        """Read the next texts with compiled ``loops``, up to ``MOST_BYTES`` together."""
        if self._table is None:
            self.clear()
            self._table = _CompiledTable(self._read_chunk, loops)

    def read(self, texts: Sequence[str]) -> tuple[ListedValues, Pointers]:
        """The numbers of ``texts``, and where those of each begin, and of the last one end."""
        if self._table is not None:
            raw = [text.encode("utf-8", "surrogatepass") for text in texts]
            if sum(map(len, raw)) <= MOST_BYTES:
                return self._table.read(raw)

        values, ends = array("i"), array("q", [0])
        for text in texts:
            values.extend(chain.from_iterable(map(self.__getitem__, text.split())))
            ends.append(len(values))
        return np.array(values, dtype=np.int32), np.array(ends, dtype=np.int64)

    def __missing__(self, chunk: str) -> Sequence[int]:
        numbers = self._read_chunk(chunk)
        if len(chunk) <= _LONGEST_KEPT:
            if len(self) >= _MOST_CHUNKS:
                self.clear()
            self[chunk] = numbers
        return numbers


class _CompiledTable:
    """The same, for texts in UTF-8."""

    def __init__(self, read: Callable[[str], Sequence[int]], loops: Loops) -> None:
        self._read_chunk, self._loops = read, loops
        # Of all this, only what is used takes memory.
        self._table = ChunkTable(
            np.zeros(_SLOTS, dtype=np.int32),
            np.empty(_MOST_CHUNKS + MOST_BYTES, dtype=np.uint64),
            np.zeros(_MOST_CHUNKS + MOST_BYTES + 1, dtype=np.int64),
            np.empty(_MOST_LETTERS + MOST_BYTES, dtype=np.uint8),
        )
        # Authors can't choose chunks that meet in one slot.
        self._seed = np.uint64(int.from_bytes(os.urandom(8)))
        self._known = 0
        self._values = np.empty(1024, dtype=np.int32)
        self._value_ends = np.zeros(_MOST_CHUNKS + MOST_BYTES + 1, dtype=np.int64)

    def read(self, texts: Sequence[bytes]) -> tuple[ListedValues, Pointers]:
        raw = b"".join(texts)
        bounds = np.fromiter(accumulate(map(len, texts), initial=0), np.int64, len(texts) + 1)
        letters = int(self._table.ends[self._known])
        if self._known > _MOST_CHUNKS or letters > _MOST_LETTERS:
            self._table.slots[:] = 0
            self._known = 0

        numbers, ends, known = self._loops.number_chunks(
            np.frombuffer(raw, dtype=np.uint8), bounds, self._table, self._seed, self._known
        )
        if known > self._known:
            self._add(self._known, known)
        return self._loops.expand_lists(numbers, ends, self._values, self._value_ends)

    def _add(self, first: int, end: int) -> None:
        """Read the new chunks."""
        ends = self._table.ends[first : end + 1].tolist()
        letters = self._table.letters[ends[0] : ends[-1]].tobytes()
        start = ends[0]
        lists = [
            self._read_chunk(letters[low - start : high - start].decode("utf-8", "surrogatepass"))
            for low, high in pairwise(ends)
        ]
        filled = int(self._value_ends[first])
        counts = np.fromiter(map(len, lists), np.int64, len(lists))
        self._value_ends[first + 1 : end + 1] = filled + np.cumsum(counts)
        size = int(self._value_ends[end])
        if size > self._values.size:
            self._values = np.resize(self._values, 2 * size)
        self._values[filled:size] = list(chain.from_iterable(lists))
        self._known = end
