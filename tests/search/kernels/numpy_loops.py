"""The innermost loops by plain numpy: the reference that the compiled ones are compared with.

What each one does stands in ``kb.search.kernels.layout.Loops``.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis import char_ngrams
from kb.search.kernels.layout import (
    GAIN_BITS,
    Headings,
    Passages,
    PassageVectors,
    QueryFeatures,
    ScratchMarks,
    Titles,
)
from kb.search.kernels.ranges import positions_of, saturated, showable, top_k

Ints = NDArray[Any]
Floats = NDArray[Any]


def add_postings(sums: Ints, docs: Ints, codes: Ints, step: int, /) -> None:
    np.add.at(sums, docs, codes * np.int32(step))


def add_row(sums: Ints, row: Ints, step: int, /) -> None:
    sums += row * np.int32(step)


def union_postings(
    sums: Ints,
    docs: Ints,
    codes: Ints,
    starts: Ints,
    ends: Ints,
    rows: Ints,
    dense: Ints,
    units: Ints,
    k1_units: int,
    /,
) -> tuple[Ints, Ints]:
    entries = positions_of(starts, ends)
    np.add.at(sums, docs[entries], units.take(codes[entries]))
    for row in dense.tolist():
        sums += units.take(rows[row])
    union = np.flatnonzero(sums).astype(np.int32)
    frequencies = sums[union].astype(np.int64)
    sums[union] = 0
    return union, saturated(frequencies, k1_units)


def top_sums(sums: Ints, low: int, high: int, k: int, /) -> Ints:
    documents = low + np.flatnonzero(sums[low:high] > 0)
    best: Ints = top_k(documents, sums[documents], k)
    return best


def top_titles(
    sums: Ints,
    docs: Ints,
    weights: Ints,
    starts: Ints,
    ends: Ints,
    gains: Ints,
    k: int,
    allowed: Ints,
    /,
) -> Ints:
    entries = positions_of(starts, ends)
    np.add.at(sums, docs[entries], weights[entries] * np.repeat(gains, ends - starts))
    documents = np.flatnonzero(sums)
    scores = sums[documents]
    sums[documents] = 0
    if allowed.size:
        kept = allowed[documents]
        documents, scores = documents[kept], scores[kept]
    best: Ints = top_k(documents, scores, k)
    return best


def rescore(
    documents: Ints,
    passages: Passages,
    titles: Titles,
    vectors: PassageVectors,
    features: QueryFeatures,
    marks: ScratchMarks,
    /,
) -> tuple[Ints, Ints, Ints, Floats]:
    # In the order of gains, so that of a stem that is named twice the larger one stays.
    mask = (1 << GAIN_BITS) - 1
    for i in np.argsort(-(features.gains & mask), kind="stable").tolist():
        if not marks.stems[features.stems[i]]:
            marks.stems[features.stems[i]] = features.gains[i]
    marks.ngrams[features.ngrams] = features.ngram_gains
    firsts = passages.document_pointers[documents]
    lasts = passages.document_pointers[documents + 1]
    best, shown = _best_passages(firsts, lasts, passages, marks.stems)
    low, high = showable(passages.shown[documents], lasts - firsts)
    some = np.flatnonzero(high - low < lasts - firsts)
    if some.size:
        _, offsets = _best_passages(
            (firsts + low)[some], (firsts + high)[some], passages, marks.stems
        )
        shown[some] = low[some] + offsets
    sums = _sum_gains(titles, marks.ngrams, documents)
    marks.stems[features.stems] = 0
    marks.ngrams[features.ngrams] = 0
    pointers = passages.document_pointers
    return best, shown, sums, nearest_passages(pointers, vectors, features.direction, documents)


def _best_passages(firsts: Ints, lasts: Ints, passages: Passages, gains: Ints) -> tuple[Ints, Ints]:
    """Of each range of passages the best score, and the offset of the first that has it."""
    every, counts, mask = positions_of(firsts, lasts), lasts - firsts, (1 << GAIN_BITS) - 1
    owner = np.repeat(np.arange(counts.size), counts)
    starts, ends = passages.pointers[every], passages.pointers[every + 1]
    entries = positions_of(starts, ends)
    gain = gains.take(passages.stems.take(entries))
    hits = np.flatnonzero(gain)
    passage = np.cumsum(ends - starts).searchsorted(hits, "right")
    parts = (gain.take(hits) & mask).astype(np.int64) * passages.codes.take(entries.take(hits))
    group = gain.take(hits) >> GAIN_BITS
    sums = np.zeros(every.size, dtype=np.int64)
    np.add.at(sums, passage[group == 0], parts[group == 0])
    for number in np.unique(group[group > 0]).tolist():
        most = np.zeros(every.size, dtype=np.int64)
        np.maximum.at(most, passage[group == number], parts[group == number])
        sums += most
    best = np.maximum.reduceat(sums, np.cumsum(counts) - counts) if every.size else sums
    first = np.zeros(counts.size, dtype=np.int64)
    are_best = np.flatnonzero(sums == best[owner])[::-1]
    first[owner[are_best]] = every[are_best]  # backwards, so that the first one stays
    return best, first - firsts


def _sum_gains(titles: Titles, gains: Ints, rows: Ints) -> Ints:
    starts, ends = titles.pointers[rows], titles.pointers[rows + 1]
    entries = positions_of(starts, ends)
    gain = gains.take(titles.ngrams.take(entries))
    hits = np.flatnonzero(gain)
    row = np.cumsum(ends - starts).searchsorted(hits, "right")
    parts = gain.take(hits).astype(np.int64) * titles.counts.take(entries.take(hits))
    return np.bincount(row, weights=parts, minlength=rows.size).astype(np.int64)


def coverage(
    rows: Ints,
    passages: Passages,
    headings: Headings,
    documents: Ints,
    stems: Ints,
    idfs: Floats,
    /,
) -> tuple[Ints, Ints]:
    held = np.zeros((rows.size, 3, stems.size), dtype=bool)
    weight = np.zeros((rows.size, 2, 2), dtype=np.int64)
    idf = np.rint(idfs.astype(np.float64) * 4096).astype(np.int64)
    for i, (row, document) in enumerate(zip(rows.tolist(), documents.tolist(), strict=True)):
        texts = (
            passages.stems[passages.pointers[row] : passages.pointers[row + 1]],
            headings.stems[headings.pointers[row] : headings.pointers[row + 1]],
            headings.title_stems[slice(*headings.title_pointers[document : document + 2])],
        )
        for part, text in enumerate(texts):
            held[i, part] = np.isin(stems, text)
            if part:
                asked = np.isin(text, stems)
                weight[i, part - 1] = idf[text].sum(), idf[text[asked]].sum()
    return held, weight


def nearest_passages(
    pointers: Ints, vectors: PassageVectors, direction: Ints, documents: Ints, /
) -> Floats:
    if not direction.size or not documents.size:
        return np.zeros(documents.size, dtype=np.float32)
    firsts, lasts = pointers[documents], pointers[documents + 1]
    every = positions_of(firsts, lasts)
    # A thousand products of two bytes stay below 2**24: exact as 32-bit floats, in whatever order
    # BLAS adds them.
    dots = vectors.vectors[every].astype(np.float32) @ direction.astype(np.float32)
    starts = np.cumsum(lasts - firsts) - (lasts - firsts)
    nearest = np.maximum.reduceat(dots / vectors.lengths[every], starts)
    return np.asarray(np.maximum(nearest, 0), dtype=np.float32)


def count_ngrams(points: Ints, vocabulary: Ints, /) -> tuple[Ints, Ints, int]:
    hashes, _ = char_ngrams.ngram_hashes(points)
    if not vocabulary.size:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), int(hashes.size)
    positions = np.minimum(vocabulary.searchsorted(hashes), vocabulary.size - 1)
    known = positions[vocabulary[positions] == hashes]
    numbers, counts = np.unique(known, return_counts=True)
    return numbers, counts, int(hashes.size - known.size)


def matching_tails(
    letters: Ints, pointers: Ints, documents: Ints, typed: Ints, lengths: Ints, /
) -> Ints:
    starts, ends = pointers[documents], pointers[documents + 1]
    titles, bounds = letters[positions_of(starts, ends)].tobytes(), np.cumsum(ends - starts)
    counts = np.zeros(documents.size, dtype=np.int64)
    for count, length in enumerate(lengths.tolist(), 1):
        tail = typed[typed.size - length :].tobytes()
        between = titles.split(tail)[:-1]
        if not between:  # nor does any title hold a longer one
            break
        offsets = np.fromiter(accumulate(map(len, between)), dtype=np.int64, count=len(between))
        offsets += np.arange(offsets.size) * length
        counts[bounds.searchsorted(offsets, "right")] = count
    return counts


def feedback_cosines(
    vectors: PassageVectors, passages: Ints, feedback: Ints, weights: Ints, /
) -> Floats:
    rows = vectors.vectors[passages]
    middle = weights @ rows[feedback].astype(np.int64)
    direction = np.rint(middle * (127 / max(1, np.abs(middle).max()))).astype(np.float32)
    # Whole numbers below 2**24, as in ``nearest_passages``.
    cosines = np.maximum(rows.astype(np.float32) @ direction, 0) / vectors.lengths[passages]
    return np.asarray(cosines, dtype=np.float32)


def count_values(documents: Ints, pointers: Ints, codes: Ints, size: int, /) -> Ints:
    entries = positions_of(pointers[documents], pointers[documents + 1])
    return np.bincount(codes[entries], minlength=size)
