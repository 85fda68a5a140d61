"""The innermost loops by plain numpy: the reference that the compiled ones are compared with.

What each one does stands in ``kb.search.kernels.layout.Loops``.
"""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis import char_ngrams
from kb.search.kernels.layout import (
    GAIN,
    GAIN_BITS,
    NGRAM_GAIN,
    NGRAM_WEIGHT,
    AskedTerms,
    ChunkTable,
    Headings,
    NamedSignals,
    Passages,
    PassageVectors,
    QueryFeatures,
    RawParts,
    ScratchMarks,
    ThreadArticleRows,
    Titles,
    TopicRows,
)
from kb.search.kernels.ranges import positions_of, saturated, top_k

Ints = NDArray[Any]
Floats = NDArray[Any]


def add_postings(sums: Ints, docs: Ints, codes: Ints, step: int, /) -> None:
    np.add.at(sums, docs, codes * np.int32(step))


def add_row(sums: Ints, row: Ints, step: int, /) -> None:
    sums += row * np.int32(step)


def raise_postings(sums: Ints, docs: Ints, codes: Ints, step: int, /) -> None:
    np.maximum.at(sums, docs, codes * np.int32(step))


def raise_row(sums: Ints, row: Ints, step: int, /) -> None:
    np.maximum(sums, row * np.int32(step), out=sums)


def take_postings(sums: Ints, steps: int, /) -> tuple[Ints, Ints, int]:
    docs = np.flatnonzero(sums).astype(np.int32)
    most = sums[docs]
    sums[docs] = 0
    step = max(1, -(-int(most.max(initial=0)) // steps))
    return docs, np.maximum(1, most // step).astype(np.uint8), step


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
    title_weights: Ints,
    starts: Ints,
    ends: Ints,
    gains: Ints,
    k: int,
    allowed: Ints,
    /,
) -> Ints:
    entries = positions_of(starts, ends)
    np.add.at(sums, docs[entries], title_weights[entries] * np.repeat(gains, ends - starts))
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
    topics: PassageVectors,
    meanings: PassageVectors,
    features: QueryFeatures,
    marks: ScratchMarks,
    /,
) -> tuple[Floats, Ints]:
    # In the order of gains, so that of a stem that is named twice the larger one stays.
    mask = (1 << GAIN_BITS) - 1
    for i in np.argsort(-(features.gains & mask), kind="stable").tolist():
        if not marks.stems[features.stems[i]]:
            marks.stems[features.stems[i]] = features.gains[i]
    marks.ngrams[features.ngrams] = features.ngram_gains
    firsts = passages.document_pointers[documents]
    lasts = passages.document_pointers[documents + 1]
    best, shown = _best_passages(firsts, lasts, passages, marks.stems)
    low, high = _showable(passages.shown[documents], lasts - firsts)
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
    meaning = features.cosines[documents] if features.cosines.size else None
    if meaning is None:
        meaning = nearest_passages(pointers, meanings, features.meaning, documents)
    raw = (
        best * ((weights.PASSAGE_K1 + 1) / weights.STEPS / GAIN),
        sums / (titles.lengths[documents] * NGRAM_GAIN),
        nearest_passages(pointers, topics, features.direction, documents),
        meaning,
    )
    return np.array(raw, dtype=np.float32), shown


def _showable(ranges: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Which of ``counts`` passages may be shown, as ``ranges`` say; one at least."""
    low = np.minimum(ranges[:, 0], counts - 1)
    return low, np.maximum(np.minimum(ranges[:, 1], counts), low + 1)


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
    terms: AskedTerms,
    idfs: Floats,
    /,
) -> tuple[Ints, Floats]:
    holds = np.zeros((rows.size, terms.ends.size - 1), dtype=bool)
    alike = np.zeros((rows.size, 2))
    idf = np.rint(idfs.astype(np.float64) * 4096)
    ranges = list(pairwise(terms.ends.tolist()))
    for i, (row, document) in enumerate(zip(rows.tolist(), documents.tolist(), strict=True)):
        title = headings.title_stems[slice(*headings.title_pointers[document : document + 2])]
        heading = headings.stems[slice(*headings.pointers[row : row + 2])]
        texts = [passages.stems[slice(*passages.pointers[row : row + 2])]]
        if passages.shown[document, 0] > 0:
            first = passages.document_pointers[document]
            texts.append(passages.stems[slice(*passages.pointers[first : first + 2])])
            texts.append(headings.stems[slice(*headings.pointers[first : first + 2])])
        for term, (low, high) in enumerate(ranges):
            holds[i, term] = any(
                np.isin(terms.stems[low:high], text).any() for text in (*texts, heading, title)
            )
        for part, text in enumerate((heading, title)):
            held = [np.isin(terms.stems[low:high], text).any() for low, high in ranges]
            of_text = idf[text[np.isin(text, terms.stems)]].sum() / max(1, idf[text].sum())
            alike[i, part] = np.sqrt(terms.weights[held].sum() / terms.whole * of_text)
    return holds, alike


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
    length = np.sqrt(np.float32(np.square(direction.astype(np.int64)).sum()))
    return np.asarray(np.maximum(nearest, 0) / max(length, np.float32(1)), dtype=np.float32)


def ngram_vector(
    points: Ints, vocabulary: Ints, idfs: Floats, unseen_idf: float, /
) -> tuple[Ints, Ints, Ints]:
    hashes, _ = char_ngrams.ngram_hashes(points)
    positions = np.searchsorted(vocabulary, hashes)
    known = positions[np.isin(hashes, vocabulary)]
    ngrams, counts = np.unique(known, return_counts=True)
    idf = idfs[ngrams].astype(np.float64)
    weight = counts * idf
    unknown = hashes.size - known.size
    unit = weight / math.sqrt(max(1e-300, math.fsum(weight**2) + unknown * unseen_idf**2))
    whole = np.rint(unit * NGRAM_WEIGHT).astype(np.int32)
    return ngrams, whole, np.rint(unit * idf * NGRAM_GAIN).astype(np.int32)


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


def fuse_parts(
    parts: RawParts,
    signals: NamedSignals,
    votes: Floats,
    solved: Ints,
    documents: Ints,
    topics: TopicRows,
    about: ThreadArticleRows,
    /,
) -> tuple[Floats, Floats]:
    size, forum = documents.size, parts.forum
    prevail = 0 < forum < size and parts.forum_share > 0.5
    nothing = np.zeros(size)
    scaled = _scaled(parts, prevail=prevail) if size else parts.raw * 1.0
    relevance = np.minimum(1.0, 4 * scaled[0])
    kind = nothing
    if 0 < parts.forum_share <= 0.5:
        few, many = weights.FEW_THREADS_BONUS, weights.MANY_THREADS_BONUS
        bonus = few + (many - few) * 2 * parts.forum_share
        kind = np.where(np.arange(size) < forum, relevance * bonus, 0.0)
    totals = scaled.sum(axis=0) + kind
    unsolved = np.where(solved == 0, (weights.UNSOLVED - 1) * totals, 0.0)
    shares = np.repeat(relevance[None], signals.weights.size, axis=0)
    if signals.whole >= 0:
        shares[signals.whole] = 1.0
    features = signals.weights[:, None] * shares * signals.values
    voted = (np.float32(weights.VOTES) * votes).astype(np.float64) if votes.size else nothing
    totals = totals + unsolved + features.sum(axis=0) + voted

    by_threads = nothing.copy()
    if prevail and about.articles.size:
        best = forum + _ranks(totals[forum:])[: weights.VOTING_THREADS]
        counts = (totals[best] / max(float(totals[best[0]]), 1e-9)) ** 2
        rows = documents[best] - about.first_thread
        sums = np.bincount(
            about.articles[rows].ravel(),
            weights=(about.shares[rows] * counts[:, None]).ravel(),
            minlength=about.first_thread,
        )[documents[:forum]]
        most = max(float(sums.max(initial=0.0)), 1e-9)
        by_threads[:forum] = weights.THREAD_VOTES * (sums / most).astype(np.float32)
        totals = totals + by_threads

    kindred = nothing
    near = _near_leaders(topics, totals)
    if near.max(initial=0) > 0:
        title = min(1.0, float(parts.raw[parts.letters].max()))
        kindred = near.astype(np.float64) * (
            weights.FEEDBACK_WEIGHT * (1 - title**4) / float(near.max())
        )
        totals = totals + kindred
    if prevail:
        kind = _merged_gains(totals, forum, _article_odds(parts, votes))
        totals = totals + kind
    rows = (*scaled, kind, unsolved, *features, voted, by_threads, kindred)
    return np.array(rows, dtype=np.float64), totals


def _ranks(totals: Floats) -> Ints:
    return np.rint(totals * -1e9).argsort(kind="stable")


def _scaled(parts: RawParts, *, prevail: bool) -> Floats:
    raw, forum = parts.raw, parts.forum
    share = 1.0 if prevail else parts.forum_share
    if 0 < forum < raw.shape[1]:
        peaks = np.maximum.reduceat(raw, [0, forum], axis=1)
    else:
        peaks = raw.max(axis=1, keepdims=True).repeat(2, axis=1)
    peaks = np.maximum(peaks.astype(np.float64), parts.least[:, None])
    overall = peaks.max(axis=1, keepdims=True)
    of_threads = parts.thread_weights if prevail else parts.weights
    shares = np.column_stack((parts.weights, of_threads))
    scale = shares / (peaks**share * overall ** (1 - share))
    return np.concatenate((raw[:, :forum] * scale[:, :1], raw[:, forum:] * scale[:, 1:]), axis=1)


def _near_leaders(topics: TopicRows, totals: Floats) -> Floats:
    vectors, rows = topics
    if not rows.size or not vectors.lengths.size:
        return np.zeros(rows.size, dtype=np.float32)
    leaders = _ranks(totals)[: weights.LEADERS]
    counts = totals[leaders] ** 2 / vectors.lengths[rows[leaders]]
    whole = np.rint(counts * (GAIN / max(float(counts.max()), 1e-9))).astype(np.int64)
    components = vectors.vectors[rows]
    middle = whole @ components[leaders].astype(np.int64)
    direction = np.rint(middle * (127 / max(1, np.abs(middle).max()))).astype(np.float32)
    # Whole numbers below 2**24, as in ``nearest_passages``.
    cosines = np.maximum(components.astype(np.float32) @ direction, 0) / vectors.lengths[rows]
    return np.asarray(cosines, dtype=np.float32)


def _article_odds(parts: RawParts, votes: Floats) -> float:
    log_odds, forum = weights.ARTICLE_LOG_ODDS, parts.forum
    for raw, weight, unit in zip(parts.raw, parts.kind_weights, parts.kind_units, strict=True):
        article, threads = float(raw[:forum].max()), np.sort(raw[forum:])
        thread = float(threads[max(0, threads.size - 3)])
        log_odds += weight * math.log((article / unit + 0.05) / (thread / unit + 0.05))
    if votes.size:
        article, thread = math.fsum(votes[:forum]), math.fsum(votes[forum:])
        log_odds += weights.KIND_VOTES * math.log((article + 1) / (thread + 1))
    return math.exp(log_odds)


def _merged_gains(totals: Floats, forum: int, odds: float) -> Floats:
    ranks = np.empty(totals.size)
    for low, high in ((0, forum), (forum, totals.size)):
        order = (-totals[low:high]).argsort(kind="stable")
        ranks[low:high][order] = np.arange(1, high - low + 1)
    ranks[:forum] /= odds
    merged = np.empty(totals.size)
    merged[ranks.argsort(kind="stable")] = np.sort(totals)[::-1] - 1e-8 * np.arange(totals.size)
    return merged - totals


def top_products(
    pointers: Ints,
    columns: Ints,
    values: Floats,
    table_pointers: Ints,
    table_columns: Ints,
    table_values: Floats,
    width: int,
    k: int,
    /,
) -> tuple[Ints, Floats]:
    sums = np.zeros((pointers.size - 1, width), np.float32)
    for row, (start, end) in enumerate(pairwise(pointers.tolist())):
        for entry in range(start, end):
            part = slice(*table_pointers[columns[entry] : columns[entry] + 2].tolist())
            sums[row, table_columns[part]] += values[entry] * table_values[part]
    best = np.argsort(-sums, axis=1, kind="stable")[:, :k].astype(np.int32)
    return best, np.take_along_axis(sums, best, axis=1)


def count_values(documents: Ints, pointers: Ints, codes: Ints, size: int, /) -> Ints:
    entries = positions_of(pointers[documents], pointers[documents + 1])
    return np.bincount(codes[entries], minlength=size)


def fold_groups(
    documents: Ints, scores: Floats, group_of: Ints, places: Ints, newest: bool, /
) -> Ints:
    groups = group_of[documents]
    grouped = np.flatnonzero(groups >= 0)
    _, best, group = np.unique(groups[grouped], return_index=True, return_inverse=True)
    is_best = np.isin(np.arange(grouped.size), best)
    as_good = (scores[grouped] >= weights.AS_GOOD * scores[grouped[best]][group]) | is_best
    rank = np.where(as_good, places[documents[grouped]], np.iinfo(np.int64).max)
    rank = rank if newest else np.zeros(grouped.size)
    order = np.lexsort((rank, group))  # stable: of equal places, the better one
    chosen = order[np.unique(group[order], return_index=True)[1]]
    positions = np.arange(documents.size)
    positions[grouped[best]] = grouped[chosen]
    is_shown = groups < 0
    is_shown[grouped[best]] = True
    return positions[is_shown]


def project(rows: Floats, weights: Ints, scales: Floats, bias: Floats, /) -> Floats:
    largest = np.abs(rows).max(axis=1)
    most = np.float32(min(2**15 - 1, (2**31 - 1) // (128 * rows.shape[1])))
    factors = most / np.where(largest > 0, largest, np.float32(1))
    steps = np.rint(rows * factors[:, None]).astype(np.int64)
    sizes = largest / most
    projected: Floats = (steps @ weights.T.astype(np.int64)).astype(np.float32)
    projected *= sizes[:, None] * scales
    projected += bias
    return projected


def number_chunks(
    text: Ints, bounds: Ints, table: ChunkTable, _seed: np.uint64, known: int, /
) -> tuple[Ints, Ints, int]:
    letters = table.letters.tobytes()
    number_of = {
        letters[low:high]: number
        for number, (low, high) in enumerate(pairwise(table.ends[: known + 1].tolist()))
    }
    numbers, ends = [], [0]
    for low, high in pairwise(bounds.tolist()):
        for chunk in text[low:high].tobytes().decode("utf-8", "surrogatepass").split():
            raw = chunk.encode("utf-8", "surrogatepass")
            if raw not in number_of:
                number = number_of[raw] = len(number_of)
                end = int(table.ends[number])
                table.ends[number + 1] = end + len(raw)
                table.letters[end : end + len(raw)] = list(raw)
            numbers.append(number_of[raw])
        ends.append(len(numbers))
    return np.array(numbers, np.int32), np.array(ends, np.int64), len(number_of)


def expand_lists(numbers: Ints, ends: Ints, values: Ints, value_ends: Ints, /) -> tuple[Ints, Ints]:
    starts, stops = value_ends[numbers], value_ends[numbers + 1]
    sizes = np.concatenate(([0], np.cumsum(stops - starts)))
    return values[positions_of(starts, stops)], sizes[ends]
