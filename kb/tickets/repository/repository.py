"""Repository of tickets: one transaction for each verb, saved as a whole or not at all.

What is saved is decided by pure functions that are handed in; ``save`` and ``load`` handle the
rows. ``lists`` has the lists of tickets, ``agent_tools`` what agents share, ``people`` the people,
and ``copies`` the choices of those who are copied. Nothing here depends on a policy.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Connection, exists, func, select, update

from kb.database import Database
from kb.errors import PreconditionFailed
from kb.people.person import Person
from kb.people.repository.people import PeopleRepository
from kb.people.tables import ORGANISATIONS
from kb.sla.clock import SlaEvent
from kb.tickets.changeset import Change, Coupon, IdempotencyKey, NewTicket, TicketFacts
from kb.tickets.lifecycle import Status
from kb.tickets.permissions import Ownership, ticket_not_found
from kb.tickets.repository import load, save
from kb.tickets.repository.agent_tools import AgentTools
from kb.tickets.repository.copies import CopyRepository, confirmed_copies
from kb.tickets.repository.guest_links import GuestLinkRepository, delete_guest_links
from kb.tickets.repository.lists import ROWS, TicketLists
from kb.tickets.repository.load import ticket_subject
from kb.tickets.repository.requesters import RequesterRepository
from kb.tickets.repository.secrets import SecretRepository
from kb.tickets.staff.repository import StaffRepository
from kb.tickets.tables import ATTACHMENTS, EVENTS, RATINGS, SECRETS, TICKETS
from kb.tickets.ticket import Attachment, Ticket

_TICKET = ROWS.add_columns(
    # Few tickets have secrets: the others cost no statement.
    exists().where(SECRETS.c.ticket_id == TICKETS.c.id).correlate(TICKETS).label("has_secrets"),
    select(func.max(EVENTS.c.id))
    .where(EVENTS.c.ticket_id == TICKETS.c.id)
    .correlate(TICKETS)
    .scalar_subquery()
    .label("revision"),
)

Decide = Callable[[TicketFacts], Change]


def _of_key(key: IdempotencyKey) -> tuple[str, ...]:
    """Two forms of one person may be the same form, sent twice."""
    return (f"person {key.person_id}",) if key.key else ()


def _of_new(new: NewTicket) -> tuple[str, ...]:
    """The requester's coupons are counted, and perhaps the tickets of an address."""
    limit = new.limit
    counted = () if limit is None else (f"{limit.scope} {limit.key.hex()}",)
    return (f"person {new.customer_id}", *counted)


class TicketRepository:
    """Tickets in one database. Safe for many threads."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.lists = TicketLists(database)
        self.agent_tools = AgentTools(database)
        self.people = PeopleRepository(database)
        self.requesters = RequesterRepository(database)
        self.copies = CopyRepository(database)
        self.guest_links = GuestLinkRepository(database)
        self.secrets = SecretRepository(database)
        self.staff = StaffRepository(database)
        self._expected: Mapping[int, int] = {}  # serials, and the revisions they must have

    def if_unchanged(self, ticket: Ticket) -> TicketRepository:
        """The same, but changes of the ticket raise PreconditionFailed once it is no longer as it
        was read. They are compared in the transaction that saves, so that nothing comes between.
        """
        conditional = copy.copy(self)
        conditional._expected = {ticket.ownership.serial: ticket.revision}
        return conditional

    # --- Verbs

    def file(self, new: NewTicket, key: IdempotencyKey) -> tuple[int, str]:
        """Saves a ticket; with a key that was used before, that ticket is meant.

        The serial and the fingerprint of the draft. Raises Invalid for a coupon that is used up,
        TooMany, and Unavailable when nothing could be saved.
        """
        with self.database.write(*_of_key(key), *_of_new(new)) as connection:
            return save.file_once(self.database, connection, new, key)

    def change(self, serial: int, decide: Decide, key: IdempotencyKey) -> None:
        """Saves what ``decide`` makes of the ticket as it is now, once for each key.

        An error of ``decide`` leaves no trace. Raises NotFound.
        """
        with self.database.write(ticket_subject(serial), *_of_key(key)) as connection:
            if save.serial_by_key(connection, key) is None:
                event_id, instant = self._save_change(connection, serial, decide)
                save.save_key(connection, key, serial, event_id, instant)

    def merge(
        self,
        source: int,
        target: int,
        leave: Decide,
        absorb: Callable[[TicketFacts, TicketFacts], Change],
        key: IdempotencyKey,
    ) -> None:
        """Saves both changes or neither; ``absorb`` sees the target and then the source."""
        merged: list[TicketFacts] = []

        def leave_seen(ticket: TicketFacts) -> Change:
            merged.append(ticket)
            return leave(ticket)

        subjects = (ticket_subject(source), ticket_subject(target), *_of_key(key))
        with self.database.write(*subjects) as connection:
            if save.serial_by_key(connection, key) is None:
                event_id, instant = self._save_change(connection, source, leave_seen)
                save.save_change(connection, target, lambda ticket: absorb(ticket, merged[0]))
                save.save_key(connection, key, source, event_id, instant)

    def undo(self, serial: int, target: int | None, decide: Decide, leave: Decide) -> None:
        """Saves that a ticket has not ended after all, and that ``target`` loses what it had taken
        over, or neither. Mails about the end that were not sent yet are not sent.
        """
        serials = (serial,) if target is None else (serial, target)
        with self.database.write(*map(ticket_subject, serials)) as connection:
            if target is not None:
                save.delete_merge_link(connection, target, serial)
                save.save_change(connection, target, leave)
            self._save_change(connection, serial, decide)

    def split(self, serial: int, part: NewTicket, decide: Decide, key: IdempotencyKey) -> int:
        """Saves ``part`` and the change of the ticket that it comes from, or neither.

        The serial of the part.
        """
        subjects = (ticket_subject(serial), *_of_key(key), *_of_new(part))
        with self.database.write(*subjects) as connection:
            made_before = save.serial_by_key(connection, key)
            if made_before is not None:
                return made_before
            part_serial = save.save_ticket(self.database, connection, part, key)
            self._save_change(connection, serial, decide)
            return part_serial

    def _save_change(
        self, connection: Connection, serial: int, decide: Decide
    ) -> tuple[int, dt.datetime]:
        def conditional(ticket: TicketFacts) -> Change:
            if self._expected.get(serial, ticket.revision) != ticket.revision:
                raise PreconditionFailed("The ticket has changed since you read it. Read it again.")
            return decide(ticket)

        return save.save_change(connection, serial, conditional)

    # --- One ticket

    def serial_by_key(self, key: IdempotencyKey) -> int | None:
        """The ticket that the key has made or changed."""
        with self.database.read() as connection:
            return save.serial_by_key(connection, key)

    def filed_by_key(self, key: IdempotencyKey) -> tuple[int, str] | None:
        """The ticket that the key has filed, and the fingerprint of its draft."""
        with self.database.read() as connection:
            return save.filed_by_key(connection, key)

    def ownership(self, serial: int) -> tuple[Ownership, Status]:
        """What a first check needs. Raises NotFound."""
        with self.database.read() as connection:
            return load.ownership(connection, serial)

    def facts(self, serial: int) -> TicketFacts:
        """Raises NotFound."""
        with self.database.read() as connection:
            return load.ticket_facts(connection, serial)

    def ticket(
        self,
        serial: int,
        sees_internal: Callable[[Ownership], bool],
        *,
        viewer_id: int = 0,
        now: dt.datetime,
    ) -> Ticket:
        """``sees_internal`` says whether the reader sees notes, or raises NotFound."""
        with self.database.read() as connection:
            row = connection.execute(_TICKET.where(TICKETS.c.id == serial)).mappings().first()
            if row is None:
                raise ticket_not_found()
            ownership = Ownership(
                row["id"], row["customer_id"], row["organisation_id"], bool(row["shared_view"])
            )
            return load.load_ticket(
                connection,
                row,
                ownership,
                now,
                internal=sees_internal(ownership),
                owner=viewer_id == ownership.customer_id,
            )

    def histories(self, levels: Mapping[int, str]) -> dict[int, tuple[SlaEvent, ...]]:
        """What the SLA clock hears of each ticket; ``levels`` by serial."""
        with self.database.read() as connection:
            return load.clock_histories(connection, levels)

    def levels(self, *, batch: int = 500) -> Iterator[dict[int, str]]:
        """The serials and levels of all tickets in batches, oldest first."""
        last = 0
        while True:
            query = (
                select(TICKETS.c.id, TICKETS.c.level)
                .where(TICKETS.c.id > last)
                .order_by(TICKETS.c.id)
                .limit(batch)
            )
            with self.database.read() as connection:
                levels = {row.id: row.level for row in connection.execute(query)}
            if not levels:
                return
            last = max(levels)
            yield levels

    def event_at(self, serial: int, event_id: int) -> dt.datetime | None:
        """When an event of the ticket happened; None for one of another ticket."""
        query = select(EVENTS.c.at).where(EVENTS.c.ticket_id == serial, EVENTS.c.id == event_id)
        with self.database.read() as connection:
            return connection.execute(query).scalar()

    def coupon(self, code: str, person_id: int, *, now: dt.datetime) -> Coupon | None:
        """None for a code that is not this person's, or not valid now."""
        with self.database.read() as connection:
            return save.coupon_by_code(connection, code, person_id, now)

    def adopt(self, person: Person) -> int:
        """The guest tickets of the person's address become the person's; how many.

        Copies that nobody confirmed end, since those of an account are not asked.
        """
        guest = self.people.by_email(person.email, guest=True)
        if guest is None:
            return 0
        of_guest = TICKETS.c.customer_id == guest.id
        query = select(TICKETS.c.id, TICKETS.c.copy_to).where(of_guest)
        with self.database.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return 0
        with self.database.write() as connection:
            tickets = connection.execute(query).all()
            for row in tickets:
                confirmed = confirmed_copies(connection, row.id)
                values = {
                    "customer_id": person.id,
                    "organisation_id": person.organisation_id,
                    "copy_to": [address for address in row.copy_to if address in confirmed],
                }
                connection.execute(update(TICKETS).where(TICKETS.c.id == row.id).values(values))
                delete_guest_links(connection, row.id)
            of_person = update(RATINGS).where(RATINGS.c.person_id == guest.id)
            connection.execute(of_person.values(person_id=person.id))
        return len(tickets)

    def give(self, serial: int, guest_id: int, person: Person) -> None:
        """One ticket of a guest becomes that of the account with the same address."""
        this = (TICKETS.c.id == serial, TICKETS.c.customer_id == guest_id)
        values = {"customer_id": person.id, "organisation_id": person.organisation_id}
        with self.database.write() as connection:
            connection.execute(update(TICKETS).where(*this).values(values))
            delete_guest_links(connection, serial)

    # --- Attachments

    def attachment(self, ref: str) -> tuple[Ownership, bool, Attachment] | None:
        """Whose it is, whether its event is public, and the file."""
        query = (
            select(
                ATTACHMENTS,
                TICKETS.c.customer_id,
                TICKETS.c.organisation_id,
                EVENTS.c.public,
                ORGANISATIONS.c.shared_view,
            )
            .select_from(ATTACHMENTS.join(TICKETS, ATTACHMENTS.c.ticket_id == TICKETS.c.id))
            .outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id)
            .join(EVENTS, ATTACHMENTS.c.event_id == EVENTS.c.id)
            .where(ATTACHMENTS.c.ref == ref)
        )
        with self.database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        owner = Ownership(
            row.ticket_id, row.customer_id, row.organisation_id, bool(row.shared_view)
        )
        return owner, row.public, load.attachment_of(row)

    def attachment_count(self, serial: int) -> int:
        query = (
            select(func.count()).select_from(ATTACHMENTS).where(ATTACHMENTS.c.ticket_id == serial)
        )
        with self.database.read() as connection:
            return connection.execute(query).scalar_one()

    def attachment_keys(self) -> frozenset[str]:
        """The contents that some ticket refers to."""
        with self.database.read() as connection:
            return frozenset(connection.execute(select(ATTACHMENTS.c.key).distinct()).scalars())
