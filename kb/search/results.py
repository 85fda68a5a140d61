"""Results: the values that the searcher answers with, for pages, JSON routes and the terminal.

The ``*_json`` functions are the only place that knows the published shape. Highlights are text and
spans, never HTML.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from kb.search.documents import DocumentKind


@dataclass(frozen=True, slots=True)
class Passage:
    """An excerpt: plain ``text`` and the half-open ``spans`` (in characters of ``text``) that
    matched.
    """

    text: str
    spans: tuple[tuple[int, int], ...] = ()
    anchor: str = ""
    path: tuple[str, ...] = ()

    def marked(self) -> set[str]:
        """The different words that matched."""
        return {self.text[start:end].lower() for start, end in self.spans}


class Tier(StrEnum):
    """How a suggestion is shown: first, or quietly below."""

    STRONG = "strong"
    PERHAPS = "perhaps"


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A document that says almost the same as a hit; ``version`` is empty where it names none."""

    id: str
    title: str
    url: str
    version: str = ""
    product: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One document in an answer, with its best passage. ``url`` includes the passage's anchor.

    ``folders`` are those of its source, outermost first, as people read them. ``also`` are
    documents that say almost the same and have no place of their own. ``explain`` maps the name of
    a score's part to its contribution; empty unless asked for. Of a suggestion, ``confidence`` is
    the probability that it answers, and ``tier`` how it is shown.
    """

    id: str
    kind: DocumentKind
    title: str
    url: str
    score: float
    passage: Passage
    product: str = ""
    versions: tuple[str, ...] = ()
    updated: str = ""
    solved: bool | None = None
    folders: tuple[str, ...] = ()
    summary: str = ""
    language: str = ""
    also: tuple[NearDuplicate, ...] = ()
    explain: dict[str, float] = field(default_factory=dict)
    confidence: float | None = None
    tier: Tier | None = None


class ListedDocument(NamedTuple):
    """A document as lists for machines name it; ``updated`` is an ISO date, "" for none."""

    id: str
    kind: DocumentKind
    title: str
    updated: str


class Placed(NamedTuple):
    """A document, by number, at its place in an answer, and what a hit says beside the document.

    ``shown`` is the passage to show, counted from the document's first.
    """

    document: int
    shown: int = 0
    score: float = 0.0
    explain: dict[str, float] | None = None
    confidence: float | None = None
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The part of a document that clearly answers a query: ``text`` is in it word for word.

    ``spans`` are what matched in ``text``; ``url`` leads to its place, ``path`` names it.
    """

    document: str
    title: str
    url: str
    text: str
    spans: tuple[tuple[int, int], ...] = ()
    anchor: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """The answer to a search: one page of hits out of ``total``.

    ``facets`` maps kind, product, version and tag to ``{value: count}`` over all hits, not only
    this page. ``notes`` are sentences about how the query was read, such as an unclosed quotation
    mark. ``has_operators`` says that some of it was read as operators. ``looked_for`` is the line
    of a pasted log that was searched for. ``mixed`` results are those of both rankings of an
    experiment.
    """

    query: str
    generation: str
    total: int
    hits: tuple[Hit, ...]
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    did_you_mean: str | None = None
    partial: bool = False
    notes: tuple[str, ...] = ()
    has_operators: bool = False
    answer: Answer | None = None
    looked_for: str | None = None
    page: int = 1
    per_page: int = 10
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class ConsideredDocument:
    """A document that may be ``shown``: its ``confidence``, and what each kind of evidence
    contributed to its log-odds.
    """

    id: str
    title: str
    confidence: float
    shown: bool
    evidence: dict[str, float]

    @property
    def weighty(self) -> list[tuple[str, float]]:
        """The evidence that contributed something, the strongest first."""
        pairs = ((name, value) for name, value in self.evidence.items() if abs(value) >= 0.005)
        return sorted(pairs, key=lambda pair: -abs(pair[1]))


@dataclass(frozen=True, slots=True)
class Considered:
    """Why suggestions were shown or not.

    ``log_odds`` are those that any document answers; below ``threshold``, nothing is shown.
    ``least`` is the confidence that a document needs to be shown beside others.
    """

    log_odds: float
    threshold: float
    least: float
    candidates: tuple[ConsideredDocument, ...]

    @property
    def above_threshold(self) -> float:
        """How far the log-odds are above the threshold; negative if they are below it."""
        return self.log_odds - self.threshold

    def sentence(self) -> str:
        if not self.candidates:
            return "No page was considered: either no page contains these words, or too many do."
        distance = self.above_threshold
        where = "above" if distance >= 0 else "below"
        return (
            f"Log-odds {self.log_odds:.2f} that a page answers, {abs(distance):.2f} {where} the "
            f"threshold of {self.threshold:.2f}. Beside others, a page needs a confidence of "
            f"{self.least:.0%}."
        )


@dataclass(frozen=True)
class Suggestions:
    """The answer to a half-typed title; empty when nothing is good enough to show.

    ``log_odds`` says how likely it is that one of the best documents answers it, shown or not;
    ``answer`` is what to show above the hits, ``looked_for`` the line that decided where several
    were pasted, ``considered`` why these hits, when that was asked for. The same answer is given to
    many people, so its JSON is encoded once.
    """

    query: str
    generation: str
    hits: tuple[Hit, ...]
    partial: bool = False
    log_odds: float = -math.inf
    answer: Answer | None = None
    looked_for: str | None = None
    considered: Considered | None = None

    @functools.cached_property
    def body(self) -> bytes:
        """``suggestions_json``, encoded."""
        return json.dumps(suggestions_json(self), separators=(",", ":")).encode()

    @functools.cached_property
    def digest(self) -> str:
        """Of ``body``."""
        return hashlib.blake2b(self.body, digest_size=12).hexdigest()


def hit_json(hit: Hit) -> dict[str, Any]:
    """One hit in the shape of ``/api/v1``."""
    shape: dict[str, Any] = {
        "id": hit.id,
        "title": hit.title,
        "url": hit.url,
        "kind": str(hit.kind),
        "language": hit.language,
        "score": round(hit.score, 6),
        "path": [*hit.folders, *hit.passage.path],
        "product": hit.product,
        "versions": list(hit.versions),
        "passage": {"text": hit.passage.text, "spans": [list(span) for span in hit.passage.spans]},
        "also": [
            {
                "id": other.id,
                "title": other.title,
                "url": other.url,
                "version": other.version,
                "product": other.product,
            }
            for other in hit.also
        ],
    }
    if hit.confidence is not None:
        shape |= {"confidence": round(hit.confidence, 4), "tier": hit.tier}
    if hit.explain:
        shape["explain"] = {name: round(value, 6) for name, value in hit.explain.items()}
    return shape


def answer_json(answer: Answer | None) -> dict[str, Any] | None:
    """The answer in the shape of ``/api/v1``."""
    if answer is None:
        return None
    return {
        "document": answer.document,
        "anchor": answer.anchor,
        "title": answer.title,
        "path": list(answer.path),
        "url": answer.url,
        "text": answer.text,
        "spans": [list(span) for span in answer.spans],
    }


def suggestions_json(answer: Suggestions) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "query": answer.query,
        "generation": answer.generation,
        "partial": answer.partial,
        "answer": answer_json(answer.answer),
        "looked_for": answer.looked_for,
        "suggestions": [hit_json(hit) for hit in answer.hits],
    }
    if answer.considered is not None:
        shape["considered"] = _considered_json(answer.considered)
    return shape


def _considered_json(considered: Considered) -> dict[str, Any]:
    return {
        "log_odds": _number(considered.log_odds),
        "threshold": _number(considered.threshold),
        "least_confidence": round(considered.least, 4),
        "candidates": [
            {
                "id": document.id,
                "title": document.title,
                "confidence": round(document.confidence, 4),
                "shown": document.shown,
                "evidence": {name: round(value, 4) for name, value in document.evidence.items()},
            }
            for document in considered.candidates
        ],
    }


def _number(value: float) -> float | None:
    """``value``; None for what JSON cannot say."""
    return round(value, 4) if math.isfinite(value) else None


def results_json(answer: Results) -> dict[str, Any]:
    return {
        "query": answer.query,
        "generation": answer.generation,
        "total": answer.total,
        "partial": answer.partial,
        "did_you_mean": answer.did_you_mean,
        "facets": answer.facets,
        "notes": list(answer.notes),
        "answer": answer_json(answer.answer),
        "looked_for": answer.looked_for,
        "results": [hit_json(hit) for hit in answer.hits],
    }
