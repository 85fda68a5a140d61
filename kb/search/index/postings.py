"""Postings: for each term, the documents that contain it, and how often.

A list of documents and one byte each (see ``weights.code``); a term that at least one document in
eight contains becomes a row with a byte for every document, which is read faster. Packed when an
index is built, mapped when it is searched. What postings score is ``bm25``; a query's words are
``expansion``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.array_types import (
    DenseRows,
    Frequencies,
    Pointers,
    PostingCodes,
    PostingDocs,
    TermNumbers,
)
from kb.search.index.array_file import Arrays
from kb.search.index.spill import Spill
from kb.search.kernels.layout import Loops
from kb.search.kernels.ranges import saturated
from kb.search.kernels.scratch import Scratch

_DENSE = 8  # a term in one of eight documents is read faster from a row
_LISTED = -1  # the row of a term that has none
#: Where frequencies are summed: as whole numbers, so that no order of summing changes the result.
_UNIT = 1024
_UNITS = np.rint(weights.frequency(np.arange(256, dtype=np.uint8)) * _UNIT).astype(np.int32)
_K1_UNITS = int(weights.K1 * _UNIT)


def pack_postings(
    pointers: Pointers,
    docs: PostingDocs,
    codes: PostingCodes,
    documents: int,
    spill: Spill | None = None,
) -> Arrays:
    """Arrays for the postings of all terms, which lie one term after the other."""
    spill = spill or Spill()
    df = np.diff(pointers)
    dense = (df * _DENSE >= documents) & (df > 0)
    listed_docs, listed_codes = spill.array(np.int32), spill.array(np.uint8)
    rows = spill.array(np.uint8)

    begin = 0
    for term in [*np.flatnonzero(dense).tolist(), df.size]:
        start, end = pointers[[begin, term]].tolist()
        listed_docs.append(docs[start:end])
        listed_codes.append(codes[start:end])
        if term < df.size:
            row, entries = np.zeros(documents, dtype=np.uint8), slice(end, int(pointers[term + 1]))
            row[docs[entries]] = codes[entries]
            rows.append(row)
        begin = term + 1

    return {
        "pointers": np.concatenate(([0], np.cumsum(np.where(dense, 0, df)))).astype(np.int64),
        "docs": listed_docs.array(),
        "codes": listed_codes.array(),
        "rows": rows.array().reshape(int(dense.sum()), documents),
        "row_of": np.where(dense, np.cumsum(dense) - 1, _LISTED).astype(np.int32),
        "term_df": df.astype(np.int32),
        "peaks": _peaks(pointers, codes),
    }


def _peaks(pointers: Pointers, codes: PostingCodes) -> NDArray[np.uint8]:
    """The largest code of each term."""
    peaks = np.zeros(pointers.size - 1, dtype=np.uint8)
    used = np.flatnonzero(np.diff(pointers))
    if used.size:
        peaks[used] = np.maximum.reduceat(codes, pointers[used])
    return peaks


def unite_postings(
    postings: Sequence[tuple[PostingDocs, PostingCodes]], documents: int
) -> tuple[PostingDocs, PostingCodes]:
    """The postings of several terms as those of one: frequencies summed, each document once."""
    docs = np.concatenate([term_docs for term_docs, _ in postings])
    units = _UNITS[np.concatenate([term_codes for _, term_codes in postings])]
    # Whole numbers below 2**53: the floats of bincount are exact.
    sums = np.bincount(docs, weights=units, minlength=documents).astype(np.int64)
    union = np.flatnonzero(sums != 0)  # five times as fast as without "!= 0"
    return union.astype(np.int32), saturated(sums[union], _K1_UNITS)


def widen_nibble_rows(arrays: Arrays) -> Arrays:
    """The same postings without rows of half a byte, which indexes of format 10 have (``halves``).

    Two documents share a byte there, the even one in the lower half, in steps of 17.
    """
    nibbles = arrays.get("halves")
    if nibbles is None or not nibbles.shape[0]:
        return arrays
    rows, row_of = arrays["rows"], arrays["row_of"]
    wide = np.empty((nibbles.shape[0], 2 * nibbles.shape[1]), dtype=np.uint8)
    wide[:, ::2], wide[:, 1::2] = (nibbles & 15) * 17, (nibbles >> 4) * 17
    joined = np.concatenate((rows, wide[:, : rows.shape[1]]))
    joined.flags.writeable = False  # as mapped rows are: to compiled loops that is another type
    return arrays | {
        "rows": joined,
        "row_of": np.where(row_of < _LISTED, rows.shape[0] - 2 - row_of, row_of),
    }


@dataclass(frozen=True, slots=True)
class TermPostings:
    """The postings of one term; where it has a ``row``, ``docs`` and ``codes`` are empty."""

    docs: PostingDocs
    codes: PostingCodes
    row: PostingCodes | None  # [documents]
    peak: int  # the largest code
    df: int
    is_copied: bool = False  # the row is not that of the file

    def before(self, document: int) -> TermPostings:
        """Those of the documents before ``document``, as a list."""
        docs, codes, df = self.docs, self.codes, self.df_before(document)
        if self.row is not None:
            docs = np.flatnonzero(self.row[:document] != 0).astype(np.int32)
            codes = self.row[docs]
        return TermPostings(docs[:df], codes[:df], None, self.peak, df)

    def df_before(self, document: int) -> int:
        """How many of the documents before ``document`` hold the term."""
        if self.row is not None:
            return int(np.count_nonzero(self.row[:document]))
        return int(self.docs.searchsorted(np.int32(document)))

    def since(self, document: int, before: int) -> TermPostings:
        """The others, of which a row begins with ``document``; ``before`` are not among them."""
        row = None if self.row is None else self.row[document:]
        return TermPostings(
            self.docs[before:],
            self.codes[before:],
            row,
            self.peak,
            self.df - before,
            self.is_copied,
        )


_NO_POSTINGS = TermPostings(
    np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.uint8), None, peak=0, df=0
)


class _EditedPostings:
    """The postings of edited documents, and which documents these are (see ``index.edits``)."""

    def __init__(self, arrays: Arrays) -> None:
        self._numbers: NDArray[np.int32] = arrays["edited"]
        self._stems: NDArray[np.int32] = arrays["edited_stems"]  # those that have any, ascending
        self._pointers: Pointers = arrays["edited_pointers"]
        self._docs: PostingDocs = arrays["edited_docs"]  # counted among the edited documents
        self._codes: PostingCodes = arrays["edited_codes"]
        #: Of the stems that the large file has; after them come those that edits brought.
        self.first_added = int(arrays["edited_first_stem"][0])
        self._begin_pointers: Pointers = arrays["begin_pointers"]
        self._begin_stems: NDArray[np.int32] = arrays["begin_stems"]

    def stem(self, stem: int) -> tuple[PostingDocs, PostingCodes]:
        place = int(self._stems.searchsorted(np.int32(stem)))
        if place == self._stems.size or int(self._stems[place]) != stem:
            return self._docs[:0], self._codes[:0]
        start, end = self._pointers[place : place + 2].tolist()
        return self._docs[start:end], self._codes[start:end]

    def union(self, stems: Sequence[int]) -> tuple[PostingDocs, PostingCodes]:
        """Several stems as one whose frequencies are the sums."""
        postings = [each for each in map(self.stem, stems) if each[0].size]
        if not postings:
            return self._docs[:0], self._codes[:0]
        return unite_postings(postings, self._numbers.size)

    def prefix(self, prefix: int) -> tuple[PostingDocs, PostingCodes]:
        stems = self._begin_stems[self._begin_pointers[prefix] : self._begin_pointers[prefix + 1]]
        return self.union(stems.tolist())

    def joined(
        self, postings: TermPostings, edited: tuple[PostingDocs, PostingCodes]
    ) -> TermPostings:
        """``postings`` of the large file with what they are now in edited documents."""
        docs, codes = self._numbers[edited[0]], edited[1]
        peak = max(postings.peak, int(codes.max(initial=0)))
        if postings.row is not None:
            row = postings.row.copy()
            df = postings.df - int(np.count_nonzero(row[self._numbers])) + docs.size
            row[self._numbers] = 0
            row[docs] = codes
            row.flags.writeable = False  # as mapped rows are: to compiled loops, another type
            return TermPostings(postings.docs, postings.codes, row, peak, df, is_copied=True)

        places = postings.docs.searchsorted(self._numbers)
        inside = places < postings.docs.size
        gone = places[inside][postings.docs[places[inside]] == self._numbers[inside]]
        if not gone.size and not docs.size:
            return postings
        kept_docs, kept_codes = np.delete(postings.docs, gone), np.delete(postings.codes, gone)
        places = kept_docs.searchsorted(docs)
        joined_docs = np.insert(kept_docs, places, docs)
        return TermPostings(
            joined_docs, np.insert(kept_codes, places, codes), None, peak, joined_docs.size
        )


class Postings:
    """The postings of one partition. Terms are stems, then prefixes."""

    def __init__(self, arrays: Arrays, loops: Loops) -> None:
        self._edited = _EditedPostings(arrays) if "edited" in arrays else None
        self._first_prefix = int(arrays["df"].size)
        arrays = widen_nibble_rows(arrays)
        self._loops = loops
        self._pointers: Pointers = arrays["pointers"]
        self._docs: PostingDocs = arrays["docs"]
        self._codes: PostingCodes = arrays["codes"]
        self._rows: DenseRows = arrays["rows"]
        self._row_of: NDArray[np.int32] = arrays["row_of"]
        self._df: Frequencies = arrays["term_df"]
        self._peaks: NDArray[np.uint8] = arrays["peaks"]
        self._sums = Scratch(self._rows.shape[1])

    def term(self, number: int) -> TermPostings:
        edited = self._edited
        if edited is None:
            return self._written(number)
        if number >= self._first_prefix:
            prefix = number - self._first_prefix
            return edited.joined(self._written(edited.first_added + prefix), edited.prefix(prefix))
        postings = _NO_POSTINGS if number >= edited.first_added else self._written(number)
        return edited.joined(postings, edited.stem(number))

    def _written(self, number: int) -> TermPostings:
        """The postings of a term of the large file."""
        start, end = self._pointers[number : number + 2].tolist()
        row = int(self._row_of[number])
        return TermPostings(
            self._docs[start:end],
            self._codes[start:end],
            self._rows[row] if row != _LISTED else None,
            int(self._peaks[number]),
            int(self._df[number]),
        )

    def union(self, stems: TermNumbers) -> TermPostings:
        """Several stems as one whose frequencies are the sums."""
        edited = self._edited
        if edited is None:
            return self._written_union(stems)
        written = self._written_union(stems[stems < edited.first_added])
        return edited.joined(written, edited.union(stems.tolist()))

    def _written_union(self, terms: TermNumbers) -> TermPostings:
        rows = self._row_of[terms]
        listed, dense = terms[rows == _LISTED], rows[rows != _LISTED].astype(np.int64)
        sums = self._sums.borrow()
        docs, codes = self._loops.union_postings(
            sums.array,
            self._docs,
            self._codes,
            self._pointers[listed],
            self._pointers[listed + 1],
            self._rows,
            dense,
            _UNITS,
            _K1_UNITS,
        )
        return TermPostings(docs, codes, None, int(codes.max(initial=0)), int(docs.size))

    def best_of(self, terms: Sequence[int], steps: Sequence[int]) -> tuple[TermPostings, int]:
        """Several terms as one: a document counts as the one that counts most there.

        ``steps`` are what a step of each term's codes is worth. Returns this for the new codes too.
        """
        sums = self._sums.borrow()
        for number, step in zip(terms, steps, strict=True):
            postings = self.term(number)
            if postings.row is not None:
                self._loops.raise_row(sums.array, postings.row, step)
            else:
                self._loops.raise_postings(sums.array, postings.docs, postings.codes, step)
        docs, codes, step = self._loops.take_postings(sums.array, weights.STEPS)
        return TermPostings(docs, codes, None, int(codes.max(initial=0)), int(docs.size)), step
