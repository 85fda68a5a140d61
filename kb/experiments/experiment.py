"""An experiment, and its verdict: whether people prefer the candidate. Pure.

Each person, or visit of somebody unknown, is one observation: of what they opened, the share that
the candidate had picked. Where neither ranking is better, the mean share is a half. Its interval is
the confidence sequence of ``kb.analytics.causal_effect``, so that anybody may look at any time, and
end the experiment when there is a verdict.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kb.analytics.causal_effect import ArmSums, needed_people, share_sequence


class Preference(StrEnum):
    CANDIDATE = "candidate"
    PRESENT = "present"
    UNKNOWN = "not known yet"


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """``share`` is None while nobody has opened anything; ``needed`` when there is no doubt."""

    people: int
    share: float | None
    low: float
    high: float
    verdict: Preference
    needed: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "people": self.people,
            "share": self.share,
            "low": self.low,
            "high": self.high,
            "verdict": self.verdict.value,
            "needed": self.needed,
        }

    @staticmethod
    def from_json(shape: Mapping[str, Any]) -> ExperimentResult:
        return ExperimentResult(**{**shape, "verdict": Preference(shape["verdict"])})


@dataclass(frozen=True, slots=True)
class Experiment:
    id: int
    name: str
    curations: Mapping[str, Any]
    started_at: dt.datetime
    ended_at: dt.datetime | None = None
    result: ExperimentResult | None = None

    @property
    def running(self) -> bool:
        return self.ended_at is None


def result_of(opened: Iterable[tuple[int, int]]) -> ExperimentResult:
    """From how often each person opened what the present ranking and the candidate had picked."""
    shares = [candidate / (present + candidate) for present, candidate in opened]
    sums = ArmSums(len(shares), sum(shares), sum(share * share for share in shares))
    if not shares:
        return ExperimentResult(0, None, 0.0, 1.0, Preference.UNKNOWN, needed_people(sums))
    mean, low, high = share_sequence(sums)
    verdict = Preference.UNKNOWN
    if low > 0.5:
        verdict = Preference.CANDIDATE
    elif high < 0.5:
        verdict = Preference.PRESENT
    needed = needed_people(sums) if verdict is Preference.UNKNOWN else None
    return ExperimentResult(
        len(shares), round(mean, 4), round(low, 4), round(high, 4), verdict, needed
    )
