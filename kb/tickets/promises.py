"""What has a ticket been promised, and what does each verb do to that?

The bridge between the life of a ticket and ``kb.sla.clock``: the clock says which promises start and end, the rows
kept here stay as they were told to the customer. Pure; keeping the rows is the business of the store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from kb.sla import clock
from kb.sla.clock import Kind, SlaEvent
from kb.sla.policy import SlaPolicy
from kb.sla.reckoning import Span, compact
from kb.sla.target import Target
from kb.tickets.ticket import Due, Verb

RUNNING, MET, BREACHED, CANCELLED = "running", "met", "breached", "cancelled"


@dataclass(frozen=True, slots=True)
class Promised:
    """One promise of one ticket. ``ledger`` derives the due instant: from, to, state, why, seconds.

    ``state`` is judged when the promise ends; until then it is running, late or not.
    """

    target: str
    started_at: dt.datetime
    due_at: dt.datetime | None
    level: str
    policy_version: str
    cycle: int = 1
    state: str = RUNNING
    met_at: dt.datetime | None = None
    ledger: tuple[Mapping[str, str], ...] = ()

    @property
    def key(self) -> tuple[str, int]:
        return self.target, self.cycle


#: What the clock calls the verbs that matter to it.
KINDS: Mapping[Verb, Kind] = MappingProxyType(
    {
        Verb.OPEN: Kind.ACCEPTED,
        Verb.REPLY: Kind.COMMENT,
        Verb.COMMENT: Kind.COMMENT,
        Verb.SOLVE: Kind.RESOLVED,
        Verb.CANCEL: Kind.CANCELLED,
        Verb.REOPEN: Kind.REOPENED,
    }
)


def told(verb: Verb, at: dt.datetime, *, by_agent: bool, level: str) -> tuple[SlaEvent, ...]:
    """The verb as the clock hears it; nothing for a verb that moves no promise."""
    kind = KINDS.get(verb)
    return (SlaEvent(at, kind, level=level, by_agent=by_agent),) if kind else ()


def at_acceptance(policy: SlaPolicy, level: str, now: dt.datetime) -> tuple[Promised, ...]:
    """What a ticket of ``level`` is promised when it is filed at ``now``."""
    accepted = told(Verb.OPEN, now, by_agent=False, level=level)
    return tuple(_begun(target, policy) for target in clock.targets(accepted, policy, now))


def after_verb(
    before: Sequence[Promised],
    history: Iterable[SlaEvent],
    policy: SlaPolicy,
    verb: Verb,
    *,
    by_agent: bool,
    level: str,
    at: dt.datetime,
) -> tuple[Promised, ...]:
    """All promises of the ticket after ``verb``. What was told keeps its due time, what is finished its verdict."""
    if verb not in KINDS:
        return tuple(before)
    # A level that has left the policies can promise nothing more, but must not keep anybody from answering.
    events = (*history, *told(verb, at, by_agent=by_agent, level=level))
    targets = clock.targets(events, policy, at) if level in policy.levels else ()
    found = {(target.goal.value, target.cycle): target for target in targets}
    answered = verb is Verb.REPLY or (verb is Verb.SOLVE and by_agent)
    kept = tuple(_settled(one, found.pop(one.key, None), at, answered=answered) for one in before)
    return kept + tuple(_begun(target, policy) for target in found.values())


def _settled(one: Promised, target: Target | None, at: dt.datetime, *, answered: bool) -> Promised:
    if one.state != RUNNING or (target is not None and target.ended is None):
        return one
    late = one.due_at is not None and at > one.due_at
    if answered:
        return replace(one, state=BREACHED if late else MET, met_at=at)
    # Closed by the customer: neither met nor missed, but what was already late stays a breach.
    return replace(one, state=BREACHED if late else CANCELLED)


def _begun(target: Target, policy: SlaPolicy) -> Promised:
    return Promised(
        target=target.goal.value,
        started_at=target.started,
        due_at=target.due,
        level=target.level.key,
        policy_version=policy.version,
        cycle=target.cycle,
        ledger=tuple(_line(span) for span in compact(target.spans())),
    )


def _line(span: Span) -> Mapping[str, str]:
    return {
        "from": span.start.isoformat(),
        "to": span.end.isoformat() if span.end else "",
        "state": span.state.value,
        "why": span.why,
        "seconds": str(span.seconds),
    }


def next_due(promised: Iterable[Promised]) -> Promised | None:
    """The running promise that is due first; None when nothing runs or nothing running has an end."""
    running = [one for one in promised if one.state == RUNNING and one.due_at is not None]
    return min(running, key=lambda one: one.due_at or one.started_at, default=None)


def due(target: str, state: str, due_at: dt.datetime | None, met_at: dt.datetime | None, now: dt.datetime) -> Due:
    """A promise as people see it at ``now``: a running one whose time has passed is breached."""
    late = state == RUNNING and due_at is not None and now > due_at
    return Due(target, BREACHED if late else state, due_at, met_at)
