"""How are the innermost loops run: by numpy, or compiled?

The same few loops twice. numpy's are complete and always there; with the ``fast`` extra numba
compiles the plain ones (see ``compiled``), and a process that lives long asks for them with
``compile_aside``. Both give the same bytes, as all sums are of whole numbers. Not for deciding
anything: only for running what others decided.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.analysis import char_ngrams
from kb.search.kernels.layout import HALF_STEP, Asked, Directions, Passages, ScratchMarks, Titles

Ints = npt.NDArray[Any]
Floats = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
#: A frequency of 1, where frequencies are added up as whole numbers.
UNIT = 1024


@dataclass(slots=True)
class Kernels:
    """The loops in use; what each does stands with numpy's below. The last ones are None where
    numpy has a better way: ``best`` (see ``lexical``), ``weigh`` and ``order`` (see
    ``ranking``)."""

    add: Callable[[Ints, Ints, Ints, int], None]
    add_row: Callable[[Ints, Ints, int], None]
    add_half: Callable[[Ints, Ints, int, int, int], None]
    unite: Callable[[Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints, int], tuple[Ints, Ints]]
    alike: Callable[[Ints, Ints, Ints, Ints, Ints, Ints, int, Mask], Ints]
    look: Callable[
        [Ints, Passages, Titles, Directions, Asked, ScratchMarks], tuple[Ints, Ints, Ints, Floats]
    ]
    near: Callable[[Ints, Directions, Ints, Ints], Floats]
    pieces: Callable[[Ints, Ints], tuple[Ints, Ints, int]]
    tails: Callable[[Ints, Ints, Ints, Ints, Ints], Ints]
    kin: Callable[[Directions, Ints, Ints, Ints], Floats]
    best: Callable[[Ints, int, int, int], Ints] | None = None
    weigh: Callable[[Floats, Floats, int, float, Ints, float], tuple[Floats, Floats]] | None = None
    order: Callable[[Floats], Ints] | None = None


def _add(sums: Ints, docs: Ints, codes: Ints, worth: int) -> None:
    """To each of ``docs`` add its code times ``worth``."""
    np.add.at(sums, docs, codes * np.int32(worth))


def _add_row(sums: Ints, row: Ints, worth: int) -> None:
    """The same for a term that has a code for every document."""
    sums += row * np.int32(worth)


def _add_half(sums: Ints, half: Ints, worth: int, low: int, high: int) -> None:
    """The same to the documents from ``low`` to ``high``, for a term that has half a byte for every
    document.
    """
    sums[low:high] += opened(half, low, high) * np.int32(worth)


def opened(half: Ints, low: int, high: int) -> Ints:
    """The codes of the documents from ``low`` to ``high``, of which each has half a byte, the even
    ones the lower.
    """
    some = half[low >> 1 : (high + 1) >> 1]
    codes = np.empty(2 * some.size, dtype=np.uint8)
    codes[::2], codes[1::2] = (some & 15) * HALF_STEP, (some >> 4) * HALF_STEP
    return codes[low & 1 :][: high - low]


def _unite(
    sums: Ints,
    docs: Ints,
    codes: Ints,
    starts: Ints,
    ends: Ints,
    rows: Ints,
    dense: Ints,
    units: Ints,
    half: int,
) -> tuple[Ints, Ints]:
    """The documents (ascending) of several ranges of postings, and the code of their frequencies
    added up.

    ``dense`` are those of ``rows``, each with a code for every document, that belong to them too.
    ``units`` is what each code is, in 1/1024; ``half`` is the frequency that is saturated by half.
    ``sums`` has a zero for every document, and has it again afterwards.
    """
    at = places(starts, ends)
    found = docs[at]
    np.add.at(sums, found, units.take(codes[at]))
    for row in dense.tolist():
        sums += units.take(rows[row])
    many = dense.size or found.size * 8 > sums.size
    distinct = np.flatnonzero(sums).astype(np.int32) if many else np.unique(found)
    frequencies = sums[distinct].astype(np.int64)
    sums[distinct] = 0
    return distinct, saturated(frequencies, half)


def saturated(frequencies: Ints, half: int) -> Ints:
    """The code of each frequency in units: its share ``f / (half + f)`` in 255 steps, rounded half
    up, 1 at least.

    Exact: these are whole numbers, and no share is nearer to a half than what 64-bit floats tell
    apart.
    """
    steps = np.floor(255.0 * frequencies / (half + frequencies) + 0.5)
    return np.asarray(np.maximum(steps, 1), dtype=np.uint8)


def _alike(
    sums: Ints,
    docs: Ints,
    weights: Ints,
    starts: Ints,
    ends: Ints,
    worth: Ints,
    most: int,
    allowed: Mask,
) -> Ints:
    """The ``most`` documents (ascending) with the largest sums of weight times ``worth`` over
    ranges of postings.

    Equal ones go to the smaller number. ``allowed`` has a truth for every document, or none at all.
    ``sums`` is left as in ``unite``.
    """
    at = places(starts, ends)
    found = docs[at]
    np.add.at(sums, found, weights[at] * np.repeat(worth, ends - starts))
    distinct = np.flatnonzero(sums)
    scores = sums[distinct]
    sums[distinct] = 0
    if allowed.size:
        keep = allowed[distinct]
        distinct, scores = distinct[keep], scores[keep]
    return top(distinct, scores, most)


def _look(
    documents: Ints,
    passages: Passages,
    titles: Titles,
    topics: Directions,
    asked: Asked,
    marks: ScratchMarks,
) -> tuple[Ints, Ints, Ints, Floats]:
    """Of each document: the score of its best passage; the passage to show, counted from its first;
    the sum of the values of its title's pieces, each as often as it is there; and what ``near``
    says. Every document has a passage.
    """
    np.maximum.at(marks.stems, asked.stems, asked.gains)
    marks.pieces[asked.pieces] = asked.values
    firsts, lasts = passages.of_document[documents], passages.of_document[documents + 1]
    best, at = _best(firsts, lasts, passages, marks.stems)
    low, high = showable(passages.shown[documents], lasts - firsts)
    some = np.flatnonzero(high - low < lasts - firsts)
    if some.size:
        at[some] = (
            low[some] + _best((firsts + low)[some], (firsts + high)[some], passages, marks.stems)[1]
        )
    alike = _sum(titles, marks.pieces, documents)
    marks.stems[asked.stems] = 0
    marks.pieces[asked.pieces] = 0
    return best, at, alike, _near(passages.of_document, topics, asked.direction, documents)


def showable(ranges: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Which of ``counts`` passages may be shown, as ``ranges`` say; one at least."""
    low = np.minimum(ranges[:, 0], counts - 1)
    return low, np.maximum(np.minimum(ranges[:, 1], counts), low + 1)


def _best(firsts: Ints, lasts: Ints, passages: Passages, gains: Ints) -> tuple[Ints, Ints]:
    """Of each range of passages the best score, and the first passage that has it, counted from the
    range's first.
    """
    every, counts = places(firsts, lasts), lasts - firsts
    owner = np.repeat(np.arange(counts.size), counts)
    starts, ends = passages.pointers[every], passages.pointers[every + 1]
    entries = places(starts, ends)
    gain = gains.take(passages.stems.take(entries))
    hits = np.flatnonzero(gain)  # few entries are words of the query
    passage = np.cumsum(ends - starts).searchsorted(hits, "right")
    worth = gain.take(hits) * passages.codes.take(entries.take(hits))
    sums = np.bincount(passage, weights=worth, minlength=every.size).astype(
        np.int64
    )  # whole and small: exact
    best = np.maximum.reduceat(sums, np.cumsum(counts) - counts) if every.size else sums
    at = np.zeros(counts.size, dtype=np.int64)
    are_best = np.flatnonzero(sums == best[owner])[::-1]
    at[owner[are_best]] = every[are_best]  # backwards, so that the first one stays
    return best, at - firsts


def _sum(titles: Titles, values: Ints, rows: Ints) -> Ints:
    starts, ends = titles.pointers[rows], titles.pointers[rows + 1]
    at = places(starts, ends)
    worth = values.take(titles.pieces.take(at))
    hits = np.flatnonzero(worth)
    row = np.cumsum(ends - starts).searchsorted(hits, "right")
    parts = worth.take(hits).astype(np.int64) * titles.counts.take(at.take(hits))
    return np.bincount(row, weights=parts, minlength=rows.size).astype(np.int64)


def _near(groups: Ints, rows: Directions, direction: Ints, documents: Ints) -> Floats:
    """The largest cosine, 0 at least, between ``direction`` and any row of each document's group,
    times the length of ``direction``; 0 without one. No group is empty."""
    if not direction.size or not documents.size:
        return np.zeros(documents.size, dtype=np.float32)
    firsts, lasts = groups[documents], groups[documents + 1]
    at = places(firsts, lasts)
    # A thousand products of two bytes stay below 2**24: exact as 32-bit floats, in whatever order
    # BLAS adds them.
    dots = rows.vectors[at].astype(np.float32) @ direction.astype(np.float32)
    starts = np.cumsum(lasts - firsts) - (lasts - firsts)
    return np.asarray(
        np.maximum(np.maximum.reduceat(dots / rows.lengths[at], starts), 0), dtype=np.float32
    )


def _tails(letters: Ints, begins: Ints, documents: Ints, typed: Ints, lengths: Ints) -> Ints:
    """How many of the tails of ``typed``, of ascending ``lengths``, stand in the title of each
    document; titles are ranges of ``letters`` that begin and end with a space, and no tail has two
    spaces together."""
    starts, ends = begins[documents], begins[documents + 1]
    titles, bounds = letters[places(starts, ends)].tobytes(), np.cumsum(ends - starts)
    found = np.zeros(documents.size, dtype=np.int64)
    for count, length in enumerate(lengths.tolist(), 1):
        tail = typed[typed.size - length :].tobytes()
        between = titles.split(tail)[:-1]
        if not between:  # nor does any title hold a longer one
            break
        at = np.fromiter(accumulate(map(len, between)), dtype=np.int64, count=len(between))
        found[bounds.searchsorted(at + np.arange(at.size) * length, "right")] = count
    return found


def _kin(rows: Directions, passages: Ints, feedback_documents: Ints, worth: Ints) -> Floats:
    """The cosine, 0 at least, between each of ``passages`` and the direction of those at the places
    ``feedback_documents`` together, each counted ``worth`` times, as if that direction had a length of 1
    (which is the same for all)."""
    vectors = rows.vectors[passages]
    middle = worth @ vectors[feedback_documents].astype(np.int64)
    direction = np.rint(middle * (127 / max(1, np.abs(middle).max()))).astype(np.float32)
    # Whole numbers below 2**24, as in ``_near``.
    return np.asarray(
        np.maximum(vectors.astype(np.float32) @ direction, 0) / rows.lengths[passages],
        dtype=np.float32,
    )


def places(starts: Ints, ends: Ints) -> Ints:
    """The places of some ranges, one range after the other."""
    counts = ends - starts
    return np.asarray(
        np.arange(int(counts.sum())) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
    )


def gather(pointers: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """The places of all entries of ``rows`` in a pointer-indexed list, and for each the index into
    ``rows``.
    """
    starts, ends = pointers[rows], pointers[rows + 1]
    return places(starts, ends), np.repeat(np.arange(rows.size), ends - starts)


def top(documents: Ints, scores: Any, most: int) -> Ints:
    """The ``most`` best documents, in ascending order; among equal scores the smallest numbers win."""
    if documents.size <= most:
        return documents
    least = np.partition(scores, documents.size - most)[documents.size - most]
    above = documents[scores > least]
    ties = documents[scores == least][: most - above.size]
    return np.sort(np.concatenate((above, ties)))


def by_numpy() -> Kernels:
    return Kernels(
        _add,
        _add_row,
        _add_half,
        _unite,
        _alike,
        _look,
        _near,
        char_ngrams.ngram_numbers,
        _tails,
        _kin,
    )


@functools.cache
def kernels() -> Kernels:
    """This process's loops: numpy's, until ``compile_aside`` was called and is done."""
    return by_numpy()


def compile_aside() -> threading.Thread:
    """Let this process go over to compiled loops as soon as they are ready, if the ``fast`` extra
    is installed.
    """
    thread = threading.Thread(target=_upgrade, args=(kernels(),), name="kernels", daemon=True)
    thread.start()
    return thread


def _upgrade(chosen: Kernels) -> None:
    try:
        from kb.search.kernels import numba_loops as compiled
    except ImportError:
        return  # without the extra
    loops = compiled.loops()
    for field in fields(Kernels):
        setattr(chosen, field.name, loops[field.name])


class Scratch(threading.local):
    """Arrays of zeros that are used again and again, one set for each thread; who uses one leaves
    it zero.

    A fresh array for every query would cost more than what is done with it: the system hands memory
    out page by page.
    """

    def __init__(self, **sizes: int) -> None:
        self._sizes = sizes
        self._arrays: dict[str, Ints] = {}

    def __getitem__(self, name: str) -> Ints:
        found = self._arrays.get(name)
        if found is None:
            found = self._arrays[name] = np.zeros(self._sizes[name], dtype=np.int32)
        return found
