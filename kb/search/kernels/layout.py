"""What the innermost loops read and do: arrays that belong together, and the loops' signatures.

``Loops`` is implemented by ``numba_loops``, compiled, and by the slower reference in the tests that
it is compared with byte by byte. Both add whole numbers only, so that the order of addition never
changes a result. Nothing here decides anything about ranking.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import (
    Contributions,
    DenseRows,
    DocumentMask,
    Documents,
    Pointers,
    PostingCodes,
    PostingDocs,
    Scores,
    Sums,
    TermNumbers,
    Totals,
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
    lengths: NDArray[np.float32]  # [documents], of the titles as vectors


class PassageVectors(NamedTuple):
    """A direction for each passage; no rows in an index without directions."""

    vectors: Vectors8  # [passages, dimensions]
    lengths: NDArray[np.float32]  # [passages]


GAIN = 4096  # a gain of 1 in a passage: these are scored in whole numbers
#: A gain takes the lower bits of a number; above them stands its group of equals, from 1 on.
GAIN_BITS = 20
NGRAM_GAIN = 65_536  # a gain of 1 in a title
NGRAM_WEIGHT = 16_384  # a weight of 1 of an n-gram in a query


class QueryFeatures(NamedTuple):
    """What a query compares candidates by."""

    stems: TermNumbers
    # [stems]; of a stem that is named twice, the larger one counts, and of a group of equals (see
    # ``GAIN_BITS``) in each passage only the one that counts most there
    gains: NDArray[np.int32]
    groups: int  # of equals
    ngrams: NDArray[np.int64]
    ngram_gains: NDArray[np.int32]  # [ngrams]
    direction: Vector8  # in topics; empty where the query has none
    meaning: Vector8  # the same in what it means
    cosines: Scores  # [documents] of that, where all were compared already; else empty


class AskedTerms(NamedTuple):
    """The terms of a query, and how much is asked for by each."""

    stems: TermNumbers
    ends: Pointers  # [terms + 1], where the stems of each begin, and those of the last end
    weights: Totals  # [terms]
    whole: float  # of all words of the query


class RawParts(NamedTuple):
    """The raw scores of candidates, articles first, and how each part counts."""

    raw: NDArray[np.float32]  # [parts, candidates]; the first part is that of the words
    weights: Totals  # [parts], 1 together
    thread_weights: Totals  # the same for threads, where these prevail
    least: Totals  # [parts], what a part is divided by where its best is less
    kind_weights: Totals  # [parts], in the odds that an article answers; 0 for nothing
    kind_units: Totals  # [parts], what counts as 1 there
    letters: int  # the part of titles
    forum: int  # the position of the first thread
    forum_share: float  # of all documents that the asker may see, 0 to 1


class NamedSignals(NamedTuple):
    """Signals of candidates, 0 to 1."""

    values: Contributions  # [signals, candidates]
    weights: Totals  # [signals]
    whole: int  # the signal that counts whatever a document is about; -1 for none


class TopicRows(NamedTuple):
    """The directions of the passages to show of candidates; none where there are no topics."""

    vectors: PassageVectors
    rows: NDArray[np.int64]  # [candidates]


class ThreadArticleRows(NamedTuple):
    """The articles that say most of what each thread says; none where threads are few."""

    articles: NDArray[np.int32]  # [threads, articles of each], by number
    shares: NDArray[np.uint8]  # [threads, articles of each]
    first_thread: int


class ChunkTable(NamedTuple):
    """The chunks of text that were seen, numbered in the order in which they first occurred."""

    slots: NDArray[np.int32]  # [a power of two], by hash: the number plus 1, or 0; else in the next
    codes: NDArray[np.uint64]  # [chunks], the hash of each
    ends: Pointers  # [chunks + 1], where the letters of each begin, and those of the last end
    letters: NDArray[np.uint8]  # in UTF-8


class ScratchMarks(NamedTuple):
    """A zero for each stem and for each n-gram of the index, and again after use."""

    stems: NDArray[np.int32]
    ngrams: NDArray[np.int32]


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """As mapped arrays are: to compiled loops, one that can be written is another type."""
    array.flags.writeable = False
    return array


NO_VECTORS = PassageVectors(
    read_only(np.zeros((0, 1), dtype=np.int8)), read_only(np.zeros(0, dtype=np.float32))
)
NO_TOPICS = TopicRows(NO_VECTORS, np.zeros(0, dtype=np.int64))
NO_THREAD_ARTICLES = ThreadArticleRows(
    read_only(np.zeros((0, 0), dtype=np.int32)), read_only(np.zeros((0, 0), dtype=np.uint8)), 0
)


class Loops(Protocol):
    """The innermost loops."""

    def add_postings(
        self, sums: Sums, docs: PostingDocs, codes: PostingCodes, step: int, /
    ) -> None:
        """To each of ``docs`` add its code times ``step``."""

    def add_row(self, sums: Sums, row: PostingCodes, step: int, /) -> None:
        """The same for a term that has a code for every document."""

    def raise_postings(
        self, sums: Sums, docs: PostingDocs, codes: PostingCodes, step: int, /
    ) -> None:
        """Each of ``docs`` has its code times ``step``, unless it has more."""

    def raise_row(self, sums: Sums, row: PostingCodes, step: int, /) -> None:
        """The same for a term that has a code for every document."""

    def take_postings(self, sums: Sums, steps: int, /) -> tuple[PostingDocs, PostingCodes, int]:
        """The documents of sums above 0 as postings with codes of at most ``steps``, and what one
        step of these is worth. Leaves zeros.
        """

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
        topics: PassageVectors,
        meanings: PassageVectors,
        features: QueryFeatures,
        marks: ScratchMarks,
        /,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """A closer look at each of ``documents``, of which every one has a passage.

        Returns the raw scores of four parts: its best passage, its title's n-grams, and its
        passage nearest in topics and in meaning; and the passage to show, counted from its first.
        """

    def coverage(
        self,
        rows: NDArray[np.int64],
        passages: Passages,
        headings: Headings,
        documents: Documents,
        terms: AskedTerms,
        idfs: NDArray[np.float32],
        /,
    ) -> tuple[NDArray[np.bool_], Totals]:
        """Which of ``terms`` some passages hold: in their text, their heading or their title.

        ``rows`` are the passages, ``documents`` what they belong to, ``idfs`` those of all stems.
        Of a thread that shows its answer, the passage that asks counts too. Returns [rows, terms];
        and how alike the query and the heading, and the query and the title are: the share of the
        one that is in the other, and the reverse, [rows, 2].
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

        0 where ``direction`` is empty, and for a number that no document has.
        """

    def ngram_vector(
        self,
        points: NDArray[np.uint32],
        vocabulary: NDArray[np.uint32],
        idfs: NDArray[np.float32],
        unseen_idf: float,
        /,
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
        """A text as a unit vector over the n-grams (see ``char_ngrams``) that ``vocabulary`` has.

        Returns their positions there, ascending; the vector, in ``NGRAM_WEIGHT``s; and the vector
        times each n-gram's idf, in ``NGRAM_GAIN``s. What is not in the vocabulary still lengthens
        the vector.
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

    def fuse_parts(
        self,
        parts: RawParts,
        signals: NamedSignals,
        votes: Scores,
        solved: NDArray[np.int8],
        documents: Documents,
        topics: TopicRows,
        about: ThreadArticleRows,
        /,
    ) -> tuple[Contributions, Totals]:
        """One score for each candidate: what makes it, and the whole.

        ``votes`` is empty when none was cast; ``solved`` is 0 for an unsolved thread. The rows of
        the first are the parts, "kind", "unsolved", the signals, "votes", "threads" and "kindred"
        (see ``scoring.fusion``).
        """

    def fold_groups(
        self,
        documents: Documents,
        scores: Totals,
        group_of: NDArray[np.int32],
        places: NDArray[np.int64],
        newest: bool,
        /,
    ) -> NDArray[np.int64]:
        """The positions of what is shown of ``documents``, best first: one of each group, and all
        that have none (-1).

        At the place of the best one of a group stands that one; with ``newest`` the one of the
        lowest of ``places`` among those that are about as good (``weights.AS_GOOD``).
        """

    def count_values(
        self, documents: Documents, pointers: Pointers, codes: NDArray[np.int32], size: int, /
    ) -> NDArray[np.int32]:
        """How many of ``documents`` have each of ``size`` values of a column."""

    def top_products(
        self,
        pointers: Pointers,
        columns: NDArray[np.int32],
        values: NDArray[np.float32],
        table_pointers: Pointers,
        table_columns: NDArray[np.int32],
        table_values: NDArray[np.float32],
        width: int,
        k: int,
        /,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The ``k`` largest entries of each row of a sparse matrix times a ``table``, a sparse
        matrix of this ``width``: their columns and values, largest first.

        Of equal ones the first. ``k`` is at most ``width``, and no value is negative. The products
        of an entry are added in the order of the row, in 32 bits, as scipy does.
        """

    def project(
        self,
        rows: NDArray[np.float32],
        weights: NDArray[np.int8],
        scales: NDArray[np.float32],
        bias: NDArray[np.float32],
        /,
    ) -> NDArray[np.float32]:
        """``rows`` times the transpose of ``weights``, whose rows have ``scales``, plus ``bias``.

        Each of ``rows`` is quantised to integers of at most 16 bits, small enough for their
        products to be added in 32 bits, so that the result is the same on every CPU.
        """

    def number_chunks(
        self,
        text: NDArray[np.uint8],
        bounds: Pointers,
        table: ChunkTable,
        seed: np.uint64,
        known: int,
        /,
    ) -> tuple[NDArray[np.int32], Pointers, int]:
        """The number of each chunk between white space of some texts, which are ranges of ``text``
        (UTF-8); where those of each text begin, and of the last one end; and how many are known.

        Adds new ones to the ``table``, which has ``known`` chunks and enough space. Their hashes
        begin with ``seed``; numbers don't depend on it.
        """

    def expand_lists(
        self,
        numbers: NDArray[np.int32],
        ends: Pointers,
        values: NDArray[np.int32],
        value_ends: Pointers,
        /,
    ) -> tuple[NDArray[np.int32], Pointers]:
        """The values of each of ``numbers``, whose values are ranges of ``values``, one after the
        other; and where those of each group begin, and of the last one end.

        The groups are ranges of ``numbers``, as ``ends`` says.
        """
