"""Scratch arrays of the loops: memory that one query after the other uses."""

from __future__ import annotations

import numpy as np

from kb.search.array_types import Sums


class Borrowed:
    """An array of a ``Scratch``, which has it again as soon as nobody holds this."""

    __slots__ = ("_free", "array")

    def __init__(self, array: Sums, free: list[Sums]) -> None:
        self.array = array
        self._free = free

    def __del__(self) -> None:
        self._free.append(self.array)


class Scratch:
    """Arrays of zeros that are used again and again; whoever borrows one leaves it zero.

    A fresh array for every query would cost more than what is done with it: the system hands memory
    out page by page. One for each thread would be dozens, of which few are ever at work.
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
