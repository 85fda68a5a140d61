"""Which documents hold these words, and how much do the words weigh there?

BM25F over postings kept as packed, mapped arrays: of each stem the documents that hold it (ascending) and one byte of
weighted frequency. An open last word is one word whose frequencies are summed over a range of the vocabulary. Not for
reading a query (``matrix``) nor for the final order (``ranking``): this lane finds candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import weights
from kb.search.arrays import Arrays
from kb.search.postings import KINDS

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Meaning:
    """One word of a query, understood: the stems it stands for and how much each counts.

    ``united`` marks an open last word: its stems count as one word with their frequencies summed. ``corrected`` is
    the word it was read as when it was unknown.
    """

    word: str
    stems: tuple[int, ...]
    shares: tuple[float, ...]
    united: bool = False
    corrected: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Documents worth a closer look (ascending numbers), their word scores, and how many matched at all."""

    documents: Ints
    scores: Floats
    matched: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


class Lexical:
    """The postings of one audience's partition."""

    def __init__(self, arrays: Arrays) -> None:
        self.size = int(arrays["kind"].size)
        self.df = arrays["df"]
        self._pointers, self._docs, self._codes = arrays["pointers"], arrays["docs"], arrays["codes"]
        self.idfs = weights.idf(self.df, self.size).astype(np.float32)
        bounds = np.searchsorted(arrays["kind"], np.arange(len(KINDS) + 1))
        self.kind_ranges = [(int(a), int(b)) for a, b in pairwise(bounds)]

    def posting(self, stem: int) -> tuple[Ints, Ints]:
        """The documents that hold ``stem``, ascending, and the code of its weighted frequency in each."""
        start, end = self._pointers[stem : stem + 2].tolist()
        return self._docs[start:end], self._codes[start:end]

    def idf(self, df: int) -> float:
        return float(weights.idf(df, self.size))

    def score(self, meanings: tuple[Meaning, ...]) -> Floats:
        """BM25F of every document, dense. Exhaustive: each posting of each word is read once."""
        scores = np.zeros(self.size, dtype=np.float32)
        for meaning in meanings:
            if meaning.united and len(meaning.stems) > 1:
                self._add_united(scores, meaning)
            else:
                for stem, share in zip(meaning.stems, meaning.shares, strict=True):
                    docs, codes = self.posting(stem)
                    scores[docs] += weights.IMPACT[codes] * (self.idfs[stem] * np.float32(share))
        return scores

    def _add_united(self, scores: Floats, meaning: Meaning) -> None:
        summed = np.zeros(self.size, dtype=np.float32)
        for stem in meaning.stems:
            docs, codes = self.posting(stem)
            summed[docs] += weights.TF[codes]
        docs = np.flatnonzero(summed)
        tf = summed[docs]
        scores[docs] += (weights.K1 + 1) * tf / (weights.K1 + tf) * np.float32(self.idf(docs.size))

    def best(self, scores: Floats, allowed: Mask | None = None) -> Candidates:
        """The best documents of each kind, ties broken by document id; ``matched`` is all with any score."""
        matched = np.flatnonzero(scores if allowed is None else (scores > 0) & allowed)
        chosen = []
        for low, high in self.kind_ranges:
            a, b = np.searchsorted(matched, (low, high))
            chosen.append(top(matched[a:b], scores[matched[a:b]], weights.CANDIDATES))
        documents = np.concatenate(chosen) if chosen else matched[:0]
        return Candidates(documents, scores[documents], matched)


def top(documents: Ints, scores: Any, most: int) -> Ints:
    """The ``most`` best documents, in ascending order; among equal scores the smallest numbers win."""
    if documents.size <= most:
        return documents
    least = np.partition(scores, documents.size - most)[documents.size - most]
    above = documents[scores > least]
    ties = documents[scores == least][: most - above.size]
    return np.sort(np.concatenate((above, ties)))
