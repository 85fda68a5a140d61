"""Rescoring: a closer look at candidates, by their best passage, their title and their topics.

Too expensive for every document, but cheap for a hundred. It also finds the passage to show.
Candidates are found by ``bm25`` and ``title_ngrams``; ``fusion`` adds up what is found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import Documents, Frequencies, Scores, Totals, Vector8
from kb.search.index.array_file import Arrays
from kb.search.index.edits import Edited, EditedDocuments, edited_vectors
from kb.search.index.latent_topics import LatentTopics
from kb.search.index.title_ngrams import NgramVector, TitleNgrams
from kb.search.kernels.layout import (
    GAIN,
    GAIN_BITS,
    NO_VECTORS,
    AskedTerms,
    Headings,
    Loops,
    Passages,
    PassageVectors,
    QueryFeatures,
    ScratchMarks,
    TopicRows,
    read_only,
)
from kb.search.kernels.scratch import Scratch
from kb.search.meaning.embeddings import NO_COSINES, QuestionMeaning
from kb.search.query_terms import ExpandedQuery, QueryTerm
from kb.search.scoring.bm25 import Bm25

_NO_DIRECTION: Vector8 = np.zeros(0, dtype=np.int8)
_PARTS = ("passage", "letters", "topics", "meaning")


class _TermGains(NamedTuple):
    """What one term asks of a passage."""

    stems: NDArray[np.int64]
    gains: NDArray[np.int32]  # [stems], see ``layout.GAIN``
    idf: float  # of the term


_NO_GAINS = _TermGains(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32), 0.0)


@dataclass(frozen=True, slots=True)
class Question:
    """A query as numbers; ``title`` is None when no title has any n-gram of it.

    ``ideal`` is the sum of the idfs of all its words, unknown ones counting as the rarest.
    """

    features: QueryFeatures
    title: NgramVector | None
    ideal: float
    idfs: tuple[float, ...]  # of the most informative stem that each term stands for
    meaning: QuestionMeaning | None  # None where meanings are not compared


@dataclass(frozen=True, slots=True)
class RescoredDocuments:
    """Raw scores of candidates, and the passage to show of each."""

    raw: dict[str, Scores]  # by name of the part, see ``weights.MIX``
    shown: NDArray[np.int64]  # [candidates], the passage to show, counted from the document's first
    topics: TopicRows  # the directions of these passages


class Rescorer:
    """Passages, titles and topics of one partition, compared with a query."""

    def __init__(
        self,
        arrays: Arrays,
        loops: Loops,
        bm25: Bm25,
        title_ngrams: TitleNgrams,
        topics: LatentTopics | None,
    ) -> None:
        self._loops = loops
        self._bm25 = bm25
        self._df: Frequencies = arrays["df"]
        self._title_ngrams = title_ngrams
        self._topics = topics
        self.passages = Passages(
            arrays["doc_passages"],
            arrays["passage_pointers"],
            arrays["passage_stems"],
            arrays["passage_codes"],
            arrays["answer"],
        )
        self.edited = EditedDocuments.of(arrays)
        self._edited_topics = NO_VECTORS
        if self.edited is not None and topics is not None:
            self._edited_topics = edited_vectors(arrays, "topic")
        self._stems = max(1, self._df.size)
        self._marks = Scratch(self._stems + title_ngrams.size)

    def question(
        self, query: ExpandedQuery, title: NgramVector | None, meaning: QuestionMeaning | None
    ) -> Question:
        """What ``rescore`` asks of candidates; ``title`` is the query by its n-grams."""
        gains = [self._gains(term) for term in query.terms] or [_NO_GAINS]
        groups, packed = 0, []
        for term, gain in zip(query.terms, gains, strict=False):
            groups += term.equals
            packed.append(gain.gains | (groups << GAIN_BITS) if term.equals else gain.gains)
        direction = self._topics.direction(query.terms) if self._topics else None
        features = QueryFeatures(
            np.concatenate([term.stems for term in gains]),
            np.concatenate(packed or [_NO_GAINS.gains]),
            groups,
            _NO_GAINS.stems if title is None else title.ngrams,
            _NO_GAINS.gains if title is None else title.gains,
            _NO_DIRECTION if direction is None else direction,
            _NO_DIRECTION if meaning is None else meaning.direction,
            NO_COSINES if meaning is None else meaning.cosines,
        )
        ideal = sum(term.idf for term in gains) + self._bm25.unseen * len(query.unknown)
        idfs = tuple(term.idf for term in gains[: len(query.terms)])
        return Question(features, title, ideal, idfs, meaning)

    def rescore(self, question: Question, documents: Documents) -> RescoredDocuments:
        """Scores of each document's best passage, title and nearest passage; and which to show.

        Of a thread with an accepted answer, only passages of the answer are shown.
        """
        borrowed = self._marks.borrow()
        marks = ScratchMarks(borrowed.array[: self._stems], borrowed.array[self._stems :])
        edited = self.edited.among(documents) if self.edited else None
        raw_others, shown_others = self._loops.rescore(
            documents if edited is None else documents[edited.others],
            self.passages,
            self._title_ngrams.titles,
            self._topics.passages if self._topics else NO_VECTORS,
            NO_VECTORS if question.meaning is None else question.meaning.passages,
            question.features,
            marks,
        )
        raw, shown = raw_others, shown_others
        if self.edited is not None and edited is not None:
            features, cosines = question.features, question.features.cosines
            if cosines.size:
                features = features._replace(cosines=cosines[self.edited.numbers])
            raw = np.empty((len(_PARTS), documents.size), dtype=np.float32)
            shown = np.empty(documents.size, dtype=np.int64)
            raw[:, edited.others], shown[edited.others] = raw_others, shown_others
            raw[:, edited.positions], shown[edited.positions] = self._loops.rescore(
                edited.documents,
                self.edited.passages,
                self.edited.titles,
                self._edited_topics,
                NO_VECTORS if question.meaning is None else question.meaning.edited,
                features,
                marks,
            )
        parts = dict(zip(_PARTS, raw, strict=True))
        if self._topics is None:
            del parts["topics"]
        if question.meaning is None:
            del parts["meaning"]
        return RescoredDocuments(parts, shown, self._topic_rows(documents, shown, edited))

    def _topic_rows(
        self, documents: Documents, shown: NDArray[np.int64], edited: Edited | None
    ) -> TopicRows:
        """The directions of the passages to show."""
        vectors = self._topics.passages if self._topics else NO_VECTORS
        if self.edited is None or edited is None or self._topics is None:
            return TopicRows(vectors, self.passage_rows(documents, shown))
        directions = np.empty((documents.size, vectors.vectors.shape[1]), dtype=np.int8)
        lengths = np.empty(documents.size, dtype=np.float32)
        rows = self.passage_rows(documents[edited.others], shown[edited.others])
        directions[edited.others] = vectors.vectors[rows]
        lengths[edited.others] = vectors.lengths[rows]
        first = self.edited.passages.document_pointers[edited.documents]
        rows = first + shown[edited.positions]
        directions[edited.positions] = self._edited_topics.vectors[rows]
        lengths[edited.positions] = self._edited_topics.lengths[rows]
        return TopicRows(
            PassageVectors(read_only(directions), read_only(lengths)), np.arange(documents.size)
        )

    def idfs(self, query: ExpandedQuery) -> list[float]:
        """The idf of the most informative stem that each term stands for."""
        return [self._gains(term).idf for term in query.terms]

    def passage_rows(self, documents: Documents, shown: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the passages to show of documents that were not edited."""
        return np.asarray(self.passages.document_pointers[documents] + shown)

    def coverage(
        self,
        documents: Documents,
        shown: NDArray[np.int64],
        headings: Headings,
        terms: AskedTerms,
        idfs: NDArray[np.float32],
    ) -> tuple[NDArray[np.bool_], Totals]:
        """Which terms the passages to show hold, and how alike the query and headings and titles
        are (see ``Loops.coverage``).
        """
        edited = self.edited.among(documents) if self.edited else None
        if self.edited is None or edited is None:
            rows = self.passage_rows(documents, shown)
            return self._loops.coverage(rows, self.passages, headings, documents, terms, idfs)
        others = documents[edited.others]
        rows = self.passage_rows(others, shown[edited.others])
        of_others = self._loops.coverage(rows, self.passages, headings, others, terms, idfs)
        holds = np.empty((documents.size, of_others[0].shape[1]), dtype=np.bool_)
        alike = np.empty((documents.size, of_others[1].shape[1]), dtype=np.float64)
        holds[edited.others], alike[edited.others] = of_others
        first = self.edited.passages.document_pointers[edited.documents]
        holds[edited.positions], alike[edited.positions] = self._loops.coverage(
            first + shown[edited.positions],
            self.edited.passages,
            self.edited.headings,
            edited.documents,
            terms,
            idfs,
        )
        return holds, alike

    def _gains(self, term: QueryTerm) -> _TermGains:
        if term.memo.gains is None:
            term.memo.gains = self._gains_of(term)
        gains: _TermGains = term.memo.gains
        return gains

    def _gains_of(self, term: QueryTerm) -> _TermGains:
        stems = np.array(term.stems, dtype=np.int64)
        idfs = self._bm25.idfs[stems].astype(np.float64)
        idf = float(idfs.max()) * max(term.shares)
        if term.equals:
            idf = float((idfs * term.shares).max())
        if not term.typed:
            idf = 0.0  # nobody asked for it, and nobody misses it
        if term.prefix:
            # No stem of an unfinished word is worth more than all its completions together.
            idf = self._bm25.idf(min(int(self._df[stems].sum()), self._bm25.size))
            idfs = np.full(stems.size, idf)
        gains = np.rint(idfs * np.array(term.shares) * GAIN).astype(np.int32)
        return _TermGains(stems, gains, idf)
