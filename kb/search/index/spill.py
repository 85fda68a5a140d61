"""Spill: arrays that are written front to back while an index is built, in memory or on disk.

A ``SpilledArray`` moves into an unnamed file as soon as it is large, and is then read like an
array: the operating system reclaims its pages when it needs them, so memory is bounded by a batch
of documents. ``Columns`` assembles sparse tables whose rows arrive in batches. Build time only;
what a generation keeps is written by ``array_file``.
"""

from __future__ import annotations

import mmap
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from kb.search.array_types import Pointers
from kb.search.kernels.ranges import positions_of

Numbers = NDArray[Any]  # of the type that the array was made for

#: Bytes of an array that stay in memory.
MAX_IN_MEMORY = 4 * 1024 * 1024
#: Numbers that are worked on at once.
BLOCK_SIZE = 1 << 20


class Spill:
    """Owns the files of arrays in ``folder`` until it is closed; without a folder, everything stays
    in memory.
    """

    def __init__(
        self, folder: Path | None = None, *, small: int | None = None, block: int = BLOCK_SIZE
    ) -> None:
        self.folder, self.block = folder, block
        self.small = MAX_IN_MEMORY if small is None else small
        self._files: list[IO[bytes]] = []

    def array(self, dtype: npt.DTypeLike) -> SpilledArray:
        return SpilledArray(self, np.dtype(dtype))

    def file(self) -> IO[bytes]:
        file: IO[bytes] = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 # see close
        self._files.append(file)
        return file

    def close(self) -> None:
        """Give the space on disk back; arrays that are still read stay readable."""
        while self._files:
            self._files.pop().close()


class SpilledArray:
    """Numbers of one type, in order of writing. Raises OSError when the disk is full."""

    def __init__(self, spill: Spill, dtype: np.dtype[Any]) -> None:
        self._spill, self._dtype = spill, dtype
        self._recent = array(dtype.char)  # written one by one
        self._parts: list[Numbers] = []  # written as arrays, and not yet to the file
        self._part_bytes = 0
        self._file: IO[bytes] | None = None
        self._written = 0
        self._array: Numbers | None = None

    def __len__(self) -> int:
        return self._written + len(self._recent)

    def extend(self, numbers: Iterable[int]) -> None:
        """Write a few numbers, one by one."""
        self._recent.extend(numbers)
        if len(self._recent) * self._dtype.itemsize >= self._spill.small:
            self._flush_recent()

    def write(self, values: Numbers) -> None:
        """Write a few numbers of its own type."""
        self._recent.frombytes(values.tobytes())
        if len(self._recent) * self._dtype.itemsize >= self._spill.small:
            self._flush_recent()

    def append(self, values: Numbers) -> None:
        """Write an array; of several dimensions, row by row. It must not change afterwards."""
        self._flush_recent()
        flat = np.ascontiguousarray(values, dtype=self._dtype).reshape(-1)
        if not flat.size:
            return

        self._array = None
        self._written += flat.size
        self._parts.append(flat)
        self._part_bytes += flat.nbytes

        is_large = self._file is not None or self._part_bytes > self._spill.small
        if self._spill.folder is not None and is_large:
            self._file = self._file or self._spill.file()
            for part in self._parts:
                self._file.write(part.view(np.uint8).data)
            self._parts, self._part_bytes = [], 0

    def _flush_recent(self) -> None:
        if self._recent:
            recent, self._recent = self._recent, array(self._dtype.char)
            self.append(np.frombuffer(recent, dtype=self._dtype))

    def array(self) -> Numbers:
        """Everything that was written, read-only."""
        self._flush_recent()
        if self._array is None:
            self._array = self._read()
        return self._array

    def _read(self) -> Numbers:
        if self._file is not None:
            self._file.flush()
            mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            return np.frombuffer(mapped, dtype=self._dtype)

        if len(self._parts) != 1:
            self._parts = [np.concatenate([np.zeros(0, dtype=self._dtype), *self._parts])]
        return self._parts[0]


class Columns:
    """Sparse columns whose rows come in batches: for each column its rows, ascending, with values
    beside them.
    """

    def __init__(self, spill: Spill, *dtypes: npt.DTypeLike) -> None:
        self._spill, self._dtypes = spill, dtypes
        self._pointers = spill.array(np.int64)  # of every batch, one after the other
        self._values = [spill.array(dtype) for dtype in dtypes]
        self._batch_ends = [0]

    def add(self, pointers: Pointers, *values: Numbers) -> None:
        """Add the next batch, which has the same columns: ``pointers`` says where each one begins
        among ``values``, one list for each of the types.
        """
        self._pointers.append(pointers)
        for column, numbers in zip(self._values, values, strict=True):
            column.append(numbers)
        self._batch_ends.append(len(self._values[0]))

    def merged(self) -> tuple[Pointers, list[Numbers]]:
        """Where each column begins, and the values of all batches: in each column those of the
        first batch first.
        """
        batches = len(self._batch_ends) - 1
        if batches == 0:
            return np.zeros(1, dtype=np.int64), [column.array() for column in self._values]
        if batches == 1:
            return self._pointers.array(), [column.array() for column in self._values]

        table = self._pointers.array().reshape(batches, -1)
        pointers = np.concatenate(([0], np.cumsum(sum(np.diff(row) for row in table))))
        merged = [self._spill.array(dtype) for dtype in self._dtypes]
        max_lists = max(1, self._spill.block // batches)

        for low, high in blocks(pointers, self._spill.block, most=max_lists):
            # Of each batch (row) and column: where it begins, how long it is, where it goes.
            begins = table[:, low:high]
            counts = np.diff(table[:, low : high + 1])
            targets = pointers[low:high] - pointers[low] + np.cumsum(counts, axis=0) - counts
            order = positions_of(targets.ravel(), (targets + counts).ravel())

            edges = [
                (offset + first, offset + last)
                for offset, first, last in zip(
                    self._batch_ends, begins[:, 0], table[:, high], strict=False
                )
            ]
            for target, source in zip(merged, self._values, strict=True):
                values = source.array()
                block = np.empty(order.size, dtype=values.dtype)
                block[order] = np.concatenate([values[first:last] for first, last in edges])
                target.append(block)

        return pointers, [column.array() for column in merged]


def blocks(pointers: Pointers, size: int, *, most: int = BLOCK_SIZE) -> Iterator[tuple[int, int]]:
    """Half-open ranges of lists that are worked on together: up to ``size`` entries and ``most``
    lists, and at least one list.
    """
    low, last = 0, pointers.size - 1
    while low < last:
        high = int(np.searchsorted(pointers, pointers[low] + size, "right")) - 1
        high = max(low + 1, min(high, last, low + most))
        yield low, high
        low = high
