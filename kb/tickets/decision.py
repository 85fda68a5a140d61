"""What follows from one act of one person on one ticket?

May they (``access``), what is it then (``TRANSITIONS``), what is promised then (``promises``), who
hears of it (``telling``): one pure function over the facts of the ticket. Saving what it answers is
the business of the store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kb.people.person import Person
from kb.sla.clock import SlaEvent
from kb.sla.policy import SlaPolicy
from kb.tickets import permissions as access
from kb.tickets import recipients as telling
from kb.tickets import sla_targets as promises
from kb.tickets.changeset import Change, Facts, LinkedTicket, NewEvent
from kb.tickets.sla_targets import Versions
from kb.tickets.ticket import Attachment, Proposal, Rating, Status, Verb, after


@dataclass(frozen=True, slots=True)
class Effects:
    """What a verb does besides leaving its event: facts for the event, columns for the ticket, and
    rows.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    releases_coupon: bool = False
    proposal: Proposal | None = None
    decides: str = ""
    rating: Rating | None = None
    answers: tuple[tuple[str, str], ...] = ()
    kin: LinkedTicket | None = None
    history: tuple[SlaEvent, ...] = ()  # taken over from kin


NOTHING = Effects()


@dataclass(frozen=True, slots=True)
class Command:
    """One verb by one person, before it is decided. ``resolve`` looks at the ticket as it is then,
    and may refuse.
    """

    verb: Verb
    person: Person
    now: dt.datetime
    body: str = ""
    public: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    resolve: Callable[[Facts, dt.datetime], Effects] | None = None
    outcome: Effects = NOTHING  # when it does not depend on the ticket
    tells: tuple[str, ...] = ()  # staff who hear of it besides those who always do


def decide(act: Command, facts: Facts, policy: SlaPolicy, versions: Versions) -> Change:
    """Raises NotFound for a stranger, Forbidden, Conflict for a move that is not in the table, and
    what resolves.
    """
    access.check(act.person, act.verb, facts.ownership)
    status = after(facts.status, act.verb)
    at = max(act.now.replace(microsecond=0), facts.last_at)
    by_agent = access.side(act.person, facts.ownership) == access.STAFF
    outcome = act.resolve(facts, at) if act.resolve else act.outcome
    told = {**act.facts, **outcome.facts}
    heard = promises.heard(act.verb, at, by_agent=by_agent, facts=told)
    forecast = promises.forecast(
        facts.target_rows, (*facts.history, *outcome.history, *heard), versions, at
    )
    event = NewEvent(
        verb=act.verb,
        at=at,
        actor_id=act.person.id,
        actor=act.person.name,
        by_agent=by_agent,
        public=act.public,
        body=act.body,
        facts=told,
        attachments=act.attachments,
    )
    return Change(
        event=event,
        status=status,
        forecast=forecast,
        notices=telling.notices(event, facts, forecast, policy, act.tells),
        values={**_reminder(status, facts), **outcome.values},
        releases_coupon=outcome.releases_coupon,
        proposal=outcome.proposal,
        decides=outcome.decides,
        rating=outcome.rating,
        answers=outcome.answers,
        kin=outcome.kin,
    )


def _reminder(status: Status, facts: Facts) -> dict[str, Any]:
    """A reminder ends with the pause that it belongs to."""
    return {"remind_at": facts.remind_at if status in (Status.WAITING, Status.PAUSED) else None}
