"""How do documents become the packed arrays that the matrix ranks with?

``Corpus`` collects the words of all documents once; ``partition`` builds, from the documents one audience may see and
from nothing else, everything that audience's answers are made of: vocabulary, statistics, postings, passages, title
n-grams. Build time only; reading is ``kb.search.matrix``.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search import spelling, vocabulary, weights
from kb.search.analysis import Analyzer, fold, words
from kb.search.arrays import Arrays
from kb.search.documents import Document, Kind
from kb.search.passages import Cut

Ints = npt.NDArray[Any]
KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is kept of a document besides its words. ``row`` and ``first`` lead into the store."""

    id: str
    kind: Kind
    audience: str
    title: str
    product: str
    versions: tuple[str, ...]
    tags: tuple[str, ...]
    day: int
    solved: bool | None
    row: int
    first: int
    answer: tuple[int, int]  # the passages of the accepted answer, half-open, counted from ``first``


class Corpus:
    """The words of all documents, as numbers, in order of adding."""

    def __init__(self) -> None:
        self.analyzer = Analyzer()
        self.facts: list[Facts] = []
        self.surfaces: dict[str, int] = {}
        self.title_words, self.title_doc = array("i"), array("i")
        self.body_words, self.body_passage = array("i"), array("i")
        self.passage_doc = array("i")

    def add(self, document: Document, row: int, cuts: Sequence[Cut]) -> None:
        """Take up one document; ``cuts`` are its passages in the store's order."""
        number, first = len(self.facts), len(self.passage_doc)
        title = self._numbers(" ".join((document.title, *document.aliases)))
        self.title_words.extend(title)
        self.title_doc.extend([number] * len(title))
        for i, cut in enumerate(cuts):
            self.passage_doc.append(number)
            extra = [document.summary, *document.tags, document.product] if i == 0 else []
            text = self._numbers("\n".join((*cut.path[-1:], cut.text, *extra)))
            self.body_words.extend(text)
            self.body_passage.extend([first + i] * len(text))
        self.facts.append(_facts(document, row, first, cuts))

    def _numbers(self, text: str) -> list[int]:
        surfaces, stem = self.surfaces, self.analyzer.stem
        return [surfaces.setdefault(word, len(surfaces)) for word in words(text) if stem(word)]


def _facts(document: Document, row: int, first: int, cuts: Sequence[Cut]) -> Facts:
    answer = (0, len(cuts))
    if document.answer is not None:
        wanted = document.sections[document.answer]
        inside = [i for i, c in enumerate(cuts) if c.anchor == wanted.anchor and c.path == wanted.path]
        answer = (inside[0], inside[-1] + 1) if inside else answer
    return Facts(
        document.id, document.kind, document.audience, document.title, document.product, document.versions,
        document.tags, document.updated.toordinal() if document.updated else 0, document.solved, row, first, answer,
    )  # fmt: skip


def partition(corpus: Corpus, visible: frozenset[str]) -> Arrays:
    """The arrays of the documents whose audience is in ``visible``, sorted by kind and id.

    A document that is not visible leaves no trace: numbers, orders and averages come from what remains.
    """
    facts = [(i, f) for i, f in enumerate(corpus.facts) if f.audience in visible]
    facts.sort(key=lambda pair: (KINDS.index(pair[1].kind), pair[1].id))
    seen = _Visible(corpus, [i for i, _ in facts])
    rows = [f for _, f in facts]
    return {
        **seen.vocabularies(),
        **seen.postings(),
        **seen.passages(),
        **_letters([f.title for f in rows]),
        **_columns(rows),
    }


class _Visible:
    """The part of a corpus that one audience sees, renumbered from 0 in its own order."""

    def __init__(self, corpus: Corpus, order: list[int]) -> None:
        self.documents = len(order)
        place = np.full(len(corpus.facts), -1, dtype=np.int64)
        place[order] = np.arange(len(order))
        of_passage = place[_ints(corpus.passage_doc)]
        self._number_passages(of_passage)
        body_passage = _ints(corpus.body_passage)
        body_seen = of_passage[body_passage] >= 0
        title_doc = place[_ints(corpus.title_doc)]
        body, title = _ints(corpus.body_words)[body_seen], _ints(corpus.title_words)[title_doc >= 0]
        self._number_words(corpus, body, title)
        self.body_doc = of_passage[body_passage][body_seen]
        self.body_passage = self.passage_place[body_passage][body_seen]
        self.title_doc = title_doc[title_doc >= 0]

    def _number_passages(self, of_passage: Ints) -> None:
        order = np.argsort(of_passage, kind="stable")
        order = order[of_passage[order] >= 0]
        self.passage_place = np.full(of_passage.size, -1, dtype=np.int64)
        self.passage_place[order] = np.arange(order.size)
        self.passage_doc = of_passage[order]

    def _number_words(self, corpus: Corpus, body: Ints, title: Ints) -> None:
        texts = list(corpus.surfaces)
        used = np.unique(np.concatenate((body, title)))
        self.surfaces = sorted((texts[i] for i in used), key=lambda word: word.encode("utf-8", "surrogatepass"))
        number = np.zeros(len(texts), dtype=np.int64)
        number[[corpus.surfaces[word] for word in self.surfaces]] = np.arange(len(self.surfaces))
        stems = [corpus.analyzer.stem(word) for word in self.surfaces]
        self.stems = sorted(set(stems), key=lambda word: word.encode("utf-8", "surrogatepass"))
        of_stem = {word: i for i, word in enumerate(self.stems)}
        self.stem_of = np.array([of_stem[word] for word in stems], dtype=np.int64)
        self.body, self.title = number[body], number[title]

    def vocabularies(self) -> Arrays:
        """Surface words (for completion and typos), their stems and how many documents have them."""
        pairs = np.concatenate(
            (self.body * self.documents + self.body_doc, self.title * self.documents + self.title_doc)
        )
        df = np.bincount(np.unique(pairs) // max(1, self.documents), minlength=len(self.surfaces)).astype(np.int32)
        return {
            **vocabulary.pack(self.surfaces, "surface"),
            **vocabulary.pack(self.stems, "stem"),
            "surface_stem": self.stem_of.astype(np.int32),
            "surface_df": df,
            **spelling.pack(self.surfaces, df),
        }

    def postings(self) -> Arrays:
        """Documents by stem: BM25F's weighted frequency of title and body, one byte each."""
        n = max(1, self.documents)
        title_norm = weights.shorten(np.bincount(self.title_doc, minlength=n).astype(np.float64))
        body_norm = weights.shorten(np.bincount(self.body_doc, minlength=n).astype(np.float64))
        keys = np.concatenate(
            (self.stem_of[self.title] * n + self.title_doc, self.stem_of[self.body] * n + self.body_doc)
        )
        parts = np.concatenate((weights.TITLE / title_norm[self.title_doc], 1 / body_norm[self.body_doc]))
        stem_doc, tf = _summed(keys, parts)
        stems, docs = np.divmod(stem_doc, n)
        pointers = _pointers(stems, len(self.stems))
        return {
            "pointers": pointers,
            "docs": docs.astype(np.int32),
            "codes": weights.code(tf),
            "df": np.diff(pointers).astype(np.int32),
        }

    def passages(self) -> Arrays:
        """Stems by passage (a forward index), title in front: to find the best passage of a candidate."""
        count, width = self.passage_doc.size, max(1, len(self.stems))
        of_doc = _pointers(self.passage_doc, self.documents)
        title_at, title_stem = _repeat_titles(self.title_doc, self.stem_of[self.title], of_doc)
        passage = np.concatenate((self.body_passage, title_at))
        stems = np.concatenate((self.stem_of[self.body], title_stem))
        times = np.concatenate((np.ones(self.body_passage.size), np.full(title_at.size, float(weights.PASSAGE_TITLE))))
        norm = weights.shorten(np.bincount(passage, weights=times, minlength=count).astype(np.float64))
        keys, tf = _summed(passage * width + stems, times / norm[passage])
        passage, stems = np.divmod(keys, width)
        return {
            "doc_passages": of_doc,
            "passage_pointers": _pointers(passage, count),
            "passage_stems": stems.astype(np.int32),
            "passage_codes": weights.code(tf),
        }


def _summed(keys: Ints, parts: npt.NDArray[np.float64]) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Sorted distinct keys and the sum of the parts of each."""
    distinct, place = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(place, weights=parts, minlength=distinct.size).astype(np.float64)


def _pointers(sorted_rows: Ints, rows: int) -> Ints:
    """Where each row begins in a list sorted by row: ``rows + 1`` offsets."""
    return np.concatenate(([0], np.cumsum(np.bincount(sorted_rows, minlength=rows)))).astype(np.int64)


def _repeat_titles(title_doc: Ints, stems: Ints, of_doc: Ints) -> tuple[Ints, Ints]:
    """Each title word once for every passage of its document: (passage, stem)."""
    counts = (of_doc[1:] - of_doc[:-1])[title_doc]
    starts = np.repeat(of_doc[title_doc], counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return starts + within, np.repeat(stems, counts)


def grams(text: str) -> list[int]:
    """Hashes of the 3- and 4-character pieces within each word of ``text``, a space at either end (char_wb)."""
    found: list[int] = []
    for word in fold(text).split():
        padded = f" {word[:40]} ".encode("utf-8", "surrogatepass") if word.isascii() else f" {word[:40]} "
        for size in (3, 4):
            pieces = (padded[i : i + size] for i in range(max(1, len(padded) - size + 1)))
            found.extend(zlib.crc32(p if isinstance(p, bytes) else p.encode("utf-8", "surrogatepass")) for p in pieces)
    return found


def _letters(titles: list[str]) -> Arrays:
    """TF-IDF over the titles' character pieces, and for each piece the documents where it weighs most."""
    hashed = [grams(title) for title in titles]
    doc = np.repeat(np.arange(len(titles)), [len(h) for h in hashed])
    vocabulary_, piece = np.unique(np.array([g for h in hashed for g in h], dtype=np.uint32), return_inverse=True)
    width = max(1, vocabulary_.size)
    keys, counts = np.unique(doc * width + piece, return_counts=True)
    docs, pieces = np.divmod(keys, width)
    df = np.bincount(pieces, minlength=vocabulary_.size)
    # scikit-learn's smooth idf, and unit length, so that a dot product is a cosine.
    idf = np.log((1 + len(titles)) / (1 + df)) + 1
    weight = counts * idf[pieces]
    length = np.sqrt(np.bincount(docs, weights=weight**2, minlength=len(titles)))
    weight = weight / np.maximum(length[docs], 1e-9)
    order = np.lexsort((docs, -weight, pieces))
    rank = np.arange(order.size) - _pointers(pieces[order], vocabulary_.size)[pieces[order]]
    heavy = order[rank < weights.LETTER_POSTINGS]
    return {
        "gram_hashes": vocabulary_,
        "gram_idf": idf.astype(np.float32),
        "gram_pointers": _pointers(pieces[heavy], vocabulary_.size),
        "gram_docs": docs[heavy].astype(np.int32),
        "gram_weights": weight[heavy].astype(np.float32),
        "title_pointers": _pointers(docs, len(titles)),
        "title_grams": pieces.astype(np.int32),
        "title_weights": weight.astype(np.float32),
    }


def _columns(rows: list[Facts]) -> Arrays:
    """One value or list of values a document, for filters, facets and the way back to the store."""
    named = {
        "product": [[f.product] if f.product else [] for f in rows],
        "version": [list(f.versions) for f in rows],
        "tag": [list(f.tags) for f in rows],
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


def _ints(numbers: array[int]) -> Ints:
    return np.frombuffer(numbers, dtype=np.int32).astype(np.int64) if len(numbers) else np.zeros(0, dtype=np.int64)
