"""Which texts are about the same thing in other words?

Latent semantic analysis (Deerwester et al., 1990): words and passages as points of a few hundred dimensions in which
words that stand in the same texts lie close. Fitted on what one audience may see, and on nothing else, by
scikit-learn's truncated SVD; kept as bytes and mapped. Only candidates are compared, never every document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import weights
from kb.search.arrays import Arrays
from kb.search.kernels import Kernels
from kb.search.lexical import Meaning

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
DIMENSIONS = 200
SMALLEST = 400  # passages; fewer say too little about which words belong together
SAMPLE = 20_000  # passages to fit on, evenly spread: more cost time and change little
COMMONEST = 50_000  # words that have a direction of their own
_BATCH = 20_000
_REMEMBERED = 2_000  # words of queries; a kilobyte each


def pack(arrays: Arrays) -> Arrays:
    """Directions of words and passages, from the forward index and document frequencies of a partition."""
    count, documents = arrays["passage_pointers"].size - 1, arrays["kind"].size
    if count < SMALLEST:
        return {}
    from sklearn.decomposition import TruncatedSVD  # half a second to import: not for small help centres

    table = _table(arrays, documents)
    kept = np.flatnonzero(arrays["df"] >= 2)
    kept = np.sort(kept[np.argsort(-arrays["df"][kept], kind="stable")[:COMMONEST]])
    table = table[:, kept]
    if min(table.shape) <= DIMENSIONS:
        return {}
    sample = table[:: -(-count // SAMPLE)]
    fitted = TruncatedSVD(DIMENSIONS, n_iter=3, random_state=0).fit(sample)
    words = fitted.components_.T.astype(np.float32)
    passages = np.concatenate([_bytes(table[i : i + _BATCH] @ words) for i in range(0, count, _BATCH)])
    place = np.full(arrays["df"].size, -1, dtype=np.int32)
    place[kept] = np.arange(kept.size)
    return {
        "topic_place": place,
        "topic_words": _bytes(words),
        "topic_scales": (np.abs(words).max(axis=1) / 127).astype(np.float32),
        "topic_passages": passages,
        "topic_lengths": np.concatenate([_lengths(passages[i : i + _BATCH]) for i in range(0, count, _BATCH)]),
    }


def _table(arrays: Arrays, documents: int) -> Any:
    """Passages by stems: saturated frequency times idf, each row of length 1."""
    from scipy import sparse

    owner = np.repeat(np.arange(arrays["passage_pointers"].size - 1), np.diff(arrays["passage_pointers"]))
    value = arrays["passage_codes"].astype(np.float32)
    value = value * weights.idf(arrays["df"], documents).astype(np.float32)[arrays["passage_stems"]]
    length = np.sqrt(np.bincount(owner, weights=value**2, minlength=arrays["passage_pointers"].size - 1))
    value = (value / np.maximum(length, 1e-9)[owner]).astype(np.float32)
    shape = (arrays["passage_pointers"].size - 1, arrays["df"].size)
    return sparse.csr_matrix((value, arrays["passage_stems"], arrays["passage_pointers"]), shape=shape)


def _bytes(rows: Floats) -> npt.NDArray[np.int8]:
    """Directions in one byte a component; lengths do not matter, as only cosines are asked for."""
    steps: Floats = np.rint(rows * (127 / np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9)))
    return steps.astype(np.int8)


def _lengths(rows: npt.NDArray[np.int8]) -> Floats:
    return np.asarray(np.maximum(np.sqrt((rows.astype(np.float32) ** 2).sum(axis=1)), 1e-9), dtype=np.float32)


class Topics:
    """The directions of one audience's partition."""

    def __init__(self, arrays: Arrays, run: Kernels) -> None:
        self._place, self._words, self._scales = arrays["topic_place"], arrays["topic_words"], arrays["topic_scales"]
        self._passages, self._lengths = arrays["topic_passages"], arrays["topic_lengths"]
        self._of_document = arrays["doc_passages"]
        self._df, self._size = arrays["df"], int(arrays["kind"].size)
        self._run = run
        self._known: dict[Meaning, Floats] = {}

    def use(self, run: Kernels) -> None:
        self._run = run

    def direction(self, meanings: Sequence[Meaning]) -> npt.NDArray[np.int8] | None:
        """The direction of a query, in one byte a component; None when it has no word with a direction."""
        total = sum(map(self._word, meanings), np.zeros(DIMENSIONS, dtype=np.float32))
        return _bytes(total[None])[0] if total.any() else None

    def _word(self, meaning: Meaning) -> Floats:
        """What one word adds to a query's direction; words come again, so the last ones are kept."""
        found = self._known.get(meaning)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[meaning] = self._worked_out(meaning)
        return found

    def _worked_out(self, meaning: Meaning) -> Floats:
        stems = np.array(meaning.stems)
        df = self._df[stems].astype(np.float64)
        # Completions count by how common they are, and together as one word of their joint idf.
        share = df / df.sum() if meaning.united else np.array(meaning.shares)
        idf = weights.idf(df.sum(), self._size) if meaning.united else weights.idf(df, self._size)
        place = self._place[stems]
        known = place[place >= 0]
        gain = (share * idf).astype(np.float32)[place >= 0] * self._scales[known]
        return np.asarray(gain @ self._words[known].astype(np.float32))

    def scores(self, meanings: Sequence[Meaning], documents: Ints) -> Floats:
        """The cosine between a query and each document's nearest passage, 0 at least."""
        nearest = np.zeros(documents.size, dtype=np.float32)
        direction = self.direction(meanings)
        if direction is None or not documents.size:
            return nearest
        self._run.rows_near(self._of_document, self._passages, self._lengths, direction, documents, nearest)
        whole = direction.astype(np.float32)
        return np.asarray(nearest / np.sqrt(whole @ whole), dtype=np.float32)
