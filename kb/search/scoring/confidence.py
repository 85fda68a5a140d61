"""Confidence: how probable it is that a candidate answers, and whether it is worth showing.

People ignore a suggestion box that often shows irrelevant results, and file what a page answers
when it stays silent. One model for all sites weighs the evidence (``weights.CONFIDENCE``): the
candidates compete with each other and with "none of these" (a conditional logit, McFadden 1974).
How much evidence a site needs is its ``Calibration``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.results import Tier

_MOST = 30.0  # log-odds beyond which a probability is 0 or 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """How one partition turns log-odds of the model into a decision and into probabilities."""

    threshold: float = weights.THRESHOLD  # log-odds below which nothing is shown
    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def from_json(cls, measured: Mapping[str, float]) -> Self:
        return cls(measured["threshold"], measured["slope"], measured["offset"])

    def probability(self, log_odds: float) -> float:
        """The probability that any of the candidates answers."""
        return logistic(self.slope * log_odds + self.offset)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is thought of the best candidates of one query."""

    log_odds: float  # that any of them answers, by the model
    own: NDArray[np.float64]  # [candidates], the log-odds that each one answers
    contributions: Mapping[str, NDArray[np.float64]]  # by evidence, to each one's log-odds

    def confidences(self, calibration: Calibration) -> NDArray[np.float64]:
        """The probability that each candidate answers.

        The geometric mean of what it would be if only one of them did, and if none knew of the
        others: several pages may answer, but one that is much better makes the others needless.
        """
        alone = np.array([calibration.probability(own) for own in self.own.tolist()])
        share = np.exp(np.minimum(self.own - self.log_odds, 0.0))
        return np.sqrt(alone * calibration.probability(self.log_odds) * share)


NOTHING = Judgement(-math.inf, np.zeros(0), {})


def judge(evidence: Mapping[str, NDArray[np.float64]]) -> Judgement:
    """The judgement of candidates by their evidence, best ranked first.

    The first ``weights.CONSIDERED`` decide whether any answers, so that it does not depend on how
    many are asked for.
    """
    model = _model(frozenset(evidence))
    contributions = np.array([evidence[name] for name in model.names])
    contributions *= model.weights
    log_odds = contributions.sum(axis=0) + model.bias
    if not log_odds.size:
        return NOTHING
    first = log_odds[: weights.CONSIDERED].tolist()
    highest = max(first)
    overall = highest + math.log(sum(math.exp(own - highest) for own in first))
    return Judgement(overall, log_odds, dict(zip(model.names, contributions, strict=True)))


class _Model(NamedTuple):
    names: tuple[str, ...]
    weights: NDArray[np.float64]  # [names, 1]
    bias: float


@functools.cache
def _model(names: frozenset[str]) -> _Model:
    """The model as far as there is evidence."""
    if "reading" in names:
        model, bias = weights.CONFIDENCE_READ, weights.CONFIDENCE_READ_BIAS
    elif "meaning" in names:
        model, bias = weights.CONFIDENCE, weights.CONFIDENCE_BIAS
    else:
        model, bias = weights.CONFIDENCE_BY_WORDS, weights.CONFIDENCE_BY_WORDS_BIAS
    known = tuple(name for name in model if name in names)
    return _Model(known, np.array([[model[name]] for name in known]), bias)


def tier(confidence: float) -> Tier:
    return Tier.STRONG if confidence >= weights.STRONG else Tier.PERHAPS


def logistic(log_odds: float) -> float:
    """
    >>> round(logistic(0.0), 2), round(logistic(2.0), 2)
    (0.5, 0.88)
    """
    return 1 / (1 + math.exp(-min(max(log_odds, -_MOST), _MOST)))
