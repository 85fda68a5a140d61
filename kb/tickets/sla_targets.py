"""What has a ticket been promised, and what does each verb do to that?

The bridge between the life of a ticket and ``kb.sla.clock``: events become what the clock hears,
its targets become rows. What has ended is frozen with its verdict; what runs is counted anew each
time. Pure; keeping the rows is the business of the store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from kb.errors import Invalid
from kb.sla import clock
from kb.sla.clock import PolicyVersion, SlaEvent, SlaEventKind
from kb.sla.open_time import Span, compact
from kb.sla.policy import LevelChange, SlaPolicy
from kb.sla.target import SlaWarning, Target, TargetState
from kb.tickets.ticket import Alarm, Due, Verb

RUNNING, PAUSED, MET, BREACHED, CANCELLED = "running", "paused", "met", "breached", "cancelled"
#: Broken, and given another due time by a move since: it still runs, and stays broken.
LATE = "late"
OPEN_STATES = (RUNNING, PAUSED, LATE)
BREACH = "breach"
_SECOND = dt.timedelta(seconds=1)

Versions = Sequence[PolicyVersion]


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One promise of one ticket, as a row. ``state`` stays running, late or not, until the promise
    ends.

    ``version_at`` is the instant since which it is due at ``due_at``.
    """

    target: str
    started_at: dt.datetime
    due_at: dt.datetime | None
    level: str
    policy_version: str
    cycle: int = 1
    state: str = RUNNING
    met_at: dt.datetime | None = None
    version_at: dt.datetime | None = None
    grace: bool = False

    @property
    def key(self) -> tuple[str, int]:
        return self.target, self.cycle


@dataclass(frozen=True, slots=True)
class Forecast:
    """All promises of a ticket at one instant, the alarms that had fallen by then, and when to look
    again.
    """

    target_rows: tuple[TargetRow, ...]
    alarms: tuple[Alarm, ...]
    next_at: dt.datetime | None


#: What the clock calls the verbs that always mean one thing to it; the rest are in ``heard``.
KINDS: Mapping[Verb, SlaEventKind] = MappingProxyType(
    {
        Verb.OPEN: SlaEventKind.ACCEPTED,
        Verb.REPLY: SlaEventKind.COMMENT,
        Verb.LINK: SlaEventKind.COMMENT,
        Verb.COMMENT: SlaEventKind.COMMENT,
        Verb.ESCALATE: SlaEventKind.COMMENT,
        Verb.AWAIT: SlaEventKind.PAUSED,
        Verb.PAUSE: SlaEventKind.PAUSED,
        Verb.RESUME: SlaEventKind.RESUMED,
        Verb.DISMISS: SlaEventKind.NO_ANSWER_NEEDED,
        Verb.SOLVE: SlaEventKind.RESOLVED,
        Verb.CANCEL: SlaEventKind.CANCELLED,
        Verb.MERGE: SlaEventKind.CANCELLED,
        Verb.VOID: SlaEventKind.VOIDED,
        Verb.REOPEN: SlaEventKind.REOPENED,
    }
)
#: What a ticket takes over from one that is merged into it, and from the one it was split from.
FROM_MERGED = frozenset(
    {SlaEventKind.ACCEPTED, SlaEventKind.COMMENT, SlaEventKind.PAUSED, SlaEventKind.RESUMED}
)
FROM_WHOLE = frozenset({SlaEventKind.PAUSED, SlaEventKind.RESUMED})


def heard(
    verb: Verb, at: dt.datetime, *, by_agent: bool, facts: Mapping[str, str], level: str = ""
) -> tuple[SlaEvent, ...]:
    """The event as the clock hears it; nothing for one that moves no promise. ``level`` is for
    events without one.
    """
    if verb in (Verb.MOVE, Verb.AGREE):
        moved = facts.get("level", "")
        change = LevelChange(facts["change"]) if facts.get("change") else None
        return (
            (
                SlaEvent(
                    at, SlaEventKind.LEVEL_CHANGED, level=moved, by_agent=by_agent, change=change
                ),
            )
            if moved
            else ()
        )
    kind = KINDS.get(verb)
    if kind is None:
        return ()
    until = dt.datetime.fromisoformat(facts["until"]) if facts.get("until") else None
    reason = facts.get("reason", "")
    one = SlaEvent(
        at, kind, level=facts.get("level", level), reason=reason, by_agent=by_agent, until=until
    )
    answers = verb is Verb.AWAIT and facts.get("said") == "yes"
    return (SlaEvent(at, SlaEventKind.COMMENT, by_agent=True), one) if answers else (one,)


def forecast(
    before: Sequence[TargetRow],
    history: Iterable[SlaEvent],
    versions: Versions,
    at: dt.datetime,
    *,
    since: dt.datetime | None = None,
) -> Forecast:
    """What ``history`` promises at ``at``. What ended ``before`` keeps its verdict, unless the
    ticket was voided.

    A due time that has moved is due then from ``since`` on (default ``at``): warnings before that
    are not repeated.
    """
    events = tuple(history)
    try:
        found = clock.targets_at(events, versions, at)
    except Invalid:
        # A level that has left the policies can promise nothing more, but must not keep anybody
        # from answering.
        return Forecast(_abandoned(before, events, at), (), None)
    kept = {one.key: one for one in before}
    void = any(event.kind is SlaEventKind.VOIDED for event in events)
    rows = tuple(
        _row(target, kept.get((target.goal.value, target.cycle)), versions, at, since or at, void)
        for target in found
    )
    warned = [
        target.warnings() if target.ended is None and target.due is not None else ()
        for target in found
    ]
    each = zip(found, rows, warned, strict=True)
    alarms = sorted(
        (alarm for one in each for alarm in _alarms(*one, at)), key=lambda alarm: alarm.at
    )
    return Forecast(rows, tuple(alarms), _next_at(found, warned, at))


def _row(
    target: Target,
    before: TargetRow | None,
    versions: Versions,
    at: dt.datetime,
    moved: dt.datetime,
    void: bool,
) -> TargetRow:
    if before is not None and before.state not in OPEN_STATES and not void:
        return before
    since = before.version_at if before is not None and before.due_at == target.due else None
    ended = target.ended is not None
    state = target.state.value if ended else _running(target)
    return TargetRow(
        target=target.goal.value,
        started_at=target.started,
        due_at=target.due,
        level=target.level.key,
        policy_version=_ruling(versions, at).version,
        cycle=target.cycle,
        state=CANCELLED if void else state,
        met_at=None if void else target.met_at,
        version_at=since or (moved if before is not None else target.started),
        grace=target.grace,
    )


def _running(target: Target) -> str:
    if target.state is TargetState.PAUSED:
        return PAUSED
    return LATE if target.breached_at is not None and target.breached_at != target.due else RUNNING


def _alarms(
    target: Target, row: TargetRow, warned: Sequence[SlaWarning], at: dt.datetime
) -> list[Alarm]:
    """Breaches that have come, and for what still runs the warnings since it is due when it is."""
    name = (target.goal.value, target.cycle)
    since, due = row.version_at or row.started_at, target.due
    fallen = [
        Alarm(*name, str(one.threshold), due, one.at)
        for one in warned
        if due and since <= one.at <= at
    ]
    if target.breached_at is not None and target.state is not TargetState.CANCELLED:
        return [Alarm(*name, BREACH, target.breached_at, target.breached_at), *fallen]
    return fallen


def _next_at(
    targets: Sequence[Target], warned: Sequence[Sequence[SlaWarning]], at: dt.datetime
) -> dt.datetime | None:
    """A target is breached from the second after its due instant on, so that is when to look."""
    moments = []
    for target, warnings in zip(targets, warned, strict=True):
        if target.state is TargetState.RUNNING and target.due is not None:
            moments += [target.due + _SECOND, *(notice.at for notice in warnings)]
    return min((moment for moment in moments if moment > at), default=None)


def _ruling(versions: Versions, at: dt.datetime) -> SlaPolicy:
    ordered = sorted(versions, key=lambda version: version.effective)
    return next((v.policy for v in reversed(ordered) if v.effective <= at), ordered[0].policy)


def _abandoned(
    before: Sequence[TargetRow], events: Sequence[SlaEvent], at: dt.datetime
) -> tuple[TargetRow, ...]:
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
    return tuple(_settled(one, at, answered=answered, closed=closed) for one in before)


def _settled(one: TargetRow, at: dt.datetime, *, answered: bool, closed: bool) -> TargetRow:
    if one.state not in OPEN_STATES or not (answered or closed):
        return one
    late = one.due_at is not None and at > one.due_at
    if answered:
        return replace(one, state=BREACHED if late else MET, met_at=at)
    return replace(one, state=BREACHED if late else CANCELLED)


def targets(
    history: Iterable[SlaEvent], versions: Versions, now: dt.datetime
) -> tuple[Target, ...]:
    """As the clock counts them; none at a level that has left the policies."""
    try:
        return clock.targets_at(history, versions, now)
    except Invalid:
        return ()


def ledger(
    history: Iterable[SlaEvent], versions: Versions, now: dt.datetime
) -> tuple[Mapping[str, str], ...]:
    """The derivation of the first due time: from, to, state, why, seconds; empty when nothing is
    promised.
    """
    found = targets(history, versions, now)
    return lines(found[0]) if found else ()


def derived(dues: Iterable[Due], found: Iterable[Target]) -> tuple[Due, ...]:
    """``dues`` with their derivations; none for one that was frozen at another instant than is
    counted now.
    """
    known = {(target.goal.value, target.cycle): lines(target) for target in found}
    return tuple(
        replace(due, ledger=_fitting(due, known.get((due.target, due.cycle), ()))) for due in dues
    )


def _fitting(due: Due, told: tuple[Mapping[str, str], ...]) -> tuple[Mapping[str, str], ...]:
    ends = told[-1]["to"] if told else ""
    return told if due.due is None or ends == due.due.isoformat() else ()


def lines(target: Target) -> tuple[Mapping[str, str], ...]:
    return tuple(_line(span) for span in compact(target.spans()))


def _line(span: Span) -> Mapping[str, str]:
    return {
        "from": span.start.isoformat(),
        "to": span.end.isoformat() if span.end else "",
        "state": span.state.value,
        "why": span.why,
        "seconds": str(span.seconds),
    }


def next_due(target_rows: Iterable[TargetRow]) -> TargetRow | None:
    """The running promise that is due first; None when nothing runs or nothing running has an end."""
    running = [
        one for one in target_rows if one.state in (RUNNING, LATE) and one.due_at is not None
    ]
    return min(running, key=lambda one: one.due_at or one.started_at, default=None)


def due(
    target: str,
    state: str,
    due_at: dt.datetime | None,
    met_at: dt.datetime | None,
    now: dt.datetime,
    *,
    cycle: int = 1,
    grace: bool = False,
) -> Due:
    """A promise as people see it at ``now``: a running one whose time has passed is breached."""
    late = state == LATE or (state == RUNNING and due_at is not None and now > due_at)
    return Due(target, BREACHED if late else state, due_at, met_at, cycle, grace)
