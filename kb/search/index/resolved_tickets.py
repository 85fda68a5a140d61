"""What did the answers to tickets like this one link to?

A resolved ticket votes for the documents that its answer linked: of those whose titles are nearest
to what is being typed, each votes by how near it is (search.md 7.10). Titles are private: only
hashes of words that no visible document has are kept, so a title is never shown, completed, or
offered as a correction. Not for answering by itself: see ``ranking``.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.errors import Invalid
from kb.search.analysis.tokenizer import Analyzer
from kb.search.index.array_file import Arrays
from kb.search.index.term_dictionary import TermDictionary
from kb.search.kernels.dispatch import top
from kb.search.scoring import weights
from kb.search.scoring.bm25 import QueryTerm

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ResolvedTicket:
    """A resolved ticket: its title, the ids of the documents that its answer linked, and when it
    was solved.
    """

    title: str
    documents: tuple[str, ...]
    solved_at: dt.datetime

    @classmethod
    def from_json(cls, row: Mapping[str, Any], *, where: str) -> ResolvedTicket:
        """From {"title", "documents", "solved_at"}. Raises Invalid naming ``where`` it stands."""
        try:
            at = dt.datetime.fromisoformat(str(row["solved_at"]))
            documents = row["documents"]
            if not isinstance(documents, list):
                raise ValueError("documents is not a list")
            aware = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
            return cls(str(row["title"]), tuple(map(str, documents)), aware)
        except (KeyError, ValueError) as error:
            wanted = (
                '{"title": "...", "documents": ["id"], "solved_at": "2026-01-31T12:00:00+00:00"}'
            )
            raise Invalid(
                f"{where}: not a resolved ticket ({error}); a line is {wanted}."
            ) from error


def pack(
    tickets: Iterable[ResolvedTicket], analyzer: Analyzer, arrays: Arrays, place: Mapping[str, int]
) -> Arrays:
    """Arrays of the tickets that link a visible document, to stand beside a partition's ``arrays``.

    ``place`` numbers the visible documents. What is hidden leaves no trace: a link to it is dropped
    before anything is counted, and a ticket without other links with it.
    """
    rows = sorted(
        {(t.solved_at, t.title, tuple(d for d in t.documents if d in place)) for t in tickets}
    )
    if not any(ids for _, _, ids in rows):
        return {}
    linked = [(Counter(analyzer.stems(title)), ids) for _, title, ids in rows if ids]
    terms = sorted({stem for words, _ in linked for stem in words})
    number = {stem: i for i, stem in enumerate(terms)}
    stems = TermDictionary(arrays, "stem")
    of_stem = np.full(len(stems), -1, dtype=np.int32)
    private = []
    for stem in terms:
        known = stems.find(stem)
        if known >= 0:
            of_stem[known] = number[stem]
        else:
            private.append((_hash(stem), number[stem]))
    private.sort()
    return {
        "solved_of_stem": of_stem,
        "solved_hashes": np.array([h for h, _ in private], dtype=np.uint32),
        "solved_hashed": np.array([n for _, n in private], dtype=np.int32),
        **_postings([words for words, _ in linked], number),
        "solved_links": np.array([place[d] for _, ids in linked for d in ids], dtype=np.int32),
        "solved_link_of": np.array(
            [i for i, (_, ids) in enumerate(linked) for _ in ids], dtype=np.int32
        ),
    }


def _postings(titles: list[Counter[str]], number: Mapping[str, int]) -> Arrays:
    """Tickets by word: BM25's saturated, length-normalised frequency, idf still to be applied."""
    norm = weights.shorten(np.array([words.total() for words in titles], dtype=np.float64))
    entries = sorted(
        (number[stem], i, tf) for i, words in enumerate(titles) for stem, tf in words.items()
    )
    terms, tickets, tf = np.array(entries, dtype=np.float64).reshape(-1, 3).T
    df = np.bincount(terms.astype(np.int64), minlength=len(number))
    frequency = tf / norm[tickets.astype(np.int64)] if titles else tf
    return {
        "solved_pointers": np.concatenate(([0], np.cumsum(df))).astype(np.int64),
        "solved_tickets": tickets.astype(np.int32),
        "solved_weights": (
            (weights.PASSAGE_K1 + 1) * frequency / (weights.PASSAGE_K1 + frequency)
        ).astype(np.float32),
        "solved_idf": weights.idf(df, len(titles)).astype(np.float32),
    }


def _hash(stem: str) -> int:
    return zlib.crc32(stem.encode("utf-8", "surrogatepass"))


class ResolvedTicketVotes:
    """The resolved tickets of one audience's partition, as voters."""

    def __init__(self, arrays: Arrays, analyzer: Analyzer) -> None:
        self._a = arrays
        self._stem = analyzer.stem
        self.tickets = int(arrays["solved_link_of"][-1]) + 1

    def cast(self, meanings: Sequence[QueryTerm], unknown: Sequence[str]) -> tuple[Ints, Floats]:
        """The documents voted for (ascending) and how much for each, 1 for the one that is wanted
        most.
        """
        scores, ideal = self._scores(meanings, unknown)
        nearest = top(np.flatnonzero(scores), scores[np.flatnonzero(scores)], weights.NEAREST)
        if not nearest.size:
            return nearest, scores[nearest]
        best = float(scores[nearest].max())
        vote = (scores[nearest] / best) ** 2
        starts = self._a["solved_link_of"].searchsorted(nearest)
        counts = self._a["solved_link_of"].searchsorted(nearest, "right") - starts
        owner = np.repeat(np.arange(nearest.size), counts)
        at = np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
        documents, place = np.unique(self._a["solved_links"][at], return_inverse=True)
        summed = np.bincount(place, weights=vote[owner]).astype(np.float32)
        # A ticket that shares one word of many is nobody's precedent: under a quarter of their
        # weight votes shrink.
        return documents.astype(np.int64), summed / summed.max() * np.float32(
            min(1.0, 4 * best / ideal)
        )

    def _scores(
        self, meanings: Sequence[QueryTerm], unknown: Sequence[str]
    ) -> tuple[Floats, float]:
        """BM25 of every ticket's title, and what a title of exactly these words would get."""
        scores = np.zeros(self.tickets, dtype=np.float32)
        ideal = 1e-9
        rarest = float(weights.idf(0, self.tickets))
        for terms in (*map(self._terms, meanings), *map(self._private, unknown)):
            ideal += self._add(scores, terms) if terms.size else rarest
        return scores, ideal

    def _add(self, scores: Floats, terms: Ints) -> float:
        """Add one word, which may stand for several, and return its idf."""
        pointers = self._a["solved_pointers"]
        ranges = [slice(int(pointers[t]), int(pointers[t + 1])) for t in terms.tolist()]
        tickets = np.concatenate([self._a["solved_tickets"][r] for r in ranges])
        parts = np.concatenate([self._a["solved_weights"][r] for r in ranges])
        if terms.size == 1:
            idf = float(self._a["solved_idf"][terms[0]])
            scores[tickets] += parts * np.float32(idf)
            return idf
        distinct, place = np.unique(tickets, return_inverse=True)
        idf = float(weights.idf(distinct.size, self.tickets))
        most = np.zeros(distinct.size, dtype=np.float32)
        np.maximum.at(most, place, parts)
        scores[distinct] += most * np.float32(idf)
        return idf

    def _terms(self, meaning: QueryTerm) -> Ints:
        """The words of titles that ``meaning`` stands for; a word that tickets know is not read as
        another.
        """
        private = self._private(meaning.word) if meaning.corrected else _NONE
        found: Ints = self._a["solved_of_stem"][list(meaning.stems)]
        return private if private.size else found[found >= 0]

    def _private(self, word: str) -> Ints:
        hashes = self._a["solved_hashes"]
        wanted = np.uint32(_hash(self._stem(word)))
        at = int(hashes.searchsorted(wanted))
        return (
            self._a["solved_hashed"][at : at + 1]
            if at < hashes.size and hashes[at] == wanted
            else _NONE
        )


_NONE: Ints = np.zeros(0, dtype=np.int32)
