"""The erasure: a person's address and words leave the database, in one transaction.

What stays is what the operator owes others: that there was a ticket, when things happened, and
whether its SLA was met, under a pseudonym. Tickets that the person filed lose every text, also the
replies, because replies quote. What staff wrote for others stays, under a pseudonym as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kb.analytics.tables import EPISODE_EVENTS
from kb.errors import Conflict
from kb.mail.tables import RECEIVED_MAILS
from kb.notifications.queue import NO_DOMAIN
from kb.people.person import Role
from kb.people.repository.accounts import active_administrators
from kb.people.tables import COUPONS, PEOPLE
from kb.privacy.inventory import (
    ERASED_TITLE,
    INVENTORY,
    DataSubject,
    OnErasure,
    own_attachments,
    own_episode_events,
    own_events,
    own_received_mails,
    own_tickets,
    own_uploads,
)
from kb.privacy.sweep import erase_searches, mask_address, rewrite_event, words_of
from kb.tickets.lifecycle import ACTIVE, Status, Verb
from kb.tickets.repository import fulltext
from kb.tickets.tables import ATTACHMENTS, EVENTS, INDEXED_TITLE, RATINGS, TICKETS, UPLOADS

#: Facts of events that the SLA clock needs, or that are numbers, keys and titles of the policies.
_KEPT_FACTS = frozenset(
    {
        *("level", "from_level", "change", "reason", "until", "said"),
        *(
            "severity",
            "release",
            "planned",
            "resumes",
            "score",
            "into",
            "from",
            "split_from",
            "handed_over",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did. ``files`` are keys of contents that no ticket has any longer,
    ``uploads`` the refs of large files that had not arrived completely, ``mails`` the names of
    received mails.
    """

    people: tuple[int, ...]
    tickets: int
    files: tuple[str, ...]
    uploads: tuple[str, ...] = ()
    mails: frozenset[str] = frozenset()


def erase_rows(connection: Connection, subject: DataSubject, now: dt.datetime) -> Erasure:
    """Raises Conflict for the last administrator."""
    _check_not_last_administrator(connection, subject)
    _cancel_active_tickets(connection, subject, now)
    words = words_of(_texts(connection, subject))
    erasure = _erase_inventory(connection, subject, now)
    mask_address(connection, subject.address)
    erase_searches(connection, words)
    fulltext.purge_unindexed(connection)
    return erasure


def erase_texts(connection: Connection, serials: Sequence[int], now: dt.datetime) -> Erasure:
    """The texts of closed tickets that are old enough, and the guests who have no other ones."""
    filed_by = select(TICKETS.c.customer_id).where(TICKETS.c.id.in_(serials))
    have_others = select(TICKETS.c.customer_id).where(
        TICKETS.c.id.not_in(serials), TICKETS.c.erased_at.is_(None)
    )
    guests = select(PEOPLE.c.id).where(
        PEOPLE.c.guest, PEOPLE.c.id.in_(filed_by), PEOPLE.c.id.not_in(have_others)
    )
    people = tuple(connection.execute(guests).scalars())
    return _erase_inventory(connection, DataSubject("", people, tuple(serials)), now)


def _erase_inventory(connection: Connection, subject: DataSubject, now: dt.datetime) -> Erasure:
    keys = _attachment_keys(connection, subject)
    refs = connection.execute(select(UPLOADS.c.ref).where(own_uploads(subject))).scalars().all()
    serials = frozenset(connection.execute(own_tickets(subject)).scalars())
    received = select(RECEIVED_MAILS.c.file).where(own_received_mails(subject))
    mails = frozenset(connection.execute(received).scalars())
    for holding in INVENTORY:
        if holding.table is EVENTS:
            _erase_events(connection, subject, serials)
        elif holding.table is PEOPLE:
            _erase_people(connection, subject)
        elif holding.about is not None and holding.on_erasure is OnErasure.DELETE:
            connection.execute(delete(holding.table).where(holding.about(subject)))
        elif holding.about is not None and holding.on_erasure is OnErasure.CHANGE:
            values = dict(holding.values or {})
            if holding.table is TICKETS:
                values["erased_at"] = now
            connection.execute(update(holding.table).where(holding.about(subject)).values(values))

    still_used = set(
        connection.execute(select(ATTACHMENTS.c.key).where(ATTACHMENTS.c.key.in_(keys))).scalars()
    )
    unused = tuple(sorted(set(keys) - still_used))
    return Erasure(subject.people, len(serials), unused, tuple(refs), mails)


def pseudonym(person_id: int) -> str:
    """
    >>> pseudonym(12)
    'Erased person 12'
    """
    return f"Erased person {person_id}"


def _check_not_last_administrator(connection: Connection, subject: DataSubject) -> None:
    remaining = active_administrators(connection)
    if remaining and remaining <= set(subject.people):
        raise Conflict(
            "This is the last administrator. Make somebody else an administrator first "
            "(`kb accounts role`)."
        )


def _cancel_active_tickets(connection: Connection, subject: DataSubject, now: dt.datetime) -> None:
    """Nobody can answer a ticket without words. The sweeper ends its SLA targets, as ``next_at``
    asks it to: it knows the policies.
    """
    instant = now.replace(microsecond=0)
    active = [status.value for status in ACTIVE]
    query = select(TICKETS.c.id, TICKETS.c.customer_id).where(
        TICKETS.c.customer_id.in_(subject.people), TICKETS.c.status.in_(active)
    )
    for ticket in connection.execute(query).all():
        newest = select(func.max(EVENTS.c.at)).where(EVENTS.c.ticket_id == ticket.id)
        at = max(instant, connection.execute(newest).scalar_one())
        event = {
            "ticket_id": ticket.id,
            "at": at,
            "verb": Verb.CANCEL.value,
            "actor_id": ticket.customer_id,
            "actor": pseudonym(ticket.customer_id),
            "by_agent": False,
            "public": True,
            "body": "",
            "facts": {},
        }
        primary_key = connection.execute(insert(EVENTS), event).inserted_primary_key
        fulltext.index_event(connection, int(primary_key[0]) if primary_key else 0, "", "")
        values = {
            "status": Status.CANCELLED.value,
            "updated_at": at,
            "closed_at": at,
            "remind_at": None,
            "next_due": None,
            "next_target": "",
            "next_at": at,
        }
        connection.execute(update(TICKETS).where(TICKETS.c.id == ticket.id).values(values))


def _texts(connection: Connection, subject: DataSubject) -> Iterable[str]:
    """Everything that the person wrote, by which searches without a name are recognised."""
    yield subject.address
    yield from connection.execute(
        select(PEOPLE.c.name).where(PEOPLE.c.id.in_(subject.people))
    ).scalars()
    yield from connection.execute(
        select(INDEXED_TITLE).where(TICKETS.c.customer_id.in_(subject.people))
    ).scalars()
    yield from connection.execute(select(EVENTS.c.body).where(own_events(subject))).scalars()
    yield from connection.execute(
        select(RATINGS.c.words).where(RATINGS.c.person_id.in_(subject.people))
    ).scalars()
    facts = select(EPISODE_EVENTS.c.facts).where(own_episode_events(subject))
    yield from map(str, connection.execute(facts).scalars())


def _attachment_keys(connection: Connection, subject: DataSubject) -> list[str]:
    query = select(ATTACHMENTS.c.key).where(own_attachments(subject)).distinct()
    return list(connection.execute(query).scalars())


def _erase_events(connection: Connection, subject: DataSubject, serials: Collection[int]) -> None:
    """All texts of the person's own tickets; elsewhere what the person wrote, and the name."""
    query = (
        select(EVENTS, INDEXED_TITLE.label("title"))
        .join(TICKETS, EVENTS.c.ticket_id == TICKETS.c.id)
        .where(EVENTS.c.ticket_id.in_(own_tickets(subject)) | EVENTS.c.actor_id.in_(subject.people))
        .order_by(EVENTS.c.id)
    )
    for row in connection.execute(query).all():
        own_ticket = row.ticket_id in serials
        opens = row.verb == Verb.OPEN
        loses_words = own_ticket or not row.by_agent
        title = row.title if opens else ""
        rewrite_event(
            connection,
            row,
            title=title,
            new_title=ERASED_TITLE if opens and own_ticket else title,
            body="" if loses_words else row.body,
            facts=_kept_facts(row) if loses_words else row.facts,
            actor=pseudonym(row.actor_id) if row.actor_id in subject.people else row.actor,
        )
    _erase_assignments(connection, subject)


def _kept_facts(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row.facts.items() if name in _KEPT_FACTS}


def _erase_assignments(connection: Connection, subject: DataSubject) -> None:
    """The events that name an agent to whom a ticket was assigned, unless a colleague has the
    same name.
    """
    staff = select(PEOPLE.c.name).where(PEOPLE.c.role != Role.CUSTOMER.value)
    colleagues = set(connection.execute(staff.where(PEOPLE.c.id.not_in(subject.people))).scalars())
    names = set(connection.execute(staff.where(PEOPLE.c.id.in_(subject.people))).scalars())
    for name in names - colleagues:
        query = select(EVENTS).where(
            EVENTS.c.verb == Verb.ASSIGN.value, EVENTS.c.facts["agent"].as_string() == name
        )
        for row in connection.execute(query).all():
            values = {"facts": {key: text for key, text in row.facts.items() if key != "agent"}}
            connection.execute(update(EVENTS).where(EVENTS.c.id == row.id).values(values))


def _erase_people(connection: Connection, subject: DataSubject) -> None:
    """Removes the rows; one that tickets refer to becomes a number with a pseudonym."""
    for person_id in subject.people:
        this = PEOPLE.c.id == person_id
        try:
            with connection.begin_nested():
                connection.execute(delete(COUPONS).where(COUPONS.c.person_id == person_id))
                connection.execute(delete(PEOPLE).where(this))
        except IntegrityError:
            values = {
                "email": f"erased-{person_id}@{NO_DOMAIN}",
                "name": pseudonym(person_id),
                "role": Role.CUSTOMER.value,
                "organisation_id": None,
                "category": "",
                "audience": "public",
                "zone": "UTC",
                "password_hash": None,
                "active": False,
                "deactivated_by": "operator",
                "demo": False,
                "location": "",
                "phone": "",
            }
            connection.execute(update(PEOPLE).where(this).values(values))
