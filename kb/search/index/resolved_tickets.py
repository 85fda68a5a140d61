"""Resolved tickets: what the answers to tickets like this one linked to.

A resolved ticket votes for the documents that its answer linked: of the tickets whose titles are
nearest to what is being typed, each votes by how near it is. Titles are private: words that occur
in no visible document are stored only as hashes, so a title is never shown, completed, or offered
as a correction. Votes alone never produce a result: ``fusion`` adds them to other scores.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.tokenizer import Stemming
from kb.search.array_types import Documents, Pointers, Scores
from kb.search.documents import ResolvedTicket
from kb.search.index.array_file import Arrays
from kb.search.index.term_dictionary import TermDictionary
from kb.search.kernels.ranges import positions_of, top_k
from kb.search.query_terms import QueryTerm

Words = NDArray[np.int32]  # numbers of words that titles of tickets have
_NONE: Words = np.zeros(0, dtype=np.int32)


def pack_resolved_tickets(
    tickets: Iterable[ResolvedTicket],
    stemming: Stemming,
    arrays: Arrays,
    number_of: Mapping[str, int],
) -> Arrays:
    """Arrays of the tickets that link a visible document, to stand beside a partition's ``arrays``.

    ``number_of`` numbers the visible documents. What is hidden leaves no trace: a link to it is
    dropped before anything is counted, and with it a ticket that has no other link.
    """
    rows = sorted(
        {(t.solved_at, t.title, tuple(d for d in t.documents if d in number_of)) for t in tickets}
    )
    linked = [(Counter(stemming.stems(title)), ids) for _, title, ids in rows if ids]
    if not linked:
        return {}

    terms = sorted({stem for title_stems, _ in linked for stem in title_stems})
    word_of = {stem: number for number, stem in enumerate(terms)}
    stems = TermDictionary(arrays, "stem")
    of_stem = np.full(len(stems), -1, dtype=np.int32)
    private = []
    for stem in terms:
        number = stems.find(stem)
        if number >= 0:
            of_stem[number] = word_of[stem]
        else:
            private.append((_hash(stem), word_of[stem]))
    private.sort()

    links = [number_of[document] for _, ids in linked for document in ids]
    link_of = [ticket for ticket, (_, ids) in enumerate(linked) for _ in ids]
    return {
        "solved_of_stem": of_stem,
        "solved_hashes": np.array([hash_ for hash_, _ in private], dtype=np.uint32),
        "solved_hashed": np.array([word for _, word in private], dtype=np.int32),
        **_postings([title_stems for title_stems, _ in linked], word_of),
        "solved_links": np.array(links, dtype=np.int32),
        "solved_link_of": np.array(link_of, dtype=np.int32),
    }


def _postings(titles: list[Counter[str]], word_of: Mapping[str, int]) -> Arrays:
    """Tickets by word: BM25's saturated, length-normalised frequency, idf still to be applied."""
    norm = weights.shorten(np.array([stems.total() for stems in titles], dtype=np.float64))
    entries = sorted(
        (word_of[stem], ticket, tf)
        for ticket, stems in enumerate(titles)
        for stem, tf in stems.items()
    )
    terms, tickets, tf = np.array(entries, dtype=np.float64).reshape(-1, 3).T
    df = np.bincount(terms.astype(np.int64), minlength=len(word_of))
    frequency = tf / norm[tickets.astype(np.int64)] if titles else tf
    saturated = (weights.PASSAGE_K1 + 1) * frequency / (weights.PASSAGE_K1 + frequency)
    return {
        "solved_pointers": np.concatenate(([0], np.cumsum(df))).astype(np.int64),
        "solved_tickets": tickets.astype(np.int32),
        "solved_weights": saturated.astype(np.float32),
        "solved_idf": weights.idf(df, len(titles)).astype(np.float32),
    }


def _hash(stem: str) -> int:
    return zlib.crc32(stem.encode("utf-8", "surrogatepass"))


class ResolvedTicketVotes:
    """The resolved tickets of one partition, as voters."""

    def __init__(self, arrays: Arrays, stemming: Stemming, share: float, power: int) -> None:
        """Votes count in full where the nearest title has that ``share`` of a query's weight, and
        less where it has less, by this ``power``.
        """
        self._share, self._power = share, power
        self._stem = stemming.stem
        self._pointers: Pointers = arrays["solved_pointers"]  # of words, into entries
        self._entry_tickets: NDArray[np.int32] = arrays["solved_tickets"]
        self._entry_weights: NDArray[np.float32] = arrays["solved_weights"]
        self._idf: NDArray[np.float32] = arrays["solved_idf"]  # [words]
        self._of_stem: Words = arrays["solved_of_stem"]  # [stems], -1: no title has it
        self._hashes: NDArray[np.uint32] = arrays["solved_hashes"]  # ascending
        self._hashed: Words = arrays["solved_hashed"]  # [hashes]
        self._links: NDArray[np.int32] = arrays["solved_links"]  # documents
        self._link_of: NDArray[np.int32] = arrays["solved_link_of"]  # [links], ascending tickets
        self.tickets = int(self._link_of[-1]) + 1
        self._rarest = float(weights.idf(0, self.tickets))

    def cast(self, terms: Sequence[QueryTerm], unknown: Sequence[str]) -> tuple[Documents, Scores]:
        """The documents voted for, ascending, and how much for each: 1 for most votes."""
        scores, ideal = self._title_scores(terms, unknown)
        matching = np.flatnonzero(scores != 0)
        nearest = top_k(matching, scores[matching], weights.NEAREST)
        if not nearest.size:
            return nearest, scores[nearest]
        best = float(scores[nearest].max())
        vote = (scores[nearest] / best) ** 2

        starts = self._link_of.searchsorted(nearest)
        ends = self._link_of.searchsorted(nearest, "right")
        voter = np.repeat(np.arange(nearest.size), ends - starts)
        links = self._links[positions_of(starts, ends)]
        documents, position = np.unique(links, return_inverse=True)
        sums = np.bincount(position, weights=vote[voter]).astype(np.float32)
        share = np.float32(min(1.0, best / ideal / self._share) ** self._power)
        return documents.astype(np.int64), sums / sums.max() * share

    def _title_scores(
        self, terms: Sequence[QueryTerm], unknown: Sequence[str]
    ) -> tuple[NDArray[np.float32], float]:
        """BM25 of every ticket's title, and what a title of exactly these words would get."""
        scores = np.zeros(self.tickets, dtype=np.float32)
        ideal = 1e-9
        typed = [term for term in terms if term.typed]
        for words in (*map(self._words_of, typed), *map(self._private_word, unknown)):
            ideal += self._add(scores, words) if words.size else self._rarest
        return scores, ideal

    def _add(self, scores: NDArray[np.float32], words: Words) -> float:
        """Add one query term, which may stand for several words, and return its idf."""
        ranges = [slice(*self._pointers[word : word + 2].tolist()) for word in words.tolist()]
        if words.size == 1:
            (entries,) = ranges
            idf = float(self._idf[words[0]])
            scores[self._entry_tickets[entries]] += self._entry_weights[entries] * np.float32(idf)
            return idf
        tickets = np.concatenate([self._entry_tickets[entries] for entries in ranges])
        parts = np.concatenate([self._entry_weights[entries] for entries in ranges])
        distinct, position = np.unique(tickets, return_inverse=True)
        idf = float(weights.idf(distinct.size, self.tickets))
        most = np.zeros(distinct.size, dtype=np.float32)
        np.maximum.at(most, position, parts)
        scores[distinct] += most * np.float32(idf)
        return idf

    def _words_of(self, term: QueryTerm) -> Words:
        """The words of titles that ``term`` stands for.

        A word that titles of tickets have is not read as the correction of another.
        """
        private = self._private_word(term.word) if term.corrected or term.equals else _NONE
        words: Words = self._of_stem[list(term.stems)]
        known = words[words >= 0]
        if term.equals and not term.corrected:
            return np.concatenate((private, known))
        return private if private.size else known

    def _private_word(self, word: str) -> Words:
        word_hash = np.uint32(_hash(self._stem(word)))
        position = int(self._hashes.searchsorted(word_hash))
        if position < self._hashes.size and self._hashes[position] == word_hash:
            return self._hashed[position : position + 1]
        return _NONE
