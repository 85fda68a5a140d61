"""The innermost loops, compiled by numba; ``layout.Loops`` says what each one does.

Imported by ``compilation`` alone, which first sets where the compiled code is kept. Importing numba
takes a quarter of a second, so nothing imports this module before an index is searched.

Inner loops run over slices, from 0: only then does the compiler know that no position is negative,
and handles eight numbers at a time. Constants and tuples of other modules are compiled in: a module
that this one imports belongs to ``compilation.SOURCES``.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from kb.search.analysis.char_ngrams import ACROSS, BASIS, PRIME, REACH, SPACE
from kb.search.kernels.layout import (
    GAIN_BITS,
    Headings,
    Passages,
    PassageVectors,
    QueryFeatures,
    ScratchMarks,
    Titles,
)

_config: Any = numba.config
_loop = numba.njit(cache=bool(_config.CACHE_DIR), nogil=True, boundscheck=False)
_BLOCK = 64  # documents, at most, whose largest sum stands for all of them
_LOW = 0xFFFFFFFF  # the lower half of a key: of equal scores, the smaller number is the larger key


@_loop  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def add_postings(sums: Any, docs: Any, codes: Any, step: Any) -> None:
    each = np.int32(step)
    for i in range(docs.size):
        sums[docs[i]] += np.int32(codes[i]) * each


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def add_row(sums: Any, row: Any, step: Any) -> None:
    each = np.int32(step)
    for i in range(row.size):
        sums[i] += np.int32(row[i]) * each


@_loop  # type: ignore[untyped-decorator, unused-ignore]
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
    union, filled = np.empty(most, np.int32), 0
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
        for doc in range(sums.size):
            if sums[doc]:
                union[filled] = doc
                filled += 1
        union = union[:filled]
    else:
        union = np.sort(union[:filled])

    saturated = np.empty(filled, np.uint8)
    for i in range(filled):
        frequency = sums[union[i]]
        sums[union[i]] = 0
        saturated[i] = max(1, int(255.0 * frequency / (k1_units + frequency) + 0.5))
    return union, saturated


@_loop  # type: ignore[untyped-decorator, unused-ignore]
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


@_loop  # type: ignore[untyped-decorator, unused-ignore]
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


@_loop  # type: ignore[untyped-decorator, unused-ignore]
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


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _prefetch(documents: Any, passages: Any, titles: Any, vectors: Any) -> Any:
    """Touch every line of memory that is about to be read.

    These loads wait for nothing, so that the processor makes many at once (a third of the time at
    100,000 documents). Returns what the compiler cannot leave out.
    """
    touched = np.int64(0)
    for document in documents:
        touched ^= passages.document_pointers[document]
        touched ^= titles.pointers[document] ^ passages.shown[document, 0]
    for document in documents:
        first = passages.document_pointers[document]
        last = passages.document_pointers[document + 1]
        touched ^= passages.pointers[first] ^ passages.pointers[last]
        for entry in range(titles.pointers[document], titles.pointers[document + 1], 16):
            touched ^= titles.ngrams[entry] ^ titles.counts[entry]
        if vectors.lengths.size:
            touched ^= np.int64(vectors.lengths[first])
            components = vectors.vectors[first:last].reshape(-1)
            for component in range(0, components.size, 64):
                touched ^= components[component]
    for document in documents:
        first = passages.document_pointers[document]
        last = passages.document_pointers[document + 1]
        for entry in range(passages.pointers[first], passages.pointers[last], 16):
            touched ^= passages.stems[entry] ^ passages.codes[entry]
    return touched


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _bits(numbers: Any, size: int) -> Any:
    """A bit for each number, in an array so small that it stays in the processor's cache."""
    bits = np.zeros((size >> 5) + 1, np.uint32)
    for number in numbers:
        bits[number >> 5] |= np.uint32(1) << np.uint32(number & 31)
    return bits


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _has(bits: Any, number: Any) -> Any:
    word = bits[np.uint32(number) >> np.uint32(5)]
    return word >> (np.uint32(number) & np.uint32(31)) & np.uint32(1)


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _sum_gains(gains: Any, bits: Any, entries: Any, times: Any) -> Any:
    """What some entries gain together; as most gain nothing, sixteen are asked at once."""
    total, whole = np.int64(0), entries.size & ~15
    for start in range(0, whole, 16):
        block, any_of = entries[start : start + 16], np.uint32(0)
        for i in range(16):
            any_of |= _has(bits, block[i])
        if any_of:
            for i in range(16):
                if _has(bits, block[i]):
                    total += np.int64(gains[block[i]]) * times[start + i]
    for i in range(whole, entries.size):
        if _has(bits, entries[i]):
            total += np.int64(gains[entries[i]]) * times[i]
    return total


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _sum_best_gains(gains: Any, bits: Any, entries: Any, times: Any, best: Any) -> Any:
    """The same, where of each group of equals only the best counts; ``best`` has a place for each
    group, and 0 for what stands alone.
    """
    total, mask, whole = np.int64(0), (1 << GAIN_BITS) - 1, entries.size & ~15
    best[:] = 0
    for start in range(0, entries.size, 16):
        any_of = np.uint32(start >= whole)
        if not any_of:
            block = entries[start : start + 16]
            for i in range(16):
                any_of |= _has(bits, block[i])
        if any_of:
            for i in range(start, min(start + 16, entries.size)):
                if _has(bits, entries[i]):
                    group = gains[entries[i]] >> GAIN_BITS
                    value = np.int64(gains[entries[i]] & mask) * times[i]
                    if group == 0:
                        total += value
                    elif value > best[group]:
                        total += value - best[group]
                        best[group] = value
    return total


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _nearest(vectors: Any, first: int, last: int, direction: Any) -> Any:
    nearest = np.float32(0)
    for passage in range(first, last):
        vector, dot = vectors.vectors[passage], np.int32(0)
        for d in range(direction.size):
            dot += np.int32(vector[d]) * np.int32(direction[d])
        nearest = max(nearest, np.float32(dot) / vectors.lengths[passage])
    return nearest


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _best_passage(passages: Any, document: int, bits: Any, gains: Any, groups: Any) -> Any:
    """The best score of a document's passages, and the best one that may be shown."""
    first, last = passages.document_pointers[document], passages.document_pointers[document + 1]
    low = min(np.int64(passages.shown[document, 0]), last - first - 1)
    high = max(min(np.int64(passages.shown[document, 1]), last - first), low + 1)
    best, best_shown, shown = np.int64(-1), np.int64(-1), low
    for passage in range(first, last):
        a, b = passages.pointers[passage], passages.pointers[passage + 1]
        stems, codes = passages.stems[a:b], passages.codes[a:b]
        if groups.size > 1:
            score = _sum_best_gains(gains, bits, stems, codes, groups)
        else:
            score = _sum_gains(gains, bits, stems, codes)
        best = max(best, score)
        if score > best_shown and low <= passage - first < high:
            best_shown, shown = score, passage - first
    return best, shown


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _mark(features: Any, marks: Any) -> None:
    mask = (1 << GAIN_BITS) - 1
    for i in range(features.stems.size):
        stem = features.stems[i]
        if features.gains[i] & mask > marks.stems[stem] & mask:
            marks.stems[stem] = features.gains[i]
    for i in range(features.ngrams.size):
        marks.ngrams[features.ngrams[i]] = features.ngram_gains[i]


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _stands_in(stems: Any, low: int, high: int, stem: Any) -> Any:
    """Whether ``stem`` is among some ascending ones."""
    end = high
    while low < high:
        middle = (low + high) >> 1
        if stems[middle] < stem:
            low = middle + 1
        else:
            high = middle
    return low < end and stems[low] == stem


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _weigh(held: Any, low: int, high: int, asked: Any, idfs: Any, weight: Any) -> None:
    """Add up what the stems of a heading weigh, and those of them that are asked for."""
    for i in range(low, high):
        idf = np.int64(np.rint(np.float64(idfs[held[i]]) * 4096))
        weight[0] += idf
        if _stands_in(asked, 0, asked.size, held[i]):
            weight[1] += idf


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def coverage(rows: Any, passages: Any, headings: Any, documents: Any, stems: Any, idfs: Any) -> Any:
    held = np.zeros((rows.size, 3, stems.size), np.bool_)
    weight = np.zeros((rows.size, 2, 2), np.int64)
    asked = np.sort(stems)
    for i in range(rows.size):
        row, document = rows[i], documents[i]
        a, b = passages.pointers[row], passages.pointers[row + 1]
        c, d = headings.pointers[row], headings.pointers[row + 1]
        e, f = headings.title_pointers[document], headings.title_pointers[document + 1]
        for j in range(stems.size):
            held[i, 0, j] = _stands_in(passages.stems, a, b, stems[j])
            held[i, 1, j] = _stands_in(headings.stems, c, d, stems[j])
            held[i, 2, j] = _stands_in(headings.title_stems, e, f, stems[j])
        _weigh(headings.stems, c, d, asked, idfs, weight[i, 0])
        _weigh(headings.title_stems, e, f, asked, idfs, weight[i, 1])
    return held, weight


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def nearest_passages(pointers: Any, vectors: Any, direction: Any, documents: Any) -> Any:
    cosines = np.zeros(documents.size, np.float32)
    if direction.size:
        for i in range(documents.size):
            first, last = pointers[documents[i]], pointers[documents[i] + 1]
            cosines[i] = _nearest(vectors, first, last, direction)
    return cosines


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def rescore(
    documents: Any, passages: Any, titles: Any, vectors: Any, features: Any, marks: Any
) -> Any:
    size = documents.size
    best, shown, sums = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    _mark(features, marks)
    stems = _bits(features.stems, marks.stems.size)
    ngrams = _bits(features.ngrams, marks.ngrams.size)
    groups = np.empty(features.groups + 1, np.int64)
    if size:
        best[0] = _prefetch(documents, passages, titles, vectors)
    for i in range(size):
        best[i], shown[i] = _best_passage(passages, documents[i], stems, marks.stems, groups)
        a, b = titles.pointers[documents[i]], titles.pointers[documents[i] + 1]
        sums[i] = _sum_gains(marks.ngrams, ngrams, titles.ngrams[a:b], titles.counts[a:b])
    for stem in features.stems:
        marks.stems[stem] = 0
    for ngram in features.ngrams:
        marks.ngrams[ngram] = 0
    pointers = passages.document_pointers
    return best, shown, sums, nearest_passages(pointers, vectors, features.direction, documents)


@_loop  # type: ignore[untyped-decorator, unused-ignore]
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


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _around(points: Any, space: int) -> Any:
    """The range of letters to look at around a ``space`` between two words."""
    low, high = space - 1, space + 1
    while space - low < REACH and points[low] != SPACE:
        low -= 1
    while high - space < REACH and points[high] != SPACE:
        high += 1
    return low, high + 1


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def count_ngrams(points: Any, vocabulary: Any) -> Any:
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


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _common_ending(letters: Any, begin: int, end: int, typed: Any) -> Any:
    """How many letters before ``end``, and from ``begin`` on, are the last ones of ``typed``."""
    most = min(typed.size, end - begin)
    for i in range(most):
        if letters[end - 1 - i] != typed[typed.size - 1 - i]:
            return i
    return most


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def matching_tails(letters: Any, pointers: Any, documents: Any, typed: Any, lengths: Any) -> Any:
    counts, last = np.zeros(documents.size, np.int64), typed[typed.size - 1]
    for i in range(documents.size):
        begin, count = pointers[documents[i]], 0
        for end in range(begin + 1, pointers[documents[i] + 1] + 1):
            if letters[end - 1] == last:
                common = _common_ending(letters, begin, end, typed)
                while count < lengths.size and lengths[count] <= common:
                    count += 1
        counts[i] = count
    return counts


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def feedback_cosines(vectors: Any, passages: Any, feedback: Any, weights: Any) -> Any:
    size = vectors.vectors.shape[1]
    middle, most = np.zeros(size, np.int64), np.int64(1)
    for i in range(feedback.size):
        for d in range(size):
            middle[d] += weights[i] * vectors.vectors[passages[feedback[i]], d]
    for d in range(size):
        most = max(most, abs(middle[d]))
    direction = np.empty(size, np.int8)
    for d in range(size):
        direction[d] = np.int8(np.rint(middle[d] * (127 / most)))
    cosines = np.empty(passages.size, np.float32)
    for i in range(passages.size):
        cosines[i] = _nearest(vectors, passages[i], passages[i] + 1, direction)
    return cosines


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def count_values(documents: Any, pointers: Any, codes: Any, size: int) -> Any:
    counts = np.zeros(size, np.int32)
    for document in documents:
        for i in range(pointers[document], pointers[document + 1]):
            counts[codes[i]] += 1
    return counts


def warm_up() -> None:
    """Call each loop once with arrays of the types that an index has: compiles it, or loads it."""
    sums, pointers = np.zeros(2, np.int32), _mapped(np.array([0, 1], np.int64))
    docs, codes = _mapped(np.zeros(1, np.int32)), _mapped(np.ones(1, np.uint8))
    starts, ends = np.zeros(1, np.int64), np.ones(1, np.int64)
    table, rows = np.ones(256, np.int32), np.zeros(1, np.int64)

    add_postings(sums, docs, codes, 1)
    add_postings(sums, docs.copy(), codes.copy(), 1)  # a union that was just made is no mapped file
    add_row(sums, codes, 1)
    union_postings(
        sums, docs, codes, starts, ends, _mapped(np.ones((1, 2), np.uint8)), rows, table, 1
    )
    top_sums(sums, 0, 1, 1)
    weights = _mapped(np.ones(1, np.uint16))
    top_titles(sums, docs, weights, starts, ends, table, 1, np.zeros(0, np.bool_))

    passages = Passages(pointers, pointers, docs, codes, _mapped(np.ones((1, 2), np.int32)))
    titles = Titles(pointers, docs, codes)
    vectors = PassageVectors(_mapped(np.ones((1, 2), np.int8)), _mapped(np.ones(1, np.float32)))
    direction = np.ones(2, np.int8)
    features = QueryFeatures(rows, table, 0, rows, table, direction)
    rescore(rows, passages, titles, vectors, features, ScratchMarks(sums, sums))
    headings = Headings(pointers, docs, pointers, docs)
    coverage(rows, passages, headings, rows, rows, _mapped(np.ones(1, np.float32)))
    nearest_passages(pointers, vectors, direction, rows)
    count_ngrams(_mapped(np.zeros(4, np.uint32)), _mapped(np.zeros(1, np.uint32)))
    matching_tails(codes, pointers, rows, codes, ends)
    feedback_cosines(vectors, rows, rows, rows)
    count_values(starts, pointers, _mapped(np.zeros(1, np.int32)), 1)


def _mapped(array: Any) -> Any:
    """As it comes from a mapped file: to numba, an array that cannot be written is another type."""
    array = array.copy()
    array.flags.writeable = False
    return array
