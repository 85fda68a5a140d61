"""Partition: what one audience may see of a generation, open for searching.

Joins the structures of one set of packed arrays: terms, postings, titles, passages, doc values.
Finds candidates, looks at them more closely and shows them; their final order is ``fusion``. Never
changes after opening, and safe to share between threads.
"""

from __future__ import annotations

import functools
import re
import threading
import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from kb.ids import document_key
from kb.search import weights
from kb.search.analysis.common_words import (
    GRAMMATICAL_WORDS,
    without_courtesies,
    without_problem,
)
from kb.search.analysis.similarity import cosine, tfidf_vector
from kb.search.analysis.tokenizer import NOTHING_TYPED, written_words
from kb.search.array_types import DocumentMask, Documents, Scores, Totals, Vectors8
from kb.search.display.answers import QueryCoverage
from kb.search.display.hits import HitDisplay, ShownTexts
from kb.search.display.sections import Listed, Sections, TitleKey, title_key
from kb.search.display.snippets import Matches, WeightedTerm
from kb.search.documents import DOCUMENT_KINDS, DocumentKind, Place
from kb.search.engines.whoosh import OperatorSearch
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import DocValues, languages_of
from kb.search.index.document_store import DocumentStore, ShownRow
from kb.search.index.facets import ResultSet
from kb.search.index.latent_topics import LatentTopics
from kb.search.index.resolved_tickets import ResolvedTicketVotes
from kb.search.index.title_ngrams import TitleNgrams
from kb.search.kernels.layout import NO_VECTORS, Loops
from kb.search.lexicon.matching import shipped_lexicon
from kb.search.meaning.embeddings import NO_COSINES, Embeddings, QuestionMeaning
from kb.search.query.curations import Curations, curate_candidates, curate_matching
from kb.search.query.expansion import QueryExpander
from kb.search.query.more_like_this import more_like_this
from kb.search.query.parser import Operator
from kb.search.query.vocabulary import Vocabulary
from kb.search.query_terms import ExpandedQuery, QueryTerm
from kb.search.results import Hit, ListedDocument, Placed
from kb.search.scoring.bm25 import Bm25
from kb.search.scoring.evidence import EvidenceReader
from kb.search.scoring.fusion import Candidates, Fused, Positions, RawScores, fuse
from kb.search.scoring.near_duplicates import NearDuplicates
from kb.search.scoring.rescoring import Question, Rescorer
from kb.search.scoring.signals import Signals
from kb.search.scoring.thread_articles import thread_articles
from kb.search.scoring.translations import Support, Translations
from kb.search.scoring.whole_headings import WholeHeadings
from kb.search.standpoint import Standpoint

_READ_AT_ONCE = 1000  # documents, of those that are all listed
_TITLE_BEGINNING = 64  # bytes
#: A version is matched letter by letter, and is no code.
_VERSION = re.compile(r"v?\d+(?:[.-]\d+)*")
_NONE: Documents = np.zeros(0, dtype=np.int64)
_NO_VOTES: Scores = np.zeros(0, dtype=np.float32)
_NO_SUPPORT: Support = np.zeros(0, dtype=np.int64)


class WorthyTerm(NamedTuple):
    """A word of a query: what each of its stems is worth among articles and among threads.

    Of ``alternatives``, only the one that counts most counts.
    """

    stems: Mapping[str, tuple[float, float]]
    alternatives: bool


@dataclass(frozen=True, slots=True)
class BeyondWords:
    """Candidates whatever their words are, and why."""

    documents: Documents
    question: Question
    voted: Documents
    votes: Scores  # [voted], of resolved tickets
    headed: Documents  # those that have the whole query as a heading

    def joined(self, documents: Documents, words: Scores) -> Candidates:
        """All candidates, of which these may be some, with the scores of their words."""
        return Candidates(
            documents,
            words,
            _aligned(self.votes, self.voted, documents),
            headed=self.headed,
            question=self.question,
        )


class Meanings:
    """Finds documents by the meaning of a query; none in an index without meanings."""

    def __init__(self, embeddings: Embeddings | None) -> None:
        self._embeddings = embeddings

    def of(self, query: ExpandedQuery) -> QuestionMeaning | None:
        if self._embeddings is None or not query.text:
            return None
        return self._embeddings.question(query.meant or query.text, query.settled)

    def near(self, meaning: QuestionMeaning | None, least: float) -> Documents:
        """The documents that mean about the same, ascending."""
        if self._embeddings is None or meaning is None:
            return _NONE
        return self._embeddings.nearest(meaning, least)

    def found(self, query: ExpandedQuery) -> Documents:
        """What a search finds even if a document has none of the words."""
        return self.near(self.of(query), weights.MEANING_FOUND)

    @property
    def are_compared(self) -> bool:
        """Whether ``near`` compares settled questions with all documents, if these have
        meanings.
        """
        return self._embeddings is None or self._embeddings.are_compared

    def near_among(
        self, documents: Documents, meaning: QuestionMeaning | None, least: float
    ) -> Documents:
        """Those of ``documents`` that mean about the same."""
        if self._embeddings is None or meaning is None:
            return _NONE
        cosines = [
            self._embeddings.nearness(meaning, document).max(initial=-1)
            for document in documents.tolist()
        ]
        return documents[np.array(cosines, dtype=np.float32) >= least]

    def directions(self, document: int) -> Vectors8:
        """The direction of each passage of a document; none in an index without meanings."""
        if self._embeddings is None:
            return NO_VECTORS.vectors
        return self._embeddings.directions(document)

    def nearness(self, query: ExpandedQuery, document: int) -> Scores:
        """The cosine of a query and each passage of a document; empty if none is compared."""
        meaning = self.of(query)
        if self._embeddings is None or meaning is None:
            return NO_COSINES
        return self._embeddings.nearness(meaning, document)


class Partition:
    """One audience's partition, open for reading."""

    def __init__(
        self,
        arrays: Arrays,
        loops: Loops,
        store: DocumentStore,
        operators: Callable[[], OperatorSearch],
    ) -> None:
        """``operators`` opens the index for phrases and fields, which few searches need."""
        self._arrays, self._loops = arrays, loops
        self._store = store
        self._operators = operators
        self.vocabulary = Vocabulary(arrays)
        self.languages = tuple(languages_of(arrays))
        self.values = DocValues(arrays, loops)
        self.size = int(self.values.documents.size)
        self._first_thread = self.values.kind_ranges[DOCUMENT_KINDS.index(DocumentKind.FORUM)][0]
        self._forum_share = self.values.of_kind(DocumentKind.FORUM).size / max(1, self.size)
        self.bm25 = Bm25(arrays, loops)
        self.title_ngrams = TitleNgrams(arrays, loops)
        self.topics = LatentTopics(arrays) if "topic_lengths" in arrays else None
        self.meanings = Meanings(Embeddings.of(arrays, loops))
        self.rescorer = Rescorer(arrays, loops, self.bm25, self.title_ngrams, self.topics)
        self._evidence = EvidenceReader(arrays, self.bm25, self.rescorer)
        self._expander = QueryExpander(arrays, self.vocabulary)
        self._signals = Signals(arrays, loops, self.bm25, self.values)
        self._headings = WholeHeadings(arrays)
        self._near_duplicates = NearDuplicates(arrays, loops)
        self._texts = ShownTexts(store, self.values, self._near_duplicates)
        self._thread_articles = thread_articles(arrays, self._first_thread)
        self._title_orders: dict[DocumentKind, Documents] = {}
        self._sections: Sections | None = None
        self._lists_lock = threading.Lock()
        self._votes = None
        if "solved_links" in arrays:
            prevail = weights.threads_prevail(self._first_thread, self.values.size)
            share, power = weights.VOTING_SHARE[prevail], weights.VOTING_POWER[prevail]
            self._votes = ResolvedTicketVotes(arrays, self.vocabulary, share, power)
        self._translations = None
        if "translated_words" in arrays:
            self._translations = Translations(arrays, self.vocabulary)

    # --- queries

    def expand(
        self, text: str, *, prefix: bool, curations: Curations | None = None
    ) -> ExpandedQuery:
        """The words of ``text`` as terms; with ``prefix``, the last may be the beginning of others.

        ``curations`` take stop phrases away, change what words mean, and name documents.
        """
        asked = without_courtesies(text)
        if asked != text and self._headings.documents(written_words(text)).size:
            asked = text
        if curations is None:
            return self._expander.expand(asked, shipped_lexicon(), prefix=prefix)
        query = self._expander.expand(curations.trimmed(asked), curations.lexicon, prefix=prefix)
        curated = curations.curated(text, self._numbers)
        return replace(query, curated=curated, factors=curations.factors)

    def question(self, query: ExpandedQuery) -> Question:
        """The query as numbers, for candidates by title and for rescoring."""
        title = self.title_ngrams.vector(without_problem(query.text)) if query.text else None
        return self.rescorer.question(query, title, self.meanings.of(query))

    def _numbers(self, document_id: str) -> list[int]:
        numbers: list[int] = np.flatnonzero(self.values.key == document_key(document_id)).tolist()
        return numbers

    def more_like(self, document_id: str) -> tuple[ExpandedQuery, ResultSet] | None:
        """A document's weightiest words as a query, and all documents but itself.

        None when the document is not here.
        """
        row = self._store.row(document_id)
        documents = np.flatnonzero(self.values.row == row)
        if row is None or not documents.size:
            return None
        document = int(documents[0])
        query = more_like_this(self._arrays, document, self._texts.card(document).title)
        others = self.values.is_taken.copy()
        others[documents] = False
        return query, ResultSet(self.values, self.bm25.score_all(query.terms), others, {})

    def worth(self, query: ExpandedQuery) -> list[WorthyTerm]:
        """The words of a query as stems with what they are worth, for an engine that finds
        documents by these alone.
        """
        worthy = []
        for term in query.terms:
            rows = self.bm25.worth(term)
            stems = self.vocabulary.stems_at([each.stem for each in rows])
            values = [(each.articles, each.threads) for each in rows]
            if rows:
                worth = dict(zip(stems, values, strict=True))
                worthy.append(WorthyTerm(worth, alternatives=term.prefix or term.equals))
        return worthy

    # --- candidates

    def select(
        self,
        query: ExpandedQuery,
        operators: Sequence[Operator],
        filters: Mapping[str, str],
        *,
        deadline: float,
    ) -> ResultSet:
        """All documents that a search may show: those that hold a word and satisfy all operators.

        Without operators, also those that mean what is asked in other words.
        ``filters`` are values by facet.
        """
        selected, in_time = self._satisfying(operators, deadline) if operators else (None, True)
        scores = self.bm25.score_all(query.terms)
        matching = np.asarray(scores > 0)
        if selected is not None:
            # Besides operators there may be no words, or only such as all texts have.
            has_words = bool(query.terms or query.unknown)
            matching = selected & matching if has_words else selected
        else:
            matching[self.meanings.found(query)] = True
        if query.curated is not None:
            matching = curate_matching(matching, query.curated, selected)
        masks = {name: self.values.having(name, value) for name, value in filters.items()}
        return ResultSet(self.values, scores, matching, masks, in_time)

    def _satisfying(
        self, operators: Sequence[Operator], deadline: float
    ) -> tuple[DocumentMask, bool]:
        required, excluded, in_time = self._operators().select(operators, deadline=deadline)
        key = self.values.key
        mask = self.values.is_taken
        if required is not None:
            mask = mask & np.isin(key, required)
        return mask & ~np.isin(key, excluded), in_time

    def candidates(
        self,
        query: ExpandedQuery,
        results: ResultSet | None,
        *,
        deadline: float,
    ) -> Candidates:
        """The documents that may be the best of ``results``, or of all, ascending.

        ``deadline`` is a ``time.monotonic()`` instant.
        """
        words: Callable[[Documents], Scores]
        allowed = None
        if results is None:
            lexical = self.bm25.candidates(query.terms)
            best, words = lexical.documents, lexical.scores
        else:
            allowed = results.allowed
            best = self.bm25.best_of(results.scores, allowed)
            words = results.scores.__getitem__
        if time.monotonic() > deadline:
            return Candidates(best, words(best), _NO_VOTES, late=True)

        question = self.question(query)
        similar = _NONE
        if question.title is not None:
            similar = self.title_ngrams.candidates(question.title, allowed)
        others = self.beyond_words(query, question)
        beyond = others.documents
        if allowed is not None:
            beyond = beyond[allowed[beyond]]
        documents = _union(best, similar, beyond)
        if query.curated is not None:
            documents = curate_candidates(documents, query.curated, allowed)
        return others.joined(documents, words(documents))

    def beyond_words(self, query: ExpandedQuery, question: Question) -> BeyondWords:
        """The documents that are no candidates by their words or titles, but by what they mean, by
        a heading or by resolved tickets.
        """
        voted, votes = _NONE, _NO_VOTES
        if self._votes is not None:
            voted, votes = self._votes.cast(query.terms, query.unknown)
        headed = self._headings.documents(query.typed.written)
        near = self.meanings.near(question.meaning, weights.MEANING_LEAST)
        documents = _union(voted, near, headed)
        return BeyondWords(documents, question, voted, votes, headed)

    # --- scores

    def rank(self, query: ExpandedQuery, candidates: Candidates, standpoint: Standpoint) -> Fused:
        """``candidates`` in their final order, for a reader with this standpoint."""
        documents = candidates.documents
        rescored = self.rescorer.rescore(candidates.question, documents)
        scores = RawScores(
            documents,
            {"words": candidates.words, **rescored.raw},
            self._signals.of(query, documents, standpoint) | _headed(candidates),
            candidates.votes,
            rescored.shown,
            self.values.solved[documents],
            int(documents.searchsorted(self._first_thread)),
            self._forum_share,
            ideal=candidates.question.ideal,
            idfs=candidates.question.idfs,
            rarest=self.bm25.rarest,
            read=candidates.question.meaning is not None and candidates.question.meaning.read,
            translated=self._translated(query, candidates.question, documents),
            topics=rescored.topics,
            thread_articles=self._thread_articles,
        )
        return fuse(scores, self._loops, query.curated, query.factors)

    def _translated(
        self, query: ExpandedQuery, question: Question, documents: Documents
    ) -> Support:
        """What customers who used the words of a query add to each document."""
        if self._translations is None or not documents.size:
            return _NO_SUPPORT
        idfs = zip(query.terms, question.idfs, strict=True)
        words = [(term.word, idf) for term, idf in idfs if term.typed]
        words += [(word, self.bm25.unseen) for word in query.unknown]
        return self._translations.support(words, max(question.ideal, 1e-9), documents)

    def evidence(
        self, query: ExpandedQuery, fused: Fused, positions: Positions
    ) -> dict[str, Totals]:
        """What speaks for the candidates at ``positions``, by name (see ``scoring.evidence``)."""
        evidence = self._evidence.of(query, fused, positions)
        phrases = np.zeros(positions.size)
        if len(query.terms) > 1:
            hopeful = np.flatnonzero(evidence["missing"] < weights.PHRASE_MISSING)
            some = hopeful[: weights.PHRASES]
            phrases[some] = self._texts.phrase_shares(
                query.typed.written,
                fused.scores.documents[positions[some]].tolist(),
                fused.scores.shown[positions[some]].tolist(),
            )
        return evidence | {"phrase": phrases}

    # --- documents

    def fold(self, documents: Documents, scores: Totals, *, newest: bool) -> Positions | None:
        """The positions of what is shown of ``documents``, best first; None for all."""
        return self._near_duplicates.fold(documents, scores, newest=newest)

    def best_passages(self, query: ExpandedQuery, documents: Documents) -> Positions:
        """The passage to show of each of ``documents`` that are no candidates."""
        return self.rescorer.rescore(self.question(query), documents).shown

    def display(self, query: ExpandedQuery) -> HitDisplay:
        """Shows documents for ``query``, with what it stands for marked."""
        stems, idfs = self._written_stems(query.terms), self.rescorer.idfs(query)
        is_grammar = [term.word in GRAMMATICAL_WORDS for term in query.terms]
        terms = [
            WeightedTerm(
                stems_of,
                term.word if term.prefix else "",
                idf,
                is_marked=term.word not in GRAMMATICAL_WORDS or all(is_grammar),
            )
            for term, stems_of, idf in zip(query.terms, stems, idfs, strict=True)
        ]
        ideal = sum(term.idf for term in terms) + self.bm25.unseen * len(query.unknown)
        return HitDisplay(
            self._texts,
            query.text,
            Matches(terms, self.vocabulary.stems_of),
            QueryCoverage(terms, ideal),
            as_code=any(not _VERSION.fullmatch(name) for name in query.typed.identifiers),
            nearness=functools.partial(self.meanings.nearness, query),
            hidden=query.curated.hidden.tolist() if query.curated is not None else (),
        )

    def _written_stems(self, terms: Sequence[QueryTerm]) -> list[frozenset[str]]:
        """The stems of each term, as they are written."""
        new = [term for term in terms if term.memo.stems is None]
        if new:
            stems = iter(self.vocabulary.stems_at([stem for term in new for stem in term.stems]))
            for term in new:
                term.memo.stems = frozenset(islice(stems, len(term.stems)))
        return [term.memo.stems or frozenset() for term in terms]

    def listing(
        self, kind: DocumentKind, *, newest: bool, start: int, count: int
    ) -> tuple[int, tuple[Hit, ...]]:
        """How many documents of a kind there are, and some of them, newest first or by title."""
        documents = self.values.of_kind(kind)
        if newest:
            ordered = documents[np.argsort(-self.values.day[documents], kind="stable")]
        else:
            ordered = self._by_title(kind)
        return documents.size, self.listed(ordered[start : start + count].tolist())

    def position_after(self, kind: DocumentKind, title: str, document_id: str) -> int:
        """How many documents of a kind come before or at this title. The document may be gone."""
        place = (title_key(title), document_id)
        return bisect(self._by_title(kind), place, key=self._place_by_title)

    def _by_title(self, kind: DocumentKind) -> Documents:
        with self._lists_lock:
            if kind not in self._title_orders:
                self._title_orders[kind] = self._sorted_by_title(kind)
            return self._title_orders[kind]

    def _sorted_by_title(self, kind: DocumentKind) -> Documents:
        """By the beginnings of titles, and by the whole of those that begin the same: all titles of
        100,000 documents would take 50 MB, of which Python would return little.
        """
        documents = self.values.of_kind(kind)
        keys = np.zeros(documents.size, dtype=f"S{_TITLE_BEGINNING}")
        for place, (_, (_, _, title, _)) in enumerate(self._stored(kind)):
            keys[place] = title_key(title)
        order = keys.argsort(kind="stable")
        documents, keys = documents[order], keys[order]
        begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1], [True])))
        for first, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
            if end - first > 1:
                alike = documents[first:end].tolist()
                documents[first:end] = sorted(alike, key=self._place_by_title)
        return np.asarray(documents)

    def _place_by_title(self, document: int) -> tuple[TitleKey, str]:
        """What documents of a kind are ordered by; of the same title, by their ids, in whatever
        generation.
        """
        ((document_id, _, title, _),) = self._store.shown([int(self.values.row[document])])
        return title_key(title), document_id

    def _all_of(self, kind: DocumentKind) -> Iterator[Listed]:
        """The documents of which sections are made, without summaries: the store has those."""
        for number, (_, _, title, (*_, place)) in self._stored(kind):
            placed = Place.from_json(place)._replace(summary="")
            yield Listed(number, title, placed, int(self.values.day[number]))

    def _stored(self, kind: DocumentKind) -> Iterator[tuple[int, ShownRow]]:
        """Each document of a kind, and what hits show of it."""
        documents = self.values.of_kind(kind)
        for start in range(0, documents.size, _READ_AT_ONCE):
            # Reading all 100,000 documents at once would take 100 MB.
            some = documents[start : start + _READ_AT_ONCE]
            shown = self._store.shown(self.values.row[some].tolist())
            yield from zip(some.tolist(), shown, strict=True)

    def listed(self, documents: Sequence[int]) -> tuple[Hit, ...]:
        """Documents as lists show them: there is no query, so each with its beginning."""
        return self.display(ExpandedQuery(NOTHING_TYPED)).hits(list(map(Placed, documents)))

    def entries(self, *, start: int, count: int) -> tuple[int, tuple[ListedDocument, ...]]:
        """How many documents there are, and some of them, in an order that stays."""
        rows = self.values.row[self.values.documents[start : start + count]].tolist()
        listed = tuple(
            ListedDocument(document_id, DocumentKind(kind), title, facts[2])
            for document_id, kind, title, facts in self._store.shown(rows)
        )
        return self.size, listed

    def sections(self) -> Sections:
        """The guides as readers walk them; put together once, while others wait for it."""
        with self._lists_lock:
            if self._sections is None:
                self._sections = Sections(self._all_of(DocumentKind.DOC), self.listed)
            return self._sections

    def prepare_lists(self) -> None:
        """Work out the order of what most pages list, which takes seconds among 100,000 documents.

        That is the sections, the FAQ by title, and threads by title where none has a date.
        """
        self.sections()
        self._by_title(DocumentKind.FAQ)
        if not self.values.day[self.values.of_kind(DocumentKind.FORUM)].any():
            self._by_title(DocumentKind.FORUM)

    def counts(self) -> dict[str, int]:
        """How many documents of each kind there are."""
        return {str(kind): int(self.values.of_kind(kind).size) for kind in DOCUMENT_KINDS}

    def similarity(self, text: str, others: Sequence[str]) -> tuple[float, ...]:
        """How like ``text`` each of some other short texts is, by the idfs of this partition."""
        vector, *other_vectors = (
            tfidf_vector(Counter(self.vocabulary.stems(each)), self._idf)
            for each in (text, *others)
        )
        return tuple(cosine(vector, other) for other in other_vectors)

    def _idf(self, stem: str) -> float:
        number = self.vocabulary.number_of(stem)
        return float(self.bm25.idfs[number]) if number >= 0 else self.bm25.unseen


def _headed(candidates: Candidates) -> dict[str, Scores]:
    """Which candidates have the whole query as a heading, where any has."""
    if candidates.headed is None or not candidates.headed.size:
        return {}
    return {"heading": np.isin(candidates.documents, candidates.headed).astype(np.float32)}


def _union(*lists: Documents) -> Documents:
    """The documents of all lists, ascending, each once (np.unique, for the few that there are)."""
    documents = np.concatenate(lists)
    documents.sort(kind="stable")
    first = np.empty(documents.size, dtype=bool)
    first[:1] = True
    np.not_equal(documents[1:], documents[:-1], out=first[1:])
    return documents[first]


def _aligned(votes: Scores, voted: Documents, documents: Documents) -> Scores:
    """The votes for each of ``documents``; empty when there are none at all."""
    if not votes.size:
        return votes
    aligned = np.zeros(documents.size, dtype=np.float32)
    positions = np.minimum(voted.searchsorted(documents), voted.size - 1)
    has_votes = voted[positions] == documents
    aligned[has_votes] = votes[positions[has_votes]]
    return aligned
