"""Cluster reader: finds documents for one audience on the cluster, and ranks them here.

One request contains all lanes of a query: the best documents of each kind by words, the best by
letters of titles and by meaning, and for a search the counts and the list. Word scores are
computed here, so the final order is the same as with the embedded engine. Without an answer, the
local partition is searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kb.search import weights
from kb.search.array_types import Documents
from kb.search.documents import DOCUMENT_KINDS, DocumentKind
from kb.search.engines.opensearch import cluster_queries as queries
from kb.search.engines.opensearch.cluster import Cluster, NoAnswer, Search
from kb.search.engines.opensearch.cluster_documents import NumbersByKey
from kb.search.index.facets import FACETS, ResultSet
from kb.search.partition import Partition
from kb.search.query.curations import curate_candidates
from kb.search.query.parser import Operator
from kb.search.query_terms import ExpandedQuery
from kb.search.scoring.fusion import Candidates
from kb.search.scoring.rescoring import Question

_NONE: Documents = np.zeros(0, dtype=np.int64)
_LISTED = 1000  # documents of a search beyond its candidates
_NGRAMS = 96  # of a query, the heaviest
_NEAR = "near"  # the lane of what is near in meaning
_Answers = Mapping[str, Mapping[str, Any]]  # by lane


@dataclass
class ClusterMatched:
    """All documents that a search may show; requested once, when first needed."""

    selection: queries.Selection
    deadline: float
    local: Callable[[], ResultSet]  # the same without the cluster
    is_counted: bool = True  # total() and facets() are asked for
    answers: _Answers = field(default_factory=dict)
    instead: ResultSet | None = None  # once the cluster did not answer
    ask: Callable[[ClusterMatched, bool], Documents] = field(repr=False, default=lambda *_: _NONE)

    @property
    def in_time(self) -> bool:
        return self.instead is None or self.instead.in_time

    def total(self) -> int:
        if self.instead is not None:
            return self.instead.total()
        return int(self.answers["counts"]["aggregations"]["total"]["doc_count"])

    def facets(self) -> dict[str, dict[str, int]]:
        if self.instead is not None:
            return self.instead.facets()
        counted = self.answers["counts"]["aggregations"]
        return {facet: _counts(facet, counted[facet]["values"]["buckets"]) for facet in FACETS}

    def remainder(self, ranked: Documents, count: int, *, by_date: bool = False) -> Documents:
        listed = self.ask(self, by_date)
        if self.instead is not None:
            return self.instead.remainder(ranked, count, by_date=by_date)
        return listed[~np.isin(listed, ranked)][:count]


def _counts(facet: str, buckets: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    counts = {str(bucket["key"]): int(bucket["doc_count"]) for bucket in buckets}
    if facet == "kind":
        return {kind: counts[kind] for kind in map(str, DOCUMENT_KINDS) if kind in counts}
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


class ClusterReader:
    """Reads for one audience, from the index of this name on the cluster."""

    def __init__(
        self, local: Partition, cluster: Cluster, index_name: str, *, has_vectors: bool
    ) -> None:
        self._local, self._cluster, self._index_name = local, cluster, index_name
        self._has_vectors = has_vectors
        self._numbers = NumbersByKey(local.values.key)
        self._lanes = [
            (str(kind), kind is DocumentKind.FORUM)
            for kind, (low, high) in zip(DOCUMENT_KINDS, local.values.kind_ranges, strict=True)
            if high > low
        ]
        self._each = weights.CANDIDATES_EACH if len(self._lanes) > 1 else weights.CANDIDATES

        # Everything else is the same as in the embedded engine.
        self.expand, self.rank, self.evidence = local.expand, local.rank, local.evidence
        self.fold, self.best_passages = local.fold, local.best_passages
        self.display, self.similarity = local.display, local.similarity
        self.listing, self.entries = local.listing, local.entries
        self.listed, self.position_after = local.listed, local.position_after
        self.sections, self.counts = local.sections, local.counts

    # --- a suggestion

    def candidates(
        self,
        query: ExpandedQuery,
        results: ResultSet | ClusterMatched | None,
        *,
        deadline: float,
    ) -> Candidates:
        if isinstance(results, ClusterMatched):
            return self._candidates_of(query, results)
        if results is None:
            question = self._local.question(query)
            try:
                answers = self._ask(self._best(query, question, None), deadline)
            except NoAnswer:
                return self._local.candidates(query, None, deadline=deadline)
            others = self._local.beyond_words(query, question)
            documents = self._joined(answers, question, others.documents)
            if query.curated is not None:
                documents = curate_candidates(documents, query.curated, None)
            return others.joined(documents, self._local.bm25.scores(query.terms, documents))
        return self._local.candidates(query, results, deadline=deadline)

    def _best(
        self, query: ExpandedQuery, question: Question, selection: queries.Selection | None
    ) -> dict[str, Any]:
        """The searches for candidates, by lane."""
        best = queries.best if selection is None else selection.best
        lanes = {}
        terms = self._local.worth(query) if selection is None else selection.terms
        if terms:
            for kind, is_forum in self._lanes:
                ranked = queries.words(terms, threads=is_forum)
                kinds = (kind,) if len(self._lanes) > 1 else ()
                lanes[kind] = best(ranked, self._each, kinds)
        if question.title is not None:
            ngrams = self._local.title_ngrams.heaviest(question.title, _NGRAMS)
            lanes["letters"] = best(queries.letters(ngrams), weights.LETTER_CANDIDATES)
        meaning = question.meaning
        if (
            self._has_vectors
            and query.settled
            and meaning is not None
            and not meaning.cosines.size  # there are too many passages to compare them here
        ):
            lanes[_NEAR] = best(queries.near(meaning.direction), weights.MEANING_CANDIDATES)
        return lanes

    def _ask(self, lanes: Mapping[str, Any], deadline: float) -> _Answers:
        """The answer for each lane, asked in one request. Raises NoAnswer."""
        if not lanes:
            return {}
        searches: list[Search] = [(self._index_name, body) for body in lanes.values()]
        answers = self._cluster.search(searches, deadline=deadline)
        return dict(zip(lanes, answers, strict=True))

    def _joined(self, answers: _Answers, question: Question, others: Documents) -> Documents:
        lanes = {name: self._documents(answer) for name, answer in answers.items()}
        if _NEAR in lanes:
            # The nearest may be far, and the cluster may have drafts of what was read since.
            lanes[_NEAR] = self._local.meanings.near_among(
                lanes[_NEAR], question.meaning, weights.MEANING_LEAST
            )
        return np.unique(np.concatenate([*lanes.values(), others]))

    def _documents(self, answer: Mapping[str, Any]) -> Documents:
        """The documents of an answer in its order, if this generation has them."""
        return self._numbers.of([hit["fields"]["key"][0] for hit in answer["hits"]["hits"]])

    def _keys(self, documents: Documents) -> tuple[int, ...]:
        return tuple(self._local.values.key[documents].tolist())

    # --- a search

    def select(
        self,
        query: ExpandedQuery,
        operators: Sequence[Operator],
        filters: Mapping[str, str],
        *,
        deadline: float,
    ) -> ClusterMatched:
        shown = _NONE if operators else self._local.meanings.found(query)
        hidden = _NONE
        if query.curated is not None:
            shown = np.union1d(shown, query.curated.pinned)
            hidden = query.curated.hidden
        selection = queries.Selection(
            tuple(self._local.worth(query)),
            has_words=bool(query.terms or query.unknown),
            operators=tuple(dict.fromkeys(operators)),
            filters=tuple(filters.items()),
            shown=self._keys(shown),
            hidden=self._keys(hidden),
        )

        def local() -> ResultSet:
            return self._local.select(query, operators, filters, deadline=deadline)

        return ClusterMatched(selection, deadline, local, ask=self._list)

    def more_like(self, document_id: str) -> tuple[ExpandedQuery, ClusterMatched] | None:
        like = self._local.more_like(document_id)
        if like is None:
            return None
        query, others = like
        selection = queries.Selection(
            tuple(self._local.worth(query)),
            has_words=True,
            hidden=self._keys(np.flatnonzero(~others.matching)),
        )
        return query, ClusterMatched(
            selection, float("inf"), lambda: others, is_counted=False, ask=self._list
        )

    def _candidates_of(self, query: ExpandedQuery, matched: ClusterMatched) -> Candidates:
        selection, deadline = matched.selection, matched.deadline
        question = self._local.question(query)
        others = self._local.beyond_words(query, question)
        pinned = _NONE if query.curated is None else query.curated.pinned
        asked = np.union1d(others.documents, pinned)
        lanes = self._best(query, question, selection)
        if asked.size:
            lanes["beyond"] = selection.among(self._keys(asked))
        best = tuple(lanes)
        lanes |= {
            "counts": selection.counts(),
            "listed": selection.ordered(_LISTED, by_date=False),
        }
        try:
            matched.answers = self._ask(lanes, deadline)
        except NoAnswer:
            matched.instead = matched.local()
            return self._local.candidates(query, matched.instead, deadline=deadline)
        documents = self._joined({name: matched.answers[name] for name in best}, question, _NONE)
        if query.curated is not None:
            documents = np.setdiff1d(documents, query.curated.hidden)
        return others.joined(documents, self._local.bm25.scores(query.terms, documents))

    def _list(self, matched: ClusterMatched, by_date: bool) -> Documents:
        """The first documents of a search in an order; requested if they have not been yet."""
        if matched.instead is not None:
            return _NONE
        if by_date or "listed" not in matched.answers:
            lanes = {"listed": matched.selection.ordered(_LISTED, by_date=by_date)}
            if matched.is_counted and "counts" not in matched.answers:
                lanes["counts"] = matched.selection.counts()
            try:
                matched.answers = {**matched.answers, **self._ask(lanes, matched.deadline)}
            except NoAnswer:
                matched.instead = matched.local()
                return _NONE
        return self._documents(matched.answers["listed"])
