"""Cluster queries: a visitor's query in the query language of OpenSearch. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kb.search import weights
from kb.search.analysis.tokenizer import tokens
from kb.search.array_types import Vector8
from kb.search.engines.opensearch.cluster_documents import feature
from kb.search.index.facets import FACETS
from kb.search.partition import WorthyTerm
from kb.search.query.parser import Operator, day_number

Clause = dict[str, Any]
NO_DOCUMENT: Clause = {"match_none": {}}
_ALL: Clause = {"match_all": {}}
_MAX_PHRASE_WORDS = 16
_LOOKED_AT = 100  # passages that the search of nearest neighbours follows at a time
_MOST_VALUES = 10_000  # of a facet
#: Answers contain only keys and scores, so that no stored fields have to be read.
_BARE = {"_source": False, "stored_fields": "_none_", "docvalue_fields": ["key"]}


def _term(term: WorthyTerm, *, threads: bool) -> Clause:
    clauses = [
        _ranked("words", feature(stem), worth[threads]) for stem, worth in term.stems.items()
    ]
    if len(clauses) == 1:
        return clauses[0]
    return {"dis_max": {"queries": clauses}} if term.alternatives else {"bool": {"should": clauses}}


def _ranked(field: str, name: str, worth: float) -> Clause:
    return {
        "rank_feature": {"field": f"{field}.{name}", "boost": max(worth, 1e-6), "linear": {}},
    }


def words(terms: Sequence[WorthyTerm], *, threads: bool) -> Clause:
    """Documents that contain any of the words, ranked by the sum of the words' weights."""
    if not terms:
        return NO_DOCUMENT
    return {"bool": {"should": [_term(term, threads=threads) for term in terms]}}


def letters(ngrams: Mapping[int, float]) -> Clause:
    """Documents ranked by how similar their titles are, letter by letter."""
    clauses = [_ranked("letters", str(ngram), weight) for ngram, weight in ngrams.items()]
    return {"bool": {"should": clauses}} if clauses else NO_DOCUMENT


def near(direction: Vector8) -> Clause:
    """Documents ranked by how near the meaning of their nearest passage is."""
    asked = {
        "vector": direction.tolist(),
        "k": weights.MEANING_CANDIDATES,
        "method_parameters": {"ef_search": _LOOKED_AT},
    }
    nearest = {"knn": {"passages.direction": asked}}
    return {"nested": {"path": "passages", "score_mode": "max", "query": nearest}}


def having(keys: Sequence[int]) -> Clause:
    return {"terms": {"key": list(keys)}} if keys else NO_DOCUMENT


@dataclass(frozen=True, slots=True)
class Selection:
    """All documents that a search may show."""

    terms: tuple[WorthyTerm, ...]
    #: No document has some words of the query: with operators, that is no reason to show them all.
    has_words: bool
    operators: tuple[Operator, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    shown: tuple[int, ...] = ()  # keys of documents that need no word, but satisfy the operators
    hidden: tuple[int, ...] = ()  # keys

    def matching(self) -> Clause:
        """All of them, before filters, ranked by the weights of their words."""
        condition: dict[str, Any] = {
            "filter": [_satisfied(each) for each in self.operators if not each.excluded],
            "must_not": [_satisfied(each) for each in self.operators if each.excluded],
        }
        if self.hidden:
            condition["must_not"].append(having(self.hidden))
        if self.has_words or not self.operators:
            condition["should"] = [
                words(self.terms, threads=True),
                {"constant_score": {"filter": having(self.shown), "boost": 0}},
            ]
            condition["minimum_should_match"] = 1
        return {"bool": condition}

    def _filtered(self, but: str = "") -> list[Clause]:
        return [{"term": {name: value}} for name, value in self.filters if name != but]

    def best(self, ranked: Clause, count: int, kinds: Sequence[str] = ()) -> dict[str, Any]:
        """The best of them by another measure, which has to have any of them."""
        filters = [self.matching(), *self._filtered()]
        return _best(ranked, count, [*filters, *_of_kinds(kinds)])

    def among(self, keys: Sequence[int]) -> dict[str, Any]:
        """Which of the given documents are among them."""
        filters = [having(keys), self.matching(), *self._filtered()]
        return {"query": {"bool": {"filter": filters}}, "size": len(keys), **_BARE}

    def counts(self) -> dict[str, Any]:
        """How many there are, and how many have each value of each facet."""
        facets = {
            facet: {
                "filter": {"bool": {"filter": self._filtered(facet) or [_ALL]}},
                "aggs": {"values": {"terms": {"field": facet, "size": _MOST_VALUES}}},
            }
            for facet in FACETS
        }
        total = {"total": {"filter": {"bool": {"filter": self._filtered() or [_ALL]}}}}
        return {"query": self.matching(), "size": 0, "aggs": facets | total}

    def ordered(self, count: int, *, by_date: bool) -> dict[str, Any]:
        """The first of them by word score, or newest first."""
        newest = [{"day": "desc"}, {"order": "asc"}, {"id": "asc"}]
        query = {"bool": {"must": [self.matching()], "filter": self._filtered()}}
        return {
            "query": query,
            "size": count,
            "sort": newest if by_date else [{"_score": "desc"}, *newest],
            "track_total_hits": False,
            **_BARE,
        }


def best(ranked: Clause, count: int, kinds: Sequence[str] = ()) -> dict[str, Any]:
    """The best documents by some measure, of all or of some kinds."""
    return _best(ranked, count, _of_kinds(kinds))


def _best(ranked: Clause, count: int, filters: Sequence[Clause]) -> dict[str, Any]:
    query = {"bool": {"must": [ranked], "filter": list(filters)}} if filters else ranked
    return {"query": query, "size": count, "track_total_hits": False, **_BARE}


def _of_kinds(kinds: Sequence[str]) -> list[Clause]:
    return [{"terms": {"kind": list(kinds)}}] if kinds else []


def _satisfied(operator: Operator) -> Clause:
    field = operator.field or "body"
    if field in ("before", "after"):
        number = day_number(operator.text) or 0
        bounds = {"gte": 1, "lt": number} if field == "before" else {"gte": number}
        return {"range": {"day": bounds}}
    if field == "kind":
        return {"term": {"kind": operator.text.lower()}}
    if field == "version":
        text = operator.text.lower()
        versions = [{"term": {"version_text": text}}, {"prefix": {"version_text": f"{text}."}}]
        return {"bool": {"should": versions, "minimum_should_match": 1}}
    asked = [token.text for token in tokens(operator.text)][:_MAX_PHRASE_WORDS]
    if not asked:
        return NO_DOCUMENT
    name = {"product": "product_text", "tag": "tag_text"}.get(field, field)
    return {"match_phrase": {name: " ".join(asked)}}
