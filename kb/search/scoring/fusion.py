"""Fusion: one score for each candidate, and the final order.

Each part of a score has a name and a weight in ``weights``, and its contribution can be shown. The
arithmetic is the loop ``fuse_parts``; candidates and their raw scores come from an index reader,
whichever engine is behind it.

Where a forum outnumbers articles and FAQ entries, these are compared among themselves and threads
among themselves, and both are interleaved: so many articles for each thread as the evidence says.
Else the forum buries the articles. Where it does not outnumber them, all are compared alike and
articles, which are edited, get a small bonus.

What each candidate gains from being about the same as the leaders is pseudo-relevance feedback
(Rocchio 1971) among latent topics: the best answers say what is asked for in more words than the
question has. The words of these answers, added to the question, help less.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.array_types import Contributions, Documents, Scores, Totals
from kb.search.kernels.layout import (
    NO_THREAD_ARTICLES,
    NO_TOPICS,
    Loops,
    NamedSignals,
    RawParts,
    ThreadArticleRows,
    TopicRows,
)
from kb.search.query.curations import curation_scores
from kb.search.query_terms import Curated
from kb.search.scoring.translations import NO_LIFT, Lift, Support, lift

Positions = NDArray[np.int64]  # of candidates
_NO_SUPPORT: Support = np.zeros(0, dtype=np.int64)
#: What counts whatever a document is about.
_WHOLE_SIGNAL = "heading"


@dataclass(frozen=True, slots=True)
class Candidates:
    """Documents that may be among the best, ascending, and what finding them has told already."""

    documents: Documents
    words: Scores  # the raw word score of each
    votes: Scores  # of resolved tickets for each, 0 to 1; empty when none was cast
    late: bool = False  # time was up: there is no time for a closer look
    headed: Documents | None = None  # those that have the whole query as a heading
    question: Any = None  # what the reader that found them keeps for ``rank``


@dataclass(frozen=True, slots=True)
class RawScores:
    """The scores of some candidates before they are fused; arrays are in the candidates' order."""

    documents: Documents
    raw: dict[str, Scores]  # by name, see ``weights.MIX``; "words" comes first
    signals: Mapping[str, NDArray[np.floating]]  # 0 to 1 by name, see ``weights.SIGNAL_WEIGHTS``
    votes: Scores  # of resolved tickets, 0 to 1; empty when none was cast
    shown: NDArray[np.int64]  # the passage to show, counted from the document's first
    solved: NDArray[np.int8]  # 0: an unsolved thread
    forum: int  # the position of the first thread; articles stand before it
    forum_share: float  # of all documents that the asker may see, 0 to 1
    ideal: float  # the sum of the idfs of all words of the query, unknown ones counting as rarest
    rarest: float  # the idf of a word that one document has
    idfs: tuple[float, ...] = ()  # of each term of the query
    read: bool = False  # whether the sentence encoder has read the query and most passages
    translated: Support = field(default_factory=lambda: _NO_SUPPORT)  # see ``translations``
    topics: TopicRows = NO_TOPICS
    thread_articles: ThreadArticleRows = NO_THREAD_ARTICLES


@dataclass(frozen=True, slots=True)
class Fused:
    """The final order of candidates, and what made it."""

    scores: RawScores
    order: Positions  # best first
    totals: Totals  # in the candidates' order
    names: tuple[str, ...]
    gains: Contributions  # [names, candidates], what each part contributed to ``totals``
    before: Totals  # the totals before the words of customers raised a candidate
    raised: Lift = NO_LIFT

    @property
    def is_interleaved(self) -> bool:
        """Whether articles and threads were ranked apart, so that their scores are only places."""
        scores = self.scores
        return scores.forum_share > 0.5 and 0 < scores.forum < scores.documents.size

    def explained(self, position: int) -> dict[str, float]:
        """What each part contributed to the candidate at ``position``."""
        gains = self.gains[:, position].tolist()
        return {name: gain for name, gain in zip(self.names, gains, strict=True) if gain}


def fuse(
    scores: RawScores,
    loops: Loops,
    curated: Curated | None = None,
    factors: tuple[tuple[str, float], ...] = (),
) -> Fused:
    """The candidates in their final order. ``factors`` change what some parts weigh."""
    names = tuple(scores.raw)
    parts = _part_weights(names, factors, scores.read)
    signals = tuple(scores.signals)
    size = scores.documents.size
    gains, totals = loops.fuse_parts(
        RawParts(
            np.array(list(scores.raw.values()), dtype=np.float32),
            parts.shares,
            parts.thread_shares,
            parts.least,
            parts.kinds,
            parts.kind_units + parts.kind_word_units * max(scores.ideal, 1e-9),
            names.index("letters"),
            scores.forum,
            scores.forum_share,
        ),
        NamedSignals(
            np.array(list(scores.signals.values()), dtype=np.float64).reshape(len(signals), size),
            _signal_weights(signals),
            signals.index(_WHOLE_SIGNAL) if _WHOLE_SIGNAL in signals else -1,
        ),
        scores.votes,
        scores.solved,
        scores.documents,
        scores.topics,
        scores.thread_articles,
    )
    names = (*names, "kind", "unsolved", *signals, "votes", "threads", "kindred")
    decided = {}
    if curated is not None:
        decided = curation_scores(totals, scores.documents, curated)
        for gain in decided.values():
            totals = totals + gain
    order, raised, before = ranks(totals), NO_LIFT, totals
    if scores.translated.size:
        raised, decided["translated"] = lift(order, totals, scores.translated)
        order, totals = raised.of(order), totals + decided["translated"]
    if decided:
        names, gains = (*names, *decided), np.concatenate((gains, list(decided.values())))
    return Fused(scores, order, totals, names, gains, before, raised)


def ranks(totals: Totals) -> Positions:
    """The positions of the candidates, best first; equal billionths in their order."""
    return np.rint(totals * -1e9).argsort(kind="stable")


@dataclass(frozen=True, slots=True)
class _PartWeights:
    """How each part of a sum counts; a part without data is left out of the whole."""

    shares: Totals
    thread_shares: Totals  # of threads, where these prevail
    least: Totals  # a part is divided by its best, or by this where the best is less
    kinds: Totals  # see ``weights.KIND_PARTS``
    kind_units: Totals
    kind_word_units: Totals  # the same for what is measured in the words of the query


@functools.cache
def _part_weights(
    names: tuple[str, ...], factors: tuple[tuple[str, float], ...], read: bool
) -> _PartWeights:
    kinds = [weights.KIND_PARTS.get(name, (0.0, 1.0)) for name in names]
    in_words = np.array([name in weights.KIND_IN_WORDS for name in names])
    units = np.array([unit for _, unit in kinds])
    mix = weights.MIX | {"meaning": weights.MEANING_READ} if read else weights.MIX
    return _PartWeights(
        _shares(names, mix, factors),
        _shares(names, weights.THREAD_MIX, factors),
        np.array([weights.MIN_SCALES.get(name, 1e-9) for name in names]),
        np.array([weight for weight, _ in kinds]),
        np.where(in_words, 0.0, units),
        np.where(in_words, units, 0.0),
    )


def _shares(
    names: tuple[str, ...], mix: Mapping[str, float], factors: tuple[tuple[str, float], ...]
) -> Totals:
    changed = dict(factors)
    shares = np.array([mix[name] * changed.get(name, 1.0) for name in names])
    return np.asarray(shares / max(sum(shares.tolist()), 1e-9))


@functools.cache
def _signal_weights(names: tuple[str, ...]) -> Totals:
    return np.array([weights.SIGNAL_WEIGHTS[name] for name in names], dtype=np.float64)
