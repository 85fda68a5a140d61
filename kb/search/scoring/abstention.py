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
    """How well one of the ``weights.CONFIDENCE_CANDIDATES`` best candidates matches."""

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

    The mean of their log-odds, each raised to at most ``weights.MAX_LOG_ODDS_GAP`` below the best:
    several candidates that agree are surer than one title that happens to share a rare word, and
    yet one page may be the only answer. The best cosine of a title is added: nearly all words occur
    somewhere, but seldom all in one title.
    """
    log_odds = [
        _log_odds(confidence_features(evidence, ideal=ideal, rarest=rarest)) for evidence in best
    ]
    floor = max(log_odds[:3]) - weights.MAX_LOG_ODDS_GAP
    title_cosine = max(evidence.letters for evidence in best)
    mean = sum(max(odds, floor) for odds in log_odds) / len(log_odds)
    return mean + weights.TITLE_WEIGHT * title_cosine


def _log_odds(features: Mapping[str, float]) -> float:
    return weights.CONFIDENCE_BIAS + sum(
        weight * features[name] for name, weight in weights.CONFIDENCE.items()
    )
