"""Where does one promise of one ticket stand?

The values that ``kb.sla.clock`` answers with, and what can be read off them: the derivation of a
due time and the instants of its warnings. Nothing here decides; a Target is true for the ``now`` it
was made for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kb.sla.open_time import (
    Hours,
    PauseInterval,
    Span,
    derive,
    disjoint,
    due_at,
    to_datetime,
    to_timestamp,
    used_between,
)
from kb.sla.policy import Goal, Level, Threshold


class TargetState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"  # late, whether answered by now or not
    CANCELLED = "cancelled"  # ended without a verdict: neither met nor missed
    LATE = "late"  # breached, then given a later due time: still running. Only in stored rows


@dataclass(frozen=True, slots=True)
class Basis:
    """What a due time is counted on: ``seconds`` of ``hours`` from ``start``, minus ``pauses``.

    ``used_before`` was spent earlier, at another level or before a grace; ``settles`` are the
    opening hours to which a budget of business days moves on when it ends while it is closed.
    """

    hours: Hours
    start: int
    seconds: int
    used_before: int = 0
    pauses: tuple[PauseInterval, ...] = ()
    settles: Hours | None = None

    def due(self) -> int | None:
        end = due_at(self.hours, self.start, self.seconds, disjoint(self.pauses))
        return end if end is None else self.settled(end)

    def used(self, at: int) -> int:
        """Seconds used from the start of the count to ``at``, and before."""
        return self.used_before + used_between(self.hours, self.start, at, disjoint(self.pauses))

    def settled(self, end: int) -> int | None:
        if self.settles is None:
            return end
        return next((max(opens, end) for opens, _ in self.settles.openings(end)), None)

    def spans(self) -> tuple[Span, ...]:
        """The derivation from the start to the due instant, or as far as anything is known."""
        end = due_at(self.hours, self.start, self.seconds, disjoint(self.pauses))
        spans = derive(self.hours, self.start, end, self.pauses)
        due = None if end is None else self.settled(end)
        return (
            spans + derive(self.settles, end, due)
            if self.settles and end is not None and due is not None
            else spans
        )


@dataclass(frozen=True, slots=True)
class SlaWarning:
    """A warning that falls at ``at``: the instant at which ``threshold`` is reached in open time."""

    threshold: Threshold
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Target:
    """One promise in one cycle. While paused there is no ``due``; ``remaining_seconds`` is negative
    when late.
    """

    goal: Goal
    cycle: int
    level: Level
    state: TargetState
    started: dt.datetime
    due: dt.datetime | None
    ended: dt.datetime | None
    breached_at: dt.datetime | None
    used_seconds: int
    budget_seconds: int
    basis: Basis
    grace: bool = False
    original_due: dt.datetime | None = None  # what grace has put off

    @property
    def remaining_seconds(self) -> int:
        return self.budget_seconds - self.used_seconds

    @property
    def met_at(self) -> dt.datetime | None:
        """When it was answered, in time or late."""
        return None if self.state is TargetState.CANCELLED else self.ended

    def spans(self) -> tuple[Span, ...]:
        """Every second between the start of the count and the due instant."""
        return self.basis.spans()

    def warnings(self) -> tuple[SlaWarning, ...]:
        """The warnings of this target, earliest first; those that a pause keeps from coming are
        missing.
        """
        basis = self.basis
        pauses = disjoint(basis.pauses)
        found = []
        for threshold in self.level.warn:
            seconds = self._used_at(threshold) - basis.used_before
            at = due_at(basis.hours, basis.start, seconds, pauses) if seconds > 0 else None
            if at is not None:
                found.append(SlaWarning(threshold, to_datetime(at)))
        return tuple(sorted(found, key=lambda notice: notice.at))

    def _used_at(self, threshold: Threshold) -> int:
        if threshold.percent:
            return -(-self.budget_seconds * threshold.percent // 100)
        return self.budget_seconds - threshold.lead


def next_at(targets: Iterable[Target], now: dt.datetime) -> dt.datetime | None:
    """The first instant after ``now`` at which a warning or a breach falls if nothing happens; for
    a scheduler.
    """
    running = [target for target in targets if target.state is TargetState.RUNNING]
    moments = [target.due for target in running if target.due is not None]
    moments += [notice.at for target in running for notice in target.warnings()]
    return min((at for at in moments if to_timestamp(at) > to_timestamp(now)), default=None)
