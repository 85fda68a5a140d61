"""Who is told of what happened to a ticket, and when?

Rules only: an event and the facts of its ticket in, notices out; they are saved with the event and
sent by the worker. Staff hear of it while the level is open, customers at once. A notice never
carries what somebody typed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from kb import ids
from kb.errors import Invalid
from kb.notifications.queue import NewNotice
from kb.people.person import Person
from kb.sla import clock
from kb.sla.policy import SlaPolicy
from kb.tickets import sla_targets as promises
from kb.tickets.changeset import Facts, NewEvent
from kb.tickets.sla_targets import Forecast
from kb.tickets.ticket import Draft, Verb

#: What the customer's side does that its own copies hear of too (B15).
_CLOSING = frozenset({Verb.SOLVE, Verb.CANCEL, Verb.REOPEN})
#: What is nobody's news: a rating, other copies, an answer that came by.
_SILENT = frozenset({Verb.COPY, Verb.RATE, Verb.ABSORB, Verb.DISMISS})


def accepted(
    number: str, draft: Draft, customer: Person, level: str, forecast: Forecast
) -> tuple[NewNotice, ...]:
    """The receipt: number, level and due time, and nothing that somebody typed (X21, X22)."""
    first = promises.next_due(forecast.target_rows)
    due = first.due_at.isoformat() if first and first.due_at else ""
    facts = {"number": number, "level": level, "due": due, "zone": customer.zone}
    own = {**facts, "guest": "yes"} if customer.guest else facts
    copies = tuple(
        NewNotice("opened", who, facts) for who in draft.copy_to if who != customer.email
    )
    return (NewNotice("opened", customer.email, own), *copies)


def notices(
    event: NewEvent, facts: Facts, forecast: Forecast, policy: SlaPolicy, tells: Iterable[str] = ()
) -> tuple[NewNotice, ...]:
    """One for everybody concerned but for whoever did it."""
    if event.verb in _SILENT or event.facts.get("why") == "spam":
        return ()
    del forecast
    number = ids.ticket_number(facts.ownership.serial)
    told = {"number": number}
    kind = event.verb.value
    outside = sorted(_customers(event, facts))
    own = {**told, "guest": "yes"} if facts.customer_guest else told
    found = [NewNotice(kind, who, own if who == facts.customer_email else told) for who in outside]
    due = working(policy, facts.level, event.at)
    inside = sorted(_staff(event, facts, tells) - set(outside))
    return (*found, *(NewNotice(kind, who, {**told, "staff": "yes"}, due) for who in inside))


def _customers(event: NewEvent, facts: Facts) -> set[str]:
    if not event.public:
        return set()
    if event.by_agent:
        return {facts.customer_email, *facts.copy_to}
    if event.actor_id != facts.ownership.customer_id:  # a colleague of the customer
        return {facts.customer_email}
    return set(facts.copy_to) if event.verb in _CLOSING else set()


def _staff(event: NewEvent, facts: Facts, tells: Iterable[str]) -> set[str]:
    concerned = {*tells, *facts.watchers}
    if not event.by_agent:
        concerned.add(facts.assignee_email)
    return concerned - {""}


def working(policy: SlaPolicy, level: str, at: dt.datetime) -> dt.datetime:
    """The first instant from ``at`` on at which the level is open; ``at`` for a level that is not
    known.
    """
    try:
        return clock.next_open(policy, level, at) or at
    except Invalid:
        return at
