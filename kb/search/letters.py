"""Which titles look like what was typed, letter by letter?

The character lane: TF-IDF over the 3- and 4-character pieces of titles finds a title in spite of typos, endings and
compounds; pieces across two words tell how a question is put. Each piece keeps only the titles where it weighs most,
so that finding candidates is bounded; candidates are compared by the whole of their titles. Not for bodies: there,
pieces of letters match everything.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import weights
from kb.search.analysis import fold
from kb.search.arrays import Arrays
from kb.search.kernels import Kernels, Scratch, gather
from kb.search.overlap import Then

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
_ALL: Mask = np.zeros(0, dtype=np.bool_)
_UNKNOWN = -1  # the number of a piece that no title has
_REMEMBERED = 20_000  # entries of queries; some megabytes
_LONGEST = 300  # characters of a query that are compared
#: Weights are whole numbers: of pieces in titles 16 bits, of pieces in a query 14, so that a product has room in 31.
_WEIGHT, _WORTH, _VALUE = 65_535, 16_384, 65_536


def _entries(text: str) -> list[str]:
    """The words of ``text``, and where two meet: the end of one, a space, the beginning of the next."""
    found = fold(text).split()
    return found + [f"{f' {a}'[-4:]} {f'{b} '[:4]}" for a, b in pairwise(found)]


def _pieces(entry: str) -> tuple[int, ...]:
    """Hashes of the 3- and 4-character pieces of a word, a space at either end (char_wb), or of the 6-character pieces
    of what lies across two words."""
    found: list[int] = []
    joint = " " in entry
    padded = entry if joint else f" {entry[:40]} "
    for size in (6,) if joint else (3, 4):
        pieces = (padded[i : i + size] for i in range(max(1, len(padded) - size + 1)))
        found.extend(zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces)
    return tuple(found)


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
    words, title_words = _numbered(titles)
    pieces = [_pieces(word) for word in words] or [()]  # scipy multiplies no empty tables
    hashes, place = np.unique(np.fromiter(chain.from_iterable(pieces), dtype=np.uint32), return_inverse=True)
    of_word = _rows(place, [len(p) for p in pieces], hashes.size)
    of_title = _rows(title_words[0], title_words[1], len(words)) @ of_word
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


def _numbered(titles: Sequence[str]) -> tuple[list[str], tuple[Ints, Ints]]:
    """The distinct entries of all titles; and the number of each entry of each title, with how many a title has."""
    number: dict[str, int] = {}
    rows = [[number.setdefault(entry, len(number)) for entry in _entries(title)] for title in titles]
    counts = np.array([len(row) for row in rows], dtype=np.int64)
    return list(number), (np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(counts.sum())), counts)


def _rows(entries: Ints, counts: Any, width: int) -> Any:
    """How often each row has each entry."""
    from scipy import sparse  # build time only

    pointers = np.concatenate(([0], np.cumsum(counts)))
    table = sparse.csr_matrix((np.ones(entries.size, np.int32), entries, pointers), shape=(len(counts), max(1, width)))
    table.sum_duplicates()
    return table


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
    """The titles of one audience's partition, by their pieces."""

    def __init__(self, arrays: Arrays, run: Kernels) -> None:
        self._a = arrays
        self._run = run
        titles = int(arrays["title_lengths"].size)
        self._scratch = Scratch(sums=titles, values=int(arrays["gram_hashes"].size))
        self._known: dict[str, tuple[int, ...]] = {}
        self._unseen = math.log(1 + titles) + 1  # idf of a piece no title has: it still lengthens the vector

    def use(self, run: Kernels) -> None:
        self._run = run

    def vector(self, text: str) -> Vector | None:
        """``text`` as a vector; None when no title has any of its pieces."""
        counted = Counter(chain.from_iterable(map(self._numbers, _entries(text[:_LONGEST]))))
        unknown = counted.pop(_UNKNOWN, 0)
        if not counted:
            return None
        pieces = np.fromiter(counted, dtype=np.int64, count=len(counted))
        idf = self._a["gram_idf"][pieces].astype(np.float64)
        weight = np.fromiter(counted.values(), dtype=np.float64, count=len(counted)) * idf
        unit = weight / math.sqrt(float(weight @ weight) + unknown * self._unseen**2)
        worth, values = np.rint(unit * _WORTH), np.rint(unit * idf * _VALUE)
        return Vector(pieces, worth.astype(np.int32), values.astype(np.int32))

    def _numbers(self, entry: str) -> tuple[int, ...]:
        """The numbers of an entry's pieces; entries come again while somebody types, so the last ones are kept."""
        found = self._known.get(entry)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            hashes, vocabulary = np.array(_pieces(entry), dtype=np.uint32), self._a["gram_hashes"]
            at = np.minimum(vocabulary.searchsorted(hashes), max(0, vocabulary.size - 1))
            known = vocabulary[at] == hashes if vocabulary.size else np.zeros(hashes.size, dtype=bool)
            found = self._known[entry] = tuple(np.where(known, at, _UNKNOWN).tolist())
        return found

    def candidates(self, vector: Vector, allowed: Mask | None = None) -> Ints:
        """Documents whose titles look most like the query, from the heaviest postings of its pieces."""
        pointers = self._a["gram_pointers"]
        return self._run.alike(
            self._scratch["sums"], self._a["gram_docs"], self._a["gram_weights"], pointers[vector.pieces],
            pointers[vector.pieces + 1], vector.worth, weights.LETTER_CANDIDATES, _ALL if allowed is None else allowed,
        )  # fmt: skip

    def scores(self, vector: Vector | None, documents: Ints) -> Floats:
        """The cosine between the query and each document's title."""
        summed = np.zeros(documents.size, dtype=np.int64)
        if vector is not None and documents.size:
            values = self._scratch["values"]
            values[vector.pieces] = vector.values
            a = self._a
            self._run.rows_sum(
                a["title_pointers"], a["title_grams"], a["title_counts"], values, vector.pieces, documents, summed
            )
            values[vector.pieces] = 0
        return np.asarray(summed / (self._a["title_lengths"][documents] * _VALUE), dtype=np.float32)
