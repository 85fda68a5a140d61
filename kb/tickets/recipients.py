"""Recipients: who is notified of what happened to a ticket, and from when on.

Rules only: an event and the facts of its ticket in, notices out. They are saved with the event and
sent by the worker. The requester's side is notified at once, staff in the level's business hours. A
notice never carries what somebody typed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from kb import ids
from kb.errors import Invalid
from kb.notifications.queue import NewNotice
from kb.people.person import Person
from kb.sla import clock
from kb.sla.policy import SlaPolicy
from kb.tickets.changeset import NewEvent, TicketFacts
from kb.tickets.lifecycle import VERBS, Audience
from kb.tickets.sla_targets import Forecast, first_due
from kb.tickets.ticket import Draft


def receipts(
    draft: Draft, customer: Person, level: str, forecast: Forecast
) -> tuple[NewNotice, ...]:
    """The confirmation of a new ticket: its level and due time. Its number is added when saved."""
    first = first_due(forecast.target_rows)
    due = first.due_at.isoformat() if first and first.due_at else ""
    facts = {"level": level, "due": due, "zone": customer.zone}
    own = {**facts, "guest": "yes"} if customer.guest else facts
    copies = [
        NewNotice("opened", address, facts)
        for address in draft.copy_to
        if address != customer.email
    ]
    return (NewNotice("opened", customer.email, own), *copies)


def notices(
    event: NewEvent,
    ticket: TicketFacts,
    policy: SlaPolicy,
    *,
    actor_email: str,
    silent: bool = False,
    also: Sequence[str] = (),
) -> tuple[NewNotice, ...]:
    """One for everybody concerned but for whoever did it. ``also`` are further staff addresses."""
    if silent or Audience.CONCERNED not in VERBS[event.verb].audience:
        return ()

    kind = event.verb.value
    facts = {"number": ids.ticket_number(ticket.ownership.serial)}
    customers = _customers(event, ticket)
    own = {**facts, "guest": "yes"} if ticket.customer_guest else facts
    outside = [
        NewNotice(kind, address, own if address == ticket.customer_email else facts)
        for address in sorted(customers)
    ]

    staff = {*also, *ticket.watchers}
    if not event.by_agent:
        staff.add(ticket.assignee_email)
    from_ = next_business_hour(policy, ticket.level, event.at)
    inside = [
        NewNotice(kind, address, {**facts, "staff": "yes"}, from_)
        for address in sorted(staff - customers - {"", actor_email})
    ]
    return (*outside, *inside)


def _customers(event: NewEvent, ticket: TicketFacts) -> set[str]:
    if not event.public:
        return set()
    if event.by_agent:
        return {ticket.customer_email, *ticket.copy_to}
    if event.actor_id != ticket.ownership.customer_id:  # a colleague of the requester
        return {ticket.customer_email}
    return set(ticket.copy_to) if Audience.COPIES in VERBS[event.verb].audience else set()


def next_business_hour(policy: SlaPolicy, level: str, instant: dt.datetime) -> dt.datetime:
    """The first open instant of the level from ``instant`` on; ``instant`` for an unknown level."""
    try:
        return clock.next_open(policy, level, instant) or instant
    except Invalid:
        return instant
