"""Received mails as rows, and what the decision about a mail is made from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, update

from kb import ids
from kb.database import Database
from kb.database.statements import upsert
from kb.errors import NotFound
from kb.mail.envelope import Became
from kb.mail.rules.loops import Recent
from kb.mail.rules.threading import Thread
from kb.mail.tables import RECEIVED_MAILS, UNREACHABLE_ADDRESSES
from kb.notifications.queue import NewNotice, add_notices
from kb.notifications.tables import NOTICES
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.tickets.lifecycle import UNDELIVERED, Status
from kb.tickets.permissions import Ownership
from kb.tickets.repository.copies import confirmed_copies
from kb.tickets.tables import EVENTS, TICKETS

#: How long after a mail a bounce can be about it.
_BOUNCES_WITHIN = dt.timedelta(days=7)
_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
_MOST_MERGES = 5
_PAGE = 50

_MAILS = select(RECEIVED_MAILS, PEOPLE.c.name.label("agent")).select_from(
    RECEIVED_MAILS.outerjoin(PEOPLE, RECEIVED_MAILS.c.settled_by == PEOPLE.c.id)
)
_THREADS = select(
    TICKETS.c.id,
    TICKETS.c.customer_id,
    TICKETS.c.organisation_id,
    TICKETS.c.status,
    TICKETS.c.copy_to,
    TICKETS.c.merged_into,
    PEOPLE.c.email,
    PEOPLE.c.guest,
    ORGANISATIONS.c.shared_view,
).select_from(
    TICKETS.join(PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id).outerjoin(
        ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id
    )
)


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """A mail that arrived. ``ticket`` is a number, ``event_id`` the message that it became.

    ``settled_by`` is the name of the agent who has decided about a quarantined one.
    """

    content: str
    outcome: Became
    why: str
    received_at: dt.datetime
    message_id: str = ""
    file: str = ""
    way: str = ""
    mailbox: str = ""
    sender: str = ""
    subject: str = ""
    ticket: str = ""
    event_id: int | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)
    folded: str = ""
    notes: tuple[str, ...] = ()
    settled_at: dt.datetime | None = None
    settled_by: str = ""
    confirmed_at: dt.datetime | None = None
    id: int = 0


class MailRepository:
    """Safe for many threads. Called within ``Database.join``, all of it is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # --- what a decision is made from

    def seen(self, content: str, message_id: str) -> tuple[ReceivedMail | None, bool]:
        """A mail with this content or, failing that, with this id; and whether the content is the
        same.
        """
        with self.database.read() as connection:
            row = connection.execute(_MAILS.where(RECEIVED_MAILS.c.content == content)).first()
            if row is not None:
                return _mail(row), True
            if not message_id:
                return None, False
            row = connection.execute(
                _MAILS.where(RECEIVED_MAILS.c.message_id == message_id).order_by(
                    RECEIVED_MAILS.c.id
                )
            ).first()
        return (_mail(row) if row is not None else None), False

    def tickets_of(self, message_ids: Collection[str]) -> dict[str, int]:
        """The tickets of mails that came to us, by Message-ID."""
        if not message_ids:
            return {}
        query = select(RECEIVED_MAILS.c.message_id, RECEIVED_MAILS.c.ticket_id).where(
            RECEIVED_MAILS.c.message_id.in_(message_ids),
            RECEIVED_MAILS.c.ticket_id.is_not(None),
            RECEIVED_MAILS.c.outcome.in_((Became.TICKET.value, Became.COMMENT.value)),
        )
        with self.database.read() as connection:
            return {row.message_id: row.ticket_id for row in connection.execute(query)}

    def thread(self, serial: int) -> Thread | None:
        """A ticket, or the one that it was merged into; None when there is none."""
        for _ in range(_MOST_MERGES):
            thread = self._thread(serial)
            if thread is None or thread.merged_into is None:
                return thread
            serial = thread.merged_into
        return None

    def _thread(self, serial: int) -> Thread | None:
        with self.database.read() as connection:
            row = connection.execute(_THREADS.where(TICKETS.c.id == serial)).first()
            if row is None:
                return None
            copies = frozenset(row.copy_to)
            if row.guest:
                copies &= confirmed_copies(connection, serial)
        return Thread(
            Ownership(row.id, row.customer_id, row.organisation_id, bool(row.shared_view)),
            Status(row.status),
            row.email,
            row.guest,
            copies,
            row.merged_into if row.status == Status.MERGED.value else None,
        )

    def recent(self, sender: str, now: dt.datetime) -> Recent:
        """What this sender, and everybody, has filed by mail within the hour."""
        filed = (
            RECEIVED_MAILS.c.outcome == Became.TICKET.value,
            RECEIVED_MAILS.c.received_at > now - _HOUR,
        )
        count = select(func.count()).select_from(RECEIVED_MAILS)
        with self.database.read() as connection:
            own = connection.execute(count.where(RECEIVED_MAILS.c.sender == sender, *filed))
            newest = connection.execute(select(func.max(RECEIVED_MAILS.c.id))).scalar() or 0
            everybody = connection.execute(
                count.where(RECEIVED_MAILS.c.id > newest - 5_000, *filed)
            )
            return Recent(own.scalar_one(), everybody.scalar_one())

    def says_again(self, serial: int, person_id: int, body: str, now: dt.datetime) -> bool:
        """Whether somebody has written the same words to a ticket twice within a day."""
        query = select(EVENTS.c.id).where(
            EVENTS.c.ticket_id == serial,
            EVENTS.c.actor_id == person_id,
            EVENTS.c.at > now - _DAY,
            EVENTS.c.body == body,
        )
        with self.database.read() as connection:
            return len(connection.execute(query.limit(2)).all()) == 2

    def level_title(self, number: str) -> str:
        query = select(TICKETS.c.level_title).where(TICKETS.c.id == ids.ticket_serial(number))
        with self.database.read() as connection:
            return connection.execute(query).scalar() or ""

    # --- what comes of it

    def add(self, mail: ReceivedMail) -> ReceivedMail:
        """Saves what became of a mail. A comment or ticket is the newest event of its ticket."""
        serial = ids.ticket_serial(mail.ticket) if mail.ticket else None
        event_id = None
        with self.database.write() as connection:
            if mail.outcome in (Became.TICKET, Became.COMMENT):
                newest = select(func.max(EVENTS.c.id)).where(EVENTS.c.ticket_id == serial)
                event_id = connection.execute(newest).scalar()
            row = {
                "content": mail.content,
                "message_id": mail.message_id,
                "file": mail.file,
                "way": mail.way,
                "mailbox": mail.mailbox,
                "sender": mail.sender,
                "subject": mail.subject,
                "received_at": mail.received_at,
                "outcome": mail.outcome.value,
                "why": mail.why,
                "ticket_id": serial,
                "event_id": event_id,
                "evidence": dict(mail.evidence),
                "folded": mail.folded,
                "notes": list(mail.notes),
            }
            upsert(connection, RECEIVED_MAILS, row, keys=("content",))
            query = _MAILS.where(RECEIVED_MAILS.c.content == mail.content)
            return _mail(connection.execute(query).one())

    def settle(self, mail_id: int, person_id: int, *, now: dt.datetime) -> None:
        """An agent has decided about a quarantined mail."""
        values = {"settled_at": now, "settled_by": person_id}
        this = RECEIVED_MAILS.c.id == mail_id
        with self.database.write() as connection:
            connection.execute(update(RECEIVED_MAILS).where(this).values(values))

    def release(self, mail_id: int, ticket: str, person_id: int, *, now: dt.datetime) -> None:
        """A quarantined mail became a ticket after all."""
        serial = ids.ticket_serial(ticket)
        newest = select(func.max(EVENTS.c.id)).where(EVENTS.c.ticket_id == serial)
        with self.database.write() as connection:
            values = {
                "outcome": Became.TICKET.value,
                "ticket_id": serial,
                "event_id": connection.execute(newest).scalar(),
                "settled_at": now,
                "settled_by": person_id,
            }
            this = RECEIVED_MAILS.c.id == mail_id
            connection.execute(update(RECEIVED_MAILS).where(this).values(values))

    def confirm(self, serial: int, *, now: dt.datetime) -> None:
        """Saves that the sender has confirmed the mail that a ticket began with."""
        this = (
            RECEIVED_MAILS.c.ticket_id == serial,
            RECEIVED_MAILS.c.outcome == Became.TICKET.value,
        )
        with self.database.write() as connection:
            connection.execute(update(RECEIVED_MAILS).where(*this).values(confirmed_at=now))

    def mark_unreachable(self, address: str, status: str, why: str, *, now: dt.datetime) -> None:
        row = {"address": address, "status": status, "why": why, "at": now}
        with self.database.write() as connection:
            upsert(
                connection,
                UNREACHABLE_ADDRESSES,
                row,
                keys=("address",),
                update=("status", "why", "at"),
            )

    def mark_undelivered(
        self, serial: int | None, address: str, why: str, *, now: dt.datetime
    ) -> None:
        """What was sent to an address about a ticket has not arrived; the assignee is told."""
        sent = (
            NOTICES.c.ticket_id == serial,
            NOTICES.c.recipient == address,
            NOTICES.c.state == "sent",
            NOTICES.c.sent_at > now - _BOUNCES_WITHIN,
        )
        assignee = (
            select(PEOPLE.c.email)
            .select_from(TICKETS.join(PEOPLE, TICKETS.c.assignee_id == PEOPLE.c.id))
            .where(TICKETS.c.id == serial)
        )
        with self.database.write() as connection:
            values = {"state": "failed", "error": why}
            undelivered = connection.execute(update(NOTICES).where(*sent).values(values)).rowcount
            agent = connection.execute(assignee).scalar()
            if serial is not None and undelivered and agent and agent != address:
                facts = {"number": ids.ticket_number(serial), "staff": "yes"}
                notice = NewNotice(UNDELIVERED, agent, facts)
                add_notices(connection, serial, f"undelivered/{address}", [notice], now)

    def unreachable(self, address: str) -> tuple[str, dt.datetime] | None:
        """Why mails do not reach an address, and since when."""
        query = select(UNREACHABLE_ADDRESSES).where(UNREACHABLE_ADDRESSES.c.address == address)
        with self.database.read() as connection:
            row = connection.execute(query).first()
        return (row.why or row.status, row.at) if row is not None else None

    # --- reading

    def get(self, mail_id: int) -> ReceivedMail:
        """Raises NotFound."""
        with self.database.read() as connection:
            row = connection.execute(_MAILS.where(RECEIVED_MAILS.c.id == mail_id)).first()
        if row is None:
            raise NotFound("There is no such e-mail. It may have been deleted because of its age.")
        return _mail(row)

    def filed_by(self, serial: int) -> ReceivedMail | None:
        """The mail that a ticket began with."""
        query = _MAILS.where(
            RECEIVED_MAILS.c.ticket_id == serial,
            RECEIVED_MAILS.c.outcome == Became.TICKET.value,
        )
        with self.database.read() as connection:
            row = connection.execute(query.order_by(RECEIVED_MAILS.c.id)).first()
        return _mail(row) if row is not None else None

    def of_ticket(self, serial: int) -> tuple[ReceivedMail, ...]:
        """All mails about a ticket, in their order."""
        query = _MAILS.where(RECEIVED_MAILS.c.ticket_id == serial).order_by(RECEIVED_MAILS.c.id)
        return self._all(query)

    def quarantine(self, *, before: int | None = None) -> tuple[ReceivedMail, ...]:
        """Mails about which an agent has to decide, newest first; a page of them."""
        query = _MAILS.where(
            RECEIVED_MAILS.c.outcome == Became.QUARANTINED.value,
            RECEIVED_MAILS.c.settled_at.is_(None),
        )
        return self._page(query, before)

    def quarantined(self) -> int:
        """The number of mails that wait for an agent."""
        query = (
            select(func.count())
            .select_from(RECEIVED_MAILS)
            .where(
                RECEIVED_MAILS.c.outcome == Became.QUARANTINED.value,
                RECEIVED_MAILS.c.settled_at.is_(None),
            )
        )
        with self.database.read() as connection:
            return connection.execute(query).scalar_one()

    def ignored(self, *, before: int | None = None) -> tuple[ReceivedMail, ...]:
        """Mails that had no effect, newest first; a page of them."""
        had_none = or_(
            RECEIVED_MAILS.c.outcome == Became.IGNORED.value,
            (RECEIVED_MAILS.c.outcome == Became.QUARANTINED.value)
            & RECEIVED_MAILS.c.settled_at.is_not(None),
        )
        return self._page(_MAILS.where(had_none), before)

    def files(self) -> frozenset[str]:
        """The files that some row refers to."""
        with self.database.read() as connection:
            return frozenset(connection.execute(select(RECEIVED_MAILS.c.file)).scalars())

    def _page(self, query: Select[Any], before: int | None) -> tuple[ReceivedMail, ...]:
        if before is not None:
            query = query.where(RECEIVED_MAILS.c.id < before)
        return self._all(query.order_by(RECEIVED_MAILS.c.id.desc()).limit(_PAGE))

    def _all(self, query: Select[Any]) -> tuple[ReceivedMail, ...]:
        with self.database.read() as connection:
            rows: Sequence[Row[Any]] = connection.execute(query).all()
        return tuple(map(_mail, rows))


def _mail(row: Row[Any]) -> ReceivedMail:
    return ReceivedMail(
        content=row.content,
        outcome=Became(row.outcome),
        why=row.why,
        received_at=row.received_at,
        message_id=row.message_id,
        file=row.file,
        way=row.way,
        mailbox=row.mailbox,
        sender=row.sender,
        subject=row.subject,
        ticket=ids.ticket_number(row.ticket_id) if row.ticket_id else "",
        event_id=row.event_id,
        evidence=row.evidence,
        folded=row.folded,
        notes=tuple(row.notes),
        settled_at=row.settled_at,
        settled_by=row.agent or "",
        confirmed_at=row.confirmed_at,
        id=row.id,
    )
