"""Ranges of lists and the best of a list, by plain numpy.

For index builds and for the few entries of one query. What runs over thousands of entries for every
keystroke is a compiled loop instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import Pointers

_Positions = NDArray[np.int64]  # [entries of all ranges, one range after the other]


def positions_of(starts: Any, ends: Any) -> _Positions:
    """The positions that some half-open ranges cover, one range after the other."""
    counts = ends - starts
    offsets = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return np.asarray(np.arange(int(counts.sum())) + offsets)


def gather(pointers: Pointers, rows: Any) -> tuple[_Positions, _Positions]:
    """The positions of all entries of ``rows`` in a pointer-indexed list, and the row of each.

    >>> gather(np.array([0, 2, 2, 5]), np.array([2, 0]))[0].tolist()
    [2, 3, 4, 0, 1]
    """
    starts, ends = pointers[rows], pointers[rows + 1]
    return positions_of(starts, ends), np.repeat(np.arange(rows.size), ends - starts)


def distinct_numbers(numbers: NDArray[Any]) -> NDArray[Any]:
    """The different ``numbers``, ascending: ``np.unique``, which sorts only what it has put into a
    hash table, and takes ten times as long for whole numbers in large arrays.

    >>> distinct_numbers(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    ordered = np.sort(numbers, axis=None)
    is_first = np.ones(ordered.size, dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return np.asarray(ordered[is_first])


def top_k(documents: Any, scores: Any, k: int) -> Any:
    """The ``k`` best documents, ascending; of equal scores, those that come first.

    >>> top_k(np.arange(5), np.array([1, 2, 2, 3, 2]), 3).tolist()
    [1, 2, 3]
    """
    if documents.size <= k:
        return documents
    least = np.partition(scores, documents.size - k)[documents.size - k]
    above = documents[scores > least]
    ties = documents[scores == least][: k - above.size]
    return np.sort(np.concatenate((above, ties)))


def saturated(frequencies: NDArray[np.int64], k1_units: int) -> NDArray[np.uint8]:
    """The code of each frequency: its share ``f / (k1 + f)`` in 255 steps, half up, 1 at least.

    Exact: these are whole numbers, and no share is nearer to a half than what 64-bit floats can
    tell apart.
    """
    steps = np.floor(255.0 * frequencies / (k1_units + frequencies) + 0.5)
    return np.asarray(np.maximum(steps, 1), dtype=np.uint8)
