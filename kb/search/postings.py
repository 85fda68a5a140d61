"""How do documents become the packed arrays that the matrix ranks with?

``partition`` builds, from the documents one audience may see and from nothing else, everything that audience's answers
are made of: vocabulary, statistics, postings, passages, title n-grams, topics. Build time only; reading is
``kb.search.matrix``, the words come from ``kb.search.corpus``.
"""

from __future__ import annotations

import json
import zlib
from array import array
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import beginnings, letters, semantic, spelling, topics, vocabulary, weights
from kb.search.arrays import Arrays
from kb.search.corpus import Corpus, Facts, ints
from kb.search.documents import Kind
from kb.search.overlap import Before, overlap

Ints = npt.NDArray[Any]
KINDS = tuple(Kind)


def partition(corpus: Corpus, visible: frozenset[str], before: Before | None = None) -> Arrays:
    """The arrays of the documents whose audience is in ``visible``, sorted by kind and id.

    A document that is not visible leaves no trace: numbers, orders and averages come from what remains. ``before`` is
    the last generation's partition for the same audience: it saves work.
    """
    facts = [(i, f) for i, f in enumerate(corpus.facts) if f.audience in visible]
    facts.sort(key=lambda pair: (KINDS.index(pair[1].kind), pair[1].id))
    rows = [f for _, f in facts]
    seen = _Visible(corpus, np.array([i for i, _ in facts], dtype=np.int64), before)
    made = seen.vocabularies()
    made |= seen.postings(made)
    made |= seen.passages()
    made |= topics.pack(made, before, seen.then)
    if corpus.directions is not None:
        made |= semantic.pack(np.concatenate(corpus.directions)[seen.of_corpus])
    return {**made, **letters.pack([f.title for f in rows], seen.then), **_columns(rows)}


class _Visible:
    """The part of a corpus that one audience sees, as tables of counts, renumbered from 0 in its own order."""

    def __init__(self, corpus: Corpus, order: Ints, before: Before | None) -> None:
        self.documents = order.size
        place = np.full(len(corpus.facts), -1, dtype=np.int64)
        place[order] = np.arange(order.size)
        of_passage = place[ints(corpus.passage_doc)]
        passages = np.argsort(of_passage, kind="stable")
        passages = passages[of_passage[passages] >= 0]
        self.passage_doc, self.of_corpus = of_passage[passages], passages
        width = max(1, len(corpus.surfaces))
        title = _table(corpus.title_words, corpus.title_ends, order, width)
        body = _table(corpus.body_words, corpus.body_ends, passages, width)
        self.title_length, self.body_length = np.diff(title.indptr), np.diff(body.indptr)
        last = overlap(corpus, order, before)
        df = last.df if last else self._df(title, body)[: len(corpus.surfaces)]
        self.surfaces, (stems, stem_of) = corpus.words().of(df > 0), corpus.stems()
        self.stems = stems.of(stem_of[self.surfaces.order])
        self.surface_df = df[self.surfaces.order].astype(np.int32)
        self.stem_of = self.stems.number[stem_of[self.surfaces.order]]
        number = self.stems.number[stem_of]
        self.title = _by_word(_renumbered(title, number, len(self.stems.texts)))
        self.body = _by_word(_renumbered(body, number, len(self.stems.texts)))
        self.then = last.then(self.surfaces, self.stems) if last else None

    def _df(self, title: Any, body: Any) -> Ints:
        """How many documents have each word of the corpus."""
        both = _by_word(title) + _merged(_by_word(body), self.passage_doc, self.documents)
        return np.diff(both.indptr)

    def vocabularies(self) -> Arrays:
        """Surface words (for completion and typos), their stems and how many documents have them."""
        words, then = self.surfaces.texts, self.then
        return {
            **vocabulary.pack(words, "surface"),
            **vocabulary.pack(self.stems.texts, "stem"),
            "surface_stem": self.stem_of,
            "surface_df": self.surface_df,
            **spelling.pack(words, self.surface_df, then.arrays if then else None, then.surfaces if then else None),
        }

    def postings(self, words: Arrays) -> Arrays:
        """Documents by stem: BM25F's weighted frequency of title and body, one byte each. ``words``: vocabularies."""
        length = np.bincount(self.passage_doc, weights=self.body_length, minlength=self.documents)
        title = _shortened(self.title, self.title_length, weights.TITLE)
        by_doc = _merged(self.body, self.passage_doc, self.documents)
        both = title + _shortened(by_doc, length, 1.0, weights.BODY_B)
        both.sort_indices()
        pointers = both.indptr.astype(np.int64)[: len(self.stems.texts) + 1]
        stems = (pointers, both.indices.astype(np.int32), weights.code(both.data))
        df = np.diff(pointers).astype(np.int32)
        idf = weights.idf(df, self.documents).astype(np.float32)
        return {"df": df, "idf": idf, **beginnings.pack(self.surfaces.texts, words, stems, self.documents)}

    def passages(self) -> Arrays:
        """Stems by passage (a forward index), title in front: to find the best passage of a candidate."""
        body = self.body.tocsr()
        table = body + self.title.tocsr()[self.passage_doc] * weights.PASSAGE_TITLE if self.passage_doc.size else body
        lengths = np.asarray(table.sum(axis=1)).ravel()
        frequencies = table.data * np.repeat(1.0 / weights.shorten(lengths.astype(np.float64)), np.diff(table.indptr))
        return {
            "doc_passages": _pointers(self.passage_doc, self.documents),
            "passage_pointers": table.indptr.astype(np.int64),
            "passage_stems": table.indices.astype(np.int32),
            "passage_codes": weights.code(frequencies, weights.PASSAGE_K1),
        }


# Tables of counts are scipy's compressed sparse rows or columns: turning one into the other is a counting sort, so a
# corpus is turned into postings without ever comparing two keys.


def _table(entries: array[int], ends: array[int], rows: Ints, width: int) -> Any:
    """How often each word stands in each of ``rows``, a word once for every time it is there."""
    from scipy import sparse  # build time only

    pointers = np.frombuffer(ends, dtype=np.int64)
    table = sparse.csr_matrix((np.ones(len(entries), np.int32), ints(entries), pointers), (pointers.size - 1, width))
    return table[rows]


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
    turned.has_sorted_indices = True  # a counting sort keeps the rows in order, equal ones beside each other
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


def _shortened(columns: Any, lengths: Ints, weight: float, b: float = weights.B) -> Any:
    """Counts as BM25's length-normalised frequencies, times ``weight``."""
    factor = weight / weights.shorten(lengths.astype(np.float64), b)
    return type(columns)((columns.data * factor[columns.indices], columns.indices, columns.indptr), columns.shape)


def _pointers(sorted_rows: Ints, rows: int) -> Ints:
    """Where each row begins in a list sorted by row: ``rows + 1`` offsets."""
    return np.concatenate(([0], np.cumsum(np.bincount(sorted_rows, minlength=rows)))).astype(np.int64)


def _columns(rows: list[Facts]) -> Arrays:
    """One value or list of values a document, for filters, facets and the way back to the store."""
    named = {
        "product": [[f.product] if f.product else [] for f in rows],
        "version": [list(f.versions) for f in rows],
        "tag": [list(f.tags) for f in rows],
        "language": [[f.language] if f.language else [] for f in rows],
    }
    names = {column: sorted({v for values in lists for v in values}) for column, lists in named.items()}
    columns: Arrays = {"names": np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)}
    for column, lists in named.items():
        code = {name: i for i, name in enumerate(names[column])}
        columns[f"{column}_pointers"] = np.concatenate(([0], np.cumsum([len(v) for v in lists]))).astype(np.int64)
        columns[f"{column}_codes"] = np.array([code[v] for values in lists for v in values], dtype=np.int32)
    return columns | {
        "kind": np.array([KINDS.index(f.kind) for f in rows], dtype=np.uint8),
        "day": np.array([f.day for f in rows], dtype=np.int32),
        "solved": np.array([-1 if f.solved is None else int(f.solved) for f in rows], dtype=np.int8),
        "row": np.array([f.row for f in rows], dtype=np.int32),
        "first": np.array([f.first for f in rows], dtype=np.int32),
        "answer": np.array([f.answer for f in rows], dtype=np.int32).reshape(-1, 2),
        "key": np.array([key_of(f.id) for f in rows], dtype=np.uint64),
    }


def key_of(document_id: str) -> int:
    """A number for an id that outlives generations: 63 bits of its CRCs, so that Whoosh can hand back a set."""
    raw = document_id.encode("utf-8", "surrogatepass")
    return (zlib.crc32(raw) << 31) ^ zlib.crc32(raw[::-1])
