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

from kb.search import beginnings, letters, phrases, semantic, spelling, topics, vocabulary, weights
from kb.search.arrays import Arrays
from kb.search.corpus import Corpus, Facts, ints
from kb.search.documents import Kind
from kb.search.topics import Before

Ints = npt.NDArray[Any]
KINDS = tuple(Kind)


def partition(corpus: Corpus, visible: frozenset[str], before: Before | None = None) -> Arrays:
    """The arrays of the documents whose audience is in ``visible``, sorted by kind and id.

    A document that is not visible leaves no trace: numbers, orders and averages come from what remains. ``before`` is
    the last generation's partition for the same audience: it saves work.
    """
    facts = [(i, f) for i, f in enumerate(corpus.facts) if f.audience in visible]
    facts.sort(key=lambda pair: (KINDS.index(pair[1].kind), pair[1].id))
    seen = _Visible(corpus, [i for i, _ in facts])
    rows = [f for _, f in facts]
    made = seen.vocabularies(before.arrays if before else None)
    made |= seen.postings(made)
    made |= seen.passages()
    made |= topics.pack(made, before)
    if corpus.directions is not None:
        made |= semantic.pack(np.concatenate(corpus.directions)[seen.of_corpus])
    places = np.array([before.places.get(f.id, -1) for f in rows], dtype=np.int64) if before else None
    titles, earlier = [f.title for f in rows], before.arrays if before else None
    made |= letters.pack(titles, earlier, places) | phrases.pack(titles, earlier, places)
    return {**made, **_columns(rows)}


class _Visible:
    """The part of a corpus that one audience sees, as tables of counts, renumbered from 0 in its own order."""

    def __init__(self, corpus: Corpus, order: list[int]) -> None:
        self.documents = len(order)
        place = np.full(len(corpus.facts), -1, dtype=np.int64)
        place[order] = np.arange(len(order))
        of_passage = place[ints(corpus.passage_doc)]
        passages = np.argsort(of_passage, kind="stable")
        passages = passages[of_passage[passages] >= 0]
        self.passage_doc, self.of_corpus = of_passage[passages], passages
        width = max(1, len(corpus.surfaces))
        title = _table(corpus.title_words, corpus.title_ends, np.array(order, dtype=np.int64), width)
        body = _table(corpus.body_words, corpus.body_ends, passages, width)
        self._number_words(corpus, title, body)

    def _number_words(self, corpus: Corpus, title: Any, body: Any) -> None:
        texts, stem_texts = list(corpus.surfaces), corpus.stems()
        used = np.zeros(max(1, len(texts)), dtype=bool)
        used[title.indices], used[body.indices] = True, True
        order = sorted(np.flatnonzero(used).tolist(), key=lambda number: _utf8(texts[number]))
        number = np.zeros(used.size, dtype=np.int32)
        number[order] = np.arange(len(order))
        self.surfaces = [texts[i] for i in order]
        stems = [stem_texts[i] for i in order]
        self.stems = sorted(set(stems), key=_utf8)
        of_stem = {word: i for i, word in enumerate(self.stems)}
        self.stem_of = np.array([of_stem[word] for word in stems], dtype=np.int32)
        self.title = _renumbered(title, number, len(self.surfaces))
        self.body = _renumbered(body, number, len(self.surfaces))

    def vocabularies(self, before: Arrays | None) -> Arrays:
        """Surface words (for completion and typos), their stems and how many documents have them."""
        both = _by_word(self.title) + _merged(_by_word(self.body), self.passage_doc, self.documents)
        df = np.diff(both.indptr).astype(np.int32)[: len(self.surfaces)]
        return {
            **vocabulary.pack(self.surfaces, "surface"),
            **vocabulary.pack(self.stems, "stem"),
            "surface_stem": self.stem_of,
            "surface_df": df,
            **spelling.pack(self.surfaces, df, before),
        }

    def postings(self, words: Arrays) -> Arrays:
        """Documents by stem: BM25F's weighted frequency of title and body, one byte each. ``words``: vocabularies."""
        self.title_stems = _by_word(_renumbered(self.title, self.stem_of, len(self.stems)))
        self.body_stems = _by_word(_renumbered(self.body, self.stem_of, len(self.stems)))
        lengths = np.asarray(self.body.sum(axis=1)).ravel()
        body_length = np.bincount(self.passage_doc, weights=lengths, minlength=self.documents)
        title = _shortened(self.title_stems, np.asarray(self.title.sum(axis=1)).ravel(), weights.TITLE)
        by_doc = _merged(self.body_stems, self.passage_doc, self.documents)
        both = title + _shortened(by_doc, body_length, 1.0, weights.BODY_B)
        both.sort_indices()
        pointers = both.indptr.astype(np.int64)[: len(self.stems) + 1]
        stems = (pointers, both.indices.astype(np.int32), weights.code(both.data))
        df = np.diff(pointers).astype(np.int32)
        idf = weights.idf(df, self.documents).astype(np.float32)
        return {"df": df, "idf": idf, **beginnings.pack(self.surfaces, words, stems, self.documents)}

    def passages(self) -> Arrays:
        """Stems by passage (a forward index), title in front: to find the best passage of a candidate."""
        titles = self.title_stems.tocsr()[self.passage_doc] if self.passage_doc.size else self.body_stems.tocsr()
        table = self.body_stems.tocsr() + titles * weights.PASSAGE_TITLE
        table = _shortened(table.tocsc(), np.asarray(table.sum(axis=1)).ravel(), 1.0).tocsr()
        return {
            "doc_passages": _pointers(self.passage_doc, self.documents),
            "passage_pointers": table.indptr.astype(np.int64),
            "passage_stems": table.indices.astype(np.int32),
            "passage_codes": weights.code(table.data, weights.PASSAGE_K1),
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


def _utf8(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")


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
