"""Which texts are about the same thing in other words?

Latent semantic analysis (Deerwester et al., 1990): words and passages as points of a few hundred
dimensions in which words that stand in the same texts lie close. Fitted on what one audience may
see, and on nothing else, by scikit-learn's truncated SVD; kept as bytes and mapped. Only candidates
are compared, never every document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.bounded_cache import BoundedCache
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver, PreviousPartition
from kb.search.index.spill import Spill
from kb.search.kernels.dispatch import gather
from kb.search.kernels.layout import Directions
from kb.search.scoring import weights
from kb.search.scoring.bm25 import QueryTerm

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
DIMENSIONS = 128  # as many as 100 to 400 others: the judged sets are level
SMALLEST = 400  # passages; fewer say too little about which words belong together
SAMPLE = 20_000  # passages to fit on, evenly spread: more cost time and change little
COMMONEST = 50_000  # words that have a direction of their own
DRIFT = 0.1  # the share of documents that may change before the directions are fitted anew
_BATCH = 5_000  # passages whose directions are worked out at once
_REMEMBERED = 2_000  # words of queries; a kilobyte each


def pack(
    made: Arrays,
    before: PreviousPartition | None = None,
    then: CarriedOver | None = None,
    spill: Spill | None = None,
) -> Arrays:
    """Directions of words and passages, from the passages, stems and ``df`` of a partition; none
    for a small one.

    Where little changed, the words keep the directions of the last fit, which takes seconds, and
    the passages of unchanged documents theirs: text that was edited away goes on having had a part
    in it until a tenth of the documents has changed. What is hidden never has: a lost document
    means a new fit.
    """
    if made["passage_pointers"].size - 1 < SMALLEST:
        return {}
    kept = _kept(made, before, then)
    found = kept if kept is not None else _fitted(made)
    if found is None:
        return {}
    place, words, drift = found
    return {
        "topic_place": place,
        "topic_words": words,
        **_placed(made, place, words, then if kept is not None else None, spill or Spill()),
        "topic_drift": np.array([drift], dtype=np.int64),
    }


def _placed(
    made: Arrays, place: Ints, words: Ints, then: CarriedOver | None, spill: Spill
) -> Arrays:
    """The directions and lengths of all passages, those that ``then`` has as they were, some
    thousand at a time.
    """
    passages = made["passage_pointers"].size - 1
    was = np.full(passages, -1, dtype=np.int64)
    if then is not None:
        now, old = then.passages(made["doc_passages"])
        was[now] = old
    directions, lengths = spill.array(np.int8), spill.array(np.float32)
    placed = np.flatnonzero(place >= 0)
    dense = words[place[placed]].astype(np.float32) if (was < 0).any() else words
    for low in range(0, passages, _BATCH):
        old = was[low : low + _BATCH]
        rows, length = (
            np.zeros((old.size, words.shape[1]), dtype=np.int8),
            np.zeros(old.size, dtype=np.float32),
        )
        same, fresh = np.flatnonzero(old >= 0), np.flatnonzero(old < 0)
        if then is not None:
            rows[same] = then.arrays["topic_passages"][old[same]]
            length[same] = then.arrays["topic_lengths"][old[same]]
        if fresh.size:
            rows[fresh] = _bytes(_weighted(made, low + fresh)[:, placed] @ dense)
            length[fresh] = _lengths(rows[fresh])
        directions.append(rows)
        lengths.append(length)
    return {
        "topic_passages": directions.array().reshape(passages, words.shape[1]),
        "topic_lengths": lengths.array(),
    }


def _weighted(made: Arrays, passages: Ints) -> Any:
    """Passages by stems: logarithm of the frequency times idf, each row of length 1.

    Not the saturated frequency of passages: to that, whether a word stands in the title makes
    hardly a difference.
    """
    from scipy import sparse  # build time only

    at, rows = gather(made["passage_pointers"], passages)
    stems = made["passage_stems"][at]
    frequencies = weights.frequency(np.arange(256, dtype=np.uint8), weights.PASSAGE_K1)
    value = np.log1p(frequencies).astype(np.float32)[made["passage_codes"][at]]
    value *= weights.idf(made["df"], made["doc_passages"].size - 1).astype(np.float32)[stems]
    length = np.sqrt(np.bincount(rows, weights=value**2, minlength=passages.size))
    value = (value / np.maximum(length, 1e-9)[rows]).astype(np.float32)
    pointers = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=passages.size))))
    return sparse.csr_matrix((value, stems, pointers), shape=(passages.size, made["df"].size))


def _fitted(made: Arrays) -> tuple[Ints, Ints, int] | None:
    """For each stem its row among the directions (-1: none), and the directions, fitted now."""
    from sklearn.decomposition import (
        TruncatedSVD,
    )  # half a second to import: not for small help centres

    df, passages = made["df"], made["passage_pointers"].size - 1
    kept = np.flatnonzero(df >= 2)
    kept = np.sort(kept[np.argsort(-df[kept], kind="stable")[:COMMONEST]])
    if min(passages, kept.size) <= DIMENSIONS:
        return None
    sample = _weighted(made, np.arange(0, passages, -(-passages // SAMPLE)))[:, kept]
    fitted = TruncatedSVD(DIMENSIONS, n_iter=3, random_state=0).fit(sample)
    place = np.full(df.size, -1, dtype=np.int32)
    place[kept] = np.arange(kept.size)
    return place, fitted.components_.T.astype(np.float16), 0


def _kept(
    made: Arrays, before: PreviousPartition | None, then: CarriedOver | None
) -> tuple[Ints, Ints, int] | None:
    """The same as ``_fitted`` from the last generation; None where that may not be, or is too long
    ago.
    """
    if before is None or then is None or before.lost or "topic_drift" not in before.arrays:
        return None
    drift = int(before.arrays["topic_drift"][0]) + before.changed
    if drift > DRIFT * (made["doc_passages"].size - 1):
        return None
    place = np.full(made["df"].size, -1, dtype=np.int32)
    still = then.stems >= 0
    place[then.stems[still]] = before.arrays["topic_place"][still]
    return place, before.arrays["topic_words"], drift


def _bytes(rows: Floats) -> npt.NDArray[np.int8]:
    """Directions in one byte a component; lengths do not matter, as only cosines are asked for."""
    steps: Floats = np.rint(
        rows * (127 / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9))
    )
    return steps.astype(np.int8)


def _lengths(rows: npt.NDArray[np.int8]) -> Floats:
    return np.asarray(
        np.maximum(np.sqrt((rows.astype(np.float32) ** 2).sum(axis=1)), 1e-9), dtype=np.float32
    )


def cosines(near: Floats, direction: Ints) -> Floats:
    """``near`` divided by the length of ``direction``."""
    whole = direction.astype(np.float32)
    return np.asarray(near / np.sqrt(whole @ whole), dtype=np.float32) if whole.size else near


class LatentTopics:
    """The directions of one audience's partition; ``rows`` are those of its passages."""

    def __init__(self, arrays: Arrays) -> None:
        self._place, self._words = arrays["topic_place"], arrays["topic_words"]
        self.rows = Directions(arrays["topic_passages"], arrays["topic_lengths"])
        self._df, self._size = arrays["df"], int(arrays["kind"].size)
        self._known: BoundedCache[QueryTerm, Floats] = BoundedCache(_REMEMBERED)

    def direction(self, meanings: Sequence[QueryTerm]) -> npt.NDArray[np.int8] | None:
        """The direction of a query, in one byte a component; None when it has no word with a
        direction.
        """
        total = sum(map(self._word, meanings), np.zeros(DIMENSIONS, dtype=np.float32))
        return _bytes(total[None])[0] if total.any() else None

    def _word(self, meaning: QueryTerm) -> Floats:
        """What one word adds to a query's direction."""
        found = self._known.get(meaning)
        return self._known.keep(meaning, self._worked_out(meaning)) if found is None else found

    def _worked_out(self, meaning: QueryTerm) -> Floats:
        stems = np.array(meaning.stems)
        df = self._df[stems].astype(np.float64)
        # Completions count by how common they are, and together as one word of their joint idf.
        share = df / df.sum() if meaning.prefix else np.array(meaning.shares)
        idf = weights.idf(df.sum(), self._size) if meaning.prefix else weights.idf(df, self._size)
        place = self._place[stems]
        known = place[place >= 0]
        gain = (share * idf).astype(np.float32)[place >= 0]
        return np.asarray(gain @ self._words[known].astype(np.float32))
