"""Snapshot: a generation that is open for answering; it never changes.

An answer never mixes two generations. Every answer takes one path, explained or not, curated or
not: expand the query, find candidates, rescore them, fuse the scores, cut excerpts. Which
generation is current is the searcher's business.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.links import keep_links
from kb.search.array_types import Documents, Totals
from kb.search.display.sections import Sections
from kb.search.documents import Document, DocumentKind, visible_to
from kb.search.engine import Display, IndexReader, Matched, OpenIndex
from kb.search.generations.generation import Generation
from kb.search.query.curations import Curations
from kb.search.query.expansion import did_you_mean
from kb.search.query.log_reader import read_pasted
from kb.search.query.parser import MAX_QUERY_LENGTH, Query
from kb.search.query_terms import ExpandedQuery
from kb.search.results import (
    Answer,
    Considered,
    ConsideredDocument,
    Hit,
    ListedDocument,
    Placed,
    Results,
    Suggestions,
    Tier,
)
from kb.search.scoring import confidence
from kb.search.scoring.confidence import Calibration, Judgement
from kb.search.scoring.fusion import Candidates, Fused, Positions, ranks
from kb.search.standpoint import ANYWHERE, Standpoint

_ANSWERS_PER_RELATED = 4  # suggestions that are kept for each article whose related ones are
_ANSWERS_PER_RESULTS = 8  # and for each page of results
WINDOW = 1000  # results that can be paged to
_NONE: Positions = np.zeros(0, dtype=np.int64)
_CUT_SHORT = "The search took too long and was cut short; use fewer or longer words."


@dataclass(frozen=True, slots=True)
class Ranking:
    """Documents best first; the first of them, the candidates, with scores and passages to show.

    ``fused`` is in the candidates' own order (None when time was up before); ``order`` gives the
    position there for each rank.
    """

    documents: Documents
    scores: Totals = field(default_factory=lambda: np.zeros(0))
    shown: Positions = field(default_factory=lambda: _NONE)
    order: Positions = field(default_factory=lambda: _NONE)
    fused: Fused | None = None
    partial: bool = False

    def only(self, positions: Positions) -> Ranking:
        """The same with the documents at these positions; candidates stay before all others."""
        ranked = positions[positions < self.order.size]
        scored = positions[positions < self.scores.size]
        return replace(
            self,
            documents=self.documents[positions],
            scores=self.scores[scored],
            shown=self.shown[ranked],
            order=self.order[ranked],
        )

    def preferences(self, judgement: Judgement, is_pinned: NDArray[np.bool_]) -> Totals:
        """By which suggestions are ordered: by score, and by what is thought of each where scores
        are nearly equal; by rank alone where editors decided, or where scores are only places.
        """
        size = is_pinned.size
        by_rank = -np.arange(size, dtype=np.float64)
        if self.fused is None or self.fused.is_interleaved:
            return by_rank
        candidates = self.order[:size]
        scores = np.log(np.maximum(self.fused.before[candidates], 1e-6))
        likeliest = np.argsort(-(scores + weights.PREFERENCE * judgement.own[:size]), kind="stable")
        order = self.fused.raised.of(candidates[likeliest])
        place_of = {candidate: place for place, candidate in enumerate(order.tolist())}
        preferred = -np.array([place_of[candidate] for candidate in candidates.tolist()])
        return np.where(is_pinned, by_rank, preferred)

    def explained(self, rank: int) -> dict[str, float]:
        """What each part contributed to the document at ``rank``; nothing beyond the candidates."""
        if self.fused is None or rank >= self.order.size:
            return {}
        return self.fused.explained(int(self.order[rank]))


def _on_topic(ranking: Ranking) -> Ranking:
    """Without the documents about other products than the reader's."""
    others = ranking.fused.scores.signals.get("otherproduct") if ranking.fused else None
    if others is None:
        return ranking
    return ranking.only(np.flatnonzero(others[ranking.order] == 0))


def _pinned(query: ExpandedQuery, documents: Documents) -> NDArray[np.bool_]:
    """Which of ``documents`` editors pinned for a query."""
    if query.curated is None or not query.curated.pinned.size:
        return np.zeros(documents.size, dtype=bool)
    return np.isin(documents, query.curated.pinned)


@dataclass(frozen=True, slots=True)
class WeighedDocuments:
    """What is thought of the best documents of a ranking, in its order."""

    judgement: Judgement
    confidences: Totals
    preferences: Totals  # what they are ordered by, see ``Ranking.preferences``
    is_pinned: NDArray[np.bool_]  # by editors

    def order(self, *, strong: float = weights.STRONG) -> Positions:
        """Their order, as suggestions and as results: what editors pinned, those with a ``strong``
        confidence, then the others, each by their ``preferences``, best first.
        """
        is_strong = self.is_pinned | (self.confidences >= strong)
        return np.lexsort((-self.preferences, ~is_strong, ~self.is_pinned))

    def worth_showing(self, threshold: float) -> Positions:
        """Which of them are shown, in their order.

        Where some answer is likely, those that are not unlikely themselves, more so beside a strong
        one, or would be likely without a better one; what editors pinned, always.
        """
        shown = self.is_pinned.copy()
        if self.judgement.log_odds >= threshold:
            own = self.judgement.own[: self.confidences.size]
            shown |= (self.confidences >= self.least_confidence) | (own >= weights.ALONE)
            shown |= threshold == -math.inf
        order = self.order(strong=-math.inf if threshold == -math.inf else weights.STRONG)
        return order[shown[order]]

    @property
    def least_confidence(self) -> float:
        """The confidence that a document needs to be shown beside others."""
        best = float(self.confidences.max(initial=0.0))
        return weights.BESIDE if best >= weights.STRONG else min(weights.PERHAPS, best)


class Snapshot:
    """One generation, open. Safe to share between threads."""

    def __init__(
        self,
        generation: Generation,
        index: OpenIndex,
        *,
        remember: int = 0,
        curations: Mapping[str, Any] | None = None,
    ) -> None:
        """``index`` is the generation, opened by an engine; the last ``remember`` suggestions are
        given again as they are. ``curations`` replace the published ones.
        """
        self.generation = generation
        self.index = index
        published = generation.curations() if curations is None else curations
        self._curations = Curations(published) if published else None
        self._calibrations = {
            audience: Calibration.from_json(measured)
            for audience, measured in generation.calibrations().items()
        }
        # Many type the same first letters, and nothing here changes.
        self._remember = remember
        self._answers: dict[tuple[object, ...], Suggestions] = {}
        self._results: dict[tuple[object, ...], Results] = {}
        self._related: dict[tuple[str, str, int], tuple[Hit, ...]] = {}

    def curated_by(self, curations: Mapping[str, Any]) -> Snapshot:
        """The same generation with other curations."""
        return Snapshot(self.generation, self.index, remember=self._remember, curations=curations)

    def warm(self) -> None:
        """Bring near what the first queries would wait for."""
        self.index.warm()
        if self._curations is not None:
            self._curations.lexicon.load()

    def threshold(self, audience: str) -> float:
        """The log-odds below which nothing is suggested to ``audience``."""
        return self._calibration(audience).threshold

    def _calibration(self, audience: str) -> Calibration:
        """A group that no document names sees what customers see."""
        customers = self._calibrations.get("customers", Calibration())
        return self._calibrations.get(audience, customers)

    # --- suggestions

    def suggest(
        self,
        title: str,
        audience: str,
        *,
        limit: int,
        deadline: float,
        explain: bool,
        doubt: float | None,
        standpoint: Standpoint,
        settled: bool = False,
    ) -> Suggestions:
        """The documents that may answer a half-typed title; none where the log-odds that any does
        are below ``doubt``, which each audience has of its own (None). At minus infinity, all.

        The last word of a ``settled`` title may be unfinished only if no document has it.
        """
        key = (title, audience, limit, explain, doubt, standpoint, settled)
        answer = self._answers.get(key)
        if answer is not None:
            return answer

        reader = self.index.reader(audience)
        pasted = read_pasted(title)
        typed = pasted.query[:MAX_QUERY_LENGTH]
        is_open = pasted.line is None and not settled
        query = reader.expand(typed, prefix=is_open, curations=self._curations)
        ranking = _on_topic(self._rank(reader, query, None, standpoint, deadline))
        ranking = self._folded(reader, query, ranking)
        count = max(limit, weights.CONSIDERED)
        weighed = self._weighed(reader, query, ranking, audience, count)
        threshold = self.threshold(audience) if doubt is None else doubt
        chosen = weighed.worth_showing(threshold)[:limit]
        if ranking.partial:  # no pages either: a guess may show what the whole answer withholds
            chosen = _NONE
        confidences = weighed.confidences.tolist()
        placed = [
            Placed(
                int(ranking.documents[rank]),
                int(ranking.shown[rank]),
                float(ranking.scores[rank]),
                ranking.explained(rank) if explain else {},
                confidences[rank],
                Tier.STRONG if weighed.is_pinned[rank] else confidence.tier(confidences[rank]),
            )
            for rank in chosen.tolist()
        ]
        hits: tuple[Hit, ...] = ()
        quoted = None
        if placed:  # about half of the texts that are typed get no suggestions
            display = reader.display(query)
            hits = display.hits(placed)
            quoted = self._answer(display, placed[:1], weighed.confidences)
        answer = Suggestions(
            title,
            self.generation.name,
            hits,
            ranking.partial,
            weighed.judgement.log_odds,
            quoted,
            pasted.line,
            self._considered(reader.display(query), ranking, weighed, threshold, chosen)
            if explain
            else None,
        )
        if self._remember and not answer.partial and len(title) <= MAX_QUERY_LENGTH:
            if len(self._answers) >= self._remember:
                self._answers.clear()  # cheaper than to track which was asked last
            self._answers[key] = answer
        return answer

    def _weighed(
        self,
        reader: IndexReader[Any],
        query: ExpandedQuery,
        ranking: Ranking,
        audience: str,
        count: int,
    ) -> WeighedDocuments:
        """What is thought of the first ``count`` documents."""
        judgement = confidence.NOTHING
        if ranking.fused is not None and ranking.order.size:
            evidence = reader.evidence(query, ranking.fused, ranking.order[:count])
            judgement = confidence.judge(evidence)
        confidences = judgement.confidences(self._calibration(audience))
        is_pinned = _pinned(query, ranking.documents[: confidences.size])
        preferences = ranking.preferences(judgement, is_pinned)
        return WeighedDocuments(judgement, confidences, preferences, is_pinned)

    @staticmethod
    def _considered(
        display: Display,
        ranking: Ranking,
        weighed: WeighedDocuments,
        threshold: float,
        chosen: Positions,
    ) -> Considered:
        """Why the best candidates are shown or not; the ``chosen`` ones are shown."""
        judgement, confidences = weighed.judgement, weighed.confidences
        count = min(weights.CONSIDERED, judgement.own.size)
        hits = display.hits(list(map(Placed, ranking.documents[:count].tolist())))
        return Considered(
            log_odds=judgement.log_odds,
            threshold=threshold,
            least=weighed.least_confidence,
            candidates=tuple(
                ConsideredDocument(
                    hit.id,
                    hit.title,
                    own,
                    i in chosen,
                    {name: float(part[i]) for name, part in judgement.contributions.items()},
                )
                for i, (hit, own) in enumerate(zip(hits, confidences[:count].tolist(), strict=True))
            ),
        )

    # --- search

    def search(
        self,
        parsed: Query,
        audience: str,
        *,
        filters: dict[str, str],
        page: int,
        per_page: int,
        deadline: float,
        explain: bool,
        standpoint: Standpoint,
        by_date: bool,
    ) -> Results:
        """One page of the results of a whole query. Those that were asked for are kept: readers go
        back to them, and what a question means takes half of the work.
        """
        key = (
            *(parsed, audience, tuple(sorted(filters.items()))),
            *(page, per_page, explain, standpoint, by_date),
        )
        results = self._results.get(key)
        if results is not None:
            return results

        reader = self.index.reader(audience)
        query = reader.expand(parsed.words, prefix=False, curations=self._curations)
        matched = reader.select(query, parsed.operators, filters, deadline=deadline)
        ranking = Ranking(_NONE)
        if not by_date:
            ranking = self._rank(reader, query, matched, standpoint, deadline)
        missing = max(0, WINDOW - ranking.documents.size)
        remainder = matched.remainder(ranking.documents, missing, by_date=by_date)
        documents = np.concatenate((ranking.documents, remainder))[:WINDOW]
        ranking = self._folded(reader, query, replace(ranking, documents=documents))
        start = (page - 1) * per_page
        display = reader.display(query)
        answer = None
        if start < weights.CONSIDERED and not parsed.operators:
            ranking, confidences = self._as_suggested(reader, query, ranking, audience)
            if start == 0:
                best = [
                    Placed(int(ranking.documents[0]), int(ranking.shown[0]), confidence=confidence)
                    for confidence in confidences[:1].tolist()
                ]
                answer = self._answer(display, best, confidences)
        shown = self._placed(reader, query, ranking, start, per_page, explain=explain)
        results = Results(
            query=parsed.text,
            generation=self.generation.name,
            total=matched.total() - (documents.size - ranking.documents.size),
            hits=display.hits(shown),
            facets=matched.facets(),
            did_you_mean=None if parsed.operators else did_you_mean(parsed.words, query),
            partial=ranking.partial or not matched.in_time,
            notes=parsed.notes if matched.in_time else (*parsed.notes, _CUT_SHORT),
            has_operators=bool(parsed.operators),
            answer=answer,
            looked_for=parsed.looked_for,
            page=page,
            per_page=per_page,
        )
        if self._remember and not results.partial and len(parsed.text) <= MAX_QUERY_LENGTH:
            if len(self._results) >= self._remember // _ANSWERS_PER_RESULTS:
                self._results.clear()  # as the suggestions
            self._results[key] = results
        return results

    # --- the one path of ranking

    def _rank(
        self,
        reader: IndexReader[Any],
        query: ExpandedQuery,
        matched: Matched | None,
        standpoint: Standpoint,
        deadline: float,
    ) -> Ranking:
        """The candidates of a query, best first, among ``matched`` or among all documents."""
        candidates = reader.candidates(query, matched, deadline=deadline)
        if candidates.late:
            return self._by_words(candidates)
        fused = reader.rank(query, candidates, standpoint)
        order, scores = fused.order, fused.scores
        return Ranking(
            scores.documents[order], fused.totals[order], scores.shown[order], order, fused
        )

    @staticmethod
    def _folded(reader: IndexReader[Any], query: ExpandedQuery, ranking: Ranking) -> Ranking:
        """One of the documents that say almost the same: the newest, or the version asked for."""
        scores = np.full(ranking.documents.size, -np.inf)
        scores[: ranking.scores.size] = ranking.scores
        is_pinned = query.curated is not None and query.curated.pinned.size > 0
        signals = ranking.fused.scores.signals if ranking.fused is not None else {"version": None}
        names_version = not signals.keys().isdisjoint({"version", "otherversion"})
        newest = not names_version and not is_pinned
        positions = reader.fold(ranking.documents, scores, newest=newest)
        return ranking if positions is None else ranking.only(positions)

    def _as_suggested(
        self, reader: IndexReader[Any], query: ExpandedQuery, ranking: Ranking, audience: str
    ) -> tuple[Ranking, Totals]:
        """The ranking with the best documents in the order of suggestions, and how sure each of
        these is: who files a ticket must not meet another order there.
        """
        weighed = self._weighed(reader, query, ranking, audience, weights.CONSIDERED)
        order = weighed.order()
        others = np.arange(order.size, ranking.documents.size)
        return ranking.only(np.concatenate((order, others))), weighed.confidences[order]

    @staticmethod
    def _by_words(candidates: Candidates) -> Ranking:
        """What there is when there is no time for a closer look."""
        words = candidates.words.astype(np.float64)
        order = ranks(words)
        return Ranking(candidates.documents[order], words[order], partial=True)

    @staticmethod
    def _placed(
        reader: IndexReader[Any],
        query: ExpandedQuery,
        ranking: Ranking,
        start: int,
        count: int,
        *,
        explain: bool = False,
    ) -> list[Placed]:
        """Some of the documents of a ranking; those beyond the candidates have no score."""
        documents = ranking.documents[start : start + count]
        shown, scores = ranking.shown[start : start + count], ranking.scores[start : start + count]
        if shown.size < documents.size:
            others = reader.best_passages(query, documents[shown.size :])
            shown = np.concatenate((shown, others))
        rows = zip_longest(documents.tolist(), shown.tolist(), scores.tolist(), fillvalue=0.0)
        return [
            Placed(int(document), int(passage), score, ranking.explained(rank) if explain else {})
            for rank, (document, passage, score) in enumerate(rows, start)
        ]

    @staticmethod
    def _answer(display: Display, best: Sequence[Placed], confidences: Totals) -> Answer | None:
        """What the first document says word for word, if it clearly answers.

        It does if its confidence is high and no other document comes near it.
        """
        for document in best:
            sure = document.confidence or 0.0
            alike = np.count_nonzero(confidences > weights.CLEAR * sure)
            if sure >= weights.SURE and alike == 1:
                return display.answer(document.document, document.shown, confidence=sure)
        return None

    # --- articles

    def picture_audiences(self, name: str) -> frozenset[str]:
        """The audiences of the documents that show a picture; none when no document does."""
        return self._pictures.get(name, frozenset())

    @functools.cached_property
    def _pictures(self) -> Mapping[str, frozenset[str]]:
        return self.generation.pictures()

    def article(self, document_id: str, audience: str) -> Document | None:
        """The document, when ``audience`` may see it, with the links that lead it somewhere."""
        document = self.index.document(document_id)
        visible = visible_to(audience)
        if document is None or document.audience not in visible:
            return None

        def leads_somewhere(target: str) -> bool:
            return self.index.audience_of(target) in visible

        html = keep_links(document.html, leads_somewhere)
        return document if html == document.html else replace(document, html=html)

    def title(self, document_id: str, audience: str) -> str | None:
        """The title of the document, when ``audience`` may see it."""
        if self.index.audience_of(document_id) not in visible_to(audience):
            return None
        return self.index.title_of(document_id)

    def related(
        self, document_id: str, audience: str, limit: int, *, deadline: float
    ) -> tuple[Hit, ...]:
        """Other documents like this one, best first, as lists show them.

        They are cached for each article, because finding them is half of the work for its page.
        """
        key = (document_id, audience, limit)
        if key in self._related:
            return self._related[key]
        reader = self.index.reader(audience)
        like = reader.more_like(document_id)
        if like is None:
            return ()
        query, others = like
        ranking = self._folded(reader, query, self._rank(reader, query, others, ANYWHERE, deadline))
        hits = reader.listed(ranking.documents[:limit].tolist())
        if self._remember and not ranking.partial:
            if len(self._related) >= self._remember // _ANSWERS_PER_RELATED:
                self._related.clear()  # as the suggestions
            self._related[key] = hits
        return hits

    def likeness(self, text: str, others: Sequence[str], audience: str) -> tuple[float, ...]:
        return self.index.reader(audience).similarity(text, others)

    def listing(
        self, audience: str, kind: DocumentKind, *, newest: bool, start: int, count: int
    ) -> tuple[int, tuple[Hit, ...]]:
        """How many documents of one kind there are, and some of them, newest first or by title."""
        return self.index.reader(audience).listing(kind, newest=newest, start=start, count=count)

    def position_after(
        self, audience: str, kind: DocumentKind, title: str, document_id: str
    ) -> int:
        """How many documents of one kind come before or at this one by title."""
        return self.index.reader(audience).position_after(kind, title, document_id)

    def entries(
        self, audience: str, *, start: int, count: int
    ) -> tuple[int, tuple[ListedDocument, ...]]:
        """How many documents there are, and some of them, in an order that stays."""
        return self.index.reader(audience).entries(start=start, count=count)

    def sections(self, audience: str) -> Sections:
        return self.index.reader(audience).sections()

    def counts(self, audience: str) -> dict[str, int]:
        return self.index.reader(audience).counts()
