"""Recipients: who is notified about an event of a ticket, and when.

Rules only: an event and the facts of its ticket in, notices out. They are saved with the event and
sent by the worker. The requester's side is notified at once, staff in the level's business hours. A
notice names its event, and what somebody typed is read when it leaves, for those who may be sent
it. The copies of a guest are only asked until they confirm: anybody can type anybody's address.
What a recipient does not want is dropped when it is saved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb import ids
from kb.errors import Invalid
from kb.notifications.queue import NewNotice
from kb.people.person import Person, account_key
from kb.sla.policy import Level, SlaPolicy
from kb.tickets.changeset import NewEvent, TicketFacts
from kb.tickets.lifecycle import (
    ASKED_TO_COPY,
    MENTIONED_IN_NOTE,
    NEW_TICKET,
    SCHEDULED,
    UNDO_WINDOW,
    UNDOABLE_VERBS,
    VERBS,
    Audience,
    Verb,
)
from kb.tickets.sla_targets import Forecast
from kb.tickets.staff.choices import (
    StaffEvent,
    StaffEventFacts,
    StaffMember,
    StaffNews,
    mentioned,
    told_of,
)
from kb.tickets.ticket import Draft


@dataclass(frozen=True, slots=True)
class Told:
    """What people are told of one event: staff on their pages, and whoever gets a mail."""

    news: tuple[StaffNews, ...] = ()
    notices: tuple[NewNotice, ...] = ()


def told_of_new_ticket(
    draft: Draft,
    customer: Person,
    staff: Sequence[StaffMember],
    policy: SlaPolicy,
    level: Level,
    forecast: Forecast,
    *,
    urgent: bool,
    receipts: bool,
    asks_to_confirm: bool,
    now: dt.datetime,
) -> Told:
    """The ``receipts``, if there are to be any, and what staff are told.

    The ticket's number is added when saved. With ``asks_to_confirm`` the receipt asks whether its
    reader has filed the ticket, and no copies are sent.
    """
    confirmations = (
        _receipts(draft, customer, level.title, forecast, asks_to_confirm) if receipts else ()
    )
    happened = StaffEventFacts(StaffEvent.NEW, draft.product, actor=customer.email)
    news = told_of(happened, staff)
    facts = {"sender": str(customer.id)}
    mails = staff_mails(
        news, NEW_TICKET, facts, policy=policy, level=level.key, urgent=urgent, now=now
    )
    return Told(news, (*confirmations, *mails))


def _receipts(
    draft: Draft, customer: Person, level: str, forecast: Forecast, asks_to_confirm: bool
) -> tuple[NewNotice, ...]:
    """The confirmations of a new ticket, which state its level and due time."""
    first = forecast.first_due
    due = first.due_at.isoformat() if first and first.due_at else ""
    facts = {"level": level, "due": due, "zone": customer.zone}
    facts["sender"] = str(customer.id)
    own = {**facts, "guest": "yes"} if customer.guest else facts
    if asks_to_confirm:
        return (NewNotice("opened", customer.email, {**own, "confirm": "yes"}),)
    addresses = _one_each(draft.copy_to, but={customer.email})
    if customer.guest:
        copies = [_question(address, {"sender": str(customer.id)}) for address in addresses]
    else:
        copies = [NewNotice("opened", address, {**facts, "copy": "yes"}) for address in addresses]
    return (NewNotice("opened", customer.email, own), *copies)


def _one_each(addresses: Iterable[str], *, but: Collection[str]) -> list[str]:
    """One spelling of each mailbox, the shortest, without those of ``but``: one event, one mail."""
    told = {account_key(address) for address in but}
    mailboxes: list[str] = []
    for address in sorted(addresses, key=lambda each: (len(each), each)):
        if account_key(address) not in told:
            told.add(account_key(address))
            mailboxes.append(address)
    return mailboxes


def _question(address: str, facts: Mapping[str, str]) -> NewNotice:
    """Asks an address once for each ticket whether it wants to be copied."""
    return NewNotice(ASKED_TO_COPY, address, {**facts, "copy": "yes"}, cause="copy")


def notices(
    event: NewEvent,
    ticket: TicketFacts,
    *,
    actor_email: str,
    silent: bool = False,
    kind: str = "",
    copy_to: Sequence[str] | None = None,
) -> tuple[NewNotice, ...]:
    """One for everybody on the requester's side whom it concerns, except the actor.

    ``kind`` is that of the mail, by default the verb. ``copy_to`` are the copies after the event,
    if it changes them.
    """
    if silent:
        return ()
    facts = {"number": ids.ticket_number(ticket.ownership.serial)}
    if not event.by_agent:
        facts["sender"] = str(event.actor_id)
    questions: list[NewNotice] = []
    if ticket.customer_guest and event.public and event.verb is not Verb.VOID:
        after = ticket.copy_to if copy_to is None else copy_to
        unasked = set(after) - ticket.confirmed - {ticket.customer_email, actor_email}
        questions = [_question(address, facts) for address in sorted(unasked)]
    if Audience.CONCERNED not in VERBS[event.verb].audience:
        return tuple(questions)

    kind = kind or event.verb.value
    customers = _customers(event, ticket)
    own = {**facts, "guest": "yes"} if ticket.customer_guest else facts
    if ticket.customer_guest and event.verb is Verb.MERGE:
        own["into"] = event.facts["into"]  # where the conversation goes on: its link is sent
    copy = {**facts, "copy": "yes"}
    # While it can be undone, nobody is told.
    told_at = event.at + UNDO_WINDOW if event.verb in UNDOABLE_VERBS else None
    requester = customers & {ticket.customer_email}
    copies = _one_each(customers - requester, but={ticket.customer_email, actor_email})
    outside = [
        *(NewNotice(kind, address, own, told_at) for address in requester),
        *(NewNotice(kind, address, copy, told_at) for address in copies),
    ]

    return (*outside, *questions)


def staff_told(
    event: NewEvent,
    ticket: TicketFacts,
    policy: SlaPolicy,
    *,
    actor_email: str,
    silent: bool = False,
    kind: str = "",
    assigned: Sequence[str] = (),
) -> Told:
    """Everybody who wants to know of it; ``assigned`` are those who were made responsible."""
    audience = VERBS[event.verb].audience
    if silent or Audience.CONCERNED not in audience:
        return Told()
    about: dict[str, frozenset[StaffEvent]] = {}
    for addresses, reason in (
        (assigned, StaffEvent.ASSIGNED),
        (ticket.watchers, StaffEvent.WATCHED),
        (_mentioned(event, ticket), StaffEvent.MENTIONED),
    ):
        for address in addresses:
            about[address] = about.get(address, frozenset()) | {reason}
    general = None if event.by_agent else StaffEvent.ANSWERED
    if Audience.SUPERVISORS in audience:
        general = StaffEvent.ESCALATED
    happened = StaffEventFacts(general, ticket.product, ticket.assignee_email, actor_email, about)
    # Who is told as a customer, or by a copy, is told once.
    outside = {account_key(address) for address in _customers(event, ticket)}
    told = [
        news
        for news in told_of(happened, ticket.staff)
        if account_key(news.member.email) not in outside
    ]
    facts = {"number": ids.ticket_number(ticket.ownership.serial)}
    if not event.by_agent:
        facts["sender"] = str(event.actor_id)
    mails = staff_mails(
        told,
        kind or event.verb.value,
        facts,
        policy=policy,
        level=ticket.level,
        urgent=ticket.urgent,
        now=event.at,
    )
    return Told(tuple(told), mails)


def _mentioned(event: NewEvent, ticket: TicketFacts) -> frozenset[str]:
    return mentioned(event.body, ticket.staff) if event.verb is Verb.NOTE else frozenset()


def staff_mails(
    told: Sequence[StaffNews],
    kind: str,
    facts: Mapping[str, str],
    *,
    policy: SlaPolicy,
    level: str,
    urgent: bool,
    now: dt.datetime,
) -> tuple[NewNotice, ...]:
    """The mails among what staff are told.

    They wait for the recipient's own hours or the business hours of the ticket's level, unless the
    ticket is urgent or the recipient wants them at any hour.
    """
    mailed = [news for news in told if news.choice.mail]
    waits = not urgent and not all(news.choice.any_hour for news in mailed)
    opens = next_business_hour(policy, level, now) if waits else now
    return tuple(
        NewNotice(
            MENTIONED_IN_NOTE if news.event is StaffEvent.MENTIONED else kind,
            news.member.email,
            {**facts, "staff": "yes", "about": news.event.value},
            news.mail_due(now, opens=opens, urgent=urgent),
        )
        for news in mailed
    )


def scheduled_notices(
    event: NewEvent, ticket: TicketFacts, policy: SlaPolicy
) -> tuple[NewNotice, ...]:
    """What the requester and the copies are told when an unassigned ticket is assigned, if the
    policies say so.
    """
    if not policy.tells_scheduled or event.verb is not Verb.ASSIGN or ticket.assignee_email:
        return ()
    facts = {"number": ids.ticket_number(ticket.ownership.serial), "level": ticket.level_title}
    own = {**facts, "guest": "yes"} if ticket.customer_guest else facts
    copies = _one_each(_willing(ticket), but={ticket.customer_email})
    return (
        NewNotice(SCHEDULED, ticket.customer_email, own),
        *(NewNotice(SCHEDULED, address, {**facts, "copy": "yes"}) for address in copies),
    )


def _customers(event: NewEvent, ticket: TicketFacts) -> set[str]:
    if not event.public:
        return set()
    if event.by_agent:
        return {ticket.customer_email, *_willing(ticket)}
    if event.actor_id != ticket.ownership.customer_id:  # a colleague of the requester
        return {ticket.customer_email}
    return _willing(ticket) if Audience.COPIES in VERBS[event.verb].audience else set()


def _willing(ticket: TicketFacts) -> set[str]:
    """The copies that may be mailed: of a guest's ticket, those who confirmed it."""
    copies = set(ticket.copy_to)
    return copies & ticket.confirmed if ticket.customer_guest else copies


def next_business_hour(policy: SlaPolicy, level: str, instant: dt.datetime) -> dt.datetime:
    """The first open instant of the level from ``instant`` on; ``instant`` for an unknown level."""
    try:
        return policy.next_open(level, instant) or instant
    except Invalid:
        return instant
