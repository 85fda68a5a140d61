"""Scratch arrays of the loops: memory that one query after another uses."""

from __future__ import annotations

import numpy as np

from kb.search.array_types import Sums


class Borrowed:
    """An array of a ``Scratch``. It is returned when this object is no longer referenced."""

    __slots__ = ("_free", "array")

    def __init__(self, array: Sums, free: list[Sums]) -> None:
        self.array = array
        self._free = free

    def __del__(self) -> None:
        self._free.append(self.array)


class Scratch:
    """Arrays of zeros that are used again and again. The borrower must leave the array zero.

    A new array for every query would take longer than the work on it, because the system provides
    memory page by page. One array for each thread would mean dozens, of which few are ever in use.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[Sums] = []

    def borrow(self) -> Borrowed:
        try:
            array = self._free.pop()
        except IndexError:
            array = np.zeros(self._size, dtype=np.int32)
        return Borrowed(array, self._free)
