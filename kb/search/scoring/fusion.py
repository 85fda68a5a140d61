"""In which order are candidates shown, and is any good enough?

Pure functions over arrays of one entry a candidate: each part of a score has a name, its weight
stands in ``weights``, and what it contributed can be shown. Not for finding candidates: that is the
matrix.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.scoring import weights

Ints = npt.NDArray[Any]
Floats = npt.NDArray[Any]
#: Raw scores, what they are multiplied by, where topics begin, the articles' bonus, solved, what
#: unsolved ones lose.
Weigh = Callable[[Floats, Floats, int, float, Ints, float], tuple[Floats, Floats]]


def normalised(parts: Mapping[str, Floats], forum: int, chatter: float) -> dict[str, Floats]:
    """Each score divided by the best of its part and times its weight, so that parts of different
    scale can be added.

    In a mixed index, where topics begin at place ``forum``, topics and articles have each their own
    best.
    """
    scores = np.array(list(parts.values()), dtype=np.float64)
    if scores.shape[1]:
        scale = scales(tuple(parts), peaks(scores, forum), chatter)
        scores[:, :forum] *= scale[:, :1]
        scores[:, forum:] *= scale[:, 1:]
    return dict(zip(parts, scores, strict=True))


def peaks(scores: Floats, forum: int) -> Floats:
    """The best score of each part (row) among the candidates before place ``forum``, and from there
    on; where there are none, that of the others."""
    if not 0 < forum < scores.shape[1]:
        return np.asarray(scores.max(axis=1, keepdims=True).repeat(2, axis=1))
    return np.asarray(np.maximum.reduceat(scores, [0, forum], axis=1))


def scales(names: tuple[str, ...], best: Floats, chatter: float) -> Floats:
    """What the scores of each part are multiplied by, those of articles and those of topics (see
    ``peaks``).

    Its weight divided by the best, or by ``weights.LEAST_BEST`` where the best is less, so that a
    part in which nothing is good counts little. Topics are divided by the best topic and articles
    by the best article as far as ``chatter`` says (0 to 1: how much of the index is forum), by the
    best of all for the rest.
    """
    weight, least = _columns(names)
    best = np.maximum(best, least)
    return np.asarray(weight / (best**chatter * best.max(axis=1, keepdims=True) ** (1 - chatter)))


@functools.cache
def _columns(names: tuple[str, ...]) -> tuple[Floats, Floats]:
    """The weight of each part, and what it is divided by at least; a part without data is left out
    of the whole.
    """
    whole = sum(weights.MIX[name] for name in names)
    weight = np.array([[weights.MIX[name] / whole] for name in names])
    return weight, np.array([[weights.LEAST_BEST.get(name, 1e-9)] for name in names])


def mix(parts: Mapping[str, Floats], forum: int, solved: Ints, chatter: float) -> dict[str, Floats]:
    """What each part contributes to each candidate's score; the sum over parts, in their order, is
    the score.

    ``parts`` holds raw scores by name (see ``weights.MIX``); topics begin at place ``forum``. Where
    a forum outnumbers articles and FAQ entries, these are compared among themselves, topics among
    themselves, and articles get a bonus: else the forum buries them. Where it does not, all are
    compared alike and articles, which are edited, get a small one. ``chatter`` is the forum's share
    of the documents; without a forum, or with nothing else, it has no effect.
    """
    given = normalised(parts, forum, chatter)
    if 0 < forum < solved.size:
        # The bonus needs a reason: it grows with the words found, so that an article about nothing
        # gets nothing.
        given["kind"] = np.minimum(1.0, 4 * given["words"]) * bonus(chatter)
        given["kind"][forum:] = 0
    if not solved.all():
        total = sum(given.values(), np.zeros(solved.size))
        given["unsolved"] = np.where(solved == 0, (weights.UNSOLVED - 1) * total, 0.0)
    return given


def total(
    parts: Mapping[str, Floats], forum: int, solved: Ints, chatter: float, weigh: Weigh
) -> tuple[Floats, Floats]:
    """The sum of what ``mix`` gives, to the last bit, and its part "words", in one compiled loop."""
    scores = np.array(list(parts.values()), dtype=np.float32)
    if not solved.size:
        return np.zeros(0), np.zeros(0)
    scale = scales(tuple(parts), peaks(scores, forum).astype(np.float64), chatter)
    most = bonus(chatter) if 0 < forum < solved.size else 0.0
    return weigh(scores, scale, forum, most, solved, weights.UNSOLVED - 1)


def bonus(chatter: float) -> float:
    """What articles get at most in a mixed index, as far as topics outnumber them."""
    few, many = weights.KIND_BONUS
    return few + (many - few) * chatter


def voted(votes: Floats, voted_for: Ints, documents: Ints) -> dict[str, Floats]:
    """What resolved tickets add to ``documents``; ``voted_for`` (ascending) are the documents of
    ``votes``.
    """
    if not votes.size:
        return {}
    given = np.zeros(documents.size)
    at = np.minimum(voted_for.searchsorted(documents), voted_for.size - 1)
    known = voted_for[at] == documents
    given[known] = weights.VOTES * votes[at[known]]
    return {"votes": given}


def nudged(signals: Mapping[str, Floats], words: Floats) -> dict[str, Floats]:
    """What each signal (0 to 1 a candidate, see ``weights.NUDGES``) adds where the ``words`` part
    gives it a reason.
    """
    reason = np.minimum(1.0, 4 * words)
    return {
        name: weights.NUDGES[name] * reason * values
        for name, values in signals.items()
        if values.any()
    }


def feedback_documents(score: Floats, order: Ints) -> tuple[Ints, Floats]:
    """The places of the best few candidates, and what each says of what is asked for: the square of
    its score.
    """
    best = order[: weights.LEADERS]
    return best, score[best] ** 2


def relevance_feedback(near: Floats, likest: float) -> dict[str, Floats]:
    """What each candidate gains from being about the same as the best few (see ``Partition.kindred``).

    The less, the more the likest title is what was asked (``likest``: its cosine): then nothing is
    left to learn.

    Pseudo-relevance feedback (Rocchio 1971) among topics: the best answers say what is asked for in
    more words than the question has. The words of these answers, added to the question, help less.
    """
    most = float(near.max(initial=0.0))
    if most <= 0:
        return {}
    return {
        "kindred": near.astype(np.float64) * (weights.KINDRED * (1 - min(1.0, likest) ** 4) / most)
    }


def fresh(days: Ints, newest: int) -> Floats:
    """1 for the newest document of the index, half of it after ``weights.FRESH_DAYS``, 0 without a
    date.

    Counted from the newest document and not from today, so that an answer does not change while an
    index does not.
    """
    return np.where(days > 0, 0.5 ** ((newest - days) / weights.FRESH_DAYS), 0.0)


def order(score: Floats) -> Ints:
    """Best first; equal scores in the order of the candidates, which ascend as their ids do."""
    return np.argsort(-np.round(score, 9), kind="stable")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one of the best candidates of a query (``weights.LOOKED_AT``), for
    ``confidence``.

    ``letters``: cosine of its title; ``words``: its raw score; ``topics``: cosine of its nearest
    passage, None in an index without topics.
    """

    letters: float
    words: float
    topics: float | None


def features(one: Evidence, *, ideal: float, rarest: float) -> dict[str, float]:
    """What ``confidence`` weighs, by name: shares and cosines, so that none depends on how large an
    index is.

    ``ideal`` is the sum of the idfs of all the query's words, unknown ones counting as the rarest;
    ``rarest`` the idf of a word that one document has. ``words`` is the share of the query that was
    found, ``weight`` how much that is, as the logarithm of the number of rarest words it is worth:
    all of "can you tell me how" is found nearly everywhere, and says nothing.
    """
    found = one.words / (weights.K1 + 1)
    return {
        "letters": one.letters,
        "words": found / max(ideal, 1e-9),
        "weight": math.log(max(found / rarest, 0.05)),
        "topics": 0.5 if one.topics is None else one.topics,
    }


def confidence(best: Sequence[Evidence], *, ideal: float, rarest: float) -> float:
    """Log-odds that one of the best candidates answers the query (weights and where they are from:
    ``CONFIDENCE``).

    The mean over all that are looked at, none counted as more than ``weights.COMPANIONS`` less sure
    than the best: several that agree are surer than one title that happens to share a rare word,
    and yet one page may be the only one. To it is added how like the likest title is: nearly all
    words are found somewhere, but seldom all in one title.
    """
    each = [_log_odds(features(one, ideal=ideal, rarest=rarest)) for one in best]
    least = max(each[:3]) - weights.COMPANIONS
    likest = max(one.letters for one in best)
    return sum(max(one, least) for one in each) / len(each) + weights.LIKEST * likest


def _log_odds(found: Mapping[str, float]) -> float:
    return weights.CONFIDENCE_BIAS + sum(
        weight * found[name] for name, weight in weights.CONFIDENCE.items()
    )
