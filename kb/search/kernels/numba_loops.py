"""The loops of ``kernels``, compiled by numba (the ``fast`` extra).

Imported only by ``kernels``, aside, because importing numba takes half a second. What it compiles
is kept beside this file (or in ``NUMBA_CACHE_DIR``), so that it is compiled once in the life of an
installation. Inner loops run over slices, from 0: only then does the compiler know that no index is
negative, and handles eight numbers at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from kb.search.analysis.char_ngrams import ACROSS, BASIS, PRIME, REACH, SPACE
from kb.search.kernels.layout import HALF_STEP, Asked, Directions, Passages, ScratchMarks, Titles

_loop = numba.njit(cache=True, nogil=True, boundscheck=False)
_BLOCK = 64  # documents, at most, whose largest sum stands for all of them
_LOW = 0xFFFFFFFF


@_loop  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def add(sums: Any, docs: Any, codes: Any, worth: Any) -> None:
    each = np.int32(worth)
    for i in range(docs.size):
        sums[docs[i]] += np.int32(codes[i]) * each


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def add_row(sums: Any, row: Any, worth: Any) -> None:
    each = np.int32(worth)
    for i in range(row.size):
        sums[i] += np.int32(row[i]) * each


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def add_half(sums: Any, half: Any, worth: Any, low: int, high: int) -> None:
    each = np.int32(worth * HALF_STEP)
    if low & 1 and low < high:
        sums[low] += np.int32(half[low >> 1] >> 4) * each
        low += 1
    if high & 1 and low < high:
        high -= 1
        sums[high] += np.int32(half[high >> 1] & 15) * each
    some, pairs = sums[low:high], half[low >> 1 : high >> 1]
    for i in range(pairs.size):
        some[2 * i] += np.int32(pairs[i] & 15) * each
        some[2 * i + 1] += np.int32(pairs[i] >> 4) * each


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def unite(
    sums: Any,
    docs: Any,
    codes: Any,
    starts: Any,
    ends: Any,
    rows: Any,
    dense: Any,
    units: Any,
    half: int,
) -> Any:
    most = sums.size if dense.size else min(sums.size, np.sum(ends - starts))
    found, held = np.empty(most, np.int32), 0
    for r in range(starts.size):
        for i in range(starts[r], ends[r]):
            doc = docs[i]
            if sums[doc] == 0:
                found[held] = doc
                held += 1
            sums[doc] += units[codes[i]]
    for r in range(dense.size):
        row = rows[dense[r]]
        for doc in range(row.size):
            sums[doc] += units[row[doc]]
    if (
        dense.size or held * 16 > sums.size
    ):  # so many are found sooner by looking everywhere than by sorting
        held = 0
        for doc in range(sums.size):
            if sums[doc]:
                found[held] = doc
                held += 1
        found = found[:held]
    else:
        found = np.sort(found[:held])
    prefix = np.empty(held, np.uint8)
    for i in range(held):
        frequency = sums[found[i]]
        sums[found[i]] = 0
        prefix[i] = max(1, int(255.0 * frequency / (half + frequency) + 0.5))
    return found, prefix


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _offer(heap: Any, held: Any, key: Any) -> Any:
    """Take ``key`` into a heap that keeps its largest; returns how many it holds."""
    if held < heap.size:
        at = held
        while at > 0 and heap[(at - 1) // 2] > key:
            heap[at] = heap[(at - 1) // 2]
            at = (at - 1) // 2
        heap[at] = key
        return held + 1
    at = 0
    while 2 * at + 1 < heap.size:
        below = 2 * at + 1
        if below + 1 < heap.size and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= key:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = key
    return held


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def alike(
    sums: Any, docs: Any, weights: Any, starts: Any, ends: Any, worth: Any, most: int, allowed: Any
) -> Any:
    touched, count = np.empty(np.sum(ends - starts), np.int32), 0
    for r in range(starts.size):
        each = worth[r]
        for i in range(starts[r], ends[r]):
            doc = docs[i]
            if sums[doc] == 0:
                touched[count] = doc
                count += 1
            sums[doc] += np.int32(weights[i]) * each
    heap, held = np.empty(most, np.int64), 0
    for i in range(count):
        doc = touched[i]
        value = np.int64(sums[doc])
        sums[doc] = 0
        if value > 0 and (
            allowed.size == 0 or allowed[doc]
        ):  # a document may be touched twice when all weights are 0
            key = (value << 32) | (_LOW - doc)
            if held < most or key > heap[0]:
                held = _offer(heap, held, key)
    return np.sort(_LOW - (heap[:held] & _LOW))


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _fetched(documents: Any, passages: Any, titles: Any, topics: Any) -> Any:
    """Touch every line of memory that is about to be read: these loads wait for nothing, so that
    the processor makes many at once (a third of the time at 100,000 documents). Returns what the
    compiler cannot leave out."""
    touched = np.int64(0)
    for document in documents:
        touched ^= (
            passages.of_document[document] ^ titles.pointers[document] ^ passages.shown[document, 0]
        )
    for document in documents:
        first, last = passages.of_document[document], passages.of_document[document + 1]
        touched ^= passages.pointers[first] ^ passages.pointers[last]
        for at in range(titles.pointers[document], titles.pointers[document + 1], 16):
            touched ^= titles.pieces[at] ^ titles.counts[at]
        if topics.lengths.size:
            touched ^= np.int64(topics.lengths[first])
            rows = topics.vectors[first:last].reshape(-1)
            for at in range(0, rows.size, 64):
                touched ^= rows[at]
    for document in documents:
        first, last = passages.of_document[document], passages.of_document[document + 1]
        for at in range(passages.pointers[first], passages.pointers[last], 16):
            touched ^= passages.stems[at] ^ passages.codes[at]
    return touched


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _bits(places: Any, size: int) -> Any:
    """A bit for each place, 32 a number: an array that stays in the nearest cache, where nearly all
    look-ups end.
    """
    bits = np.zeros((size >> 5) + 1, np.uint32)
    for place in places:
        bits[place >> 5] |= np.uint32(1) << np.uint32(place & 31)
    return bits


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _has(bits: Any, place: Any) -> Any:
    return bits[np.uint32(place) >> np.uint32(5)] >> (np.uint32(place) & np.uint32(31)) & np.uint32(
        1
    )


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _sum(values: Any, bits: Any, entries: Any, times: Any) -> Any:
    """What some entries are worth together, most of them nothing: sixteen are asked at once whether
    one is worth anything."""
    summed, whole = np.int64(0), entries.size & ~15
    for start in range(0, whole, 16):
        block, any_of = entries[start : start + 16], np.uint32(0)
        for i in range(16):
            any_of |= _has(bits, block[i])
        if any_of:
            for i in range(16):
                if _has(bits, block[i]):
                    summed += np.int64(values[block[i]]) * times[start + i]
    for i in range(whole, entries.size):
        if _has(bits, entries[i]):
            summed += np.int64(values[entries[i]]) * times[i]
    return summed


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _nearest(topics: Any, first: int, last: int, direction: Any) -> Any:
    most = np.float32(0)
    for passage in range(first, last):
        vector, dot = topics.vectors[passage], np.int32(0)
        for d in range(direction.size):
            dot += np.int32(vector[d]) * np.int32(direction[d])
        most = max(most, np.float32(dot) / topics.lengths[passage])
    return most


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _read(passages: Any, document: int, bits: Any, gains: Any) -> Any:
    """The best score of a document's passages, and which may be shown."""
    first, last = passages.of_document[document], passages.of_document[document + 1]
    low = min(np.int64(passages.shown[document, 0]), last - first - 1)
    high = max(min(np.int64(passages.shown[document, 1]), last - first), low + 1)
    best, most, where = np.int64(-1), np.int64(-1), low
    for passage in range(first, last):
        a, b = passages.pointers[passage], passages.pointers[passage + 1]
        score = _sum(gains, bits, passages.stems[a:b], passages.codes[a:b])
        best = max(best, score)
        if score > most and low <= passage - first < high:
            most, where = score, passage - first
    return best, where


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _mark(asked: Any, marks: Any) -> None:
    for i in range(asked.stems.size):
        marks.stems[asked.stems[i]] = max(marks.stems[asked.stems[i]], asked.gains[i])
    for i in range(asked.pieces.size):
        marks.pieces[asked.pieces[i]] = asked.values[i]


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def near(groups: Any, rows: Any, direction: Any, documents: Any) -> Any:
    found = np.zeros(documents.size, np.float32)
    if direction.size:
        for i in range(documents.size):
            found[i] = _nearest(rows, groups[documents[i]], groups[documents[i] + 1], direction)
    return found


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def look(documents: Any, passages: Any, titles: Any, topics: Any, asked: Any, marks: Any) -> Any:
    size = documents.size
    best, at, alike = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    _mark(asked, marks)
    stems, pieces = _bits(asked.stems, marks.stems.size), _bits(asked.pieces, marks.pieces.size)
    if size:
        best[0] = _fetched(documents, passages, titles, topics)
    for i in range(size):
        best[i], at[i] = _read(passages, documents[i], stems, marks.stems)
        a, b = titles.pointers[documents[i]], titles.pointers[documents[i] + 1]
        alike[i] = _sum(marks.pieces, pieces, titles.pieces[a:b], titles.counts[a:b])
    for stem in asked.stems:
        marks.stems[stem] = 0
    for piece in asked.pieces:
        marks.pieces[piece] = 0
    return best, at, alike, near(passages.of_document, topics, asked.direction, documents)


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _number(points: Any, low: int, high: int, vocabulary: Any) -> Any:
    """The place of a piece in the vocabulary, or -1."""
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
def _meeting(points: Any, at: int) -> Any:
    """From where to where one looks at the space at ``at`` between two words."""
    low, high = at - 1, at + 1
    while at - low < REACH and points[low] != SPACE:
        low -= 1
    while high - at < REACH and points[high] != SPACE:
        high += 1
    return low, high + 1


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def pieces(points: Any, vocabulary: Any) -> Any:
    found, held = np.empty(4 * points.size, np.int64), 0
    for i in range(points.size - 2):
        if points[i + 1] != SPACE:
            found[held] = _number(points, i, i + 3, vocabulary)
            held += 1
            lone = points[i] == SPACE and points[i + 2] == SPACE
            if lone:
                found[held] = found[held - 1]
                held += 1
            elif points[i + 2] != SPACE:
                found[held] = _number(points, i, i + 4, vocabulary)
                held += 1
        elif points[i] != SPACE and points[i + 2] != SPACE:
            low, high = _meeting(points, i + 1)
            for j in range(low, max(low + 1, high - ACROSS + 1)):
                found[held] = _number(points, j, min(high, j + ACROSS), vocabulary)
                held += 1
    found = np.sort(found[:held])
    unknown = np.searchsorted(found, 0)
    numbers, counts, distinct = found[unknown:], np.zeros(held - unknown, np.int64), 0
    for i in range(numbers.size):
        if i == 0 or numbers[i] != numbers[distinct - 1]:
            numbers[distinct] = numbers[i]
            distinct += 1
        counts[distinct - 1] += 1
    return numbers[:distinct], counts[:distinct], unknown


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def _shared(letters: Any, begin: int, end: int, typed: Any) -> Any:
    """How many letters before ``end``, but none before ``begin``, are the last ones of ``typed``."""
    most = min(typed.size, end - begin)
    for i in range(most):
        if letters[end - 1 - i] != typed[typed.size - 1 - i]:
            return i
    return most


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def tails(letters: Any, begins: Any, documents: Any, typed: Any, lengths: Any) -> Any:
    found, last = np.zeros(documents.size, np.int64), typed[typed.size - 1]
    for i in range(documents.size):
        begin, count = begins[documents[i]], 0
        for end in range(begin + 1, begins[documents[i] + 1] + 1):
            if letters[end - 1] == last:
                shared = _shared(letters, begin, end, typed)
                while count < lengths.size and lengths[count] <= shared:
                    count += 1
        found[i] = count
    return found


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def kin(rows: Any, passages: Any, feedback_documents: Any, worth: Any) -> Any:
    size = rows.vectors.shape[1]
    middle, most = np.zeros(size, np.int64), np.int64(1)
    for i in range(feedback_documents.size):
        for d in range(size):
            middle[d] += worth[i] * rows.vectors[passages[feedback_documents[i]], d]
    for d in range(size):
        most = max(most, abs(middle[d]))
    direction = np.empty(size, np.int8)
    for d in range(size):
        direction[d] = np.int8(np.rint(middle[d] * (127 / most)))
    found = np.empty(passages.size, np.float32)
    for i in range(passages.size):
        found[i] = _nearest(rows, passages[i], passages[i] + 1, direction)
    return found


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def best(sums: Any, low: int, high: int, most: int) -> Any:
    """The ``most`` documents of the largest sums, ascending; of equal ones the smallest numbers.

    The largest sum of each block of documents is found first: what ``most`` of the blocks reach,
    ``most`` documents reach, so only documents that reach it are sorted.
    """
    size = min(_BLOCK, max(1, (high - low) // (4 * most)))
    count = (high - low + size - 1) // size
    peaks = np.empty(count, np.int32)
    for j in range(count):
        block, peak = sums[low + j * size : min(high, low + (j + 1) * size)], np.int32(0)
        for i in range(block.size):
            peak = max(peak, block[i])
        peaks[j] = peak
    floor = np.int32(1)
    if count >= most:
        floor = max(floor, np.partition(peaks, count - most)[count - most])
    keys, held, ties = np.empty((min(count, most) + 1) * size + most, np.int64), 0, 0
    for j in range(count):
        if peaks[j] < floor:
            continue
        for document in range(low + j * size, min(high, low + (j + 1) * size)):
            value = sums[document]
            if value > floor or (value == floor and ties < most):
                ties += value == floor
                keys[held] = (np.int64(value) << 32) | (_LOW - document)
                held += 1
    chosen = np.sort(keys[:held])[max(0, held - most) :]
    return np.sort(_LOW - (chosen & _LOW))


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def weigh(scores: Any, scale: Any, forum: int, bonus: float, solved: Any, unsolved: float) -> Any:
    total, words = np.zeros(solved.size), np.zeros(solved.size)
    for i in range(solved.size):
        kind = 0 if i < forum else 1
        words[i] = np.float64(scores[0, i]) * scale[0, kind]
        for part in range(scores.shape[0]):
            total[i] += np.float64(scores[part, i]) * scale[part, kind]
        if kind == 0:
            total[i] += min(1.0, 4 * words[i]) * bonus
        if solved[i] == 0:
            total[i] += unsolved * total[i]
    return total, words


@_loop  # type: ignore[untyped-decorator, unused-ignore]
def order(scores: Any) -> Any:
    """Best first, of equal billionths the first."""
    keys = np.empty(scores.size, np.int64)
    for i in range(scores.size):
        keys[i] = (np.int64(-np.rint(scores[i] * 1e9)) << 20) | i
    return np.sort(keys) & 0xFFFFF


def loops() -> dict[str, Callable[..., Any]]:
    """All of them by name, compiled for the types that an index has."""
    sums, pointers = np.zeros(2, np.int32), _mapped(np.array([0, 1], np.int64))
    docs, bytes_, shorts = (
        _mapped(np.zeros(1, np.int32)),
        _mapped(np.ones(1, np.uint8)),
        _mapped(np.ones(1, np.uint16)),
    )
    vectors, lengths = _mapped(np.ones((1, 2), np.int8)), _mapped(np.ones(1, np.float32))
    starts, ends = np.zeros(1, np.int64), np.ones(1, np.int64)
    table, rows = np.ones(256, np.int32), np.zeros(1, np.int64)
    for some_docs, some_codes in (
        (docs, bytes_),
        (docs.copy(), bytes_.copy()),
    ):  # mapped, and united just now
        add(sums, some_docs, some_codes, 1)
    add_row(sums, bytes_, 1)
    add_half(sums, bytes_, 1, 0, 1)
    best(sums, 0, 1, 1)
    unite(sums, docs, bytes_, starts, ends, _mapped(np.ones((1, 2), np.uint8)), rows, table, 1)
    alike(sums, docs, shorts, starts, ends, table, 1, np.zeros(0, np.bool_))
    passages = Passages(pointers, pointers, docs, bytes_, _mapped(np.ones((1, 2), np.int32)))
    titles, topics = Titles(pointers, docs, bytes_), Directions(vectors, lengths)
    direction = np.ones(2, np.int8)
    for some_rows in (rows, rows.astype(np.int32)):
        look(
            some_rows,
            passages,
            titles,
            topics,
            Asked(rows, table, rows, table, direction),
            ScratchMarks(sums, sums),
        )
    near(pointers, topics, direction, rows)
    pieces(_mapped(np.zeros(4, np.uint32)), _mapped(np.zeros(1, np.uint32)))
    tails(bytes_, pointers, rows, bytes_, ends)
    kin(topics, rows, rows, rows)
    solved = np.ones(1, np.int8)
    weigh(np.ones((2, 1), np.float32), np.ones((2, 2)), 1, 0.5, solved, 0.5)
    order(np.ones(1))
    return {
        "add": add, "add_row": add_row, "add_half": add_half, "unite": unite, "alike": alike, "look": look,
        "near": near, "pieces": pieces, "tails": tails, "kin": kin, "best": best, "weigh": weigh, "order": order,
    }  # fmt: skip


def _mapped(array: Any) -> Any:
    """As it comes from a mapped file: to numba, an array that cannot be written is of another type."""
    array = array.copy()
    array.flags.writeable = False
    return array
