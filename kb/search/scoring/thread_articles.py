"""Thread articles: for each thread, the articles that say most of what it says.

A thread is written in the words of those who ask, and longer than a query: threads near a query
lead to articles that the query's own words do not reach. Built from what one audience may see, and
from nothing else; only where threads prevail. How much it counts is ``fusion``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver
from kb.search.kernels.layout import NO_THREAD_ARTICLES, Loops, ThreadArticleRows
from kb.search.kernels.ranges import positions_of

ArticleRows = NDArray[np.int32]  # [threads, ARTICLES], numbers of articles
ShareRows = NDArray[np.uint8]  # [threads, ARTICLES], how much each is what the thread is about
ScoreRows = NDArray[np.float32]  # [threads, ARTICLES], largest first
StemIdfs = NDArray[
    np.float32
]  # [stems], of each among articles; 0 for what tells none from another
ARTICLES = 5  # kept for each thread
_SHARPNESS = 6  # the power that makes the best article count far more than the next ones
#: A word that more than this share of the articles has tells none from another.
_COMMON = 0.25
_FEW = 40  # articles, of which no word is too common
_BATCH = 2_000  # threads that are compared at once
_DRIFT = 0.1  # the share of articles that may change before everything is compared anew


def pack_thread_articles(
    arrays: Arrays, articles: int, then: CarriedOver | None = None, loops: Loops | None = None
) -> Arrays:
    """Arrays of the threads of a partition, whose first ``articles`` documents are articles.

    Comparing all threads with all articles takes seconds among 100,000 with the compiled ``loops``;
    without them the result is the same, but it takes a minute. So what ``then`` has is kept: a
    thread is compared with all articles if it is new, or if an article that it leads to is no
    longer what it was; the others only with new articles. How rare words are among articles is
    what it was when everything was last compared, until a tenth of the articles has changed.
    """
    kept = _kept(arrays, articles, then)
    if kept is None:
        table, idf = articles_by_stem(arrays, articles)
        kept = _Kept.nothing(idf, arrays["doc_passages"].size - 1 - articles)
        fresh = np.flatnonzero(_is_taken(arrays)[articles:])
    else:
        _compare_with_new(arrays, articles, kept)
        # Of what is compared again, mostly a few threads, only the words that they have are read.
        fresh = np.flatnonzero(_is_taken(arrays)[articles:] & ~kept.is_compared)
        passages = arrays["doc_passages"][articles + fresh]
        table = codes_by_stem(arrays, articles, _stems_of(arrays, passages))

    for low in range(0, fresh.size, _BATCH):
        rows = fresh[low : low + _BATCH]
        best, best_scores = _best(_beginnings(arrays, articles + rows, kept.idf), table, loops)
        kept.best[rows, : best.shape[1]] = best
        kept.scores[rows, : best.shape[1]] = best_scores
    return {
        "thread_articles": kept.best,
        "thread_article_shares": _shares(kept.scores),
        "thread_article_scores": kept.scores,
        "thread_article_idf": kept.idf,
        "thread_article_drift": np.array([kept.drift], dtype=np.int64),
    }


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of threads without comparing them with all articles."""

    idf: StemIdfs
    drift: int  # articles that changed since everything was compared
    is_compared: NDArray[np.bool_]  # [threads], else the rows of these two mean nothing
    best: ArticleRows
    scores: ScoreRows
    new: NDArray[np.int64]  # articles that no thread was compared with

    @classmethod
    def nothing(cls, idf: StemIdfs, threads: int) -> Self:
        return cls(
            idf,
            drift=0,
            is_compared=np.zeros(threads, dtype=bool),
            best=np.zeros((threads, ARTICLES), dtype=np.int32),
            scores=np.zeros((threads, ARTICLES), dtype=np.float32),
            new=np.zeros(0, dtype=np.int64),
        )


def _kept(arrays: Arrays, articles: int, then: CarriedOver | None) -> _Kept | None:
    """What ``then`` has that is still valid; None where everything has to be compared."""
    if then is None or "thread_article_scores" not in then.arrays:
        return None
    best_then = then.arrays["thread_articles"]
    documents_then = then.arrays["doc_passages"].size - 1
    articles_then = documents_then - best_then.shape[0]
    same = int((then.places[:articles] >= 0).sum())
    taken, taken_then = _is_taken(arrays)[:articles], _is_taken(then.arrays)[:articles_then]
    drift = int(then.arrays["thread_article_drift"][0])
    drift += max(int(taken.sum()), int(taken_then.sum())) - same
    if min(articles, articles_then) < ARTICLES or drift > _DRIFT * articles:
        return None

    # A word that is new since is as rare as one can be.
    idf = np.full(arrays["df"].size, weights.idf(1, articles), dtype=np.float32)
    remaining = then.stems >= 0
    idf[then.stems[remaining]] = then.arrays["thread_article_idf"][remaining]

    kept = _Kept.nothing(idf, then.places.size - articles)
    number_now = np.full(documents_then, -1, dtype=np.int32)
    unchanged = np.flatnonzero(then.places >= 0)
    number_now[then.places[unchanged]] = unchanged
    threads = unchanged[unchanged >= articles]
    rows, rows_then = threads - articles, then.places[threads] - articles_then
    kept.best[rows] = number_now[best_then[rows_then]]
    kept.scores[rows] = then.arrays["thread_article_scores"][rows_then]
    kept.is_compared[rows] = (kept.best[rows] >= 0).all(axis=1)
    return replace(kept, drift=drift, new=np.flatnonzero(taken & (then.places[:articles] < 0)))


def _is_taken(arrays: Arrays) -> NDArray[np.bool_]:
    """Which numbers of a partition a document has: each has a passage."""
    return np.asarray(np.diff(arrays["doc_passages"]) > 0)


def _compare_with_new(arrays: Arrays, articles: int, kept: _Kept) -> None:
    """Let new articles take the place of those that say less of what a thread says."""
    if not kept.new.size:
        return
    passages = arrays["doc_passages"]
    stems = _stems_of(arrays, positions_of(passages[kept.new], passages[kept.new + 1]))
    table = codes_by_stem(arrays, articles, stems, kept.new)
    compared = np.flatnonzero(kept.is_compared)
    for low in range(0, compared.size, _BATCH):
        rows = compared[low : low + _BATCH]
        scores = np.asarray((_beginnings(arrays, articles + rows, kept.idf) @ table).todense())
        # Of articles that are as good, the first one counts.
        better = np.flatnonzero(scores.max(axis=1) >= kept.scores[rows, -1])
        rows, scores = rows[better], scores[better]
        numbers = np.concatenate(
            (kept.best[rows], np.broadcast_to(kept.new, scores.shape)), axis=1, dtype=np.int32
        )
        scores = np.concatenate((kept.scores[rows], scores), axis=1)
        order = np.lexsort((numbers, -scores), axis=1)[:, :ARTICLES]
        kept.best[rows] = np.take_along_axis(numbers, order, axis=1)
        kept.scores[rows] = np.take_along_axis(scores, order, axis=1)


def articles_by_stem(arrays: Arrays, articles: int) -> tuple[Any, StemIdfs]:
    """The codes of articles, stems by articles, and the idf of each stem among articles."""
    table = codes_by_stem(arrays, articles, np.arange(arrays["df"].size))
    df = np.diff(table.indptr)
    idf = weights.idf(df, articles).astype(np.float32)
    idf[(df == 0) | (df > max(_FEW, _COMMON * articles))] = 0
    return table, idf


def codes_by_stem(
    arrays: Arrays,
    articles: int,
    stems: NDArray[np.int64],
    chosen: NDArray[np.int64] | None = None,
) -> Any:
    """The codes that some ``stems`` have in the ``chosen`` articles, or in all: stems by articles.

    A table that has no row for the other stems has an empty one.
    """
    from scipy import sparse  # build time only

    column_of = np.arange(articles)
    if chosen is not None:
        column_of = np.full(articles, -1)
        column_of[chosen] = np.arange(chosen.size)
    width = articles if chosen is None else chosen.size

    row_of = arrays["row_of"][stems]
    pointers = arrays["pointers"]
    entries = positions_of(pointers[stems], pointers[stems + 1])
    docs = arrays["docs"][entries]
    stem_of = np.repeat(stems, pointers[stems + 1] - pointers[stems])
    is_chosen = docs < articles
    is_chosen[is_chosen] = column_of[docs[is_chosen]] >= 0
    dense = np.flatnonzero(row_of >= 0)
    columns = slice(0, articles) if chosen is None else chosen
    rows = arrays["rows"][row_of[dense]][:, columns]
    row, column = np.nonzero(rows)
    return sparse.csr_matrix(
        (
            np.concatenate((arrays["codes"][entries[is_chosen]], rows[row, column])).astype(
                np.float32
            ),
            (
                np.concatenate((stem_of[is_chosen], stems[dense[row]])),
                np.concatenate((column_of[docs[is_chosen]], column)),
            ),
        ),
        shape=(arrays["df"].size, width),
    )


def _stems_of(arrays: Arrays, passages: NDArray[np.int64]) -> NDArray[np.int64]:
    """The different stems of some passages."""
    pointers = arrays["passage_pointers"]
    entries = positions_of(pointers[passages], pointers[passages + 1])
    is_used = np.zeros(arrays["df"].size, dtype=bool)
    is_used[arrays["passage_stems"][entries]] = True
    return np.flatnonzero(is_used)


def _beginnings(arrays: Arrays, threads: NDArray[np.int64], idf: StemIdfs) -> Any:
    """The first passages of some threads by stems: the frequency of each times its idf."""
    from scipy import sparse  # build time only

    passages = arrays["doc_passages"][threads]
    starts = arrays["passage_pointers"][passages]
    ends = arrays["passage_pointers"][passages + 1]
    entries = positions_of(starts, ends)
    stems = arrays["passage_stems"][entries]
    values = arrays["passage_codes"][entries].astype(np.float32) * idf[stems]
    pointers = np.concatenate(([0], np.cumsum(ends - starts)))
    table = sparse.csr_matrix((values, stems, pointers), shape=(passages.size, idf.size))
    table.eliminate_zeros()
    return table


def _best(threads: Any, table: Any, loops: Loops | None) -> tuple[ArticleRows, ScoreRows]:
    """The best articles of each of ``threads`` by stems, and their scores; of several that are as
    good, the first. ``table`` has stems by articles.
    """
    articles = table.shape[1]
    count = min(ARTICLES, articles)
    if loops is not None:
        first, second = (
            (each.indptr, each.indices, each.data.astype(np.float32, copy=False))
            for each in (threads, table)
        )
        return loops.top_products(*first, *second, articles, count)

    scores = np.asarray((threads @ table).todense())
    rows = np.arange(scores.shape[0])
    best = np.empty((rows.size, count), dtype=np.int32)
    values = np.empty((rows.size, count), dtype=np.float32)
    for rank in range(count):  # sorting thousands for the sake of five takes far longer
        best[:, rank] = scores.argmax(axis=1)
        values[:, rank] = scores[rows, best[:, rank]]
        scores[rows, best[:, rank]] = -1
    return best, values


def _shares(scores: ScoreRows) -> ShareRows:
    """How much each article counts beside the best."""
    share = (scores / np.maximum(scores[:, :1], 1e-9)) ** _SHARPNESS
    return np.rint(share * 255).astype(np.uint8)


def thread_articles(arrays: Arrays, articles: int) -> ThreadArticleRows:
    """The articles of all threads of a partition, whose first ``articles`` documents are
    articles.
    """
    if "thread_articles" not in arrays:
        return NO_THREAD_ARTICLES
    return ThreadArticleRows(arrays["thread_articles"], arrays["thread_article_shares"], articles)
