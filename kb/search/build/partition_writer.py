"""Partition writer: the arrays that one audience's answers are made of.

``partition_arrays`` builds them from the documents that this audience may see, and from nothing
else: term dictionaries, statistics, postings, passages, title n-grams, latent topics. The words
come from ``forward_index``; ``kb.search.partition`` reads the arrays. Build time only.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.languages import ENGLISH, base_language
from kb.search.array_types import Pointers
from kb.search.build.document_facts import DocumentTable
from kb.search.build.forward_index import (
    ForwardIndex,
    SortedWords,
    TextEnds,
    as_int32,
)
from kb.search.build.near_duplicates import pack_near_duplicates
from kb.search.build.reuse import find_reuse
from kb.search.build.splice import LengthBasis, PostingLists, spliced_postings
from kb.search.build.value_columns import KIND_NUMBERS, pack_value_columns
from kb.search.documents import DOCUMENT_KINDS, DocumentKind
from kb.search.index.array_file import Arrays
from kb.search.index.edits import vacancies
from kb.search.index.latent_topics import pack_latent_topics
from kb.search.index.prefix_postings import pack_prefixes
from kb.search.index.previous import CarriedOver, Lists, PreviousPartition, spliced_lists
from kb.search.index.spill import Columns, Spill, SpilledArray, blocks
from kb.search.index.term_dictionary import TermDictionary
from kb.search.index.title_ngrams import pack_title_ngrams
from kb.search.kernels.layout import Loops
from kb.search.kernels.ranges import positions_of
from kb.search.meaning.embeddings import pack_embeddings
from kb.search.query.spelling import Speller
from kb.search.scoring.thread_articles import pack_thread_articles
from kb.search.scoring.title_text import pack_title_text
from kb.search.scoring.whole_headings import pack_headings

DocumentNumbers = NDArray[np.int64]  # [documents], of the forward index; -1: none has the number
PassageDocs = NDArray[np.int64]  # [passages], the document of each, ascending
#: A scipy sparse table of counts: documents or passages by words. scipy has no types.
CountTable = Any


def partition_arrays(
    forward_index: ForwardIndex,
    visible: frozenset[str],
    previous: PreviousPartition | None = None,
    spill: Spill | None = None,
    loops: Loops | None = None,
) -> Arrays:
    """The arrays of the documents whose audience is in ``visible``, sorted by kind and id.

    A document that is not visible leaves no trace: numbers, orders and averages come from the
    others. ``previous`` is the previous generation's partition for the same audience: it saves
    work. ``spill`` holds arrays that are too large for memory; they can be read until it is closed.
    With the compiled ``loops``, large partitions take less time. The result does not depend on
    them, nor on how much is worked on at once.
    """
    spill = spill or Spill()
    table = forward_index.documents
    documents, kinds = _in_order(table, visible)
    writer = _PartitionWriter(forward_index, documents, previous, spill)
    titles = _Titles(table, documents.tolist())

    arrays = writer.term_dictionaries()
    arrays |= writer.postings_and_passages(arrays)
    articles = int(kinds.searchsorted(KIND_NUMBERS[DocumentKind.FORUM]))
    if weights.threads_prevail(articles, documents.size):
        # The articles of a thread depend on all articles, but on no other thread.
        then = writer.carried_over if previous and not previous.lost_article else None
        arrays |= pack_thread_articles(arrays, articles, then, loops)
    arrays |= pack_latent_topics(arrays, previous, writer.carried_over, spill)
    meanings = forward_index.meanings
    if meanings is not None:
        arrays |= pack_embeddings(meanings.rows[writer.passages], meanings.drafts[writer.passages])
    arrays |= pack_title_ngrams(
        titles, writer.carried_over, spill, keep_weights=writer.keeps_lengths
    )
    arrays |= pack_title_text(titles, writer.carried_over)
    arrays |= pack_near_duplicates(forward_index, documents, writer.carried_over)
    arrays["languages"] = np.frombuffer(writer.languages.encode(), dtype=np.uint8)
    return arrays | pack_value_columns(table, documents, kinds, writer.carried_over)


def _in_order(
    table: DocumentTable, visible: frozenset[str]
) -> tuple[DocumentNumbers, NDArray[np.uint8]]:
    """The visible documents by kind and id, and the kind of each; after those of each kind, the
    vacant numbers.
    """
    numbers = [n for n, audience in enumerate(table.audiences) if audience in visible]
    numbers.sort(key=table.ids.__getitem__)
    documents: list[int] = []
    sizes = []
    for kind in DOCUMENT_KINDS:
        of_kind = [number for number in numbers if table.kinds[number] == kind]
        vacant = vacancies(len(of_kind), len(numbers))
        documents += [*of_kind, *[-1] * vacant]
        sizes.append(len(of_kind) + vacant)
    kinds = np.repeat(np.arange(len(sizes), dtype=np.uint8), sizes)
    return np.array(documents, dtype=np.int64), kinds


class _Titles(Sequence[str]):
    """The titles of some documents, read when they are asked for; "" for a vacant number."""

    def __init__(self, table: DocumentTable, numbers: Sequence[int]) -> None:
        self._table, self._numbers = table, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self._title(number) for number in self._numbers[row]]
        return self._title(self._numbers[row])

    def _title(self, number: int) -> str:
        return self._table[number].title if number >= 0 else ""


class PartitionTexts:
    """Some documents of a forward index, renumbered from 0 in the order of ``documents``."""

    def __init__(
        self, forward_index: ForwardIndex, documents: DocumentNumbers, spill: Spill
    ) -> None:
        self._forward_index, self._spill = forward_index, spill
        self._count = documents.size
        self._is_vacant = documents < 0

        number_of = np.full(len(forward_index.documents), -1, dtype=np.int64)
        taken = np.flatnonzero(~self._is_vacant)
        number_of[documents[taken]] = taken
        doc_of_passage = number_of[as_int32(forward_index.passage_doc)]
        seen = np.flatnonzero(doc_of_passage >= 0)
        #: The passages, by their numbers in the forward index.
        self.passages = seen[np.argsort(doc_of_passage[seen], kind="stable")]
        self.passage_doc = doc_of_passage[self.passages]
        self.doc_passages = _pointers(self.passage_doc, self._count)

        self._taken = documents[taken]
        #: Of each document that there is.
        self.languages = [
            base_language(forward_index.documents.languages[number])
            for number in self._taken.tolist()
        ]

        title_ends = np.frombuffer(forward_index.title_ends, dtype=np.int64)
        self._title_starts = np.where(self._is_vacant, 0, title_ends[documents])
        self._title_lengths = np.where(
            self._is_vacant, 0, title_ends[documents + 1] - self._title_starts
        )
        self._passage_lengths = _lengths(forward_index.body_ends)[self.passages]
        self._code_lengths = _lengths(forward_index.code_ends)[self.passages]

    def language_of_words(self, present: Sequence[str]) -> NDArray[np.int64]:
        """The language that most occurrences of each word of the forward index are in, by its
        number in ``present``, which are all languages of these documents.
        """
        most = np.zeros(len(self._forward_index.surfaces), dtype=np.int64)
        language_of = np.zeros_like(most)
        if len(present) == 1:
            return language_of
        of_document = np.array([present.index(language) for language in self.languages])
        for number in range(len(present)):
            counts = self._occurrences(self._taken[of_document == number])
            language_of[counts > most] = number
            np.maximum(most, counts, out=most)
        return language_of

    def _occurrences(self, documents: DocumentNumbers) -> NDArray[np.int64]:
        """How often each word occurs in some ``documents`` of the forward index."""
        index = self._forward_index
        firsts = index.firsts()
        passages = positions_of(firsts[documents], firsts[documents + 1])
        counts = np.zeros(len(index.surfaces), dtype=np.int64)
        for words, text_ends, texts in (
            (index.title_words, index.title_ends, documents),
            (index.body_words, index.body_ends, passages),
        ):
            ends = np.frombuffer(text_ends, dtype=np.int64)
            lengths = np.concatenate(([0], np.cumsum(ends[texts + 1] - ends[texts])))
            for low, high in blocks(lengths, self._spill.block):
                some = texts[low:high]
                numbers = words.array()[positions_of(ends[some], ends[some + 1])]
                counts += np.bincount(numbers, minlength=counts.size)
        return counts

    def _batches(self, documents: DocumentNumbers | None = None) -> Iterator[_Batch]:
        """All documents, or some (ascending, by their numbers here), a few at a time."""
        index = self._forward_index
        width = max(1, len(index.surfaces))
        if documents is None:
            documents = np.arange(self._count)
        lengths = self._title_lengths + self._sums(self._passage_lengths + self._code_lengths)
        ends = np.concatenate(([0], np.cumsum(lengths[documents])))

        for low, high in blocks(ends, self._spill.block):
            some = documents[low:high]
            starts, stops = self.doc_passages[some], self.doc_passages[some + 1]
            passages = positions_of(starts, stops)
            numbers = self.passages[passages]
            yield _Batch(
                some,
                passages,
                np.repeat(np.arange(some.size), stops - starts),
                _counts_between(
                    index.title_words,
                    self._title_starts[some],
                    self._title_starts[some] + self._title_lengths[some],
                    width,
                ),
                _counts(index.body_words, index.body_ends, numbers, width),
                _heading_counts(index, numbers, width),
                _counts(index.code_words, index.code_ends, numbers, width),
            )

    def _sums(self, lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """The lengths of passages added up for each document."""
        sums = np.bincount(self.passage_doc, weights=lengths, minlength=self._count)
        return sums.astype(np.float64, copy=False)

    def document_frequencies(self) -> NDArray[np.int64]:
        """How many documents have each word of the forward index."""
        df = np.zeros(len(self._forward_index.surfaces), dtype=np.int64)
        for batch in self._batches():
            titles, texts = _by_word(batch.titles), _by_word(batch.bodies + batch.codes)
            documents = titles + _grouped(texts, batch.passage_doc, batch.titles.shape[0])
            df += np.diff(documents.indptr)[: df.size]
        return df

    def counted(
        self,
        basis: LengthBasis,
        stem_of_word: NDArray[np.int32],
        stems_in_all: int,
        documents: DocumentNumbers | None = None,
    ) -> tuple[PostingLists, Arrays]:
        """The postings of all documents, or some (ascending), by stem, with BM25F's weighted
        frequency of title, body and code in one byte each; and the lists of stems of each passage,
        the title included, of each title and of each heading.

        ``stem_of_word`` is the number of the stem of each word of the forward index.
        """
        stems = Columns(self._spill, np.int32, np.uint8)
        passages = _PassageStems(self._spill)
        title_stems, heading_stems = _StemSets(self._spill), _StemSets(self._spill)

        title_factor = weights.TITLE / weights.shorten(
            self._title_lengths.astype(np.float64), average=basis.title
        )
        body_factor = 1.0 / weights.shorten(self._body_lengths(), weights.BODY_B, basis.body)
        passage_factor = 1.0 / weights.shorten(self._whole_passages(), average=basis.passage)

        for batch in self._batches(documents):
            titles, bodies, codes = (
                _by_word(_renumbered(table, stem_of_word, stems_in_all))
                for table in (batch.titles, batch.bodies, batch.codes)
            )
            body_counts = _grouped(bodies, batch.passage_doc, titles.shape[0])
            frequencies = _scaled(titles, title_factor[batch.documents]) + _scaled(
                body_counts, body_factor[batch.documents]
            )
            if codes.nnz:
                code_counts = _grouped(codes, batch.passage_doc, titles.shape[0])
                frequencies = frequencies + weights.CODE * _scaled(
                    code_counts, body_factor[batch.documents]
                )
                bodies = bodies + codes * weights.CODE
            frequencies.sort_indices()
            stems.add(
                frequencies.indptr,
                batch.documents[frequencies.indices],
                weights.code(frequencies.data),
            )
            passages.add(
                titles.tocsr(), bodies.tocsr(), batch.passage_doc, passage_factor[batch.passages]
            )
            title_stems.add(titles.tocsr())
            headings = _renumbered(batch.headings, stem_of_word, stems_in_all)
            heading_stems.add(_by_word(headings).tocsr())

        lists = {
            **passages.arrays(),
            **title_stems.arrays("title_stem"),
            **heading_stems.arrays("heading_stem"),
        }
        return _of_all_stems(stems, stems_in_all), lists

    def _body_lengths(self) -> NDArray[np.float64]:
        # Code makes a page as long as text does, whatever its words count.
        return self._sums(self._passage_lengths + self._code_lengths)

    def _whole_passages(self) -> NDArray[np.float64]:
        """How long passages are, each with its title."""
        titles = weights.PASSAGE_TITLE * self._title_lengths[self.passage_doc]
        whole = self._passage_lengths + self._code_lengths + titles
        return np.asarray(whole, dtype=np.float64)

    def lengths(self) -> LengthBasis:
        """How long they are on average."""
        taken = ~self._is_vacant
        return LengthBasis(
            weights.average_length(self._title_lengths[taken]),
            weights.average_length(self._body_lengths()[taken]),
            weights.average_length(self._whole_passages()),
        )

    def headings(self) -> Arrays:
        """The documents by the hashes of their headings."""
        ends = np.frombuffer(self._forward_index.heading_hash_ends, dtype=np.int64)
        hashes = np.frombuffer(self._forward_index.heading_hashes, dtype=np.uint64)
        starts, stops = ends[self.passages], ends[self.passages + 1]
        documents = np.repeat(self.passage_doc, stops - starts)
        return pack_headings(hashes[positions_of(starts, stops)], documents)


class _PartitionWriter:
    """The part of a forward index that one audience sees, renumbered from 0 in its own order."""

    def __init__(
        self,
        forward_index: ForwardIndex,
        documents: DocumentNumbers,
        previous: PreviousPartition | None,
        spill: Spill,
    ) -> None:
        self._forward_index, self._spill = forward_index, spill
        self._count = documents.size
        self._texts = PartitionTexts(forward_index, documents, spill)
        self.passages = self._texts.passages
        present = sorted(set(self._texts.languages))
        self.languages = ",".join(present)

        reuse = find_reuse(forward_index, documents, previous)
        df = reuse.df if reuse else self._texts.document_frequencies()
        all_stems, stem_of = self._all_stems(present)
        self._surfaces = forward_index.words().select(df > 0)
        self._stems = all_stems.select(stem_of[self._surfaces.order])
        self._surface_df = df[self._surfaces.order].astype(np.int32)
        self._surface_stem = self._stems.number[stem_of[self._surfaces.order]]
        #: The number here of the stem of each word of the forward index.
        self._stem_of_word = self._stems.number[stem_of]
        self.carried_over = (
            reuse.carried_over(self._surfaces, self._stems, self._stem_of_word, self.languages)
            if reuse
            else None
        )
        self._kept_basis = None
        if self.carried_over is not None and self.carried_over.same_stems:
            self._kept_basis = LengthBasis.kept(previous, self._count)

    @property
    def keeps_lengths(self) -> bool:
        """Whether lengths are compared with what they were on average in the last partition."""
        return self._kept_basis is not None

    def _all_stems(self, present: Sequence[str]) -> tuple[SortedWords, NDArray[np.int32]]:
        """The stems of all words of the forward index, each in the language that most of its
        occurrences here are in.
        """
        if list(present) in ([], [ENGLISH]):
            return self._forward_index.stems()
        return self._forward_index.stems_in(present, self._texts.language_of_words(present))

    def term_dictionaries(self) -> Arrays:
        """Surface words (for completion and typos), their stems, and their document frequencies."""
        words, carried_over = self._surfaces.texts, self.carried_over
        return {
            **TermDictionary.pack(words, "surface"),
            **TermDictionary.pack(self._stems.texts, "stem"),
            "surface_stem": self._surface_stem,
            "surface_df": self._surface_df,
            **Speller.pack(
                words,
                self._surface_df,
                self._count,
                carried_over.arrays if carried_over else None,
                carried_over.surfaces if carried_over else None,
            ),
        }

    def postings_and_passages(self, dictionaries: Arrays) -> Arrays:
        """Documents by stem; and stems by passage, to find the best passage of a candidate."""
        basis = self._basis()
        then = self.carried_over if self._kept_basis is not None else None
        fresh = None if then is None else np.flatnonzero(then.places < 0)
        postings, lists = self._texts.counted(
            basis, self._stem_of_word, len(self._stems.texts), fresh
        )
        if then is not None:
            lists = self._spliced_lists(lists, then)
            postings = spliced_postings(then, postings, self._spill)
        return {
            **self._postings(dictionaries, postings),
            "doc_passages": self._texts.doc_passages,
            **lists,
            **self._texts.headings(),
            **basis.arrays(),
        }

    def _spliced_lists(self, fresh: Arrays, then: CarriedOver) -> Arrays:
        passages_then = np.full(self.passages.size, -1, dtype=np.int64)
        now, last = then.passages(self._texts.doc_passages)
        passages_then[now] = last
        spliced: Arrays = {}
        for rows_then, pointers, names in (
            (passages_then, "passage_pointers", ("passage_stems", "passage_codes")),
            (passages_then, "heading_stem_pointers", ("heading_stems",)),
            (then.places, "title_stem_pointers", ("title_stems",)),
        ):
            old, new = (
                Lists(arrays[pointers], {name: arrays[name] for name in names})
                for arrays in (then.arrays, fresh)
            )
            lists = spliced_lists(rows_then, old, new, self._spill, {names[0]: then.stems})
            spliced |= {pointers: lists.pointers, **lists.columns}
        return spliced

    def _basis(self) -> LengthBasis:
        if self._kept_basis is not None:
            return self._kept_basis
        return self._texts.lengths()

    def _postings(self, dictionaries: Arrays, postings: PostingLists) -> Arrays:
        pointers, docs, codes = postings
        df = np.diff(pointers).astype(np.int32)
        packed = pack_prefixes(
            self._surfaces.texts, dictionaries, (pointers, docs, codes), self._count, self._spill
        )
        return {"df": df, "idf": weights.idf(df, self._count).astype(np.float32), **packed}


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some documents and their passages, by their numbers in the partition.

    ``titles`` (by document), ``bodies``, ``headings`` and ``codes`` (by passage) count the words of
    the forward index; ``passage_doc`` numbers the documents from the first of the batch.
    """

    documents: DocumentNumbers
    passages: NDArray[np.int64]
    passage_doc: PassageDocs
    titles: CountTable
    bodies: CountTable
    headings: CountTable
    codes: CountTable


class _PassageStems:
    """Stems by passage, written passage by passage."""

    def __init__(self, spill: Spill) -> None:
        self._counts = spill.array(np.int64)
        self._stems = spill.array(np.int32)
        self._codes = spill.array(np.uint8)

    def add(
        self,
        titles: CountTable,
        bodies: CountTable,
        passage_doc: PassageDocs,
        factor: NDArray[np.float64],
    ) -> None:
        table = bodies
        if passage_doc.size:
            table = bodies + titles[passage_doc] * weights.PASSAGE_TITLE
        counts = np.diff(table.indptr)
        frequencies = table.data * np.repeat(factor, counts)
        self._counts.append(counts)
        self._stems.append(table.indices)
        self._codes.append(weights.code(frequencies, weights.PASSAGE_K1))

    def arrays(self) -> Arrays:
        pointers = np.concatenate(([0], np.cumsum(self._counts.array())))
        return {
            "passage_pointers": pointers.astype(np.int64),
            "passage_stems": self._stems.array(),
            "passage_codes": self._codes.array(),
        }


class _StemSets:
    """The different stems of each of some short texts, ascending."""

    def __init__(self, spill: Spill) -> None:
        self._counts = spill.array(np.int64)
        self._stems = spill.array(np.int32)

    def add(self, table: CountTable) -> None:
        self._counts.append(np.diff(table.indptr))
        self._stems.append(table.indices)

    def arrays(self, name: str) -> Arrays:
        pointers = np.concatenate(([0], np.cumsum(self._counts.array())))
        return {f"{name}_pointers": pointers.astype(np.int64), f"{name}s": self._stems.array()}


def _of_all_stems(columns: Columns, stems: int) -> PostingLists:
    pointers, (docs, codes) = columns.merged()
    if not docs.size:
        pointers = np.zeros(stems + 1, dtype=np.int64)
    return pointers[: stems + 1], docs, codes


# --- tables of counts
#
# They are scipy's compressed sparse rows or columns: turning one into the other is a counting sort,
# so the forward index becomes postings without ever comparing two keys.


def _counts(
    words: SpilledArray, text_ends: array[int], texts: NDArray[np.int64], width: int
) -> CountTable:
    """Each word of each of ``texts``: one entry of 1 for each occurrence."""
    ends = np.frombuffer(text_ends, dtype=np.int64)
    return _counts_between(words, ends[texts], ends[texts + 1], width)


def _heading_counts(index: ForwardIndex, passages: NDArray[np.int64], width: int) -> CountTable:
    """The same for the words of each passage's heading."""
    starts = np.frombuffer(index.body_ends, dtype=np.int64)[passages]
    stops = starts + as_int32(index.heading_lengths)[passages]
    return _counts_between(index.body_words, starts, stops, width)


def _counts_between(
    words: SpilledArray, starts: NDArray[np.int64], stops: NDArray[np.int64], width: int
) -> CountTable:
    from scipy import sparse  # build time only

    columns = words.array()[positions_of(starts, stops)]
    pointers = np.concatenate(([0], np.cumsum(stops - starts)))
    ones = np.ones(columns.size, np.int32)
    return sparse.csr_matrix((ones, columns, pointers), (starts.size, width))


def _renumbered(table: CountTable, number: NDArray[np.int32], width: int) -> CountTable:
    """The same rows with other numbers for their words."""
    columns = number[table.indices] if table.nnz else table.indices
    renumbered = type(table)(
        (table.data, columns, table.indptr), shape=(table.shape[0], max(1, width))
    )
    renumbered.has_sorted_indices = renumbered.has_canonical_format = False
    return renumbered


def _by_word(table: CountTable) -> CountTable:
    """Columns: for each word its rows, ascending, each once, with the count."""
    columns = table.tocsc()
    # A counting sort keeps the rows in order, equal ones beside each other.
    columns.has_sorted_indices = True
    columns.has_canonical_format = False
    columns.sum_duplicates()
    return columns


def _grouped(columns: CountTable, group_of: PassageDocs, groups: int) -> CountTable:
    """The rows added up to ``groups`` groups that follow each other."""
    rows = group_of[columns.indices].astype(np.int32)
    grouped = type(columns)(
        (columns.data.copy(), rows, columns.indptr.copy()), shape=(groups, columns.shape[1])
    )
    grouped.has_sorted_indices, grouped.has_canonical_format = True, False
    grouped.sum_duplicates()
    return grouped


def _scaled(columns: CountTable, factor: NDArray[np.float64]) -> CountTable:
    """Counts multiplied by the factor of their row."""
    scaled = columns.data * factor[columns.indices]
    return type(columns)((scaled, columns.indices, columns.indptr), columns.shape)


def _lengths(text_ends: array[int]) -> NDArray[np.int64]:
    """How many words each text has."""
    ends: TextEnds = np.frombuffer(text_ends, dtype=np.int64)
    return np.diff(ends)


def _pointers(sorted_rows: PassageDocs, rows: int) -> Pointers:
    """Where each row begins in a list that is sorted by row, and where the last one ends."""
    counts = np.bincount(sorted_rows, minlength=rows)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
