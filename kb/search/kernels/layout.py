"""What the innermost loops read and do: arrays that belong together, and the loops' signatures.

``Loops`` is implemented by ``numba_loops``, compiled, and by the slower reference in the tests that
it is compared with byte by byte. Both add whole numbers only, so that the order of addition never
changes a result. Nothing here decides anything about ranking.
"""

from __future__ import annotations

import threading
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import (
    DenseRows,
    DocumentMask,
    Documents,
    Pointers,
    PostingCodes,
    PostingDocs,
    Scores,
    Sums,
    TermNumbers,
    Vector8,
    Vectors8,
)


class Passages(NamedTuple):
    """The forward index: the stems of each passage."""

    document_pointers: Pointers  # [documents + 1], into passages
    pointers: Pointers  # [passages + 1], into stems
    stems: NDArray[np.int32]  # [entries]
    codes: NDArray[np.uint8]  # [entries], the frequency in the passage
    # [documents, 2]: the half-open range of its passages that may be shown, from its first
    shown: NDArray[np.int32]


class Headings(NamedTuple):
    """The different stems of each title, and of the heading of each passage, ascending."""

    title_pointers: Pointers  # [documents + 1]
    title_stems: NDArray[np.int32]
    pointers: Pointers  # [passages + 1]
    stems: NDArray[np.int32]


class Titles(NamedTuple):
    """The character n-grams of each title."""

    pointers: Pointers  # [documents + 1]
    ngrams: NDArray[np.int32]  # [entries], numbers of n-grams
    counts: NDArray[np.uint8]  # [entries]


class PassageVectors(NamedTuple):
    """A direction for each passage; no rows in an index without directions."""

    vectors: Vectors8  # [passages, dimensions]
    lengths: NDArray[np.float32]  # [passages]


#: A gain takes the lower bits of a number; above them stands its group of equals, from 1 on.
GAIN_BITS = 20


class QueryFeatures(NamedTuple):
    """What a query compares candidates by."""

    stems: TermNumbers
    # [stems]; of a stem that is named twice, the larger one counts, and of a group of equals (see
    # ``GAIN_BITS``) in each passage only the one that counts most there
    gains: NDArray[np.int32]
    groups: int  # of equals
    ngrams: NDArray[np.int64]
    ngram_gains: NDArray[np.int32]  # [ngrams]
    direction: Vector8  # empty where the query has none


class ScratchMarks(NamedTuple):
    """A zero for each stem and for each n-gram of the index, and again after use."""

    stems: NDArray[np.int32]
    ngrams: NDArray[np.int32]


class Loops(Protocol):
    """The innermost loops."""

    def add_postings(
        self, sums: Sums, docs: PostingDocs, codes: PostingCodes, step: int, /
    ) -> None:
        """To each of ``docs`` add its code times ``step``."""

    def add_row(self, sums: Sums, row: PostingCodes, step: int, /) -> None:
        """The same for a term that has a code for every document."""

    def union_postings(
        self,
        sums: Sums,
        docs: PostingDocs,
        codes: PostingCodes,
        starts: Pointers,
        ends: Pointers,
        rows: DenseRows,
        dense: TermNumbers,
        units: NDArray[np.int32],
        k1_units: int,
        /,
    ) -> tuple[PostingDocs, PostingCodes]:
        """The postings of several terms as those of one whose frequencies are the sums.

        The terms are ranges of ``docs``, and the rows ``dense`` of ``rows``. ``units`` says what
        each code is in units of a frequency, ``k1_units`` which frequency is saturated by half.
        ``sums`` has a zero for every document, before and after.
        """

    def top_sums(self, sums: Sums, low: int, high: int, k: int, /) -> Documents:
        """The ``k`` documents from ``low`` to ``high`` of the largest sums above 0, ascending.

        Of equal sums, the smaller numbers win.
        """

    def top_titles(
        self,
        sums: Sums,
        docs: PostingDocs,
        weights: NDArray[np.uint16],
        starts: Pointers,
        ends: Pointers,
        gains: NDArray[np.int32],
        k: int,
        allowed: DocumentMask,
        /,
    ) -> Documents:
        """The ``k`` documents of the largest sums of weight times gain over ranges of postings.

        Ascending; of equal sums, the smaller numbers win. ``allowed`` is empty where all documents
        are. ``sums`` is as in ``union_postings``.
        """

    def rescore(
        self,
        documents: Documents,
        passages: Passages,
        titles: Titles,
        vectors: PassageVectors,
        features: QueryFeatures,
        marks: ScratchMarks,
        /,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Scores]:
        """A closer look at each of ``documents``, of which every one has a passage.

        Returns the score of its best passage; the passage to show, counted from its first; the sum
        of the gains of its title's n-grams, each as often as it is there; and what
        ``nearest_passages`` returns.
        """

    def coverage(
        self,
        rows: NDArray[np.int64],
        passages: Passages,
        headings: Headings,
        documents: Documents,
        stems: TermNumbers,
        idfs: NDArray[np.float32],
        /,
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of ``stems`` stand in some passages, in their headings and in their titles.

        ``rows`` are the passages, ``documents`` what they belong to, ``idfs`` those of all stems.
        Returns [rows, 3 (text, heading, title), stems]; and how much the headings and titles weigh,
        and how much of that the stems are: [rows, 2 (heading, title), 2], in 1/4,096 of an idf.
        """

    def nearest_passages(
        self,
        pointers: Pointers,
        vectors: PassageVectors,
        direction: Vector8,
        documents: Documents,
        /,
    ) -> Scores:
        """The largest cosine between ``direction`` and any passage of each document, 0 at least.

        Times the length of ``direction``; 0 where it is empty. No document is without a passage.
        """

    def count_ngrams(
        self, points: NDArray[np.uint32], vocabulary: NDArray[np.uint32], /
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """The n-grams of a text (see ``char_ngrams``) that ``vocabulary`` has.

        Returns their positions there, ascending, how often each stands in the text, and how many
        n-grams of the text are not in the vocabulary.
        """

    def matching_tails(
        self,
        letters: NDArray[np.uint8],
        pointers: Pointers,
        documents: Documents,
        typed: NDArray[np.uint8],
        lengths: NDArray[np.int64],
        /,
    ) -> NDArray[np.int64]:
        """How many of the tails of ``typed`` stand in the title of each document.

        The tails have the ascending ``lengths``. Titles are ranges of ``letters`` that begin and
        end with a space; no tail has two spaces in a row.
        """

    def feedback_cosines(
        self,
        vectors: PassageVectors,
        passages: NDArray[np.int64],
        feedback: NDArray[np.int64],
        weights: NDArray[np.int64],
        /,
    ) -> Scores:
        """The cosine between each of ``passages`` and the weighted middle of some of them.

        ``feedback`` are the positions of these in ``passages``. 0 at least; as if the middle had a
        length of 1, which is the same factor for all.
        """

    def count_values(
        self, documents: Documents, pointers: Pointers, codes: NDArray[np.int32], size: int, /
    ) -> NDArray[np.int32]:
        """How many of ``documents`` have each of ``size`` values of a column."""


class Scratch(threading.local):
    """An ``array`` of zeros that is used again and again, one per thread; its user leaves it zero.

    A fresh array for every query would cost more than what is done with it: the system hands memory
    out page by page.
    """

    def __init__(self, size: int) -> None:
        """Runs in each thread that uses the scratch for the first time."""
        self.array = np.zeros(size, dtype=np.int32)
