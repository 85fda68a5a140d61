"""The loops that rank candidates: a closer look at each, and one order of all.

``layout.Loops`` says what each one does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kb.search.kernels.compiled import compiled
from kb.search.kernels.layout import GAIN, GAIN_BITS, NGRAM_GAIN
from kb.search.weights import (
    ARTICLE_LOG_ODDS,
    AS_GOOD,
    FEEDBACK_WEIGHT,
    FEW_THREADS_BONUS,
    KIND_VOTES,
    LEADERS,
    MANY_THREADS_BONUS,
    PASSAGE_K1,
    STEPS,
    THREAD_VOTES,
    UNSOLVED,
    VOTES,
    VOTING_THREADS,
)

PASSAGE_STEP = (PASSAGE_K1 + 1) / STEPS / GAIN
_STEP = 1e-8  # between equal scores of a merged list: more than what ranks are rounded to


@compiled
def _prefetch_vectors(first: int, last: int, vectors: Any) -> Any:
    touched = np.int64(vectors.lengths[first])
    components = vectors.vectors[first:last].reshape(-1)
    for component in range(0, components.size, 64):
        touched ^= components[component]
    return touched


@compiled
def _prefetch(
    documents: Any, passages: Any, titles: Any, topics: Any, meanings: Any, features: Any
) -> Any:
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
        if features.direction.size:
            touched ^= _prefetch_vectors(first, last, topics)
        if features.meaning.size and not features.cosines.size:
            touched ^= _prefetch_vectors(first, last, meanings)
    for document in documents:
        first = passages.document_pointers[document]
        last = passages.document_pointers[document + 1]
        for entry in range(passages.pointers[first], passages.pointers[last], 16):
            touched ^= passages.stems[entry] ^ passages.codes[entry]
    return touched


@compiled
def _bits(numbers: Any, size: int) -> Any:
    """A bit for each number, in an array so small that it stays in the processor's cache."""
    bits = np.zeros((size >> 5) + 1, np.uint32)
    for number in numbers:
        bits[number >> 5] |= np.uint32(1) << np.uint32(number & 31)
    return bits


@compiled
def _has(bits: Any, number: Any) -> Any:
    word = bits[np.uint32(number) >> np.uint32(5)]
    return word >> (np.uint32(number) & np.uint32(31)) & np.uint32(1)


@compiled
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


@compiled
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


@compiled
def _nearest(vectors: Any, first: int, last: int, direction: Any) -> Any:
    nearest = np.float32(0)
    for passage in range(first, last):
        vector, dot = vectors.vectors[passage], np.int32(0)
        for d in range(direction.size):
            dot += np.int32(vector[d]) * np.int32(direction[d])
        nearest = max(nearest, np.float32(dot) / vectors.lengths[passage])
    return nearest


@compiled
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


@compiled
def _mark(features: Any, marks: Any) -> None:
    mask = (1 << GAIN_BITS) - 1
    for i in range(features.stems.size):
        stem = features.stems[i]
        if features.gains[i] & mask > marks.stems[stem] & mask:
            marks.stems[stem] = features.gains[i]
    for i in range(features.ngrams.size):
        marks.ngrams[features.ngrams[i]] = features.ngram_gains[i]


@compiled
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


@compiled
def _weigh(held: Any, low: int, high: int, asked: Any, idfs: Any, weight: Any) -> None:
    """Add up what the stems of a heading weigh, and those of them that are asked for."""
    for i in range(low, high):
        idf = np.int64(np.rint(np.float64(idfs[held[i]]) * 4096))
        weight[0] += idf
        if _stands_in(asked, 0, asked.size, held[i]):
            weight[1] += idf


@compiled
def _holds(held: Any, low: int, high: int, stems: Any) -> Any:
    """Whether any of ``stems`` is among some ascending ones."""
    for stem in stems:  # noqa: SIM110 - a loop that numba compiles
        if _stands_in(held, low, high, stem):
            return True
    return False


@compiled
def coverage(rows: Any, passages: Any, headings: Any, documents: Any, terms: Any, idfs: Any) -> Any:
    size = terms.ends.size - 1
    holds, alike = np.zeros((rows.size, size), np.bool_), np.zeros((rows.size, 2))
    asked, weight = np.sort(terms.stems), np.zeros((2, 2), np.int64)
    for i in range(rows.size):
        row, document = rows[i], documents[i]
        a, b = passages.pointers[row], passages.pointers[row + 1]
        c, d = headings.pointers[row], headings.pointers[row + 1]
        e, f = headings.title_pointers[document], headings.title_pointers[document + 1]
        shown = passages.shown[document, 0] > 0  # a thread that shows its answer also asks
        first = passages.document_pointers[document]
        for j in range(size):
            stems = terms.stems[terms.ends[j] : terms.ends[j + 1]]
            in_heading = _holds(headings.stems, c, d, stems)
            in_title = _holds(headings.title_stems, e, f, stems)
            alike[i, 0] += terms.weights[j] * in_heading
            alike[i, 1] += terms.weights[j] * in_title
            holds[i, j] = in_heading or in_title or _holds(passages.stems, a, b, stems)
            if shown and not holds[i, j]:
                g, h = passages.pointers[first], passages.pointers[first + 1]
                k, m = headings.pointers[first], headings.pointers[first + 1]
                holds[i, j] = _holds(passages.stems, g, h, stems) or _holds(
                    headings.stems, k, m, stems
                )
        weight[:] = 0
        _weigh(headings.stems, c, d, asked, idfs, weight[0])
        _weigh(headings.title_stems, e, f, asked, idfs, weight[1])
        for part in range(2):
            of_text = weight[part, 1] / max(weight[part, 0], 1)
            alike[i, part] = np.sqrt(alike[i, part] / terms.whole * of_text)
    return holds, alike


@compiled
def nearest_passages(pointers: Any, vectors: Any, direction: Any, documents: Any) -> Any:
    cosines, square = np.zeros(documents.size, np.float32), np.int64(0)
    for d in range(direction.size):
        square += np.int64(direction[d]) * np.int64(direction[d])
    length = np.sqrt(np.float32(square))
    if square:
        for i in range(documents.size):
            first, last = pointers[documents[i]], pointers[documents[i] + 1]
            cosines[i] = _nearest(vectors, first, last, direction) / length
    return cosines


@compiled
def rescore(
    documents: Any,
    passages: Any,
    titles: Any,
    topics: Any,
    meanings: Any,
    features: Any,
    marks: Any,
) -> Any:
    raw, shown = np.zeros((4, documents.size), np.float32), np.empty(documents.size, np.int64)
    _mark(features, marks)
    stems = _bits(features.stems, marks.stems.size)
    ngrams = _bits(features.ngrams, marks.ngrams.size)
    groups = np.empty(features.groups + 1, np.int64)
    if documents.size:
        shown[0] = _prefetch(documents, passages, titles, topics, meanings, features)
    for i in range(documents.size):
        document = documents[i]
        best, shown[i] = _best_passage(passages, document, stems, marks.stems, groups)
        raw[0, i] = best * PASSAGE_STEP
        a, b = titles.pointers[document], titles.pointers[document + 1]
        same = _sum_gains(marks.ngrams, ngrams, titles.ngrams[a:b], titles.counts[a:b])
        raw[1, i] = same / np.float64(titles.lengths[document] * np.float32(NGRAM_GAIN))
    for stem in features.stems:
        marks.stems[stem] = 0
    for ngram in features.ngrams:
        marks.ngrams[ngram] = 0

    pointers = passages.document_pointers
    raw[2] = nearest_passages(pointers, topics, features.direction, documents)
    if features.cosines.size:
        for i in range(documents.size):
            raw[3, i] = features.cosines[documents[i]]
    else:
        raw[3] = nearest_passages(pointers, meanings, features.meaning, documents)
    return raw, shown


@compiled
def _common_ending(letters: Any, begin: int, end: int, typed: Any) -> Any:
    """How many letters before ``end``, and from ``begin`` on, are the last ones of ``typed``."""
    most = min(typed.size, end - begin)
    for i in range(most):
        if letters[end - 1 - i] != typed[typed.size - 1 - i]:
            return i
    return most


@compiled
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


@compiled
def _near_leaders(topics: Any, leaders: Any, counts: Any) -> Any:
    """How near in topics each candidate is to the middle of the ``leaders``, 0 at least.

    As if the middle had a length of 1, which is the same factor for all.
    """
    size, rows = topics.vectors.vectors.shape[1], topics.rows
    near, most = np.zeros(rows.size, np.float32), 1e-9
    if not topics.vectors.lengths.size:
        return near
    for i in range(leaders.size):
        counts[i] /= topics.vectors.lengths[rows[leaders[i]]]
        most = max(most, counts[i])
    middle, largest = np.zeros(size, np.int64), np.int64(1)
    for i in range(leaders.size):
        weight = np.int64(np.rint(counts[i] * (GAIN / most)))
        for d in range(size):
            middle[d] += weight * topics.vectors.vectors[rows[leaders[i]], d]
    for d in range(size):
        largest = max(largest, abs(middle[d]))
    direction = np.empty(size, np.int8)
    for d in range(size):
        direction[d] = np.int8(np.rint(middle[d] * (127 / largest)))
    for i in range(rows.size):
        near[i] = _nearest(topics.vectors, rows[i], rows[i] + 1, direction)
    return near


@compiled
def _scale_parts(parts: Any, thread_weights: Any, share: float, gains: Any) -> None:
    """Each raw score times the weight of its part, divided by the best of the part.

    Threads are divided by the best thread and articles by the best article as far as ``share``
    says, by the best of all for the rest; by the part's ``least`` where the best is less.
    """
    count, size = parts.raw.shape
    apart = 0 < parts.forum < size
    for p in range(count):
        best_article = best_thread = parts.least[p]
        for i in range(size):
            value = np.float64(parts.raw[p, i])
            if i < parts.forum or not apart:
                best_article = max(best_article, value)
            if i >= parts.forum or not apart:
                best_thread = max(best_thread, value)
        overall = max(best_article, best_thread) ** (1 - share)
        of_article = parts.weights[p] / (best_article**share * overall)
        of_thread = thread_weights[p] / (best_thread**share * overall)
        for i in range(size):
            gains[p, i] = parts.raw[p, i] * (of_article if i < parts.forum else of_thread)


@compiled
def _article_votes(documents: Any, forum: int, threads: Any, counts: Any, about: Any) -> Any:
    """How much each article among the candidates is what ``threads`` are about, 1 for the most."""
    votes, most = np.zeros(forum), 1e-9
    for t in range(threads.size):
        row = documents[threads[t]] - about.first_thread
        for j in range(about.articles.shape[1]):
            i = np.searchsorted(documents[:forum], about.articles[row, j])
            if i < forum and documents[i] == about.articles[row, j]:
                votes[i] += about.shares[row, j] * counts[t]
    for i in range(forum):
        most = max(most, votes[i])
    for i in range(forum):
        votes[i] = np.float32(votes[i] / most)
    return votes


@compiled
def _article_odds(parts: Any, votes: Any) -> Any:
    """How many articles are shown for each thread: the odds that an article answers.

    Compares the best article with the third best thread in each part: the better articles cover a
    query that threads cover as well, the rarer is a thread the answer.
    """
    log_odds, forum = ARTICLE_LOG_ODDS, parts.forum
    for p in range(parts.raw.shape[0]):
        if parts.kind_weights[p]:
            unit = parts.kind_units[p]
            threads = parts.raw[p, forum:]
            third = max(0, threads.size - 3)  # one thread may repeat the query, and tells nothing
            thread = np.partition(threads, third)[third]
            article = parts.raw[p, :forum].max()
            share = (article / unit + 0.05) / (thread / unit + 0.05)
            log_odds += parts.kind_weights[p] * math.log(share)
    if votes.size:
        article_votes, thread_votes = 1.0, 1.0
        for i in range(votes.size):
            if i < forum:
                article_votes += votes[i]
            else:
                thread_votes += votes[i]
        log_odds += KIND_VOTES * math.log(article_votes / thread_votes)
    return math.exp(log_odds)


@compiled
def _ranks(totals: Any) -> Any:
    """The positions, best first; equal billionths in their order."""
    return np.argsort(np.rint(totals * -1e9), kind="mergesort")


@compiled
def _merge_kinds(totals: Any, forum: int, odds: float, gains: Any) -> None:
    """What each candidate gains by its place among articles and threads together.

    The n-th article stands where the thread of rank ``n / odds`` stands. The merged list has the
    same scores as before, largest first, but for a millionth of them: equal scores have an order.
    """
    size = totals.size
    ranks = np.empty(size)
    articles = np.argsort(-totals[:forum], kind="mergesort")
    for n in range(forum):
        ranks[articles[n]] = (n + 1) / odds
    threads = np.argsort(-totals[forum:], kind="mergesort")
    for n in range(size - forum):
        ranks[forum + threads[n]] = n + 1
    merged, scores = np.argsort(ranks, kind="mergesort"), np.sort(totals)
    for n in range(size):
        gains[merged[n]] = scores[size - 1 - n] - _STEP * n - totals[merged[n]]


@compiled
def _add_features(
    parts: Any, signals: Any, votes: Any, solved: Any, gains: Any, totals: Any
) -> None:
    """Add up the parts, and what each document is liked for besides its words: as far as it is
    about the words at all.
    """
    count, size = parts.raw.shape
    kind, unsolved, first, voted = count, count + 1, count + 2, count + 2 + signals.weights.size
    bonus = FEW_THREADS_BONUS + (MANY_THREADS_BONUS - FEW_THREADS_BONUS) * 2 * parts.forum_share
    # Whether or not a thread is a candidate: a search has fewer candidates than a suggestion.
    is_few = 0 < parts.forum_share <= 0.5
    for i in range(size):
        for p in range(count):
            totals[i] += gains[p, i]
        relevance = min(1.0, 4 * gains[0, i])
        if i < parts.forum and is_few:
            gains[kind, i] = relevance * bonus
        totals[i] += gains[kind, i]
        if solved[i] == 0:
            gains[unsolved, i] = (UNSOLVED - 1) * totals[i]
        totals[i] += gains[unsolved, i]
        for s in range(signals.weights.size):
            share = 1.0 if s == signals.whole else relevance
            gains[first + s, i] = signals.weights[s] * share * signals.values[s, i]
            totals[i] += gains[first + s, i]
        if votes.size:
            gains[voted, i] = np.float32(VOTES) * votes[i]
        totals[i] += gains[voted, i]


@compiled
def _add_feedback(parts: Any, topics: Any, gains: Any, totals: Any) -> None:
    """What each candidate gains from being about the same as the leaders.

    The less, the more the nearest title is what was asked: then nothing is left to learn.
    """
    leaders = _ranks(totals)[:LEADERS]
    near = _near_leaders(topics, leaders, totals[leaders] ** 2)
    nearest, title = near.max(), max(np.float32(0), parts.raw[parts.letters].max())
    if nearest > 0:
        gain = FEEDBACK_WEIGHT * (1 - math.pow(min(1.0, np.float64(title)), 4.0))
        for i in range(near.size):
            gains[i] = near[i] * (gain / np.float64(nearest))
            totals[i] += gains[i]


@compiled
def fuse_parts(
    parts: Any, signals: Any, votes: Any, solved: Any, documents: Any, topics: Any, about: Any
) -> Any:
    (count, size), forum = parts.raw.shape, parts.forum
    threads = count + 3 + signals.weights.size
    gains, totals = np.zeros((threads + 2, size)), np.zeros(size)
    if not size:
        return gains, totals
    prevail = 0 < forum < size and parts.forum_share > 0.5  # threads, beside articles
    if prevail:
        _scale_parts(parts, parts.thread_weights, 1.0, gains)
    else:
        _scale_parts(parts, parts.weights, parts.forum_share, gains)
    _add_features(parts, signals, votes, solved, gains, totals)
    if prevail and about.articles.size:
        best = forum + _ranks(totals[forum:])[:VOTING_THREADS]
        counts = (totals[best] / max(totals[best[0]], 1e-9)) ** 2
        votes_of = _article_votes(documents, forum, best, counts, about)
        gains[threads, :forum] = THREAD_VOTES * votes_of
        totals += gains[threads]
    if topics.rows.size:
        _add_feedback(parts, topics, gains[threads + 1], totals)
    if prevail:
        _merge_kinds(totals, forum, _article_odds(parts, votes), gains[count])
        totals += gains[count]
    return gains, totals


@compiled
def fold_groups(documents: Any, scores: Any, group_of: Any, places: Any, newest: bool) -> Any:
    shown, filled = np.empty(documents.size, np.int64), 0
    groups, best = np.empty(documents.size, np.int32), np.empty(documents.size, np.int64)
    for i in range(documents.size):
        group, k = group_of[documents[i]], 0
        while group >= 0 and k < filled and groups[k] != group:
            k += 1
        if group < 0 or k == filled:
            shown[filled], groups[filled], best[filled] = i, group, i
            filled += 1
        elif newest and scores[i] >= AS_GOOD * scores[best[k]]:
            shown[k] = i if places[documents[i]] < places[documents[shown[k]]] else shown[k]
    return shown[:filled]
