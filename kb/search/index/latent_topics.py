"""Latent topics: texts that are about the same thing in other words.

Latent semantic analysis (Deerwester et al., 1990): words and passages as points in a space of a few
hundred dimensions, in which words that occur in the same texts are close to each other. Fitted by
scikit-learn's truncated SVD on what one audience may see, and on nothing else; kept as bytes and
mapped. Only candidates are compared, never every document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.array_types import Frequencies, Vector8, Vectors8
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver, PreviousPartition
from kb.search.index.spill import Spill
from kb.search.kernels.layout import PassageVectors
from kb.search.kernels.ranges import gather
from kb.search.query_terms import QueryTerm

StemRows = NDArray[np.int32]  # [stems], the row of each among the directions; -1: it has none
StemVectors = NDArray[np.float16]  # [stems with a direction, dimensions]
DIMENSIONS = 128  # as many as 100 to 400 others: the judged sets are level
SMALLEST = 400  # passages; fewer say too little about which words belong together
SAMPLE = 20_000  # passages to fit on, evenly spread: more cost time and change little
COMMONEST = 50_000  # words that have a direction of their own
DRIFT = 0.1  # the share of documents that may change before the directions are fitted anew
_BATCH = 5_000  # passages whose directions are computed at once


def pack_latent_topics(
    made: Arrays,
    before: PreviousPartition | None = None,
    then: CarriedOver | None = None,
    spill: Spill | None = None,
) -> Arrays:
    """Directions of words and passages, from the passages, stems and ``df`` of a partition.

    None for a small partition. Where little changed, the words keep the directions of the last fit,
    which takes seconds, and the passages of unchanged documents theirs: text that was edited away
    keeps its part in them until a tenth of the documents has changed. In the same way a group that
    sees little more than others has the directions that were fitted for these. What is hidden never
    has a part: a lost document means a new fit.
    """
    if made["passage_pointers"].size - 1 < SMALLEST:
        return {}
    kept = _kept(made, before, then)
    fit = kept if kept is not None else _fitted(made)
    if fit is None:
        return {}
    row_of, words, drift = fit
    carried_over = then if kept is not None else None
    return {
        "topic_place": row_of,
        "topic_words": words,
        **_pack_passages(made, row_of, words, carried_over, spill or Spill()),
        "topic_drift": np.array([drift], dtype=np.int64),
    }


def pack_added_topics(made: Arrays, row_of: StemRows, words: StemVectors) -> Arrays:
    """The directions and lengths of passages that came after ``words`` were fitted.

    ``made`` has these passages, and the ``df`` of a whole partition.
    """
    return _pack_passages(made, row_of, words, None, Spill())


def _pack_passages(
    made: Arrays, row_of: StemRows, words: StemVectors, then: CarriedOver | None, spill: Spill
) -> Arrays:
    """The directions and lengths of all passages; those that ``then`` has stay as they were."""
    passages = made["passage_pointers"].size - 1
    last_row = np.full(passages, -1, dtype=np.int64)
    if then is not None:
        now, last = then.passages(made["doc_passages"])
        last_row[now] = last

    directions, lengths = spill.array(np.int8), spill.array(np.float32)
    fresh_entries, _ = gather(made["passage_pointers"], np.flatnonzero(last_row < 0))
    is_used = np.zeros(row_of.size, dtype=bool)
    is_used[made["passage_stems"][fresh_entries]] = True
    stems = np.flatnonzero(is_used & (row_of >= 0))
    dense = words[row_of[stems]].astype(np.float32)
    for low in range(0, passages, _BATCH):
        rows = last_row[low : low + _BATCH]
        vectors = np.zeros((rows.size, words.shape[1]), dtype=np.int8)
        length = np.zeros(rows.size, dtype=np.float32)
        same, fresh = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
        if then is not None:
            vectors[same] = then.arrays["topic_passages"][rows[same]]
            length[same] = then.arrays["topic_lengths"][rows[same]]
        if fresh.size:
            vectors[fresh] = _quantized(_weighted(made, low + fresh)[:, stems] @ dense)
            length[fresh] = _lengths(vectors[fresh])
        directions.append(vectors)
        lengths.append(length)
    return {
        "topic_passages": directions.array().reshape(passages, words.shape[1]),
        "topic_lengths": lengths.array(),
    }


def _weighted(made: Arrays, passages: NDArray[np.int64]) -> Any:
    """Passages by stems: the logarithm of the frequency times idf, each row of length 1.

    Not the saturated frequency of passages: to that, whether a word stands in the title makes
    hardly a difference.
    """
    from scipy import sparse  # build time only

    entries, rows = gather(made["passage_pointers"], passages)
    stems = made["passage_stems"][entries]
    frequencies = weights.frequency(np.arange(256, dtype=np.uint8), weights.PASSAGE_K1)
    value = np.log1p(frequencies).astype(np.float32)[made["passage_codes"][entries]]
    value *= weights.idf(made["df"], made["doc_passages"].size - 1).astype(np.float32)[stems]
    length = np.sqrt(np.bincount(rows, weights=value**2, minlength=passages.size))
    value = (value / np.maximum(length, 1e-9)[rows]).astype(np.float32)
    pointers = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=passages.size))))
    return sparse.csr_matrix((value, stems, pointers), shape=(passages.size, made["df"].size))


def _fitted(made: Arrays) -> tuple[StemRows, StemVectors, int] | None:
    """Rows of stems and directions, fitted now, and a drift of 0; None for too little text."""
    # Half a second to import: not for small help centres.
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    df, passages = made["df"], made["passage_pointers"].size - 1
    stems = np.flatnonzero(df >= 2)
    stems = np.sort(stems[np.argsort(-df[stems], kind="stable")[:COMMONEST]])
    if min(passages, stems.size) <= DIMENSIONS:
        return None
    sample = _weighted(made, np.arange(0, passages, -(-passages // SAMPLE)))[:, stems]
    # Several threads would mostly wait for each other, and round in another order.
    with threadpool_limits(1, "blas"):
        svd = TruncatedSVD(DIMENSIONS, n_iter=3, random_state=0).fit(sample)
    row_of = np.full(df.size, -1, dtype=np.int32)
    row_of[stems] = np.arange(stems.size)
    return row_of, svd.components_.T.astype(np.float16), 0


def _kept(
    made: Arrays, before: PreviousPartition | None, then: CarriedOver | None
) -> tuple[StemRows, StemVectors, int] | None:
    """The fit of the last generation; None where it may not be kept, or is too long ago."""
    if before is None or then is None or before.lost or "topic_drift" not in before.arrays:
        return None
    drift = int(before.arrays["topic_drift"][0]) + before.drift
    if drift > DRIFT * (made["doc_passages"].size - 1):
        return None
    row_of = np.full(made["df"].size, -1, dtype=np.int32)
    remaining = then.stems >= 0
    row_of[then.stems[remaining]] = before.arrays["topic_place"][remaining]
    return row_of, before.arrays["topic_words"], drift


def _quantized(rows: NDArray[np.float32]) -> Vectors8:
    """Directions in one byte a component; lengths do not matter, as only cosines are asked for."""
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.rint(rows * (127 / largest)), dtype=np.int8)


def _lengths(rows: Vectors8) -> NDArray[np.float32]:
    lengths = np.sqrt((rows.astype(np.float32) ** 2).sum(axis=1))
    return np.asarray(np.maximum(lengths, 1e-9), dtype=np.float32)


def bytes_of(direction: NDArray[np.float32]) -> Vector8:
    """One direction in one byte a component."""
    largest = max(float(direction.max()), -float(direction.min()), 1e-9)
    return np.asarray(np.rint(direction * np.float32(127 / largest)), dtype=np.int8)


def bytes_of_each(directions: NDArray[np.float32]) -> Vectors8:
    """``bytes_of`` each row."""
    largest = np.maximum(directions.max(axis=1), -directions.min(axis=1)).astype(np.float64)
    factors = (127 / np.maximum(largest, 1e-9)).astype(np.float32)
    return np.asarray(np.rint(directions * factors[:, None]), dtype=np.int8)


class LatentTopics:
    """The directions of one partition; ``passages`` are those of its passages."""

    def __init__(self, arrays: Arrays) -> None:
        self.passages = PassageVectors(arrays["topic_passages"], arrays["topic_lengths"])
        self._row_of: StemRows = arrays["topic_place"]
        self._words: StemVectors = arrays["topic_words"]
        self._df: Frequencies = arrays["df"]
        self._size = int(arrays["kind"].size)

    def direction(self, terms: Sequence[QueryTerm]) -> Vector8 | None:
        """The direction of a query; None when no word of it has one."""
        total = np.zeros(DIMENSIONS, dtype=np.float32)
        for term in terms:
            if term.memo.direction is None:
                term.memo.direction = self._direction_of(term)
            total = total + term.memo.direction
        return bytes_of(total) if total.any() else None

    def _direction_of(self, term: QueryTerm) -> NDArray[np.float32]:
        """What one term adds to a query's direction."""
        stems = np.array(term.stems)
        df = self._df[stems].astype(np.float64)
        # Completions count by how common they are, and together as one word of their joint idf.
        share = df / df.sum() if term.prefix else np.array(term.shares)
        if term.equals:  # together they count as one word
            share = share * (share.max() / share.sum())
        idf = weights.idf(df.sum(), self._size) if term.prefix else weights.idf(df, self._size)
        rows = self._row_of[stems]
        gain = (share * idf).astype(np.float32)[rows >= 0]
        return np.asarray(gain @ self._words[rows[rows >= 0]].astype(np.float32))
