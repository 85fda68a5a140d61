"""The loops of ``kernels``, compiled by numba (the ``fast`` extra).

Imported only by ``kernels``, aside, because importing numba takes half a second. What it compiles is kept beside this
file (or in ``NUMBA_CACHE_DIR``), so that it is compiled once in the life of an installation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

_loop = numba.njit(cache=True, nogil=True, boundscheck=False)


@_loop  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def add(sums: Any, docs: Any, codes: Any, worth: Any) -> None:
    for i in range(docs.size):
        sums[docs[i]] += worth[codes[i]]


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def add_row(sums: Any, row: Any, worth: Any) -> None:
    for i in range(row.size):
        sums[i] += worth[row[i]]


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def rows_best(groups: Any, pointers: Any, stems: Any, gains: Any, impact: Any, codes: Any, rows: Any, out: Any) -> None:
    for i in range(rows.size):
        most = 0.0
        for passage in range(groups[rows[i]], groups[rows[i] + 1]):
            summed = 0.0
            for at in range(pointers[passage], pointers[passage + 1]):
                gain = gains[stems[at]]
                if gain:
                    summed += gain * impact[codes[at]]
            most = max(most, summed)
        out[i] = most


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def rows_sum(pointers: Any, entries: Any, value: Any, counts: Any, rows: Any, out: Any) -> None:
    for i in range(rows.size):
        summed = 0.0
        for at in range(pointers[rows[i]], pointers[rows[i] + 1]):
            summed += value[entries[at]] * np.float32(counts[at])
        out[i] = summed


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def best(sums: Any, low: int, high: int, most: int) -> Any:
    """The ``most`` documents of the largest sums, ascending; of equal ones the smallest numbers. A heap."""
    heap, held = np.empty(most, np.int64), 0
    for document in range(low, high):
        value = sums[document]
        if value == 0 or (held == most and value <= sums[heap[0]]):
            continue
        if held < most:
            at = held
            held += 1
            while at > 0:  # rises while it is worse than the one above: a smaller sum, or as small and later
                above = (at - 1) // 2
                if sums[heap[above]] < value or (sums[heap[above]] == value and heap[above] > document):
                    break
                heap[at] = heap[above]
                at = above
        else:
            at = 0
            while True:  # sinks while one of the two below is worse
                below = 2 * at + 1
                if below >= most:
                    break
                right = below + 1
                if right < most and (
                    sums[heap[right]] < sums[heap[below]]
                    or (sums[heap[right]] == sums[heap[below]] and heap[right] > heap[below])
                ):
                    below = right
                if sums[heap[below]] > value or (sums[heap[below]] == value and heap[below] < document):
                    break
                heap[at] = heap[below]
                at = below
        heap[at] = document
    return np.sort(heap[:held])


def loops() -> dict[str, Callable[..., Any]]:
    """All of them by name, compiled for the types that an index has."""
    sums, pointers = np.zeros(1, np.int32), _mapped(np.array([0, 1], np.int64))
    docs, codes, worth = np.zeros(1, np.int32), np.ones(1, np.uint8), np.zeros(256, np.int32)
    value, rows, out = np.ones(256, np.float32), np.zeros(1, np.int64), np.zeros(1, np.float32)
    add(sums, docs, codes, worth)
    add(sums, _mapped(docs), _mapped(codes), worth)
    add_row(sums, _mapped(codes), worth)
    best(sums, 0, 1, 1)
    rows_best(pointers, pointers, _mapped(docs), value, value, _mapped(codes), rows, out)
    rows_sum(pointers, _mapped(docs), value, _mapped(codes), rows, out)
    return {"add": add, "add_row": add_row, "rows_best": rows_best, "rows_sum": rows_sum, "best": best}


def _mapped(array: Any) -> Any:
    """As it comes from a mapped file: to numba, an array that cannot be written is of another type."""
    array = array.copy()
    array.flags.writeable = False
    return array
