"""Which documents hold these words, and how much do the words weigh there?

BM25F over postings kept as packed, mapped arrays: of each term the documents that hold it
(ascending) and one byte of weighted frequency. An open last word is one word whose frequencies are
summed over a range of the vocabulary. Not for reading a query (``matrix``) nor for the final order
(``ranking``): this lane finds candidates.

Scores are whole numbers of 1/65,536, so that a sum is the same in whatever order it is made, and
the best can be found without reading every posting: MaxScore (Turtle and Flood 1995), rare words
first, until no other document can reach the best hundred; of the common words that are left only
these documents are looked up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.bounded_cache import BoundedCache
from kb.search.documents import DocumentKind
from kb.search.index.array_file import Arrays
from kb.search.index.spill import Spill
from kb.search.kernels.dispatch import UNIT, Kernels, Scratch, kernels, opened, saturated, top
from kb.search.kernels.layout import HALF_STEP
from kb.search.scoring import weights

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
#: A score of 1. The 48 words of a query, each said twelve times and each in one of a million
#: documents, reach three quarters of what 32 bits hold.
_POINT = 65_536
_STEP = (
    (weights.K1 + 1) / weights.STEPS * _POINT
)  # what one step of a posting's byte is worth at an idf of 1
_UNITS = np.rint(weights.frequency(np.arange(256, dtype=np.uint8)) * UNIT).astype(np.int32)
_HALF = int(weights.K1 * UNIT)
_DENSE = 8  # a term in one of eight documents is read the faster with a byte for every document
_LISTED = -1  # the row of a term that has none
_SAMPLE = 2048
_LOOK_UP = 8  # what looking a document up costs, in postings read one after another
_WORTH_A_LOOK = 4096  # postings; adding fewer costs less than finding out whether they are needed
_REMEMBERED = 1000  # words of queries; some megabytes, as beginnings with many postings stand ready
_COMPILED = 100  # a compiled loop is that much the less worth a look whether it can be ended


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """One word of a query, understood: the stems it stands for and how much each counts.

    ``prefix`` marks an open last word: its stems count as one word with their frequencies summed.
    ``corrected`` is the word it was read as when it was unknown. ``term`` is where the postings of
    a short beginning stand ready.
    """

    word: str
    stems: tuple[int, ...]
    shares: tuple[float, ...]
    prefix: bool = False
    corrected: str = ""
    term: int = -1
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.word, self.stems, self.shares, self.prefix)))

    def __hash__(self) -> int:
        """Worked out once: an open last word stands for a hundred stems, and is looked up in
        several places.
        """
        return self._hash


@dataclass(frozen=True, slots=True)
class _Term:
    """The postings of a term and what a step of its codes is worth; ``row`` has a code for every
    document instead, ``half`` half a byte for every one (see ``pack``)."""

    docs: Ints
    codes: Ints
    row: Ints | None
    half: Ints | None
    worth: int
    most: int
    df: int

    def add(self, run: Kernels, sums: Ints, low: int, high: int) -> None:
        """Add what this term is worth to the documents from ``low`` to ``high``."""
        if self.row is not None:
            run.add_row(sums[low:high], self.row[low:high], self.worth)
        elif self.half is not None:
            run.add_half(sums, self.half, self.worth, low, high)
        elif high - low == sums.size:
            run.add(sums, self.docs, self.codes, self.worth)
        else:
            a, b = self.docs.searchsorted(np.array((low, high), dtype=self.docs.dtype)).tolist()
            run.add(sums, self.docs[a:b], self.codes[a:b], self.worth)

    def of(self, documents: Ints) -> Ints:
        """What this term is worth to each of ``documents``."""
        if self.row is not None:
            return self.row.take(documents) * np.int32(self.worth)
        if self.half is not None:
            steps = self.half.take(documents >> 1) >> (documents & 1) * 4 & 15
            return np.asarray(steps * HALF_STEP * self.worth, dtype=np.int32)
        if not self.docs.size:
            return np.zeros(documents.size, dtype=np.int32)
        # Of another type, numpy would convert the whole list to look up a few.
        at = np.minimum(
            self.docs.searchsorted(documents.astype(self.docs.dtype)), self.docs.size - 1
        )
        return np.asarray(
            (self.docs.take(at) == documents) * self.codes.take(at) * np.int32(self.worth)
        )


class Candidates:
    """The candidates of a query, and the scores of these or of any other documents.

    To be used before its thread asks for the next one: the sums stand in memory that is used again.
    """

    def __init__(self, documents: Ints, terms: Sequence[_Term], sums: Ints | None) -> None:
        self.documents = documents
        self._terms = terms
        self._sums = sums  # of every document; None when not all postings were read

    def scores(self, documents: Ints) -> Floats:
        """BM25F of ``documents``."""
        if self._sums is not None:
            return _points(self._sums[documents])
        sums = np.zeros(documents.size, dtype=np.int32)
        for term in self._terms:
            sums += term.of(documents)
        return _points(sums)


def pack(
    pointers: Ints,
    docs: Ints,
    codes: Ints,
    documents: int,
    spill: Spill | None = None,
    *,
    coarse: int | None = None,
) -> Arrays:
    """Arrays for the postings of all terms; a term that one of eight documents has becomes a row of
    codes.

    From the term ``coarse`` on, all of them if None, rows have half a byte a document: a beginning
    that so many words have says little, and there are many of them.
    """
    spill = spill or Spill()
    df = np.diff(pointers)
    coarse = df.size if coarse is None else coarse
    dense = (df * _DENSE >= documents) & (df > 0)
    lists = (spill.array(np.int32), spill.array(np.uint8))
    rows, halves = spill.array(np.uint8), spill.array(np.uint8)
    last = 0
    for term in [*np.flatnonzero(dense).tolist(), df.size]:
        start, end = pointers[[last, term]].tolist()
        for run, values in zip(lists, (docs, codes), strict=True):
            run.append(values[start:end])
        if term < df.size:
            row, here = np.zeros(documents, dtype=np.uint8), slice(end, int(pointers[term + 1]))
            row[docs[here]] = codes[here]
            rows.append(row) if term < coarse else halves.append(_halved(row))
        last = term + 1
    whole = dense.copy()
    whole[coarse:] = False
    half = dense & ~whole
    peaks = _peaks(pointers, codes)
    return {
        "pointers": np.concatenate(([0], np.cumsum(np.where(dense, 0, df)))).astype(np.int64),
        "docs": lists[0].array(),
        "codes": lists[1].array(),
        "rows": rows.array().reshape(int(whole.sum()), documents),
        "halves": halves.array().reshape(int(half.sum()), -(-documents // 2)),
        "row_of": np.where(
            whole, np.cumsum(whole) - 1, np.where(half, -1 - np.cumsum(half), -1)
        ).astype(np.int32),
        "term_df": df.astype(np.int32),
        "peaks": np.where(half, _coarse(peaks) * HALF_STEP, peaks).astype(np.uint8),
    }


def _coarse(codes: Ints) -> Ints:
    """Codes in 15 steps instead of 255; 1 at least, so that who has a word is found."""
    return np.asarray(
        np.where(
            codes > 0, np.maximum(1, (codes.astype(np.int32) + HALF_STEP // 2) // HALF_STEP), 0
        )
    )


def _halved(row: Ints) -> Ints:
    """Two documents a byte, that of the even number in the lower half."""
    steps = _coarse(np.append(row, row[:0] if row.size % 2 == 0 else np.zeros(1, dtype=row.dtype)))
    return np.asarray(steps[::2] | steps[1::2] << 4, dtype=np.uint8)


def _peaks(pointers: Ints, codes: Ints) -> Ints:
    """The largest code of each term."""
    peaks = np.zeros(pointers.size - 1, dtype=np.uint8)
    held = np.flatnonzero(np.diff(pointers))
    if held.size:
        peaks[held] = np.maximum.reduceat(codes, pointers[held])
    return peaks


def prefix(postings: Sequence[tuple[Ints, Ints]], documents: int) -> tuple[Ints, Ints]:
    """The postings of several words as those of one: frequencies summed, each document once."""
    docs = np.concatenate([d for d, _ in postings])
    parts = _UNITS[np.concatenate([c for _, c in postings])]
    summed = np.bincount(docs, weights=parts, minlength=documents).astype(
        np.int64
    )  # whole numbers: exact
    found = np.flatnonzero(summed)
    return found.astype(np.int32), saturated(summed[found], _HALF)


class Bm25:
    """The postings of one audience's partition."""

    def __init__(
        self, arrays: Arrays, *, run: Kernels | None = None, worth_a_look: int = _WORTH_A_LOOK
    ) -> None:
        self._worth_a_look = worth_a_look
        self._run = run or kernels()
        self.size = int(arrays["kind"].size)
        self._scratch = Scratch(sums=self.size, union=self.size)
        self._known: BoundedCache[QueryTerm, list[_Term]] = BoundedCache(_REMEMBERED)
        self.df = arrays["df"]
        self._pointers, self._docs, self._codes = (
            arrays["pointers"],
            arrays["docs"],
            arrays["codes"],
        )
        self._rows, self._halves, self._row_of = arrays["rows"], arrays["halves"], arrays["row_of"]
        self._term_df, self._peaks = arrays["term_df"], arrays["peaks"]
        self.idfs: Floats = arrays["idf"]
        bounds = np.searchsorted(arrays["kind"], np.arange(len(DocumentKind) + 1))
        self.kind_ranges = [(int(a), int(b)) for a, b in pairwise(bounds)]
        several = sum(high > low for low, high in self.kind_ranges) > 1
        self._most = weights.CANDIDATES_EACH if several else weights.CANDIDATES

    def use(self, run: Kernels) -> None:
        self._run = run

    def posting(self, term: int) -> tuple[Ints, Ints]:
        """The documents that hold ``term``, ascending, and the code of its weighted frequency in
        each.
        """
        row = int(self._row_of[term])
        if row != _LISTED:
            codes = (
                self._rows[row]
                if row >= 0
                else opened(self._halves[_LISTED - 1 - row], 0, self.size)
            )
            docs = np.flatnonzero(codes).astype(np.int32)
            return docs, codes[docs]
        start, end = self._pointers[term : term + 2].tolist()
        return self._docs[start:end], self._codes[start:end]

    def idf(self, df: int) -> float:
        """``weights.idf`` for one word."""
        return math.log1p((self.size - df + 0.5) / (df + 0.5))

    # --- exhaustive
    # ----------------------------------------------------------------------------------------------

    def score(self, meanings: Sequence[QueryTerm]) -> Floats:
        """BM25F of every document, dense. Each posting of each word is read once."""
        sums = np.zeros(self.size, dtype=np.int32)
        for term in self._terms(meanings):
            term.add(self._run, sums, 0, self.size)
        return _points(sums)

    def best(self, scores: Floats, allowed: Mask | None = None) -> Ints:
        """The best documents of each kind that have any score, ascending; ties broken by document
        id.
        """
        matched = np.flatnonzero(scores if allowed is None else (scores > 0) & allowed)
        chosen = []
        for low, high in self.kind_ranges:
            a, b = np.searchsorted(matched, (low, high))
            chosen.append(top(matched[a:b], scores[matched[a:b]], self._most))
        return np.concatenate(chosen)

    # --- the best alone
    # ------------------------------------------------------------------------------------------

    def pool(self, meanings: Sequence[QueryTerm], *, most: int = 0) -> Candidates:
        """The documents of ``best(score(meanings))``, without reading all postings where these are
        many.

        ``most`` of each kind, if not as many as ``weights`` says.
        """
        terms, most = self._terms(meanings), most or self._most
        sums = self._scratch["sums"]
        sums[:] = 0
        rest = list(accumulate(term.most for term in reversed(terms)))[::-1]
        kinds = ranges = [(low, high) for low, high in self.kind_ranges if high > low]
        chosen: list[Ints] = []
        look = self._worth_a_look * (_COMPILED if self._run.best is not None else 1)
        for i, term in enumerate(terms):
            if term.df > look and rest[0] - rest[i] > rest[i]:
                ranges = [
                    r for r in ranges if not self._closed(sums, r, terms, i, rest[i], most, chosen)
                ]
            if len(ranges) == len(kinds):
                term.add(self._run, sums, 0, self.size)
            else:
                for low, high in ranges:
                    term.add(self._run, sums, low, high)
        chosen.extend(self._best(sums, kind, terms, most) for kind in ranges)
        documents = np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)
        if len(ranges) < len(kinds):  # else they came in order
            documents.sort()
        return Candidates(documents, terms, sums if len(ranges) == len(kinds) else None)

    def _best(self, sums: Ints, kind: tuple[int, int], terms: Sequence[_Term], most: int) -> Ints:
        if self._run.best is not None:
            return self._run.best(sums, *kind, most)
        found = kind[0] + np.flatnonzero(sums[kind[0] : kind[1]] >= _floor(sums, kind, terms, most))
        return top(found, sums[found], most)

    @staticmethod
    def _closed(
        sums: Ints,
        kind: tuple[int, int],
        terms: Sequence[_Term],
        at: int,
        rest: int,
        most: int,
        chosen: list[Ints],
    ) -> bool:
        """Whether the best of a kind are among those that the terms before ``at`` found; if so they
        are ``chosen``.
        """
        low, high = kind
        found = sums[low:high][sums[low:high] >= _floor(sums, kind, terms[:at], most)]
        if found.size < most:
            return False
        least = int(np.sort(found)[found.size - most])
        if least <= rest:  # a document without any of the words so far could still be among them
            return False
        near = low + np.flatnonzero(sums[low:high] >= least - rest)
        if near.size * _LOOK_UP * (len(terms) - at) > (high - low):
            return False
        full = sums[near]
        for term in terms[at:]:
            full = full + term.of(near)
        chosen.append(top(near, full, most))
        return True

    # --- terms
    # ---------------------------------------------------------------------------------------------------

    def holds(self, meaning: QueryTerm, documents: Ints) -> Mask:
        """Which of ``documents`` hold any word that ``meaning`` stands for."""
        found = np.zeros(documents.size, dtype=bool)
        for term in self._of(meaning):
            found |= term.of(documents) > 0
        return found

    def _terms(self, meanings: Sequence[QueryTerm]) -> list[_Term]:
        """What is to be added up, rare ones first."""
        return sorted(
            (term for meaning in meanings for term in self._of(meaning)), key=lambda term: term.df
        )

    def _of(self, meaning: QueryTerm) -> list[_Term]:
        found = self._known.get(meaning)
        return self._known.keep(meaning, self._looked_up(meaning)) if found is None else found

    def _looked_up(self, meaning: QueryTerm) -> list[_Term]:
        if meaning.term >= 0:
            return [self._term(meaning.term, self.idf(int(self._term_df[meaning.term])))]
        if meaning.prefix and len(meaning.stems) > 1:
            return [self._together(meaning.stems)]
        worth = zip(meaning.stems, meaning.shares, strict=True)
        return [self._term(stem, float(self.idfs[stem]) * share) for stem, share in worth]

    def _term(self, term: int, weight: float) -> _Term:
        start, end = self._pointers[term : term + 2].tolist()
        row = int(self._row_of[term])
        worth = _worth(weight)
        dense = self._rows[row] if row >= 0 else None
        half = self._halves[_LISTED - 1 - row] if row < _LISTED else None
        most, df = worth * int(self._peaks[term]), int(self._term_df[term])
        return _Term(self._docs[start:end], self._codes[start:end], dense, half, worth, most, df)

    def _together(self, stems: tuple[int, ...]) -> _Term:
        docs, codes = self._unite(np.array(stems))
        worth = _worth(self.idf(docs.size))
        return _Term(docs, codes, None, None, worth, worth * int(codes.max(initial=0)), docs.size)

    def _unite(self, stems: Ints) -> tuple[Ints, Ints]:
        rows = self._row_of[stems]
        lists, dense = stems[rows < 0], rows[rows >= 0].astype(np.int64)
        return self._run.unite(
            self._scratch["union"], self._docs, self._codes, self._pointers[lists], self._pointers[lists + 1],
            self._rows, dense, _UNITS, _HALF,
        )  # fmt: skip


def _floor(sums: Ints, kind: tuple[int, int], terms: Sequence[_Term], most: int) -> int:
    """A sum, 1 at least, that the best ``most`` of a kind reach for sure: what the best of some of
    them reach.

    To find the best among a few that are good enough costs a tenth of sorting out all that have any
    of the words.
    """
    low, high = kind
    sample = sums[low : high : -(-(high - low) // _SAMPLE)]
    floor = int(np.sort(sample)[sample.size - most]) if sample.size >= most else 0
    for term in terms:
        if term.row is None and term.docs.size >= most:
            a, b = term.docs.searchsorted(np.array(kind, dtype=term.docs.dtype)).tolist()
            if b - a >= most:
                sample = sums[term.docs[a : b : -(-(b - a) // _SAMPLE)]]
                if sample.size >= most:
                    floor = max(floor, int(np.sort(sample)[sample.size - most]))
                break  # the rarest word that enough of them have: mostly these are the best
    return max(1, floor)


def _worth(weight: float) -> int:
    """What a step of the codes of a term of this weight adds to a score: 1 at least, so that who
    has it is found.
    """
    return max(1, round(_STEP * weight))


def _points(sums: Ints) -> Floats:
    return sums.astype(np.float32) * np.float32(1 / _POINT)
