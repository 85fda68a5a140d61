"""The causal effect of suggestions: how many more people file a ticket when none are shown.

Two arms are compared, people by people, with an interval that stays valid however often somebody
looks at it and whenever they stop. Pure arithmetic on sums, which works on numbers and on arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np

#: Of all the intervals that are ever shown for one comparison, so many may miss the truth.
ERROR_RATE = 0.05
#: The interval is the tightest for effects of about this size. It is valid for every other.
_EXPECTED_EFFECT = 0.056
#: Below so many people in an arm, a variance says too little for the interval to be trusted.
MIN_PEOPLE = 20
#: The smallest effect for which ``needed`` is calculated: two tickets of a hundred visits.
_SMALLEST_EFFECT = 0.02


class Conclusion(StrEnum):
    WORKS = "works"
    HARMS = "harms"
    UNKNOWN = "not known yet"


#: The same for people; the values above are a contract for programs.
CONCLUSION_WORDS: Mapping[Conclusion, str] = MappingProxyType(
    {
        Conclusion.WORKS: "suggestions save tickets",
        Conclusion.HARMS: "suggestions cause tickets",
        Conclusion.UNKNOWN: "not known yet",
    }
)


@dataclass(frozen=True, slots=True)
class ArmSums:
    """What is known of one arm.

    Each of the ``people`` has a share: of their needs, how many ended with a ticket. ``filed`` is
    the sum of the shares, ``squares`` the sum of their squares. The share of one person is one
    observation however often the person comes, so that nobody moves the result alone.
    """

    people: Any = 0
    filed: Any = 0.0
    squares: Any = 0.0

    def __add__(self, other: ArmSums) -> ArmSums:
        return ArmSums(
            self.people + other.people, self.filed + other.filed, self.squares + other.squares
        )

    @property
    def mean(self) -> Any:
        return self.filed / np.maximum(self.people, 1)

    @property
    def variance(self) -> Any:
        """Of the shares, with one more person who always files and one who never does (Agresti and
        Caffo, The American Statistician 54, 2000): ten who did the same don't prove that all do.
        """
        people, total = self.people + 2, self.filed + 1
        return (self.squares + 1 - total**2 / people) / (people - 1)


@dataclass(frozen=True, slots=True)
class CausalEffect:
    """``effect`` is the share of people who file without suggestions minus the share who file with
    them, so that 0.05 are five tickets fewer of a hundred. ``rate`` relates it to the first share.

    ``needed`` is how many more visits would end the doubt if the effect is what it seems; None when
    there is no doubt, or nothing to compare.
    """

    effect: float | None
    low: float
    high: float
    conclusion: Conclusion
    needed: int | None
    rate: float | None

    @property
    def words(self) -> str:
        """The conclusion for people."""
        return CONCLUSION_WORDS[self.conclusion]

    def as_json(self) -> dict[str, Any]:
        return {
            "effect": self.effect,
            "low": self.low,
            "high": self.high,
            "verdict": self.conclusion.value,
            "needed": self.needed,
            "rate": self.rate,
        }


def confidence_sequence(treatment: ArmSums, holdout: ArmSums) -> tuple[Any, Any, Any]:
    """The effect with the lower and the upper limit of its interval.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
    "Time-uniform central limit theory and asymptotic confidence sequences" (Annals of Statistics
    52, 2024), in its form for estimates with a variance: the normal mixture of Robbins,
    "Statistical methods related to the law of the iterated logarithm" (Annals of Mathematical
    Statistics 41, 1970), over the information 1 / variance. With probability 1 - ERROR_RATE it
    holds the truth at all times at once.
    """
    effect = holdout.mean - treatment.mean
    enough = (treatment.people >= MIN_PEOPLE) & (holdout.people >= MIN_PEOPLE)
    low, high = _interval(effect, _variance_of_effect(treatment, holdout), enough=enough)
    return effect, low, high


def share_sequence(sums: ArmSums) -> tuple[float, float, float]:
    """The mean share of one arm with the limits of its interval, which stays valid however often
    somebody looks: as ``confidence_sequence``, for one mean.
    """
    mean = float(sums.mean)
    low, high = _interval(
        mean - 0.5, sums.variance / max(sums.people, 1), enough=sums.people >= MIN_PEOPLE
    )
    return mean, max(0.0, float(low) + 0.5), min(1.0, float(high) + 0.5)


def needed_people(sums: ArmSums) -> int:
    """How many more people would show that the mean is not a half, if it is as estimated."""
    people = max(int(sums.people), 1)
    wanted = _variance_for(max(abs(float(sums.mean) - 0.5), _SMALLEST_EFFECT))
    times = max(float(sums.variance) / people / wanted, MIN_PEOPLE / people)
    return max(1, int(np.ceil((times - 1) * people)))


def causal_effect(comparisons: Iterable[tuple[ArmSums, ArmSums]], *, visits: int) -> CausalEffect:
    """From the sums of treatment and holdout, one pair for each share of the holdout that was ever
    set: people who came while it was small are not compared with those who came while it was large.

    ``visits`` are the eligible ones behind the sums, for ``needed``.
    """
    pairs = [pair for pair in comparisons if pair[0].people and pair[1].people]
    if not pairs:
        return CausalEffect(None, -1.0, 1.0, Conclusion.UNKNOWN, None, None)
    fewest = max(min(int(arm.people) for arm in pair) for pair in pairs)
    pairs = [pair for pair in pairs if min(arm.people for arm in pair) >= min(fewest, MIN_PEOPLE)]

    # The mean of the pairs, weighted by how much each of them knows.
    weights = [1 / float(_variance_of_effect(*pair)) for pair in pairs]
    variance = 1 / sum(weights)
    means = [float(holdout.mean) for _, holdout in pairs]
    effects = [float(holdout.mean - treatment.mean) for treatment, holdout in pairs]
    effect = variance * sum(map(operator.mul, weights, effects))
    mean = variance * sum(map(operator.mul, weights, means))
    low, high = map(float, _interval(effect, variance, enough=fewest >= MIN_PEOPLE))
    conclusion = Conclusion.UNKNOWN
    if low > 0:
        conclusion = Conclusion.WORKS
    elif high < 0:
        conclusion = Conclusion.HARMS

    needed = None
    if conclusion is Conclusion.UNKNOWN:
        wanted = _variance_for(max(abs(effect), _SMALLEST_EFFECT))
        times = max(variance / wanted, MIN_PEOPLE / fewest)
        needed = max(1, int(np.ceil((times - 1) * visits)))
    return CausalEffect(
        round(effect, 6),
        round(low, 6),
        round(high, 6),
        conclusion,
        needed,
        round(effect / mean, 6) if mean else None,
    )


def _interval(effect: Any, variance: Any, *, enough: Any) -> tuple[Any, Any]:
    radius = _radius(variance)
    low = np.where(enough, np.maximum(effect - radius, -1.0), -1.0)
    high = np.where(enough, np.minimum(effect + radius, 1.0), 1.0)
    return low, high


def _variance_of_effect(treatment: ArmSums, holdout: ArmSums) -> Any:
    """The larger one of two estimates: with each arm's own variance, and with that of both arms
    together. The first is too small while a small holdout has seen none of the rare tickets yet.
    """
    people, others = np.maximum(treatment.people, 1), np.maximum(holdout.people, 1)
    apart = treatment.variance / people + holdout.variance / others
    together = (treatment + holdout).variance * (1 / people + 1 / others)
    return np.maximum(apart, together)


def _radius(variance: Any) -> Any:
    prior = _EXPECTED_EFFECT**-2
    information = 1 / variance
    total = information + prior
    return np.sqrt(total / information * np.log(total / (prior * ERROR_RATE**2)) * variance)


def _variance_for(effect: float) -> float:
    """The largest variance with which the interval around ``effect`` leaves out zero.

    By bisection: the radius grows with the variance.
    """
    low, high = 1e-12, 1.0
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if _radius(middle) < effect else (low, middle)
    return low
