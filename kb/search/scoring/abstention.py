"""Abstention: whether any of the best candidates is good enough to show.

People ignore a suggestion box that often shows irrelevant results. The weights and their sources
are in ``weights.CONFIDENCE``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kb.search import weights


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one of the best candidates of a query (``weights.LOOKED_AT``)."""

    letters: float  # the cosine of its title
    words: float  # its raw word score
    topics: float | None  # the cosine of its nearest passage; None in an index without topics


def confidence_features(evidence: Evidence, *, ideal: float, rarest: float) -> dict[str, float]:
    """What ``confidence`` weighs, by name: shares and cosines, so that no index size matters.

    ``ideal`` is the sum of the idfs of all the query's words, unknown ones counting as the rarest;
    ``rarest`` the idf of a word that one document has. ``words`` is the share of the query that
    matches, ``weight`` how much that is, as the logarithm of the number of rarest words it equals:
    all of "can you tell me how" matches nearly everywhere, and says nothing.
    """
    matched = evidence.words / (weights.K1 + 1)
    return {
        "letters": evidence.letters,
        "words": matched / max(ideal, 1e-9),
        "weight": math.log(max(matched / rarest, 0.05)),
        "topics": 0.5 if evidence.topics is None else evidence.topics,
    }


def confidence(best: Sequence[Evidence], *, ideal: float, rarest: float) -> float:
    """The log-odds that one of the best candidates answers the query.

    The mean over all that are looked at, none counted as more than ``weights.COMPANIONS`` less sure
    than the best: several that agree are surer than one title that happens to share a rare word,
    and yet one page may be the only one. Added to it is how like the likest title is: nearly all
    words are found somewhere, but seldom all in one title.
    """
    each = [
        _log_odds(confidence_features(evidence, ideal=ideal, rarest=rarest)) for evidence in best
    ]
    least = max(each[:3]) - weights.COMPANIONS
    likest = max(evidence.letters for evidence in best)
    return sum(max(odds, least) for odds in each) / len(each) + weights.LIKEST * likest


def _log_odds(features: Mapping[str, float]) -> float:
    return weights.CONFIDENCE_BIAS + sum(
        weight * features[name] for name, weight in weights.CONFIDENCE.items()
    )
