"""Which titles look like what was typed, letter by letter?

The character lane: TF-IDF over the 3- and 4-character pieces of titles finds a title in spite of
typos, endings and compounds; pieces across two words tell how a question is put. Each piece keeps
only the titles where it weighs most, so that finding candidates is bounded; candidates are compared
by the whole of their titles. Not for bodies: there, pieces of letters match everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.analysis import char_ngrams
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver
from kb.search.index.spill import Columns, Spill, blocks
from kb.search.kernels.dispatch import Kernels, Scratch, gather
from kb.search.kernels.layout import Titles
from kb.search.scoring import weights

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
_ALL: Mask = np.zeros(0, dtype=np.bool_)
_BATCH = 4_000  # titles that are taken to pieces at once
_LONGEST = 300  # characters of a query that are compared
#: Weights are whole numbers: of pieces in titles 16 bits, of pieces in a query 14, so that a
#: product has room in 31.
_WEIGHT, _WORTH, _VALUE = 65_535, 16_384, 65_536


def pack(
    titles: Sequence[str], then: CarriedOver | None = None, spill: Spill | None = None
) -> Arrays:
    """TF-IDF over the titles' pieces, and for each piece the titles where it weighs most.

    ``then`` is what holds of an earlier partition: titles that are the same are not taken to pieces
    again.
    """
    spill = spill or Spill()
    found = _counted(titles, then, spill)
    hashes, pointers, grams, counts = found.hashes, found.pointers, found.grams, found.times
    df = np.zeros(max(1, hashes.size), dtype=np.int64)
    for low, high in blocks(pointers, spill.block):
        df += np.bincount(grams[pointers[low] : pointers[high]], minlength=df.size)
    # scikit-learn's smooth idf, and unit length, so that a dot product is a cosine.
    idf = (np.log((1 + len(titles)) / (1 + df)) + 1).astype(np.float32)
    lengths, columns = spill.array(np.float64), Columns(spill, np.int32, np.float32)
    for low, high in blocks(pointers, spill.block):
        here = slice(int(pointers[low]), int(pointers[high]))
        table = _table(grams[here], counts[here], pointers[low : high + 1] - pointers[low], df.size)
        length = np.sqrt(table.power(2) @ idf.astype(np.float64) ** 2)
        turned = table.tocsc()
        weight = turned.data * np.repeat(idf, np.diff(turned.indptr)) / length[turned.indices]
        columns.add(turned.indptr, turned.indices + low, weight)
        lengths.append(length)
    return {
        "gram_hashes": hashes,
        "gram_idf": idf,
        **_heaviest(columns, df.size, spill),
        "title_pointers": pointers,
        "title_grams": grams,
        "title_counts": counts,
        "title_lengths": np.maximum(lengths.array(), 1e-9).astype(np.float32),
    }


def _table(grams: Ints, counts: Ints, pointers: Ints, width: int) -> Any:
    from scipy import sparse  # build time only

    return sparse.csr_matrix((counts.astype(np.int32), grams, pointers), (pointers.size - 1, width))


@dataclass(frozen=True, slots=True)
class _Counts:
    """The ``hashes`` of all pieces, ascending; and where each title begins in two lists: which
    pieces it has, and how often each, 255 times at most."""

    hashes: Ints
    pointers: Ints
    grams: Ints
    times: Ints


def _counted(titles: Sequence[str], then: CarriedOver | None, spill: Spill) -> _Counts:
    if then is None:
        return _taken_apart(titles, spill)
    a = then.arrays
    fresh = np.flatnonzero(then.places < 0)
    new = _taken_apart([titles[i] for i in fresh.tolist()], spill)
    old = _Counts(a["gram_hashes"], a["title_pointers"], a["title_grams"], a["title_counts"])
    same = np.flatnonzero(then.places >= 0)
    parts = ((same, then.places[same], old), (fresh, np.arange(fresh.size), new))
    return _without_unused(_joined(parts, len(titles), spill), spill)


def _taken_apart(titles: Sequence[str], spill: Spill) -> _Counts:
    hashes, lengths = np.zeros(0, dtype=np.uint32), np.zeros(len(titles), dtype=np.int64)
    found, times, grams = spill.array(np.uint32), spill.array(np.uint8), spill.array(np.int32)
    for low in range(0, len(titles), _BATCH):
        some = titles[low : low + _BATCH]
        points, ends = char_ngrams.code_points(some)
        own, at = char_ngrams.ngram_hashes(points)
        keys, counts = np.unique(
            (ends.searchsorted(at, "right") - 1) << 32 | own, return_counts=True
        )
        lengths[low : low + len(some)] = np.bincount(keys >> 32, minlength=len(some))
        found.append((keys & 0xFFFFFFFF).astype(np.uint32))
        times.append(np.minimum(counts, 255))
        hashes = np.union1d(hashes, own)
    pointers = np.concatenate(([0], np.cumsum(lengths)))
    for low, high in blocks(pointers, spill.block):
        grams.append(hashes.searchsorted(found.array()[pointers[low] : pointers[high]]))
    return _Counts(hashes, pointers, grams.array(), times.array())


def _joined(parts: Sequence[tuple[Ints, Ints, _Counts]], titles: int, spill: Spill) -> _Counts:
    """Titles from several sources, each as (places here, ascending; places in the source; source)."""
    hashes = np.unique(np.concatenate([source.hashes for _, _, source in parts]))
    lengths = np.zeros(titles, dtype=np.int64)
    for place, was, source in parts:
        lengths[place] = np.diff(source.pointers)[was]
    pointers = np.concatenate(([0], np.cumsum(lengths)))
    grams, times = spill.array(np.int32), spill.array(np.uint8)
    numbers = [hashes.searchsorted(source.hashes) for _, _, source in parts]
    for low, high in blocks(pointers, spill.block):
        here = np.zeros((2, int(pointers[high] - pointers[low])), dtype=np.int32)
        for (place, was, source), number in zip(parts, numbers, strict=True):
            a, b = place.searchsorted((low, high)).tolist()
            at, _ = gather(source.pointers, was[a:b])
            to, _ = gather(pointers, place[a:b])
            here[:, to - pointers[low]] = number[source.grams[at]], source.times[at]
        grams.append(here[0])
        times.append(here[1])
    return _Counts(hashes, pointers, grams.array(), times.array())


def _without_unused(counts: _Counts, spill: Spill) -> _Counts:
    """The same without pieces that no title has any more."""
    used = np.zeros(counts.hashes.size, dtype=bool)
    for low, high in blocks(counts.pointers, spill.block):
        used[counts.grams[counts.pointers[low] : counts.pointers[high]]] = True
    if used.all():
        return counts
    number, grams = np.cumsum(used) - 1, spill.array(np.int32)
    for low, high in blocks(counts.pointers, spill.block):
        grams.append(number[counts.grams[counts.pointers[low] : counts.pointers[high]]])
    return _Counts(counts.hashes[used], counts.pointers, grams.array(), counts.times)


def _heaviest(columns: Columns, width: int, spill: Spill) -> Arrays:
    """Of each piece the titles where it weighs most, ties in order."""
    found, (titles, weight) = columns.merged()
    pointers = found if found.size > 1 else np.zeros(width + 1, dtype=np.int64)
    docs, kept_weights = spill.array(np.int32), spill.array(np.uint16)
    for low, high in blocks(pointers, spill.block):
        here = slice(int(pointers[low]), int(pointers[high]))
        keep = _kept(pointers[low : high + 1] - pointers[low], weight[here])
        docs.append(titles[here][keep])
        kept_weights.append(np.rint(weight[here][keep] * _WEIGHT))
    counts = np.minimum(np.diff(pointers), weights.LETTER_POSTINGS)
    return {
        "gram_pointers": np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        "gram_docs": docs.array(),
        "gram_weights": kept_weights.array(),
    }


def _kept(pointers: Ints, weight: Ints) -> Mask:
    """Whether each entry is among the heaviest of its row."""
    keep = np.ones(weight.size, dtype=bool)
    long = np.flatnonzero(np.diff(pointers) > weights.LETTER_POSTINGS)
    for start, end in zip(pointers[long].tolist(), pointers[long + 1].tolist(), strict=True):
        best = np.argsort(-weight[start:end], kind="stable")[: weights.LETTER_POSTINGS]
        keep[start:end] = False
        keep[start + best] = True
    return keep


@dataclass(frozen=True, slots=True)
class Vector:
    """A query as a unit vector over the pieces that titles have, in whole numbers.

    ``pieces`` are their numbers; ``worth`` is the vector, ``values`` the same times each piece's
    idf.
    """

    pieces: Ints
    worth: Ints
    values: Ints


class TitleNgrams:
    """The titles of one audience's partition, by their pieces; ``pieces`` is how many there are."""

    def __init__(self, arrays: Arrays, run: Kernels) -> None:
        self._a = arrays
        self._run = run
        self.titles = Titles(
            arrays["title_pointers"], arrays["title_grams"], arrays["title_counts"]
        )
        self.pieces = int(arrays["gram_hashes"].size)
        titles = int(arrays["title_lengths"].size)
        self._scratch = Scratch(sums=titles)
        self._unseen = (
            math.log(1 + titles) + 1
        )  # idf of a piece no title has: it still lengthens the vector

    def use(self, run: Kernels) -> None:
        self._run = run

    def vector(self, text: str) -> Vector | None:
        """``text`` as a vector; None when no title has any of its pieces."""
        points, _ = char_ngrams.code_points([text[:_LONGEST]])
        found, counts, unknown = self._run.pieces(points, self._a["gram_hashes"])
        if not found.size:
            return None
        idf = self._a["gram_idf"][found].astype(np.float64)
        weight = counts * idf
        unit = weight / math.sqrt(float(weight @ weight) + unknown * self._unseen**2)
        worth, values = np.rint(unit * _WORTH), np.rint(unit * idf * _VALUE)
        return Vector(found, worth.astype(np.int32), values.astype(np.int32))

    def candidates(self, vector: Vector, allowed: Mask | None = None) -> Ints:
        """Documents whose titles look most like the query, from the heaviest postings of its
        pieces.
        """
        pointers = self._a["gram_pointers"]
        return self._run.alike(
            self._scratch["sums"], self._a["gram_docs"], self._a["gram_weights"], pointers[vector.pieces],
            pointers[vector.pieces + 1], vector.worth, weights.LETTER_CANDIDATES, _ALL if allowed is None else allowed,
        )  # fmt: skip

    def cosines(self, sums: Ints, documents: Ints) -> Floats:
        """The cosine between a query and each document's title, of which ``sums`` are the values of
        its pieces.
        """
        return np.asarray(sums / (self._a["title_lengths"][documents] * _VALUE), dtype=np.float32)
