"""Fusion: one score for each candidate, and the final order.

Pure functions over arrays with one entry per candidate. Each part of a score has a name and a
weight in ``weights``, and its contribution can be shown. Candidates and their raw scores come from
an index reader, whichever engine is behind it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.array_types import Contributions, Documents, Scores, Totals
from kb.search.query.curations import curation_scores
from kb.search.query_terms import Curated
from kb.search.scoring.kinds import article_odds, merged_gains
from kb.search.scoring.translations import Support, lifted

Positions = NDArray[np.int64]  # of candidates
Peaks = NDArray[np.float64]  # [parts, 2], the best raw score of the articles, and of the threads
#: How near each candidate is to the leaders: their positions, and what each counts.
Feedback = Callable[[Positions, Totals], Scores]
#: How much each article among the candidates is what some threads are about: the positions of the
#: threads, and what each counts.
ArticlesOf = Callable[[Positions, Totals], Scores]
_NO_SUPPORT: Support = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Documents that may be among the best, ascending, and what finding them has told already."""

    documents: Documents
    words: Scores  # the raw word score of each
    votes: Scores  # of resolved tickets for each, 0 to 1; empty when none was cast
    late: bool = False  # time was up: there is no time for a closer look
    question: Any = None  # what the reader that found them keeps for ``rescore``


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
    translated: Support = field(default_factory=lambda: _NO_SUPPORT)  # see ``translations``

    @property
    def threads_prevail(self) -> bool:
        """Whether there are articles beside a majority of threads."""
        return 0 < self.forum < self.documents.size and self.forum_share > 0.5


@dataclass(frozen=True, slots=True)
class Fused:
    """The final order of candidates, and what made it."""

    order: Positions  # best first
    totals: Totals  # in the candidates' order
    parts: dict[str, Totals]  # what each part contributed; they add up to ``totals``


def fuse(
    scores: RawScores,
    feedback: Feedback,
    curated: Curated | None = None,
    articles_of: ArticlesOf | None = None,
) -> Fused:
    """The candidates in their final order.

    Where a forum outnumbers articles and FAQ entries, these are compared among themselves and
    threads among themselves, and both are interleaved (see ``kinds``): else the forum buries the
    articles. Where it does not, all are compared alike and articles, which are edited, get a small
    bonus.
    """
    raw = np.array(list(scores.raw.values()), dtype=np.float32)
    if not raw.shape[1]:
        return Fused(np.zeros(0, dtype=np.int64), np.zeros(0), {})
    forum, apart = scores.forum, scores.threads_prevail
    share = 1.0 if apart else scores.forum_share
    scale = part_scales(tuple(scores.raw), _peaks(raw, forum), share)
    parts = dict(zip(scores.raw, _scaled(raw, scale, scores.forum), strict=True))
    # What a document is liked for besides its words counts as far as it is about the words at all.
    relevance = np.minimum(1.0, 4 * parts["words"])
    if not apart:
        parts["kind"] = _article_bonus(relevance, scores)
    totals = _added(np.zeros(raw.shape[1]), parts)
    parts["unsolved"] = np.where(scores.solved == 0, (weights.UNSOLVED - 1) * totals, 0.0)
    totals = totals + parts["unsolved"]

    features = weighted_signals(scores.signals, relevance)
    if scores.votes.size:
        features["votes"] = (weights.VOTES * scores.votes).astype(np.float64)
    totals = _added(totals, features)
    if apart and articles_of is not None:
        features["threads"] = _thread_votes(totals, forum, articles_of)
        totals = totals + features["threads"]

    leaders = ranks(totals)[: weights.LEADERS]
    near = feedback(leaders, totals[leaders] ** 2)
    best_title = float(scores.raw["letters"].max(initial=0.0))
    gained = relevance_feedback(near, best_title)
    totals = _added(totals, gained)
    if apart:
        odds = article_odds(scores.raw, forum, scores.ideal, scores.votes)
        gained["kind"] = merged_gains(totals, forum, odds)
        totals = totals + gained["kind"]

    decided = {}
    if curated is not None:
        decided = curation_scores(totals, scores.documents, curated)
        totals = _added(totals, decided)
    order = ranks(totals)
    if scores.translated.size:
        order, decided["translated"] = lifted(order, totals, scores.translated)
        totals = totals + decided["translated"]
    return Fused(order, totals, parts | features | gained | decided)


def ranks(totals: Totals) -> Positions:
    """The positions of the candidates, best first; equal billionths in their order."""
    return np.rint(totals * -1e9).argsort(kind="stable")


def _added(totals: Totals, parts: Mapping[str, Totals]) -> Totals:
    for part in parts.values():
        totals = totals + part
    return totals


def _scaled(raw: NDArray[np.float32], scale: Peaks, forum: int) -> Contributions:
    """Each row times its scale, that of articles before position ``forum`` and that of threads."""
    return np.concatenate((raw[:, :forum] * scale[:, :1], raw[:, forum:] * scale[:, 1:]), axis=1)


def _thread_votes(totals: Totals, forum: int, articles_of: ArticlesOf) -> Totals:
    """What articles gain because the best threads are about them."""
    best = forum + ranks(totals[forum:])[: weights.VOTING_THREADS]
    counts = (totals[best] / max(float(totals[best[0]]), 1e-9)) ** 2
    gains = np.zeros(totals.size)
    gains[:forum] = weights.THREAD_VOTES * articles_of(best, counts)
    return gains


def _article_bonus(relevance: Totals, scores: RawScores) -> Totals:
    """What articles gain where there are threads beside them."""
    bonus = np.zeros(relevance.size)
    if 0 < scores.forum < relevance.size:
        few_threads, as_many = weights.KIND_BONUS
        share = few_threads + (as_many - few_threads) * 2 * scores.forum_share
        bonus[: scores.forum] = relevance[: scores.forum] * share
    return bonus


def _peaks(raw: NDArray[np.float32], forum: int) -> Peaks:
    """The best score of each part among articles and among threads; of one kind, twice the same."""
    if not 0 < forum < raw.shape[1]:
        return np.asarray(raw.max(axis=1, keepdims=True).repeat(2, axis=1), dtype=np.float64)
    return np.asarray(np.maximum.reduceat(raw, [0, forum], axis=1), dtype=np.float64)


def part_scales(names: tuple[str, ...], peaks: Peaks, forum_share: float) -> Peaks:
    """What the raw scores of each part are multiplied by, those of articles and those of threads.

    Its weight divided by the best, or by ``weights.MIN_SCALES`` where the best is less, so that a
    part in which nothing is good counts little. Threads are divided by the best thread and articles
    by the best article as far as the ``forum_share`` says, by the best of all for the rest.
    """
    weight, least = _part_columns(names)
    peaks = np.maximum(peaks, least)
    overall = peaks.max(axis=1, keepdims=True)
    return np.asarray(weight / (peaks**forum_share * overall ** (1 - forum_share)))


@functools.cache
def _part_columns(names: tuple[str, ...]) -> tuple[Peaks, Peaks]:
    """The weight of each part, and the least that it is divided by.

    A part without data is left out of the whole.
    """
    whole = sum(weights.MIX[name] for name in names)
    weight = np.array([[weights.MIX[name] / whole] for name in names])
    return weight, np.array([[weights.MIN_SCALES.get(name, 1e-9)] for name in names])


def weighted_signals(
    signals: Mapping[str, NDArray[np.floating]], relevance: Totals
) -> dict[str, Totals]:
    """What each signal adds, as far as each document is about the words; a whole heading always."""
    return {
        name: weights.SIGNAL_WEIGHTS[name]
        * (np.ones_like(relevance) if name == "heading" else relevance)
        * values
        for name, values in signals.items()
    }


def relevance_feedback(near: Scores, best_title: float) -> dict[str, Totals]:
    """What each candidate gains from being about the same as the leaders.

    The less, the more the nearest title is what was asked (``best_title`` is its cosine): then
    nothing is left to learn.

    Pseudo-relevance feedback (Rocchio 1971) among latent topics: the best answers say what is asked
    for in more words than the question has. The words of these answers, added to the question, help
    less.
    """
    nearest = float(near.max(initial=0.0))
    if nearest <= 0:
        return {}
    gain = weights.FEEDBACK_WEIGHT * (1 - min(1.0, best_title) ** 4) / nearest
    return {"kindred": near.astype(np.float64) * gain}
