"""Where do numbers lie while an index is built, so that memory is bounded by a batch of documents?

A ``Run`` is written front to back, into a file without a name as soon as it is large, and then read
like an array: its pages are the system's, which takes them back when it needs them. ``Columns``
puts tables together whose rows came batch by batch. Build time only; what a generation keeps is
written by ``arrays``.
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

from kb.search.kernels.dispatch import places

Ints = npt.NDArray[Any]
#: Bytes of a run that stay in memory.
SMALL = 4 * 1024 * 1024
#: Numbers that are worked on at once.
BLOCK = 1 << 20


class Spill:
    """Keeps the files of runs in ``folder``, unseen, until it is closed; without a folder, all
    stays in memory.
    """

    def __init__(
        self, folder: Path | None = None, *, small: int | None = None, block: int = BLOCK
    ) -> None:
        self.folder, self.block = folder, block
        self.small = SMALL if small is None else small
        self._files: list[IO[bytes]] = []

    def run(self, dtype: npt.DTypeLike) -> Run:
        return Run(self, np.dtype(dtype))

    def file(self) -> IO[bytes]:
        made: IO[bytes] = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 # closed with the others
        self._files.append(made)
        return made

    def close(self) -> None:
        """Give the room on the disk back; arrays that are still read stay readable."""
        while self._files:
            self._files.pop().close()


class Run:
    """Numbers of one type, in order of writing. Raises OSError when the disk is full."""

    def __init__(self, spill: Spill, dtype: np.dtype[Any]) -> None:
        self._spill, self._dtype = spill, dtype
        self._recent = array(dtype.char)
        self._parts: list[Ints] = []
        self._held = 0  # bytes of parts
        self._file: IO[bytes] | None = None
        self._written = 0
        self._array: Ints | None = None

    def __len__(self) -> int:
        return self._written + len(self._recent)

    def extend(self, numbers: Iterable[int]) -> None:
        """Write a few numbers, one by one."""
        self._recent.extend(numbers)
        if len(self._recent) * self._dtype.itemsize >= self._spill.small:
            self._settle()

    def append(self, values: Ints) -> None:
        """Write an array; of several dimensions, row by row. It must not change afterwards."""
        self._settle()
        flat = np.ascontiguousarray(values, dtype=self._dtype).reshape(-1)
        if not flat.size:
            return
        self._array = None
        self._written += flat.size
        self._parts.append(flat)
        self._held += flat.nbytes
        if self._spill.folder is not None and (
            self._file is not None or self._held > self._spill.small
        ):
            self._file = self._file or self._spill.file()
            for part in self._parts:
                self._file.write(part.view(np.uint8).data)
            self._parts, self._held = [], 0

    def _settle(self) -> None:
        if self._recent:
            recent, self._recent = self._recent, array(self._dtype.char)
            self.append(np.frombuffer(recent, dtype=self._dtype))

    def array(self) -> Ints:
        """All that was written, read-only."""
        self._settle()
        if self._array is None:
            self._array = self._whole()
        return self._array

    def _whole(self) -> Ints:
        if self._file is not None:
            self._file.flush()
            return np.frombuffer(
                mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), dtype=self._dtype
            )
        if len(self._parts) != 1:
            self._parts = [np.concatenate([np.zeros(0, dtype=self._dtype), *self._parts])]
        return self._parts[0]


class Columns:
    """Sparse columns of which the rows come in batches: for each column its rows, ascending, and
    values beside them.
    """

    def __init__(self, spill: Spill, *dtypes: npt.DTypeLike) -> None:
        self._spill, self._dtypes = spill, dtypes
        self._pointers = spill.run(np.int64)
        self._values = [spill.run(dtype) for dtype in dtypes]
        self._ends = [0]

    def add(self, pointers: Ints, *values: Ints) -> None:
        """The next batch, of the same columns: where each begins among ``values``, of which there
        are as many lists as types."""
        self._pointers.append(pointers)
        for run, numbers in zip(self._values, values, strict=True):
            run.append(numbers)
        self._ends.append(len(self._values[0]))

    def merged(self) -> tuple[Ints, list[Ints]]:
        """Where each column begins, and the values of all batches: of each column those of the
        first batch first.
        """
        batches = len(self._ends) - 1
        if batches <= 1:
            pointers = self._pointers.array()
            return pointers if batches else np.zeros(1, dtype=np.int64), [
                run.array() for run in self._values
            ]
        table = self._pointers.array().reshape(batches, -1)
        pointers = np.concatenate(([0], np.cumsum(sum(np.diff(row) for row in table))))
        made = [self._spill.run(dtype) for dtype in self._dtypes]
        for low, high in blocks(
            pointers, self._spill.block, most=max(1, self._spill.block // batches)
        ):
            begin, counts = table[:, low:high], np.diff(table[:, low : high + 1])
            first = pointers[low:high] - pointers[low] + np.cumsum(counts, axis=0) - counts
            at = places(first.ravel(), (first + counts).ravel())
            edges = [
                (end + a, end + b)
                for end, a, b in zip(self._ends, begin[:, 0], table[:, high], strict=False)
            ]
            for run, old in zip(made, (run.array() for run in self._values), strict=True):
                block = np.empty(at.size, dtype=old.dtype)
                block[at] = np.concatenate([old[a:b] for a, b in edges])
                run.append(block)
        return pointers, [run.array() for run in made]


def blocks(pointers: Ints, size: int, *, most: int = BLOCK) -> Iterator[tuple[int, int]]:
    """Half-open ranges of the lists that ``pointers`` tell the beginnings of, each of up to
    ``size`` entries and ``most`` lists, and one list at least."""
    low, last = 0, pointers.size - 1
    while low < last:
        high = int(np.searchsorted(pointers, pointers[low] + size, "right")) - 1
        high = max(low + 1, min(high, last, low + most))
        yield low, high
        low = high
