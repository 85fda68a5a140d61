"""Embeddings: the directions of a partition's passages, by which a question finds what it means.

A passage has the direction that the sentence encoder gives it, or a draft from the query table as
long as the encoder has not read it (or is not installed). A direction comes from the passage's own
words and from a model that contains nothing from this site, so it can reveal nothing hidden.
``latent_topics`` learns related words from the site's own texts.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.languages import ENGLISH
from kb.search.array_types import Documents, Pointers, Scores, Vector8, Vectors8
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import languages_of
from kb.search.index.edits import EditedDocuments, edited_vectors
from kb.search.index.latent_topics import bytes_of
from kb.search.kernels.layout import NO_VECTORS, Loops, PassageVectors, read_only
from kb.search.meaning.query_table import (
    MODELS_ID,
    TABLE_FILE,
    QueryTable,
    installed_table,
    unit_directions,
)
from kb.search.meaning.sentence_encoder import MiniLm, SentenceEncoder, installed_encoder

#: Passages that are looked at for candidates while somebody types, and for a settled question.
SCANNED, SCANNED_SETTLED = 2_000, 20_000
_CACHED_QUESTIONS = 64
_SAMPLED = 2_000  # passages that tell what all are about, at most
_FEW = 20  # so many passages say half as much about all as is to be known
#: What the table's direction counts in the mean with the encoder's, for drafts; and a factor for
#: cosines with that mean, which are lower than the table's own.
_TABLE_SHARE = np.float32(0.6)
_MEAN_SCALE = 1.02
_NONE: Documents = np.zeros(0, dtype=np.int64)
NO_COSINES: Scores = np.zeros(0, dtype=np.float32)


def load_models(arrays: Arrays) -> None:
    """Load what ``Embeddings.of`` needs for these arrays: before somebody waits for an answer."""
    if "meaning_model" in arrays:
        installed_table()
        installed_encoder()


def verify_models() -> None:
    """Raises Misconfigured when the table, the installed encoder or its adapter is damaged or
    another.
    """
    QueryTable.read(TABLE_FILE)
    MiniLm.installed()


def pack_embeddings(rows: Vectors8, drafts: NDArray[np.bool_]) -> Arrays:
    """Arrays for the directions of a partition's passages, in their order; ``drafts`` are those
    that the encoder has not read.

    Lengths are such that cosines with the table's questions, and with the encoder's, are on one
    scale whoever has read a passage (see ``weights.MEANING_SCALES``).
    """
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.int32)  # without a copy of all rows
    lengths = np.maximum(np.sqrt(squares.astype(np.float32)), 1e-9).astype(np.float32)
    typed, settled = (
        lengths / np.where(drafts, np.float32(draft), np.float32(read))
        for draft, read in (weights.MEANING_SCALES["table"], weights.MEANING_SCALES["encoder"])
    )
    return {
        "meaning_passages": rows,
        "meaning_lengths": typed,
        "meaning_settled_lengths": settled,
        "meaning_model": MODELS_ID,
    }


@dataclass(frozen=True, slots=True)
class QuestionMeaning:
    """A question as a direction, and the passages to compare it with; with the cosine of each
    document's nearest passage, 0 at least, where there was time to compare all.
    """

    direction: Vector8
    passages: PassageVectors
    cosines: Scores
    read: bool  # by the encoder, which has read most passages, too
    edited: PassageVectors = NO_VECTORS  # of edited documents, see ``index.edits``


class Embeddings:
    """The directions of one partition's passages."""

    def __init__(
        self, arrays: Arrays, loops: Loops, table: QueryTable, encoder: SentenceEncoder | None
    ) -> None:
        self._document_pointers: Pointers = arrays["doc_passages"]
        vectors, lengths = arrays["meaning_passages"], arrays["meaning_lengths"]
        self._passages = PassageVectors(vectors, lengths)
        # An earlier version did not tell them apart.
        settled = arrays.get("meaning_settled_lengths", lengths)
        self._settled_passages = PassageVectors(vectors, settled)
        self._edited = EditedDocuments.of(arrays)
        self._edited_passages = self._edited_settled = NO_VECTORS
        if self._edited is not None:
            self._edited_passages = edited_vectors(arrays, "meaning")
            self._edited_settled = edited_vectors(arrays, "meaning", "settled_lengths")
        self._loops = loops
        self._table = table
        # The encoder knows English only. Questions to a site without English pages find more by
        # the table: it knows few of their words, and leaves them to the words of the pages.
        self._encoder = encoder if ENGLISH in languages_of(arrays) else None
        self._all: Documents = np.arange(self._document_pointers.size - 1)
        # A search asks twice: for what it finds, and for the order.
        self.question = functools.lru_cache(maxsize=_CACHED_QUESTIONS)(self._read_question)

    @classmethod
    def of(cls, arrays: Arrays, loops: Loops) -> Self | None:
        """None for an index without directions, or with those of another model."""
        if "meaning_model" not in arrays or not np.array_equal(arrays["meaning_model"], MODELS_ID):
            return None
        table = installed_table()
        return cls(arrays, loops, table, installed_encoder()) if table else None

    def _read_question(self, text: str, settled: bool) -> QuestionMeaning | None:
        """What ``text`` asks for; None for a text without words.

        A ``settled`` question is read by the encoder, where it is installed, and compared with more
        documents; one that is still being typed is read by the table.
        """
        # The encoder knows English; of other scripts it hardly knows letters. Cosines with drafts
        # say no more than the table's, so drafts are judged as while somebody types.
        read = settled and self._encoder is not None and text.isascii() and self._is_read
        if settled and self._encoder is not None:
            passages, of_edited = self._settled_passages, self._edited_settled
            direction = self._table.shortened(self._encoder.encode([text]))[0]
            if read:
                direction = self._distinct(direction)
            elif not self._is_read:
                direction, passages, of_edited = self._between(direction, text)
        else:
            passages, of_edited = self._passages, self._edited_passages
            direction = self._table.direction(text)
        most = SCANNED_SETTLED if settled else SCANNED
        if not direction.size:
            return None
        if passages.lengths.size > most:
            return QuestionMeaning(direction, passages, NO_COSINES, read, of_edited)
        cosines = self._loops.nearest_passages(
            self._document_pointers, passages, direction, self._all
        )
        if self._edited is not None:
            pointers, numbers = self._edited.passages.document_pointers, self._edited.numbers
            cosines[numbers] = self._loops.nearest_passages(
                pointers, of_edited, direction, np.arange(numbers.size)
            )
        return QuestionMeaning(direction, passages, cosines, read, of_edited)

    @functools.cached_property
    def _is_read(self) -> bool:
        """Whether the encoder has read most passages."""
        # The packed lengths tell; in an index of an earlier version, they do not.
        read = self._settled_passages.lengths >= self._passages.lengths
        return 2 * int(np.count_nonzero(read)) >= read.size

    def _between(
        self, direction: Vector8, text: str
    ) -> tuple[Vector8, PassageVectors, PassageVectors]:
        """The weighted mean of the encoder's ``direction`` of a question and the table's, and the
        passages to compare it with, so that each cosine is the weighted mean of both, scaled.

        While passages are drafts of the table, the encoder's direction alone finds more of them,
        but changes which ones come first, for the worse as often as for the better.
        """
        of_table = self._table.direction(text)
        if not of_table.size:
            return direction, self._settled_passages, self._edited_settled
        mean = unit_directions(direction) * (1 - _TABLE_SHARE)
        mean += unit_directions(of_table) * _TABLE_SHARE
        length = np.float32(np.linalg.norm(mean) * _MEAN_SCALE)
        passages, of_edited = (
            PassageVectors(vectors, read_only(lengths / length))
            for vectors, lengths in (self._passages, self._edited_passages)
        )
        return bytes_of(mean), passages, of_edited

    def _distinct(self, direction: Vector8) -> Vector8:
        """What a question asks for beside what all passages here are about.

        On a site about insurance, all questions about insurance are alike. The table's directions
        are too coarse to benefit.
        """
        middle = self._middle
        return bytes_of(direction - (direction @ middle) * middle)

    @functools.cached_property
    def _middle(self) -> NDArray[np.float32]:
        """The direction that the passages have in common; shorter than 1 where there are few, each
        of which is much of what all are about.
        """
        vectors = self._passages.vectors
        some = vectors[:: -(-vectors.shape[0] // _SAMPLED) or 1]
        direction = unit_directions(unit_directions(some).sum(axis=0))
        certainty = some.shape[0] / (some.shape[0] + _FEW)
        return np.asarray(direction * np.sqrt(certainty), dtype=np.float32)

    @property
    def are_compared(self) -> bool:
        """Whether all passages are compared with a settled question; else they are too many."""
        return self._passages.lengths.size <= SCANNED_SETTLED

    def nearest(self, meaning: QuestionMeaning, least: float) -> Documents:
        """Documents with a passage of at least this cosine, ascending, if all were compared."""
        cosines = meaning.cosines
        if not cosines.size:
            return _NONE
        count = min(weights.MEANING_CANDIDATES, cosines.size)
        nearest = cosines.argpartition(cosines.size - count)[cosines.size - count :]
        nearest = nearest[cosines[nearest] >= least]
        nearest.sort()
        return nearest

    def nearness(self, meaning: QuestionMeaning, document: int) -> Scores:
        """The cosine of a question and each passage of a document."""
        is_edited, rows = self._rows(document)
        vectors = meaning.edited if is_edited else meaning.passages
        products = vectors.vectors[rows].astype(np.float32) @ unit_directions(meaning.direction)
        return np.asarray(products / vectors.lengths[rows], dtype=np.float32)

    def directions(self, document: int) -> Vectors8:
        """The direction of each passage of a document; zeros for one without known words."""
        is_edited, rows = self._rows(document)
        return (self._edited_passages if is_edited else self._passages).vectors[rows]

    def _rows(self, document: int) -> tuple[bool, slice]:
        """The rows of a document's passages, and whether they are those of edited documents."""
        pointers, number = self._document_pointers, document
        place = self._edited.place(document) if self._edited is not None else -1
        if self._edited is not None and place >= 0:
            pointers, number = self._edited.passages.document_pointers, place
        return place >= 0, slice(int(pointers[number]), int(pointers[number + 1]))
