"""What is stored about a ticket, one of its events, and the person whom a mail tells of it.

Read when the mail is written. What of it the mail may say is decided in ``kb.mail.ticket_mails``.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, or_, select

from kb.database import Database
from kb.mail.envelope import Became
from kb.mail.tables import RECEIVED_MAILS
from kb.people.person import account_key
from kb.people.tables import PEOPLE
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.tables import ATTACHMENTS, CONSULTED, COPIES, EVENTS, TICKETS
from kb.tickets.ticket import Event

_MOST_REFERENCES = 5
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>")


@dataclass(frozen=True, slots=True)
class MailRecipient:
    """``id`` is 0 for an address without a person; ``confirmed``: it asked for its copies."""

    id: int = 0
    zone: str = "UTC"
    audience: str = ""
    account: bool = False
    organisation_id: int | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class MailedTicket:
    """``event`` is what the mail is about, if it is about one; ``filed`` are the facts of the first
    event. ``files`` are those of ``event``, ``read`` the articles that the requester knew before,
    ``references`` the ids of the recipient's own mails to the ticket, oldest first.
    ``sender_confirmed``: the requester has confirmed having sent the mail that it began with.
    """

    serial: int
    title: str
    status: Status
    product: str
    organisation_id: int | None
    customer_id: int
    customer_email: str
    customer_guest: bool
    created: dt.datetime
    due: dt.datetime | None
    target: str
    remind_at: dt.datetime | None
    episode: str
    filed: dict[str, Any]
    recipient: MailRecipient
    event: Event | None = None
    files: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    sender_confirmed: bool = False
    read: frozenset[str] = frozenset()


class MailedTickets:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, serial: int, event_id: int | None, address: str) -> MailedTicket | None:
        """None for a ticket that is gone."""
        query = (
            select(TICKETS, PEOPLE.c.email, PEOPLE.c.guest)
            .join_from(TICKETS, PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id)
            .where(TICKETS.c.id == serial)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            return MailedTicket(
                serial=serial,
                title=row.title,
                status=Status(row.status),
                product=row.product,
                organisation_id=row.organisation_id,
                customer_id=row.customer_id,
                customer_email=row.email,
                customer_guest=row.guest,
                created=row.created_at,
                due=row.next_due,
                target=row.next_target,
                remind_at=row.remind_at,
                episode=row.episode,
                filed=_facts_of_filing(connection, serial),
                recipient=_recipient(connection, serial, address, row),
                event=_event(connection, serial, event_id),
                files=_files(connection, event_id),
                references=_references(connection, serial, address),
                sender_confirmed=_is_confirmed(connection, serial),
                read=_read_before(connection, serial),
            )


def _facts_of_filing(connection: Connection, serial: int) -> dict[str, Any]:
    query = select(EVENTS.c.facts).where(
        EVENTS.c.ticket_id == serial, EVENTS.c.verb == Verb.OPEN.value
    )
    return dict(connection.execute(query.order_by(EVENTS.c.id).limit(1)).scalar() or {})


def _recipient(connection: Connection, serial: int, address: str, ticket: Any) -> MailRecipient:
    """The requester of this ticket, else the account of the address, else its guest."""
    is_requester = PEOPLE.c.id == (ticket.customer_id if address == ticket.email else 0)
    query = (
        select(PEOPLE)
        .where(PEOPLE.c.active, or_(PEOPLE.c.email == address, is_requester))
        .order_by(case((is_requester, 0), else_=1), PEOPLE.c.guest)
    )
    person = connection.execute(query.limit(1)).first()
    copies = select(func.count()).where(
        COPIES.c.ticket_id == serial,
        COPIES.c.mailbox == account_key(address),
        COPIES.c.choice == "confirmed",
    )
    confirmed = bool(connection.execute(copies).scalar())
    if person is None:
        return MailRecipient(confirmed=confirmed)
    return MailRecipient(
        person.id,
        person.zone,
        person.audience,
        not person.guest,
        person.organisation_id,
        confirmed,
    )


def _event(connection: Connection, serial: int, event_id: int | None) -> Event | None:
    query = select(EVENTS).where(EVENTS.c.id == event_id, EVENTS.c.ticket_id == serial)
    row = connection.execute(query).first() if event_id else None
    if row is None:
        return None
    return Event(
        at=row.at,
        verb=Verb(row.verb),
        actor=row.actor,
        by_agent=row.by_agent,
        public=row.public,
        body=row.body,
        facts=row.facts,
        id=row.id,
    )


def _files(connection: Connection, event_id: int | None) -> tuple[str, ...]:
    query = (
        select(ATTACHMENTS.c.name)
        .where(ATTACHMENTS.c.event_id == event_id)
        .order_by(ATTACHMENTS.c.position)
    )
    return tuple(connection.execute(query).scalars()) if event_id else ()


def _references(connection: Connection, serial: int, address: str) -> tuple[str, ...]:
    query = (
        select(RECEIVED_MAILS.c.message_id)
        .where(
            RECEIVED_MAILS.c.ticket_id == serial,
            RECEIVED_MAILS.c.sender == address,
            RECEIVED_MAILS.c.outcome.in_((Became.TICKET.value, Became.COMMENT.value)),
        )
        .order_by(RECEIVED_MAILS.c.id.desc())
        .limit(_MOST_REFERENCES)
    )
    message_ids = reversed(connection.execute(query).scalars().all())
    return tuple(each for each in message_ids if _MESSAGE_ID.fullmatch(each))


def _is_confirmed(connection: Connection, serial: int) -> bool:
    query = select(RECEIVED_MAILS.c.id).where(
        RECEIVED_MAILS.c.ticket_id == serial,
        RECEIVED_MAILS.c.outcome == Became.TICKET.value,
        RECEIVED_MAILS.c.confirmed_at.is_not(None),
    )
    return connection.execute(query.limit(1)).first() is not None


def _read_before(connection: Connection, serial: int) -> frozenset[str]:
    query = select(CONSULTED.c.document_id).where(
        CONSULTED.c.ticket_id == serial, CONSULTED.c.outcome != "shown"
    )
    return frozenset(connection.execute(query).scalars())
