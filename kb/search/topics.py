"""Which texts are about the same thing in other words?

Latent semantic analysis (Deerwester et al., 1990): words and passages as points of a few hundred dimensions in which
words that stand in the same texts lie close. Fitted on what one audience may see, and on nothing else, by
scikit-learn's truncated SVD; kept as bytes and mapped. Only candidates are compared, never every document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import weights
from kb.search.arrays import Arrays
from kb.search.kernels import Directions
from kb.search.lately import Lately
from kb.search.lexical import Meaning
from kb.search.vocabulary import Vocabulary

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
DIMENSIONS = 128  # as many as 100 to 400 others: the judged sets are level
SMALLEST = 400  # passages; fewer say too little about which words belong together
SAMPLE = 20_000  # passages to fit on, evenly spread: more cost time and change little
COMMONEST = 50_000  # words that have a direction of their own
DRIFT = 0.1  # the share of documents that may change before the directions are fitted anew
_BATCH = 20_000
_REMEMBERED = 2_000  # words of queries; a kilobyte each


@dataclass(frozen=True, slots=True)
class Before:
    """The last generation's partition for the same audience, of which ``changed`` documents are new or different now.

    ``lost`` says that a document which that audience saw then is gone or hidden from it now; ``places`` are the numbers
    that the documents which are the same had then.
    """

    arrays: Arrays
    changed: int
    lost: bool
    places: Mapping[str, int]


def pack(made: Arrays, before: Before | None = None) -> Arrays:
    """Directions of words and passages, from the passages, stems and ``df`` of a partition; none for a small one.

    Where little changed, the words keep the directions of the last fit, which takes seconds: text that was edited away
    goes on having had a part in it until a tenth of the documents has changed. What is hidden never has: a lost
    document means a new fit.
    """
    documents = int(made["doc_passages"].size - 1)
    if made["passage_pointers"].size - 1 < SMALLEST:
        return {}
    table = _weighted(made, documents)
    kept = _kept(made, before, documents)
    found = kept if kept is not None else _fitted(table, made["df"])
    if found is None:
        return {}
    place, words, drift = found
    placed = np.flatnonzero(place >= 0)
    chosen, dense = table[:, placed], words[place[placed]].astype(np.float32)
    batches = range(0, table.shape[0], _BATCH)
    passages = np.concatenate([_bytes(chosen[i : i + _BATCH] @ dense) for i in batches])
    return {
        "topic_place": place,
        "topic_words": words,
        "topic_passages": passages,
        "topic_lengths": np.concatenate([_lengths(passages[i : i + _BATCH]) for i in batches]),
        "topic_drift": np.array([drift], dtype=np.int64),
    }


def _weighted(made: Arrays, documents: int) -> Any:
    """Passages by stems: logarithm of the frequency times idf, each row of length 1.

    Not the saturated frequency of passages: to that, whether a word stands in the title makes hardly a difference.
    """
    from scipy import sparse  # build time only

    pointers, stems = made["passage_pointers"], made["passage_stems"]
    frequencies = weights.frequency(np.arange(256, dtype=np.uint8), weights.PASSAGE_K1)
    value = np.log1p(frequencies).astype(np.float32)[made["passage_codes"]]
    value *= weights.idf(made["df"], documents).astype(np.float32)[stems]
    rows = np.repeat(np.arange(pointers.size - 1), np.diff(pointers))
    length = np.sqrt(np.bincount(rows, weights=value**2, minlength=pointers.size - 1))
    value = (value / np.maximum(length, 1e-9)[rows]).astype(np.float32)
    return sparse.csr_matrix((value, stems, pointers), shape=(pointers.size - 1, made["df"].size))


def _fitted(table: Any, df: Ints) -> tuple[Ints, Ints, int] | None:
    """For each stem its row among the directions (-1: none), and the directions, fitted now."""
    from sklearn.decomposition import TruncatedSVD  # half a second to import: not for small help centres

    kept = np.flatnonzero(df >= 2)
    kept = np.sort(kept[np.argsort(-df[kept], kind="stable")[:COMMONEST]])
    if min(table.shape[0], kept.size) <= DIMENSIONS:
        return None
    sample = table[:: -(-table.shape[0] // SAMPLE)][:, kept]
    fitted = TruncatedSVD(DIMENSIONS, n_iter=3, random_state=0).fit(sample)
    place = np.full(df.size, -1, dtype=np.int32)
    place[kept] = np.arange(kept.size)
    return place, fitted.components_.T.astype(np.float16), 0


def _kept(made: Arrays, before: Before | None, documents: int) -> tuple[Ints, Ints, int] | None:
    """The same as ``_fitted`` from the last generation; None where that may not be, or is too long ago."""
    if before is None or before.lost or "topic_drift" not in before.arrays:
        return None
    drift = int(before.arrays["topic_drift"][0]) + before.changed
    if drift > DRIFT * documents:
        return None
    old = {word: number for number, word in enumerate(Vocabulary(before.arrays, "stem").words())}
    known = np.array([old.get(word, -1) for word in Vocabulary(made, "stem").words()], dtype=np.int64)
    place = np.where(known >= 0, before.arrays["topic_place"][known], -1).astype(np.int32)
    return place, before.arrays["topic_words"], drift


def _bytes(rows: Floats) -> npt.NDArray[np.int8]:
    """Directions in one byte a component; lengths do not matter, as only cosines are asked for."""
    steps: Floats = np.rint(rows * (127 / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9)))
    return steps.astype(np.int8)


def _lengths(rows: npt.NDArray[np.int8]) -> Floats:
    return np.asarray(np.maximum(np.sqrt((rows.astype(np.float32) ** 2).sum(axis=1)), 1e-9), dtype=np.float32)


def cosines(near: Floats, direction: Ints) -> Floats:
    """``near`` divided by the length of ``direction``."""
    whole = direction.astype(np.float32)
    return np.asarray(near / np.sqrt(whole @ whole), dtype=np.float32) if whole.size else near


class Topics:
    """The directions of one audience's partition; ``rows`` are those of its passages."""

    def __init__(self, arrays: Arrays) -> None:
        self._place, self._words = arrays["topic_place"], arrays["topic_words"]
        self.rows = Directions(arrays["topic_passages"], arrays["topic_lengths"])
        self._df, self._size = arrays["df"], int(arrays["kind"].size)
        self._known: Lately[Meaning, Floats] = Lately(_REMEMBERED)

    def near_to(self, passages: Ints, leaders: Ints, worth: Floats) -> Floats:
        """How near each of ``passages`` is to the mean direction of those at the places ``leaders``, 0 at least.

        Each leader counts as its ``worth``. Cosines, times the length of that direction in bytes.
        """
        vectors, lengths = self.rows.vectors[passages].astype(np.float32), self.rows.lengths[passages]
        middle = (worth / lengths[leaders]).astype(np.float32) @ vectors[leaders]
        # Of whole numbers below 2**24: texts that are alike get the same, wherever they stand.
        return np.asarray(np.maximum(vectors @ _bytes(middle[None])[0].astype(np.float32), 0.0) / lengths)

    def direction(self, meanings: Sequence[Meaning]) -> npt.NDArray[np.int8] | None:
        """The direction of a query, in one byte a component; None when it has no word with a direction."""
        total = sum(map(self._word, meanings), np.zeros(DIMENSIONS, dtype=np.float32))
        return _bytes(total[None])[0] if total.any() else None

    def _word(self, meaning: Meaning) -> Floats:
        """What one word adds to a query's direction."""
        found = self._known.get(meaning)
        return self._known.keep(meaning, self._worked_out(meaning)) if found is None else found

    def _worked_out(self, meaning: Meaning) -> Floats:
        stems = np.array(meaning.stems)
        df = self._df[stems].astype(np.float64)
        # Completions count by how common they are, and together as one word of their joint idf.
        share = df / df.sum() if meaning.united else np.array(meaning.shares)
        idf = weights.idf(df.sum(), self._size) if meaning.united else weights.idf(df, self._size)
        place = self._place[stems]
        known = place[place >= 0]
        gain = (share * idf).astype(np.float32)[place >= 0]
        return np.asarray(gain @ self._words[known].astype(np.float32))
