"""Which titles look like what was typed, letter by letter?

The character lane: TF-IDF over the 3- and 4-character pieces of titles finds a title in spite of typos, endings and
compounds; pieces across two words tell how a question is put. Each piece keeps only the titles where it weighs most,
so that finding candidates is bounded; candidates are compared by the whole of their titles. Not for bodies: there,
pieces of letters match everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import pieces, weights
from kb.search.arrays import Arrays
from kb.search.kernels import Kernels, Scratch, Titles, gather
from kb.search.overlap import Then

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
_ALL: Mask = np.zeros(0, dtype=np.bool_)
_LONGEST = 300  # characters of a query that are compared
#: Weights are whole numbers: of pieces in titles 16 bits, of pieces in a query 14, so that a product has room in 31.
_WEIGHT, _WORTH, _VALUE = 65_535, 16_384, 65_536


def pack(titles: Sequence[str], then: Then | None = None) -> Arrays:
    """TF-IDF over the titles' pieces, and for each piece the titles where it weighs most.

    ``then`` is what holds of an earlier partition: titles that are the same are not taken to pieces again.
    """
    hashes, of_title = _counted(titles) if then is None else _again(titles, then.arrays, then.places)
    counts = of_title.tocsc()
    # scikit-learn's smooth idf, and unit length, so that a dot product is a cosine.
    idf = (np.log((1 + len(titles)) / (1 + np.diff(counts.indptr))) + 1).astype(np.float32)
    length = np.sqrt(of_title.power(2) @ idf.astype(np.float64) ** 2)
    weight = (counts.data * np.repeat(idf, np.diff(counts.indptr)) / length[counts.indices]).astype(np.float32)
    kept, pointers = _heaviest(counts.indptr, weight)
    return {
        "gram_hashes": hashes,
        "gram_idf": idf,
        "gram_pointers": pointers,
        "gram_docs": counts.indices[kept].astype(np.int32),
        "gram_weights": np.rint(weight[kept] * _WEIGHT).astype(np.uint16),
        "title_pointers": of_title.indptr.astype(np.int64),
        "title_grams": of_title.indices.astype(np.int32),
        "title_counts": of_title.data.astype(np.uint8),
        "title_lengths": np.maximum(length, 1e-9).astype(np.float32),
    }


def _counted(titles: Sequence[str]) -> tuple[Ints, Any]:
    """The hashes of all pieces, ascending, and how often each title has each, 255 at most."""
    from scipy import sparse  # build time only

    points, ends = pieces.letters(titles)
    found, at = pieces.hashes(points)
    hashes, place = np.unique(found, return_inverse=True)
    owner = ends.searchsorted(at, "right") - 1
    ones = np.ones(found.size, dtype=np.int32)
    of_title = sparse.csr_matrix((ones, (owner, place)), shape=(len(titles), max(1, hashes.size)))
    of_title.data = np.minimum(of_title.data, 255)
    of_title.sort_indices()
    return hashes, of_title


def _again(titles: Sequence[str], before: Arrays, places: Ints) -> tuple[Ints, Any]:
    """What ``_counted`` gives, counting only the titles that are new."""
    from scipy import sparse  # build time only

    same, fresh = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
    new_hashes, counted = _counted([titles[i] for i in fresh.tolist()])
    at, owner = gather(before["title_pointers"], places[same])
    old = before["gram_hashes"][before["title_grams"][at]]
    hashes = np.union1d(np.unique(old), new_hashes)
    width = max(1, hashes.size)
    pointers = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=same.size))))
    values = before["title_counts"][at].astype(np.int32)
    kept = sparse.csr_matrix((values, hashes.searchsorted(old), pointers), (same.size, width))
    columns = hashes.searchsorted(new_hashes)[counted.indices] if counted.nnz else counted.indices
    added = sparse.csr_matrix((counted.data, columns, counted.indptr), (fresh.size, width))
    order = np.argsort(np.concatenate((same, fresh)), kind="stable")
    table = sparse.vstack((kept, added), format="csr")[order]
    table.sort_indices()
    return hashes, table


def _heaviest(pointers: Ints, weight: Ints) -> tuple[Ints, Ints]:
    """The places of the heaviest entries of each row, and where each row begins among them; ties in order."""
    counts = np.diff(pointers)
    long = np.flatnonzero(counts > weights.LETTER_POSTINGS)
    keep = np.ones(weight.size, dtype=bool)
    for start, end in zip(pointers[long].tolist(), pointers[long + 1].tolist(), strict=True):
        best = np.argsort(-weight[start:end], kind="stable")[: weights.LETTER_POSTINGS]
        keep[start:end] = False
        keep[start + best] = True
    counts = np.minimum(counts, weights.LETTER_POSTINGS)
    return np.flatnonzero(keep), np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Vector:
    """A query as a unit vector over the pieces that titles have, in whole numbers.

    ``pieces`` are their numbers; ``worth`` is the vector, ``values`` the same times each piece's idf.
    """

    pieces: Ints
    worth: Ints
    values: Ints


class Letters:
    """The titles of one audience's partition, by their pieces; ``pieces`` is how many there are."""

    def __init__(self, arrays: Arrays, run: Kernels) -> None:
        self._a = arrays
        self._run = run
        self.titles = Titles(arrays["title_pointers"], arrays["title_grams"], arrays["title_counts"])
        self.pieces = int(arrays["gram_hashes"].size)
        titles = int(arrays["title_lengths"].size)
        self._scratch = Scratch(sums=titles)
        self._unseen = math.log(1 + titles) + 1  # idf of a piece no title has: it still lengthens the vector

    def use(self, run: Kernels) -> None:
        self._run = run

    def vector(self, text: str) -> Vector | None:
        """``text`` as a vector; None when no title has any of its pieces."""
        points, _ = pieces.letters([text[:_LONGEST]])
        found, counts, unknown = self._run.pieces(points, self._a["gram_hashes"])
        if not found.size:
            return None
        idf = self._a["gram_idf"][found].astype(np.float64)
        weight = counts * idf
        unit = weight / math.sqrt(float(weight @ weight) + unknown * self._unseen**2)
        worth, values = np.rint(unit * _WORTH), np.rint(unit * idf * _VALUE)
        return Vector(found, worth.astype(np.int32), values.astype(np.int32))

    def candidates(self, vector: Vector, allowed: Mask | None = None) -> Ints:
        """Documents whose titles look most like the query, from the heaviest postings of its pieces."""
        pointers = self._a["gram_pointers"]
        return self._run.alike(
            self._scratch["sums"], self._a["gram_docs"], self._a["gram_weights"], pointers[vector.pieces],
            pointers[vector.pieces + 1], vector.worth, weights.LETTER_CANDIDATES, _ALL if allowed is None else allowed,
        )  # fmt: skip

    def cosines(self, sums: Ints, documents: Ints) -> Floats:
        """The cosine between a query and each document's title, of which ``sums`` are the values of its pieces."""
        return np.asarray(sums / (self._a["title_lengths"][documents] * _VALUE), dtype=np.float32)
