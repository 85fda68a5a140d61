"""SLA targets of a ticket: from its events to the SLA clock, and from the clock to rows and alarms.

``clock_events`` translates what happened for ``kb.sla.clock``; ``forecast`` turns the answer into
the rows to store, the alarms that have come due and the time of the next check. A target that has
ended keeps its outcome; one that is running is recalculated each time. Pure: the repository stores.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kb.errors import Invalid
from kb.sla import clock
from kb.sla.clock import PolicyVersion, SlaEvent, SlaEventKind
from kb.sla.open_time import compact
from kb.sla.policy import LevelChange, SlaPolicy
from kb.sla.target import SlaWarning, Target, TargetState
from kb.tickets.lifecycle import VERBS, Verb
from kb.tickets.ticket import Alarm, TargetView

#: Standings of a target that has not ended.
RUNNING_STATES = (TargetState.RUNNING, TargetState.PAUSED, TargetState.LATE)
#: The threshold of the alarm that a target is breached.
BREACH = "breach"
_SECOND = dt.timedelta(seconds=1)

PolicyVersions = Sequence[PolicyVersion]


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target as it is stored: running, paused or late until it ends.

    ``version_at`` is the instant since which it is due at ``due_at``.
    """

    target: str
    started_at: dt.datetime
    due_at: dt.datetime | None
    level: str
    policy_version: str
    cycle: int = 1
    state: TargetState = TargetState.RUNNING
    met_at: dt.datetime | None = None
    version_at: dt.datetime | None = None
    grace: bool = False

    @property
    def key(self) -> tuple[str, int]:
        return self.target, self.cycle


@dataclass(frozen=True, slots=True)
class Forecast:
    """All targets of a ticket at one instant, the alarms so far, and when to look again."""

    target_rows: tuple[TargetRow, ...]
    first_due: TargetRow | None  # of those that run towards a due time
    alarms: tuple[Alarm, ...]
    next_at: dt.datetime | None


#: What counts for the other ticket after a merge, and after a split.
MERGED_EVENTS = frozenset(
    {SlaEventKind.ACCEPTED, SlaEventKind.COMMENT, SlaEventKind.PAUSED, SlaEventKind.RESUMED}
)
SPLIT_EVENTS = frozenset({SlaEventKind.PAUSED, SlaEventKind.RESUMED})


def clock_events(
    verb: Verb, instant: dt.datetime, *, by_agent: bool, facts: Mapping[str, str], level: str = ""
) -> tuple[SlaEvent, ...]:
    """What the clock hears of one event; nothing when it moves no target.

    ``level`` is for events that do not name one.
    """
    kind = VERBS[verb].clock
    if kind is None or (verb is Verb.SHIP and not facts.get("resumes")):
        return ()

    if kind is SlaEventKind.LEVEL_CHANGED:
        if not facts.get("level"):
            return ()
        change = LevelChange(facts["change"]) if facts.get("change") else None
        return (SlaEvent(instant, kind, level=facts["level"], by_agent=by_agent, change=change),)

    event = SlaEvent(
        instant,
        kind,
        level=facts.get("level", level),
        reason=facts.get("reason", ""),
        by_agent=by_agent,
        until=dt.datetime.fromisoformat(facts["until"]) if facts.get("until") else None,
    )
    if (
        kind is SlaEventKind.PAUSED and facts.get("said") == "yes"
    ):  # the question that we now wait for
        return (SlaEvent(instant, SlaEventKind.COMMENT, by_agent=True), event)
    return (event,)


def without_end(history: Sequence[SlaEvent]) -> tuple[SlaEvent, ...]:
    """What the clock has heard, without the merge or the mark that ended the ticket."""
    ends = (SlaEventKind.CANCELLED, SlaEventKind.VOIDED)
    last = next((event for event in reversed(history) if event.kind in ends), None)
    return tuple(event for event in history if event is not last)


def as_merged(event: SlaEvent, level: str) -> SlaEvent:
    """An event of a merged ticket as the other one counts it: its level is not taken over."""
    return (
        SlaEvent(event.at, event.kind, level=level)
        if event.kind is SlaEventKind.ACCEPTED
        else event
    )


def forecast(
    before: Sequence[TargetRow],
    history: Iterable[SlaEvent],
    versions: PolicyVersions,
    instant: dt.datetime,
    *,
    since: dt.datetime | None = None,
) -> Forecast:
    """The targets of ``history`` at ``instant``.

    What ended ``before`` keeps its verdict, unless the ticket was closed as spam or a duplicate. A
    due time that has moved holds from ``since`` on (default ``instant``): earlier warnings do not
    come again.
    """
    events = tuple(history)
    try:
        targets = clock.targets_at(events, versions, instant)
    except Invalid:
        # A level that is no longer in the policies commits to nothing more, but it must not keep
        # anybody from answering.
        remaining = _without_level(before, events, instant)
        return Forecast(remaining, _first_due(remaining), (), None)

    policy_version = _policy_at(versions, instant).version
    stored = {row.key: row for row in before}
    void = any(event.kind is SlaEventKind.VOIDED for event in events)
    rows: list[TargetRow] = []
    alarms: list[Alarm] = []
    looks: list[dt.datetime] = []
    for target in targets:
        warnings = target.warnings() if target.ended is None and target.due is not None else ()
        row = _row(
            target,
            stored.get((target.goal.value, target.cycle)),
            policy_version,
            since or instant,
            void=void,
        )
        rows.append(row)
        alarms += _alarms(target, row, warnings, instant)
        if target.state is TargetState.RUNNING and target.due is not None:
            # A target is breached from the second after its due instant on.
            looks += [target.due + _SECOND, *(warning.at for warning in warnings)]

    return Forecast(
        tuple(rows),
        _first_due(rows),
        tuple(sorted(alarms, key=lambda alarm: alarm.at)),
        min((look for look in looks if look > instant), default=None),
    )


def _row(
    target: Target,
    before: TargetRow | None,
    policy_version: str,
    moved_at: dt.datetime,
    *,
    void: bool,
) -> TargetRow:
    if before is not None and before.state not in RUNNING_STATES and not void:
        return before

    state = target.state
    if target.ended is None and state is not TargetState.PAUSED:
        postponed = target.breached_at is not None and target.breached_at != target.due
        state = TargetState.LATE if postponed else TargetState.RUNNING

    unmoved = before is not None and before.due_at == target.due
    version_at = before.version_at if before is not None and unmoved else None
    return TargetRow(
        target=target.goal.value,
        started_at=target.started,
        due_at=target.due,
        level=target.level.key,
        policy_version=policy_version,
        cycle=target.cycle,
        state=TargetState.CANCELLED if void else state,
        met_at=None if void else target.met_at,
        version_at=version_at or (moved_at if before is not None else target.started),
        grace=target.grace,
    )


def _alarms(
    target: Target, row: TargetRow, warnings: Sequence[SlaWarning], instant: dt.datetime
) -> list[Alarm]:
    """The breach if it has happened, and the warnings since the due time is what it is."""
    name, since, due = target.goal.value, row.version_at or row.started_at, target.due
    alarms = [
        Alarm(name, target.cycle, str(warning.threshold), due, warning.at)
        for warning in warnings
        if due and since <= warning.at <= instant
    ]
    breached_at = target.breached_at
    if breached_at is not None and target.state is not TargetState.CANCELLED:
        alarms.append(Alarm(name, target.cycle, BREACH, breached_at, breached_at))
    return alarms


def _policy_at(versions: PolicyVersions, instant: dt.datetime) -> SlaPolicy:
    ordered = sorted(versions, key=lambda version: version.effective)
    return next((v.policy for v in reversed(ordered) if v.effective <= instant), ordered[0].policy)


def _without_level(
    before: Sequence[TargetRow], events: Sequence[SlaEvent], instant: dt.datetime
) -> tuple[TargetRow, ...]:
    """The stored targets, ended by an answer or by closing; nothing can be computed for them."""
    last = events[-1] if events else None
    answered = (
        last is not None
        and last.by_agent
        and last.kind in (SlaEventKind.COMMENT, SlaEventKind.RESOLVED)
    )
    closed = last is not None and last.kind in (
        SlaEventKind.RESOLVED,
        SlaEventKind.CANCELLED,
        SlaEventKind.VOIDED,
    )
    if not (answered or closed):
        return tuple(before)

    rows = []
    for row in before:
        if row.state in RUNNING_STATES:
            late = row.due_at is not None and instant > row.due_at
            verdict = TargetState.MET if answered else TargetState.CANCELLED
            row = replace(
                row,
                state=TargetState.BREACHED if late else verdict,
                met_at=instant if answered else row.met_at,
            )
        rows.append(row)
    return tuple(rows)


def _first_due(target_rows: Iterable[TargetRow]) -> TargetRow | None:
    running = [
        row
        for row in target_rows
        if row.state in (TargetState.RUNNING, TargetState.LATE) and row.due_at is not None
    ]
    return min(running, key=lambda row: row.due_at or row.started_at, default=None)


def computed_targets(
    history: Iterable[SlaEvent], versions: PolicyVersions, now: dt.datetime
) -> tuple[Target, ...]:
    """As the clock computes them; none at a level that is no longer in the policies."""
    try:
        return clock.targets_at(history, versions, now)
    except Invalid:
        return ()


def ledger_of(target: Target) -> tuple[Mapping[str, str], ...]:
    """How the due time was calculated: from, to, state, why, seconds."""
    return tuple(
        {
            "from": span.start.isoformat(),
            "to": span.end.isoformat() if span.end else "",
            "state": span.state.value,
            "why": span.why,
            "seconds": str(span.seconds),
        }
        for span in compact(target.spans())
    )


def with_ledgers(views: Iterable[TargetView], targets: Iterable[Target]) -> tuple[TargetView, ...]:
    """``views`` with their ledgers; none for a due time that was frozen at another instant."""
    ledgers = {(target.goal.value, target.cycle): ledger_of(target) for target in targets}
    explained = []
    for view in views:
        ledger = ledgers.get((view.target, view.cycle), ())
        ends = ledger[-1]["to"] if ledger else ""
        fits = view.due is None or ends == view.due.isoformat()
        explained.append(replace(view, ledger=ledger if fits else ()))
    return tuple(explained)


def target_view(
    target: str,
    state: TargetState,
    due: dt.datetime | None,
    met_at: dt.datetime | None,
    now: dt.datetime,
    *,
    cycle: int = 1,
    grace: bool = False,
) -> TargetView:
    """A stored target at ``now``: a running one whose due time has passed is breached."""
    late = state is TargetState.LATE or (
        state is TargetState.RUNNING and due is not None and now > due
    )
    return TargetView(target, TargetState.BREACHED if late else state, due, met_at, cycle, grace)
