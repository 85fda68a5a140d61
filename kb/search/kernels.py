"""How are the innermost loops run: by numpy, or compiled?

The same few loops twice. numpy's are complete and always there; with the ``fast`` extra numba compiles the plain ones
in the background (or takes them from its cache), and they are used from then on. Both give the same bytes: sums are of
whole numbers, or are made in the same order. Not for deciding anything: only for running what others decided.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]
Floats = npt.NDArray[Any]


@dataclass(slots=True)
class Kernels:
    """The loops in use. ``best`` is None where numpy has a better way than a loop."""

    add: Callable[[Ints, Ints, Ints, Ints], None]
    add_row: Callable[[Ints, Ints, Ints], None]
    rows_best: Callable[[Ints, Ints, Ints, Floats, Floats, Ints, Ints, Floats], None]
    rows_sum: Callable[[Ints, Ints, Floats, Ints, Ints, Floats], None]
    best: Callable[[Ints, int, int, int], Ints] | None = None


def _add(sums: Ints, docs: Ints, codes: Ints, worth: Ints) -> None:
    """To each of ``docs`` add what its code is worth."""
    np.add.at(sums, docs, worth.take(codes))


def _add_row(sums: Ints, row: Ints, worth: Ints) -> None:
    sums += worth.take(row)


def _rows_best(
    groups: Ints, pointers: Ints, stems: Ints, gains: Floats, impact: Floats, codes: Ints, rows: Ints, out: Floats
) -> None:
    """The best passage of each of ``rows``: its passages are a range, each with its stems and codes in a range."""
    firsts, lasts = groups[rows], groups[rows + 1]
    starts = pointers[firsts]
    entries, ends = _joined(stems, starts, pointers[lasts])
    worth = gains.take(entries)
    hits = np.flatnonzero(worth)  # few entries are words of the query
    row = ends.searchsorted(hits, "right")
    at = hits + (starts - np.concatenate(([0], ends[:-1])))[row]
    passages, _ = gather(groups, rows)
    order = np.argsort(passages, kind="stable")
    passage = pointers[passages[order]].searchsorted(at, "right") - 1
    sums = np.bincount(passage, weights=worth[hits] * impact.take(codes[at]), minlength=passages.size)
    inverse = np.empty_like(order)
    inverse[order] = np.arange(order.size)
    counts = lasts - firsts
    out[:] = np.maximum.reduceat(sums[inverse], np.cumsum(counts) - counts)


def _rows_sum(pointers: Ints, entries: Ints, value: Floats, counts: Ints, rows: Ints, out: Floats) -> None:
    """The sum of the values of each row's entries, each as often as it is there."""
    starts = pointers[rows]
    found, ends = _joined(entries, starts, pointers[rows + 1])
    worth = value.take(found)
    hits = np.flatnonzero(worth)
    row = ends.searchsorted(hits, "right")
    at = hits + (starts - np.concatenate(([0], ends[:-1])))[row]
    out[:] = np.bincount(row, weights=worth[hits] * counts[at], minlength=rows.size)


def _joined(entries: Ints, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """The entries of some ranges one after the other, and where each range ends among them."""
    ranges = zip(starts.tolist(), ends.tolist(), strict=True)
    return np.concatenate([entries[a:b] for a, b in ranges]), np.cumsum(ends - starts)


def gather(pointers: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """The places of all entries of ``rows`` in a pointer-indexed list, and for each the index into ``rows``."""
    starts, counts = pointers[rows], pointers[rows + 1] - pointers[rows]
    owner = np.repeat(np.arange(rows.size), counts)
    offsets = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return np.arange(int(counts.sum())) + offsets, owner


def by_numpy() -> Kernels:
    return Kernels(_add, _add_row, _rows_best, _rows_sum)


@functools.cache
def kernels() -> Kernels:
    """This process's loops: numpy's at first, the compiled ones as soon as they are ready, if they ever are."""
    chosen = by_numpy()
    threading.Thread(target=_upgrade, args=(chosen,), name="kernels", daemon=True).start()
    return chosen


def _upgrade(chosen: Kernels) -> None:
    try:
        from kb.search import compiled
    except ImportError:
        return  # without the extra
    for name, loop in compiled.loops().items():
        setattr(chosen, name, loop)
