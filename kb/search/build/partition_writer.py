"""How do documents become the packed arrays that the matrix ranks with?

``partition_arrays`` builds, from the documents one audience may see and from nothing else, everything that
audience's answers are made of: vocabulary, statistics, postings, passages, title n-grams, topics.
Build time only; reading is ``kb.search.partition``, the words come from
``kb.search.build.forward_index``.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.ids import document_key
from kb.search.build.forward_index import DocumentFacts, ForwardIndex, ints
from kb.search.build.reuse import find_reuse
from kb.search.documents import DOCUMENT_KINDS
from kb.search.index import embeddings as semantic
from kb.search.index import latent_topics as topics
from kb.search.index import prefix_postings as beginnings
from kb.search.index import term_dictionary as vocabulary
from kb.search.index import title_ngrams as letters
from kb.search.index import title_text as phrases
from kb.search.index.array_file import Arrays
from kb.search.index.previous import PreviousPartition
from kb.search.index.spill import Columns, Run, Spill, blocks
from kb.search.kernels.dispatch import places
from kb.search.query import spelling
from kb.search.scoring import weights

Ints = npt.NDArray[Any]


def partition_arrays(
    corpus: ForwardIndex,
    visible: frozenset[str],
    before: PreviousPartition | None = None,
    spill: Spill | None = None,
) -> Arrays:
    """The arrays of the documents whose audience is in ``visible``, sorted by kind and id.

    A document that is not visible leaves no trace: numbers, orders and averages come from what
    remains. ``before`` is the last generation's partition for the same audience: it saves work.
    ``spill`` is where arrays lie that are too large for memory: they can be read until it is
    closed. The arrays are the same however little is done at once.
    """
    spill = spill or Spill()
    order = [i for i, facts in enumerate(corpus.documents) if facts.audience in visible]
    order.sort(
        key=lambda i: (DOCUMENT_KINDS.index(corpus.documents[i].kind), corpus.documents[i].id)
    )
    rows = [corpus.documents[i] for i in order]
    seen = _Visible(corpus, np.array(order, dtype=np.int64), before, spill)
    made = seen.vocabularies()
    made |= seen.tables(made)
    made |= topics.pack(made, before, seen.then, spill)
    if corpus.directions is not None:
        made |= semantic.pack(np.concatenate(corpus.directions)[seen.of_corpus])
    titles = [facts.title for facts in rows]
    made |= letters.pack(titles, seen.then, spill) | phrases.pack(titles, seen.then)
    return {**made, **_columns(rows)}


class _Visible:
    """The part of a corpus that one audience sees, renumbered from 0 in its own order."""

    def __init__(
        self, corpus: ForwardIndex, order: Ints, before: PreviousPartition | None, spill: Spill
    ) -> None:
        self._corpus, self._order, self._spill = corpus, order, spill
        self.documents = order.size
        place = np.full(len(corpus.documents), -1, dtype=np.int64)
        place[order] = np.arange(order.size)
        of_passage = place[ints(corpus.passage_doc)]
        passages = np.argsort(of_passage, kind="stable")
        passages = passages[of_passage[passages] >= 0]
        self._passage_doc, self.of_corpus = of_passage[passages], passages
        self._doc_passages = _pointers(self._passage_doc, self.documents)
        self._titles, self._bodies = (
            _lengths(corpus.title_ends)[order],
            _lengths(corpus.body_ends)[passages],
        )
        last = find_reuse(corpus, order, before)
        df = last.df if last else self._df()
        self._surfaces, (stems, stem_of) = corpus.words().of(df > 0), corpus.stems()
        self._stems = stems.of(stem_of[self._surfaces.order])
        self._df_of = df[self._surfaces.order].astype(np.int32)
        self._stem_of = self._stems.number[stem_of[self._surfaces.order]]
        self._number = self._stems.number[stem_of]  # of each word of the corpus, its stem here
        self.then = last.then(self._surfaces, self._stems) if last else None

    def _parts(self) -> Iterator[_Part]:
        """All documents, some at a time."""
        width = max(1, len(self._corpus.surfaces))
        lengths = self._titles + np.bincount(
            self._passage_doc, weights=self._bodies, minlength=self.documents
        )
        corpus, ends = self._corpus, np.concatenate(([0], np.cumsum(lengths)))
        for low, high in blocks(ends, self._spill.block):
            first, last = self._doc_passages[[low, high]].tolist()
            title = _table(corpus.title_words, corpus.title_ends, self._order[low:high], width)
            body = _table(corpus.body_words, corpus.body_ends, self.of_corpus[first:last], width)
            yield _Part(
                slice(low, high),
                slice(first, last),
                self._passage_doc[first:last] - low,
                title,
                body,
            )

    def _df(self) -> Ints:
        """How many documents have each word of the corpus."""
        df = np.zeros(len(self._corpus.surfaces), dtype=np.int64)
        for part in self._parts():
            both = _by_word(part.title) + _merged(
                _by_word(part.body), part.passage_doc, part.title.shape[0]
            )
            df += np.diff(both.indptr)[: df.size]
        return df

    def vocabularies(self) -> Arrays:
        """Surface words (for completion and typos), their stems and how many documents have them."""
        words, then = self._surfaces.texts, self.then
        return {
            **vocabulary.pack(words, "surface"),
            **vocabulary.pack(self._stems.texts, "stem"),
            "surface_stem": self._stem_of,
            "surface_df": self._df_of,
            **spelling.pack(
                words, self._df_of, then.arrays if then else None, then.surfaces if then else None
            ),
        }

    def tables(self, words: Arrays) -> Arrays:
        """Documents by stem: BM25F's weighted frequency of title and body, one byte each; and stems
        by passage (a forward index), title in front: to find the best passage of a candidate.
        ``words``: vocabularies."""
        stems, forward = Columns(self._spill, np.int32, np.uint8), _Rows(self._spill)
        length = np.bincount(self._passage_doc, weights=self._bodies, minlength=self.documents)
        in_title = weights.TITLE / weights.shorten(self._titles.astype(np.float64))
        in_body = 1.0 / weights.shorten(length.astype(np.float64), weights.BODY_B)
        whole = self._bodies + weights.PASSAGE_TITLE * self._titles[self._passage_doc]
        in_passage = 1.0 / weights.shorten(whole.astype(np.float64))
        for part in self._parts():
            title, body = (
                _by_word(_renumbered(t, self._number, len(self._stems.texts))) for t in part.tables
            )
            by_doc = _merged(body, part.passage_doc, title.shape[0])
            both = _weighted(title, in_title[part.rows]) + _weighted(by_doc, in_body[part.rows])
            both.sort_indices()
            stems.add(both.indptr, both.indices + part.rows.start, weights.code(both.data))
            forward.add(title.tocsr(), body.tocsr(), part.passage_doc, in_passage[part.passages])
        return (
            self._postings(words, stems) | {"doc_passages": self._doc_passages} | forward.arrays()
        )

    def _postings(self, words: Arrays, stems: Columns) -> Arrays:
        pointers, (docs, codes) = stems.merged()
        pointers = pointers[: len(self._stems.texts) + 1]
        df = np.diff(pointers).astype(np.int32)
        idf = weights.idf(df, self.documents).astype(np.float32)
        packed = beginnings.pack(
            self._surfaces.texts, words, (pointers, docs, codes), self.documents, self._spill
        )
        return {"df": df, "idf": idf, **packed}


@dataclass(frozen=True, slots=True)
class _Part:
    """Some documents (``rows``) and their ``passages``, both as ranges; ``passage_doc`` counts from
    the first of these documents. The words of titles by document and of bodies by passage, under
    their numbers in the corpus."""

    rows: slice
    passages: slice
    passage_doc: Ints
    title: Any
    body: Any

    @property
    def tables(self) -> tuple[Any, Any]:
        return self.title, self.body


class _Rows:
    """Stems by passage, written passage by passage."""

    def __init__(self, spill: Spill) -> None:
        self._counts, self._stems, self._codes = (
            spill.run(np.int64),
            spill.run(np.int32),
            spill.run(np.uint8),
        )

    def add(self, title: Any, body: Any, passage_doc: Ints, factor: Ints) -> None:
        table = body + title[passage_doc] * weights.PASSAGE_TITLE if passage_doc.size else body
        counts = np.diff(table.indptr)
        self._counts.append(counts)
        self._stems.append(table.indices)
        self._codes.append(weights.code(table.data * np.repeat(factor, counts), weights.PASSAGE_K1))

    def arrays(self) -> Arrays:
        return {
            "passage_pointers": np.concatenate(([0], np.cumsum(self._counts.array()))).astype(
                np.int64
            ),
            "passage_stems": self._stems.array(),
            "passage_codes": self._codes.array(),
        }


# Tables of counts are scipy's compressed sparse rows or columns: turning one into the other is a
# counting sort, so a corpus is turned into postings without ever comparing two keys.


def _table(entries: Run, ends: array[int], rows: Ints, width: int) -> Any:
    """How often each word stands in each of ``rows``, a word once for every time it is there."""
    from scipy import sparse  # build time only

    edges = np.frombuffer(ends, dtype=np.int64)
    starts, stops = edges[rows], edges[rows + 1]
    words = entries.array()[places(starts, stops)]
    pointers = np.concatenate(([0], np.cumsum(stops - starts)))
    return sparse.csr_matrix((np.ones(words.size, np.int32), words, pointers), (rows.size, width))


def _lengths(ends: array[int]) -> Ints:
    return np.diff(np.frombuffer(ends, dtype=np.int64))


def _renumbered(table: Any, number: Ints, width: int) -> Any:
    """The same rows with other numbers for their words."""
    made = type(table)(
        (table.data, number[table.indices] if table.nnz else table.indices, table.indptr),
        shape=(table.shape[0], max(1, width)),
    )
    made.has_sorted_indices = made.has_canonical_format = False
    return made


def _by_word(table: Any) -> Any:
    """Columns: for each word its rows, ascending, each once, with the count."""
    turned = table.tocsc()
    turned.has_sorted_indices = (
        True  # a counting sort keeps the rows in order, equal ones beside each other
    )
    turned.has_canonical_format = False
    turned.sum_duplicates()
    return turned


def _merged(columns: Any, group: Ints, groups: int) -> Any:
    """Rows added up to ``groups`` groups that follow each other."""
    made = type(columns)(
        (columns.data.copy(), group[columns.indices].astype(np.int32), columns.indptr.copy()),
        shape=(groups, columns.shape[1]),
    )
    made.has_sorted_indices, made.has_canonical_format = True, False
    made.sum_duplicates()
    return made


def _weighted(columns: Any, factor: Ints) -> Any:
    """Counts times the factor of their row."""
    return type(columns)(
        (columns.data * factor[columns.indices], columns.indices, columns.indptr), columns.shape
    )


def _pointers(sorted_rows: Ints, rows: int) -> Ints:
    """Where each row begins in a list sorted by row: ``rows + 1`` offsets."""
    return np.concatenate(([0], np.cumsum(np.bincount(sorted_rows, minlength=rows)))).astype(
        np.int64
    )


def _columns(rows: list[DocumentFacts]) -> Arrays:
    """One value or list of values a document, for filters, facets and the way back to the store."""
    named = {
        "product": [[f.product] if f.product else [] for f in rows],
        "version": [list(f.versions) for f in rows],
        "tag": [list(f.tags) for f in rows],
        "language": [[f.language] if f.language else [] for f in rows],
    }
    names = {
        column: sorted({v for values in lists for v in values}) for column, lists in named.items()
    }
    columns: Arrays = {"names": np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)}
    for column, lists in named.items():
        code = {name: i for i, name in enumerate(names[column])}
        columns[f"{column}_pointers"] = np.concatenate(
            ([0], np.cumsum([len(v) for v in lists]))
        ).astype(np.int64)
        columns[f"{column}_codes"] = np.array(
            [code[v] for values in lists for v in values], dtype=np.int32
        )
    return columns | {
        "kind": np.array([DOCUMENT_KINDS.index(f.kind) for f in rows], dtype=np.uint8),
        "day": np.array([f.day for f in rows], dtype=np.int32),
        "solved": np.array(
            [-1 if f.solved is None else int(f.solved) for f in rows], dtype=np.int8
        ),
        "row": np.array([f.row for f in rows], dtype=np.int32),
        "first": np.array([f.first for f in rows], dtype=np.int32),
        "answer": np.array([f.answer for f in rows], dtype=np.int32).reshape(-1, 2),
        "key": np.array([document_key(f.id) for f in rows], dtype=np.uint64),
    }
