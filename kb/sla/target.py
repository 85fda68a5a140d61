"""SLA targets: the values that ``kb.sla.clock`` returns.

A ``Target`` describes one target of one ticket at the ``now`` that it was computed for. From it
follow the derivation of its due time and the instants of its warnings. Nothing is decided here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from kb.sla.open_time import Basis, Span, to_datetime
from kb.sla.policy import Goal, Level, Threshold


class TargetState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"  # overdue, whether or not it was fulfilled later
    CANCELLED = "cancelled"  # ended without a result: neither met nor breached
    LATE = "late"  # breached, then given a later due time; only in stored rows


@dataclass(frozen=True, slots=True)
class SlaWarning:
    """A warning at the instant at which business hours reach ``threshold``."""

    threshold: Threshold
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Target:
    """One SLA target in one cycle.

    It has no ``due`` while it is paused; ``remaining_seconds`` is negative when it is overdue.
    """

    goal: Goal
    cycle: int
    level: Level
    state: TargetState
    started: dt.datetime
    due: dt.datetime | None
    ended: dt.datetime | None
    met_at: dt.datetime | None  # when it was fulfilled, in time or late
    breached_at: dt.datetime | None
    used_seconds: int
    budget_seconds: int
    basis: Basis
    grace: bool = False
    original_due: dt.datetime | None = None  # the due time before the grace period

    @property
    def remaining_seconds(self) -> int:
        return self.budget_seconds - self.used_seconds

    def spans(self) -> tuple[Span, ...]:
        """Every second between the start of the count and the due time."""
        return self.basis.spans()

    def warnings(self) -> tuple[SlaWarning, ...]:
        """The warnings of this target by time, without those that a pause prevents."""
        warnings = []
        for threshold in self.level.warn:
            instant = self.basis.reaches(self._used_at(threshold))
            if instant is not None:
                warnings.append(SlaWarning(threshold, to_datetime(instant)))
        return tuple(sorted(warnings, key=lambda warning: warning.at))

    def _used_at(self, threshold: Threshold) -> int:
        if threshold.percent:
            return -(-self.budget_seconds * threshold.percent // 100)
        return self.budget_seconds - threshold.lead
