"""What has a ticket been promised, and what does each verb do to that?

The bridge between the life of a ticket and ``kb.sla``: which promise starts, is met or ends with a verb. Pure; the
arithmetic of open hours is the business of ``kb.sla``, keeping the rows that of the store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from kb.tickets.ticket import Due, Verb

FIRST, NEXT, RESOLUTION = "first response", "next response", "resolution"
RUNNING, MET, BREACHED, CANCELLED = "running", "met", "breached", "cancelled"


@dataclass(frozen=True, slots=True)
class Promised:
    """One promise of one ticket. ``ledger`` derives the due instant: from, to, state, why, seconds."""

    target: str
    started_at: dt.datetime
    due_at: dt.datetime | None
    level: str
    policy_version: str
    cycle: int = 1
    state: str = RUNNING
    met_at: dt.datetime | None = None
    ledger: tuple[Mapping[str, str], ...] = ()


#: Makes the next-response promise that starts at an instant, or None when the level has none.
NextResponse = Callable[[dt.datetime, int], Promised | None]


def after_verb(
    promised: tuple[Promised, ...], verb: Verb, *, by_agent: bool, at: dt.datetime, start_next: NextResponse
) -> tuple[Promised, ...]:
    """All promises of the ticket after ``verb``; what is finished is never touched again."""
    if verb is Verb.SOLVE and by_agent:
        return tuple(_met(one, at) for one in promised)
    if verb is Verb.REPLY:
        return tuple(one if one.target == RESOLUTION else _met(one, at) for one in promised)
    if verb in (Verb.SOLVE, Verb.CANCEL):
        return tuple(_ended(one, at) for one in promised)
    # A second comment does not restart what already runs, and nothing starts before the first response is settled.
    if verb in (Verb.COMMENT, Verb.REOPEN) and not any(map(_awaits_answer, promised)):
        cycle = 1 + sum(one.target == NEXT for one in promised)
        started = start_next(at, cycle)
        return (*promised, started) if started else promised
    return promised


def _met(one: Promised, at: dt.datetime) -> Promised:
    if one.state != RUNNING:
        return one
    return replace(one, state=BREACHED if _late(one, at) else MET, met_at=at)


def _ended(one: Promised, at: dt.datetime) -> Promised:
    """Closed by the customer: neither met nor missed, but what was already late stays a breach."""
    if one.state != RUNNING:
        return one
    return replace(one, state=BREACHED if _late(one, at) else CANCELLED)


def _awaits_answer(one: Promised) -> bool:
    return one.state == RUNNING and one.target != RESOLUTION


def _late(one: Promised, at: dt.datetime) -> bool:
    return one.due_at is not None and at > one.due_at


def next_due(promised: tuple[Promised, ...]) -> Promised | None:
    """The running promise that is due first; None when nothing runs or nothing running has an end."""
    running = [one for one in promised if one.state == RUNNING and one.due_at is not None]
    return min(running, key=lambda one: one.due_at or one.started_at, default=None)


def due(target: str, state: str, due_at: dt.datetime | None, met_at: dt.datetime | None, now: dt.datetime) -> Due:
    """A promise as people see it at ``now``: a running one whose time has passed is breached."""
    late = state == RUNNING and due_at is not None and now > due_at
    return Due(target, BREACHED if late else state, due_at, met_at)
