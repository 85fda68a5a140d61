"""Which titles look like what was typed, letter by letter?

The character lane: TF-IDF over the 3- and 4-character pieces of titles finds a title in spite of typos, endings and
compounds; pieces across two words tell how a question is put. Each piece keeps only the titles where it weighs most,
so that finding candidates is bounded; candidates are compared by the whole of their titles. Not for bodies: there,
pieces of letters match everything.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import weights
from kb.search.analysis import fold
from kb.search.arrays import Arrays

Ints = npt.NDArray[Any]


def grams(text: str) -> list[int]:
    """Hashes of the 3- and 4-character pieces within each word of ``text``, a space at either end (char_wb), and of
    the 6-character pieces across each two words."""
    return [piece for entry in _entries(text) for piece in _pieces(entry)]


def _entries(text: str) -> list[str]:
    """The words of ``text``, and where two meet: the end of one, a space, the beginning of the next."""
    found = fold(text).split()
    return found + [f"{f' {a}'[-4:]} {f'{b} '[:4]}" for a, b in pairwise(found)]


def _pieces(entry: str) -> list[int]:
    found: list[int] = []
    joint = " " in entry
    padded = entry if joint else f" {entry[:40]} "
    for size in (6,) if joint else (3, 4):
        pieces = (padded[i : i + size] for i in range(max(1, len(padded) - size + 1)))
        found.extend(zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces)
    return found


def pack(titles: Sequence[str]) -> Arrays:
    """TF-IDF over the titles' pieces, and for each piece the titles where it weighs most."""
    from scipy import sparse  # build time only

    words, title_words = _numbered(titles)
    pieces = [_pieces(word) for word in words] or [[]]  # scipy multiplies no empty tables
    hashes, place = np.unique(np.fromiter(chain.from_iterable(pieces), dtype=np.uint32), return_inverse=True)
    of_word = _rows(sparse, place, [len(p) for p in pieces], hashes.size)
    of_title = _rows(sparse, title_words[0], title_words[1], len(words)) @ of_word
    of_title.sort_indices()
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
        "gram_weights": weight[kept],
        "title_pointers": of_title.indptr.astype(np.int64),
        "title_grams": of_title.indices.astype(np.int32),
        "title_counts": np.minimum(of_title.data, 255).astype(np.uint8),
        "title_lengths": np.maximum(length, 1e-9).astype(np.float32),
    }


def _numbered(titles: Sequence[str]) -> tuple[list[str], tuple[Ints, Ints]]:
    """The distinct entries of all titles; and the number of each entry of each title, with how many a title has."""
    number: dict[str, int] = {}
    rows = [[number.setdefault(entry, len(number)) for entry in _entries(title)] for title in titles]
    counts = np.array([len(row) for row in rows], dtype=np.int64)
    return list(number), (np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(counts.sum())), counts)


def _rows(sparse: Any, entries: Ints, counts: Any, width: int) -> Any:
    """How often each row has each entry."""
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
