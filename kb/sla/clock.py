"""SLA clock: the SLA targets of a ticket, computed from its history.

``targets_at`` is a pure function of events, policy versions and ``now``: it replays the events and
returns targets that run, are paused, were met or breached. The ticket repository makes
``SlaEvent``s from its rows. Nothing is stored or sent here; ``kb.sla.target`` names the instants of
warnings.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kb.sla.calendar import CalendarVersions
from kb.sla.open_time import (
    FOREVER,
    Basis,
    Budget,
    Hours,
    PauseInterval,
    Unit,
    to_datetime,
    to_timestamp,
)
from kb.sla.policy import Goal, Level, LevelChange, Reason, SlaPolicy
from kb.sla.target import Target, TargetState


class SlaEventKind(StrEnum):
    ACCEPTED = "accepted"  # with level; several after a merge: the earliest counts
    COMMENT = "comment"
    PAUSED = "paused"  # with reason, perhaps until
    RESUMED = "resumed"
    RESOLVED = "resolved"  # by the customer: closed, which ends open targets without a verdict
    CANCELLED = "cancelled"
    VOIDED = "voided"  # spam or duplicate: no target counts
    REOPENED = "reopened"
    LEVEL_CHANGED = "level_changed"  # with level, perhaps change
    NO_ANSWER_NEEDED = "no_answer_needed"  # a thank-you


@dataclass(frozen=True, slots=True)
class SlaEvent:
    """An event of a ticket that may affect its targets."""

    at: dt.datetime
    kind: SlaEventKind
    level: str = ""
    reason: str = ""  # the key of a Reason of the policy
    by_agent: bool = False
    public: bool = True
    automatic: bool = False  # an auto-reply or a bot: neither answers nor asks
    until: dt.datetime | None = None  # the reminder date on which a pause ends by itself
    change: LevelChange | None = None  # None: the default of the new level


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy that is in force from ``effective`` on, which is the timestamp ``since``."""

    effective: dt.datetime
    policy: SlaPolicy
    since: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "since", to_timestamp(self.effective))


def targets_at(
    events: Iterable[SlaEvent], policies: SlaPolicy | Sequence[PolicyVersion], now: dt.datetime
) -> tuple[Target, ...]:
    """The targets of one ticket at ``now``: first responses, next responses and resolutions, each
    by cycle.

    Events may come in any order; those after ``now`` are ignored. A target keeps the budget of the
    policy that was in force when its level was assigned, while its calendar follows each policy
    version from that version's start on. Raises Invalid for a level that the policy in force does
    not have.
    """
    history = _History(_versions(policies))
    until = to_timestamp(now)
    for at, event in sorted(
        ((to_timestamp(event.at), event) for event in events), key=lambda pair: pair[0]
    ):
        if at <= until:
            _HANDLERS[event.kind](history, at, event)

    order = list(Goal)
    targets = [_target(history, run, until) for run in history.runs]
    return tuple(sorted(targets, key=lambda target: (order.index(target.goal), target.cycle)))


def _versions(policies: SlaPolicy | Sequence[PolicyVersion]) -> list[tuple[int, SlaPolicy]]:
    if isinstance(policies, SlaPolicy):
        return [(0, policies)]
    return sorted(
        ((version.since, version.policy) for version in policies), key=lambda version: version[0]
    )


@dataclass(slots=True)
class _Run:
    """A target while its history is replayed."""

    goal: Goal
    cycle: int
    level: Level
    started: int
    basis: Basis
    ended: int | None = None
    state: TargetState | None = None  # None: still open
    breached_at: int | None = None
    grace: bool = False
    original: int | None = None
    due: int | None = None  # fixed once the target has ended: later events cannot move it


@dataclass(slots=True)
class _Pause:
    start: int
    end: int
    reason: Reason


@dataclass(slots=True)
class _History:
    """The state of the replay after the events so far."""

    versions: list[tuple[int, SlaPolicy]]
    runs: list[_Run] = field(default_factory=list)
    pauses: list[_Pause] = field(default_factory=list)
    level: Level | None = None
    accepted: int = 0
    answered: bool = False
    closed: int | None = None
    void: bool = False

    def policy(self, at: int) -> SlaPolicy:
        """The version in force at an instant; the first version also applies before its start."""
        return next(
            (policy for since, policy in reversed(self.versions) if since <= at),
            self.versions[0][1],
        )

    def measure(self, level: Level, at: int, budget: Budget) -> tuple[Hours, int, Hours | None]:
        """The hours on which ``budget`` counts from ``at``, its seconds, and the hours to whose
        next opening a budget of business days moves on.
        """
        if (
            len(self.versions) == 1 and budget.unit is Unit.OPEN_TIME
        ):  # nearly always, and counted for every event
            return self.versions[0][1].calendars[level.calendar], budget.amount, None

        calendars = [
            (since, policy.calendars[level.calendar])
            for since, policy in self.versions
            if level.calendar in policy.calendars
        ]
        in_force = next(
            (calendar for since, calendar in reversed(calendars) if since <= at), calendars[0][1]
        )
        hours, seconds = in_force.measure(at, budget)
        settles: Hours | None = in_force if budget.unit is Unit.BUSINESS_DAYS else None
        if len(calendars) > 1:
            hours = CalendarVersions(
                tuple((since, calendar.measure(at, budget)[0]) for since, calendar in calendars)
            )
            settles = CalendarVersions(tuple(calendars)) if settles else None

        return hours, seconds, settles

    def basis(self, level: Level, at: int, budget: Budget) -> Basis:
        hours, seconds, settles = self.measure(level, at, budget)
        return Basis(hours, at, seconds, settles=settles)

    def open_runs(self) -> list[_Run]:
        return [run for run in self.runs if run.state is None]

    def last(self, goal: Goal) -> _Run | None:
        return next((run for run in reversed(self.runs) if run.goal is goal), None)

    def start(self, goal: Goal, at: int) -> None:
        """Starts a target unless it runs already or the level has none for this goal."""
        last = self.last(goal)
        budget = self.level.budgets[goal] if self.level else None
        if self.level and budget and (last is None or last.state is not None):
            cycle = last.cycle + 1 if last else 1
            self.runs.append(_Run(goal, cycle, self.level, at, self.basis(self.level, at, budget)))

    def paused(self, run: _Run) -> Basis:
        """The basis of ``run`` with the pauses so far that apply to its goal."""
        pauses = tuple(
            (pause.start, pause.end, pause.reason.title)
            for pause in self.pauses
            if run.goal in pause.reason.pauses and pause.end > pause.start
        )
        return _with(run.basis, pauses=pauses) if pauses else run.basis

    def finish(self, run: _Run, at: int, state: TargetState) -> None:
        run.basis = self.paused(run)
        run.due = run.basis.due()
        if run.breached_at is None and run.due is not None and at > run.due:
            run.breached_at = run.due
        run.ended = at
        run.state = state if run.breached_at is None else TargetState.BREACHED

    def resume(self, at: int) -> None:
        for pause in self.pauses[-1:]:
            pause.end = min(pause.end, max(at, pause.start))


def _with(basis: Basis, *, pauses: tuple[PauseInterval, ...]) -> Basis:
    return Basis(basis.hours, basis.start, basis.seconds, basis.used_before, pauses, basis.settles)


def _accepted(history: _History, at: int, event: SlaEvent) -> None:
    if history.level is None:
        history.level = history.policy(at).level(event.level)
        history.accepted = at
        history.start(Goal.FIRST, at)
        history.start(Goal.RESOLUTION, at)


def _comment(history: _History, at: int, event: SlaEvent) -> None:
    if history.level is None or event.automatic or not event.public:
        return
    if event.by_agent:
        history.answered = True
        for run in history.open_runs():
            if run.goal is not Goal.RESOLUTION:
                history.finish(run, at, TargetState.MET)
        return
    if history.pauses and history.pauses[-1].reason.until_reply:
        history.resume(at)
    if history.answered and history.closed is None:
        history.start(Goal.NEXT, at)


def _paused(history: _History, at: int, event: SlaEvent) -> None:
    if history.level is None or history.closed is not None:
        return
    history.resume(at)
    configured = history.policy(at).reasons.get(event.reason)
    reason = configured or (
        _CUSTOMER if event.reason == CUSTOMER else Reason(event.reason, event.reason or "paused")
    )
    end = FOREVER if event.until is None else max(at, to_timestamp(event.until))
    history.pauses.append(_Pause(at, end, reason))


#: The reason that every site has, whether or not its policies list it.
CUSTOMER = "customer"
_CUSTOMER = Reason(CUSTOMER, "waiting for the customer", until_reply=True)


def _resumed(history: _History, at: int, _event: SlaEvent) -> None:
    history.resume(at)


def _closed(history: _History, at: int, event: SlaEvent) -> None:
    if history.level is None or history.closed is not None:
        return
    history.resume(at)
    met = event.kind is SlaEventKind.RESOLVED and event.by_agent
    history.answered = history.answered or met
    history.closed = at
    for run in history.open_runs():
        history.finish(run, at, TargetState.MET if met else TargetState.CANCELLED)


def _voided(history: _History, at: int, event: SlaEvent) -> None:
    _closed(history, at, event)
    history.void = True


def _reopened(history: _History, at: int, event: SlaEvent) -> None:
    if history.level is None or history.closed is None:
        return
    closed, history.closed = history.closed, None
    history.pauses.append(
        _Pause(closed, at, Reason("closed", "solved or closed", frozenset({Goal.RESOLUTION})))
    )
    if not history.answered:
        history.start(Goal.FIRST, at)
    elif not event.by_agent:
        history.start(Goal.NEXT, at)
    _resume_resolution(history, at)


def _resume_resolution(history: _History, at: int) -> None:
    """Starts a cycle that keeps the used time, with a grace period when less than that is left."""
    last, level = history.last(Goal.RESOLUTION), history.level
    if level is None or last is None or level.reopen_resets or level.resolution is None:
        history.start(Goal.RESOLUTION, at)
        return
    run = _Run(
        Goal.RESOLUTION, last.cycle + 1, last.level, last.started, _with(last.basis, pauses=())
    )
    history.runs.append(run)
    if last.level != level:
        _move(history, run, at, level, level.change)
        return
    used = history.paused(run).used(at)
    if run.basis.used_before + run.basis.seconds - used < level.grace:
        _grant(history, run, at, used)


def _level_changed(history: _History, at: int, event: SlaEvent) -> None:
    if history.level is None:
        return
    level = history.level = history.policy(at).level(event.level)
    change = event.change or level.change
    for run in history.open_runs():
        _move(history, run, at, level, change)
    if history.closed is not None:
        return
    since = history.accepted if change is LevelChange.RETROACTIVE else at
    for goal in (Goal.FIRST, Goal.RESOLUTION):
        if history.last(goal) is None and not (goal is Goal.FIRST and history.answered):
            history.start(goal, since)
    if level.handover and history.answered:
        history.start(Goal.NEXT, at)


def _move(history: _History, run: _Run, at: int, level: Level, change: LevelChange) -> None:
    """Continues an open target under another level; a breach that has happened stays one."""
    before = history.paused(run)
    due = before.due()
    if run.breached_at is None and due is not None and at > due:
        run.breached_at = due
    budget = level.budgets[run.goal]
    if budget is None:
        history.finish(run, at, TargetState.CANCELLED)
        return
    run.level, run.grace, run.original = level, False, None
    run.basis = history.basis(
        level, run.started if change is LevelChange.RETROACTIVE else at, budget
    )
    if change is LevelChange.PROPORTIONAL:
        run.basis = _same_share(run.basis, before, at)
    after = history.paused(run)
    due = after.due()
    if due is not None and due <= at:
        run.original = due
        _grant(history, run, at, after.used(at))


def _same_share(basis: Basis, before: Basis, at: int) -> Basis:
    """``basis`` with the same share of its budget used as of the budget ``before``."""
    total = before.used_before + before.seconds
    used = basis.seconds * min(before.used(at), total) // total
    return Basis(basis.hours, basis.start, basis.seconds - used, used, (), basis.settles)


def _grant(history: _History, run: _Run, at: int, used: int) -> None:
    """A grace period from ``at`` on, since too little time is left for anybody to act."""
    if run.original is None:
        run.original = history.paused(run).due()
    hours, seconds, _ = history.measure(run.level, at, Budget(run.level.grace))
    run.basis = Basis(hours, at, seconds, used)
    run.grace = True


def _no_answer_needed(history: _History, at: int, _event: SlaEvent) -> None:
    for run in history.open_runs():
        if run.goal is Goal.NEXT:
            history.finish(run, at, TargetState.CANCELLED)


_HANDLERS: Mapping[SlaEventKind, Callable[[_History, int, SlaEvent], None]] = {
    SlaEventKind.ACCEPTED: _accepted,
    SlaEventKind.COMMENT: _comment,
    SlaEventKind.PAUSED: _paused,
    SlaEventKind.RESUMED: _resumed,
    SlaEventKind.RESOLVED: _closed,
    SlaEventKind.CANCELLED: _closed,
    SlaEventKind.VOIDED: _voided,
    SlaEventKind.REOPENED: _reopened,
    SlaEventKind.LEVEL_CHANGED: _level_changed,
    SlaEventKind.NO_ANSWER_NEEDED: _no_answer_needed,
}


def _target(history: _History, run: _Run, now: int) -> Target:
    if run.ended is None:
        basis = history.paused(run)
        due, used = basis.due_and_used(now)
    else:
        basis, due = run.basis, run.due
        used = basis.used(run.ended)
    breached = run.breached_at
    if run.state is None and breached is None and due is not None and now > due:
        breached = due
    state = run.state or _standing(basis, now, breached)
    if history.void:
        state, breached = TargetState.CANCELLED, None
    ended = None if run.ended is None else to_datetime(run.ended)
    return Target(
        goal=run.goal,
        cycle=run.cycle,
        level=run.level,
        state=state,
        started=to_datetime(run.started),
        due=None if due is None or state is TargetState.PAUSED else to_datetime(due),
        ended=ended,
        met_at=None if state is TargetState.CANCELLED else ended,
        breached_at=None if breached is None else to_datetime(breached),
        used_seconds=used,
        budget_seconds=basis.used_before + basis.seconds,
        basis=basis,
        grace=run.grace,
        original_due=None if run.original is None else to_datetime(run.original),
    )


def _standing(basis: Basis, now: int, breached: int | None) -> TargetState:
    if breached is not None:
        return TargetState.BREACHED
    return (
        TargetState.PAUSED
        if any(start <= now < end for start, end, _ in basis.pauses)
        else TargetState.RUNNING
    )
