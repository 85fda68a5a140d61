"""The loops that find documents and count them: over postings, n-grams and columns.

``layout.Loops`` says what each one does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kb.search.analysis.char_ngrams import ACROSS, BASIS, PRIME, REACH, SPACE
from kb.search.kernels.compiled import compiled
from kb.search.kernels.layout import NGRAM_GAIN, NGRAM_WEIGHT

_BLOCK = 64  # documents, at most, whose largest sum stands for all of them
_LOW = 0xFFFFFFFF  # the lower half of a key: of equal scores, the smaller number is the larger key


@compiled
def add_postings(sums: Any, docs: Any, codes: Any, step: Any) -> None:
    each = np.int32(step)
    for i in range(docs.size):
        sums[docs[i]] += np.int32(codes[i]) * each


@compiled
def add_row(sums: Any, row: Any, step: Any) -> None:
    each = np.int32(step)
    for i in range(row.size):
        sums[i] += np.int32(row[i]) * each


@compiled
def raise_postings(sums: Any, docs: Any, codes: Any, step: Any) -> None:
    each = np.int32(step)
    for i in range(docs.size):
        sums[docs[i]] = max(sums[docs[i]], np.int32(codes[i]) * each)


@compiled
def raise_row(sums: Any, row: Any, step: Any) -> None:
    each = np.int32(step)
    for i in range(row.size):
        sums[i] = max(sums[i], np.int32(row[i]) * each)


@compiled
def take_postings(sums: Any, steps: int) -> Any:
    # Each is written, and stays if it counts: of two documents about one does, so that a branch
    # would be mispredicted too often.
    docs, values, filled = np.empty(sums.size, np.int32), np.empty(sums.size, np.int32), 0
    for i in range(sums.size):
        docs[filled], values[filled] = i, sums[i]
        filled += sums[i] > 0
        sums[i] = 0

    most, codes = np.int32(0), np.empty(filled, np.uint8)
    for i in range(filled):
        most = max(most, values[i])
    step = max(1, (most + steps - 1) // steps)
    for i in range(filled):
        codes[i] = max(1, int(values[i] / step))
    return docs[:filled].copy(), codes, step


@compiled
def union_postings(
    sums: Any,
    docs: Any,
    codes: Any,
    starts: Any,
    ends: Any,
    rows: Any,
    dense: Any,
    units: Any,
    k1_units: int,
) -> Any:
    most = sums.size if dense.size else min(sums.size, np.sum(ends - starts))
    union, filled = np.empty(most + 1, np.int32), 0
    for r in range(starts.size):
        for i in range(starts[r], ends[r]):
            doc = docs[i]
            if sums[doc] == 0:
                union[filled] = doc
                filled += 1
            sums[doc] += units[codes[i]]
    for r in range(dense.size):
        row = rows[dense[r]]
        for doc in range(row.size):
            sums[doc] += units[row[doc]]

    # Where there are many, looking at every document finds them sooner than sorting does.
    if dense.size or filled * 16 > sums.size:
        filled = 0
        for doc in range(sums.size):  # without a branch, as in ``take_postings``
            union[filled] = doc
            filled += sums[doc] > 0
        union = union[:filled]
    else:
        union = np.sort(union[:filled])

    saturated = np.empty(filled, np.uint8)
    for i in range(filled):
        frequency = sums[union[i]]
        sums[union[i]] = 0
        saturated[i] = max(1, int(255.0 * frequency / (k1_units + frequency) + 0.5))
    return union, saturated


@compiled
def top_sums(sums: Any, low: int, high: int, k: int) -> Any:
    # The largest sum of each block of documents comes first: what ``k`` of the blocks reach, ``k``
    # documents reach, so that only documents which reach it are sorted.
    size = min(_BLOCK, max(1, (high - low) // (4 * k)))
    count = (high - low + size - 1) // size
    peaks = np.empty(count, np.int32)
    for j in range(count):
        block, peak = sums[low + j * size : min(high, low + (j + 1) * size)], np.int32(0)
        for i in range(block.size):
            peak = max(peak, block[i])
        peaks[j] = peak
    floor = np.int32(1)
    if count >= k:
        floor = max(floor, np.partition(peaks, count - k)[count - k])

    keys, filled, ties = np.empty((min(count, k) + 1) * size + k, np.int64), 0, 0
    for j in range(count):
        if peaks[j] < floor:
            continue
        for document in range(low + j * size, min(high, low + (j + 1) * size)):
            value = sums[document]
            if value > floor or (value == floor and ties < k):
                ties += value == floor
                keys[filled] = (np.int64(value) << 32) | (_LOW - document)
                filled += 1
    largest = np.sort(keys[:filled])[max(0, filled - k) :]
    return np.sort(_LOW - (largest & _LOW))


@compiled
def _offer(heap: Any, filled: Any, key: Any) -> Any:
    """Put ``key`` into a heap that keeps its largest; returns how many it holds."""
    if filled < heap.size:
        position = filled
        while position > 0 and heap[(position - 1) // 2] > key:
            heap[position] = heap[(position - 1) // 2]
            position = (position - 1) // 2
        heap[position] = key
        return filled + 1
    position = 0
    while 2 * position + 1 < heap.size:
        child = 2 * position + 1
        if child + 1 < heap.size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= key:
            break
        heap[position] = heap[child]
        position = child
    heap[position] = key
    return filled


@compiled
def top_titles(
    sums: Any, docs: Any, weights: Any, starts: Any, ends: Any, gains: Any, k: int, allowed: Any
) -> Any:
    touched, count = np.empty(np.sum(ends - starts), np.int32), 0
    for r in range(starts.size):
        gain = gains[r]
        for i in range(starts[r], ends[r]):
            doc = docs[i]
            if sums[doc] == 0:
                touched[count] = doc
                count += 1
            sums[doc] += np.int32(weights[i]) * gain

    heap, filled = np.empty(k, np.int64), 0
    for i in range(count):
        doc = touched[i]
        value = np.int64(sums[doc])
        sums[doc] = 0
        # A document whose weights are all 0 is touched more than once: nothing is left of it here.
        if value > 0 and (allowed.size == 0 or allowed[doc]):
            key = (value << 32) | (_LOW - doc)
            if filled < k or key > heap[0]:
                filled = _offer(heap, filled, key)
    return np.sort(_LOW - (heap[:filled] & _LOW))


@compiled
def _ngram_number(points: Any, low: int, high: int, vocabulary: Any) -> Any:
    """The position of an n-gram in the vocabulary, or -1."""
    value = np.uint32(BASIS)
    for i in range(low, high):
        value = np.uint32((value ^ points[i]) * np.uint32(PRIME))
    first, last = np.int64(0), np.int64(vocabulary.size)
    while first < last:
        middle = (first + last) >> 1
        if vocabulary[middle] < value:
            first = middle + 1
        else:
            last = middle
    return first if first < vocabulary.size and vocabulary[first] == value else np.int64(-1)


@compiled
def _around(points: Any, space: int) -> Any:
    """The range of letters to look at around a ``space`` between two words."""
    low, high = space - 1, space + 1
    while space - low < REACH and points[low] != SPACE:
        low -= 1
    while high - space < REACH and points[high] != SPACE:
        high += 1
    return low, high + 1


@compiled
def _count_ngrams(points: Any, vocabulary: Any) -> Any:
    numbers, filled = np.empty(4 * points.size, np.int64), 0
    for i in range(points.size - 2):
        if points[i + 1] != SPACE:
            numbers[filled] = _ngram_number(points, i, i + 3, vocabulary)
            filled += 1
            lone = points[i] == SPACE and points[i + 2] == SPACE
            if lone:  # too short for four letters: its three count twice
                numbers[filled] = numbers[filled - 1]
                filled += 1
            elif points[i + 2] != SPACE:
                numbers[filled] = _ngram_number(points, i, i + 4, vocabulary)
                filled += 1
        elif points[i] != SPACE and points[i + 2] != SPACE:
            low, high = _around(points, i + 1)
            for j in range(low, max(low + 1, high - ACROSS + 1)):
                numbers[filled] = _ngram_number(points, j, min(high, j + ACROSS), vocabulary)
                filled += 1

    numbers = np.sort(numbers[:filled])
    unknown = np.searchsorted(numbers, 0)
    known, counts, distinct = numbers[unknown:], np.zeros(filled - unknown, np.int64), 0
    for i in range(known.size):
        if i == 0 or known[i] != known[distinct - 1]:
            known[distinct] = known[i]
            distinct += 1
        counts[distinct - 1] += 1
    return known[:distinct], counts[:distinct], unknown


@compiled
def ngram_vector(points: Any, vocabulary: Any, idfs: Any, unseen_idf: float) -> Any:
    ngrams, counts, unknown = _count_ngrams(points, vocabulary)
    weights, gains = np.empty(ngrams.size, np.int32), np.empty(ngrams.size, np.int32)
    square = unknown * unseen_idf * unseen_idf
    for i in range(ngrams.size):
        square += (counts[i] * np.float64(idfs[ngrams[i]])) ** 2
    length = np.sqrt(square)
    for i in range(ngrams.size):
        idf = np.float64(idfs[ngrams[i]])
        unit = counts[i] * idf / length
        weights[i] = np.int32(np.rint(unit * NGRAM_WEIGHT))
        gains[i] = np.int32(np.rint(unit * idf * NGRAM_GAIN))
    return ngrams, weights, gains


@compiled
def count_values(documents: Any, pointers: Any, codes: Any, size: int) -> Any:
    counts = np.zeros(size, np.int32)
    for document in documents:
        for i in range(pointers[document], pointers[document + 1]):
            counts[codes[i]] += 1
    return counts


@compiled
def _keep_largest(sums: Any, best: Any, scores: Any) -> None:
    """Fills ``best`` with the positions of the largest ``sums``, largest first; of equal ones, the
    first. ``scores`` are smaller than any sum, and then these sums.
    """
    last = scores.size - 1
    least = scores[last]
    for position in range(sums.size):
        if sums[position] > least:
            place = last
            while place > 0 and scores[place - 1] < sums[position]:
                best[place], scores[place] = best[place - 1], scores[place - 1]
                place -= 1
            best[place], scores[place] = position, sums[position]
            least = scores[last]


@compiled
def top_products(
    pointers: Any,
    columns: Any,
    values: Any,
    table_pointers: Any,
    table_columns: Any,
    table_values: Any,
    width: int,
    k: int,
) -> Any:
    rows = pointers.size - 1
    best, scores = np.zeros((rows, k), np.int32), np.full((rows, k), np.float32(-1), np.float32)
    sums = np.empty(width, np.float32)
    for r in range(rows):
        sums[:] = 0
        for i in range(pointers[r], pointers[r + 1]):
            low, high = table_pointers[columns[i]], table_pointers[columns[i] + 1]
            row, factors, value = table_columns[low:high], table_values[low:high], values[i]
            for j in range(row.size):
                sums[row[j]] += value * factors[j]
        _keep_largest(sums, best[r], scores[r])
    return best, scores
