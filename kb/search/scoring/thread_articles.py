"""Thread articles: for each thread, the articles that say most of what it says.

A thread is written in the words of those who ask, and longer than a query: threads near a query
lead to articles that the query's own words do not reach. Built from what one audience may see, and
from nothing else; only where threads prevail. How much it counts is ``fusion``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver
from kb.search.kernels.layout import NO_THREAD_ARTICLES, ThreadArticleRows
from kb.search.kernels.ranges import positions_of

ArticleRows = NDArray[np.int32]  # [threads, ARTICLES], numbers of articles
ShareRows = NDArray[np.uint8]  # [threads, ARTICLES], how much each is what the thread is about
ARTICLES = 5  # kept for each thread
_SHARPNESS = 6  # the power that makes the best article count far more than the next ones
#: A word that more than this share of the articles has tells none from another.
_COMMON = 0.25
_FEW = 40  # articles, of which no word is too common
_BATCH = 2_000  # threads that are compared at once


def pack_thread_articles(arrays: Arrays, articles: int, then: CarriedOver | None = None) -> Arrays:
    """Arrays of the threads of a partition, whose first ``articles`` documents are articles.

    Where all articles are as they were, unchanged threads keep what ``then`` has for them.
    """
    passages = arrays["doc_passages"]
    threads = passages.size - 1 - articles
    numbers = np.zeros((threads, ARTICLES), dtype=np.int32)
    shares = np.zeros((threads, ARTICLES), dtype=np.uint8)
    last_row = _last_rows(then, articles, threads)
    kept = last_row >= 0
    if then is not None and kept.any():
        numbers[kept] = then.arrays["thread_articles"][last_row[kept]]
        shares[kept] = then.arrays["thread_article_shares"][last_row[kept]]

    fresh = np.flatnonzero(~kept)
    if fresh.size:
        by_stem, idf = articles_by_stem(arrays, articles)
        for low in range(0, fresh.size, _BATCH):
            rows = fresh[low : low + _BATCH]
            scores = _beginnings(arrays, passages[articles + rows], idf) @ by_stem
            best, share = _best(np.asarray(scores.todense()))
            numbers[rows, : best.shape[1]] = best
            shares[rows, : best.shape[1]] = share
    return {"thread_articles": numbers, "thread_article_shares": shares}


def _last_rows(then: CarriedOver | None, articles: int, threads: int) -> NDArray[np.int64]:
    """The row that each thread had, or -1."""
    nowhere = np.full(threads, -1, dtype=np.int64)
    if then is None or "thread_articles" not in then.arrays:
        return nowhere
    threads_then = then.arrays["thread_articles"].shape[0]
    same = then.arrays["doc_passages"].size - 1 - threads_then == articles
    if not same or not np.array_equal(then.places[:articles], np.arange(articles)):
        return nowhere
    return np.maximum(then.places[articles:] - articles, -1)


def articles_by_stem(arrays: Arrays, articles: int) -> tuple[Any, NDArray[np.float32]]:
    """The codes of articles, stems by articles, and the idf of each stem among articles."""
    from scipy import sparse  # build time only

    stems = arrays["df"].size
    ends = arrays["pointers"][: stems + 1]
    docs, codes = arrays["docs"][: ends[-1]], arrays["codes"][: ends[-1]]
    is_article = docs < articles
    stem_of = np.repeat(np.arange(stems), np.diff(ends))[is_article]
    row_of = arrays["row_of"][:stems]
    dense = np.flatnonzero(row_of >= 0)
    rows = arrays["rows"][row_of[dense], :articles]
    row, column = np.nonzero(rows)

    table = sparse.csr_matrix(
        (
            np.concatenate((codes[is_article], rows[row, column])).astype(np.float32),
            (
                np.concatenate((stem_of, dense[row])),
                np.concatenate((docs[is_article], column)),
            ),
        ),
        shape=(stems, articles),
    )
    df = np.diff(table.indptr)
    idf = weights.idf(df, articles).astype(np.float32)
    idf[(df == 0) | (df > max(_FEW, _COMMON * articles))] = 0
    return table, idf


def _beginnings(arrays: Arrays, passages: NDArray[np.int64], idf: NDArray[np.float32]) -> Any:
    """Some passages by stems: the frequency of each times its idf."""
    from scipy import sparse  # build time only

    starts = arrays["passage_pointers"][passages]
    ends = arrays["passage_pointers"][passages + 1]
    entries = positions_of(starts, ends)
    stems = arrays["passage_stems"][entries]
    values = arrays["passage_codes"][entries].astype(np.float32) * idf[stems]
    pointers = np.concatenate(([0], np.cumsum(ends - starts)))
    table = sparse.csr_matrix((values, stems, pointers), shape=(passages.size, idf.size))
    table.eliminate_zeros()
    return table


def _best(scores: NDArray[np.float32]) -> tuple[ArticleRows, ShareRows]:
    """The best articles of each thread, and how much each counts beside the best; of several that
    are as good, the first. ``scores``, none of which is negative, are used up.
    """
    rows = np.arange(scores.shape[0])
    count = min(ARTICLES, scores.shape[1])
    best = np.empty((rows.size, count), dtype=np.int32)
    values = np.empty((rows.size, count), dtype=scores.dtype)
    for rank in range(count):  # sorting thousands for the sake of five takes far longer
        best[:, rank] = scores.argmax(axis=1)
        values[:, rank] = scores[rows, best[:, rank]]
        scores[rows, best[:, rank]] = -1
    share = (values / np.maximum(values[:, :1], 1e-9)) ** _SHARPNESS
    return best, np.rint(share * 255).astype(np.uint8)


def thread_articles(arrays: Arrays, articles: int) -> ThreadArticleRows:
    """The articles of all threads of a partition, whose first ``articles`` documents are
    articles.
    """
    if "thread_articles" not in arrays:
        return NO_THREAD_ARTICLES
    return ThreadArticleRows(arrays["thread_articles"], arrays["thread_article_shares"], articles)
