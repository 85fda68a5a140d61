"""How is a ticket kept, so that it is there as a whole or not at all?

One transaction per verb: what is decided (by the desk, purely) and everything that follows from it
(number, event, promise, files, notices) are saved together. Lists are in
``kb.tickets.repository.lists``; nothing here knows a policy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, func, insert, select, update

from kb import ids
from kb.analytics.deflection import end_episode
from kb.database import Database
from kb.database.usage_limits import count_use
from kb.notifications.queue import add_notices
from kb.people.repository.people import PeopleStore
from kb.people.tables import ORGANISATIONS
from kb.sla.clock import SlaEvent
from kb.tickets import permissions as access
from kb.tickets.changeset import Change, Coupon, Facts, Key, NewTicket
from kb.tickets.permissions import Ownership
from kb.tickets.repository import load as reading
from kb.tickets.repository import save as saving
from kb.tickets.repository.agent_tools import Workplace
from kb.tickets.repository.lists import ROWS, TicketLists
from kb.tickets.repository.save import spent
from kb.tickets.tables import ATTACHMENTS, EVENTS, GUEST_LINKS, TICKETS
from kb.tickets.ticket import Attachment, Status, Ticket

__all__ = ["TicketStore", "spent"]


class TicketStore:
    """Tickets in one database, with their ``lists``, ``people`` and the agents' ``workplace``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.lists = TicketLists(database)
        self.workplace = Workplace(database)
        self.people = PeopleStore(database)

    def serial_by_key(self, key: Key) -> int | None:
        """The ticket that this key has already made or changed."""
        with self._database.read() as connection:
            return saving.serial_by_key(connection, key)

    def filed_as(self, key: Key) -> tuple[int, str] | None:
        """The ticket that this key has filed, and the fingerprint of its draft (empty for one that
        kept none).
        """
        with self._database.read() as connection:
            return saving.filed_as(connection, key)

    def open(self, new: NewTicket, key: Key) -> int:
        """Saves a ticket and returns its serial; with a key seen before, only that ticket's serial.

        Raises Invalid when the coupon is spent, Unavailable when nothing could be saved.
        """
        with self._database.write() as connection:
            known = saving.serial_by_key(connection, key)
            return known if known is not None else _opened(connection, new, key)

    def split(
        self, serial: int, new: NewTicket, decide: Callable[[Facts], Change], key: Key
    ) -> int:
        """Saves ``new`` as a part of the ticket ``serial``, and what ``decide`` makes of that, or
        neither.
        """
        with self._database.write() as connection:
            known = saving.serial_by_key(connection, key)
            if known is not None:
                return known
            part = _opened(connection, new, key)
            _changed(connection, serial, decide)
            return part

    def change(self, serial: int, decide: Callable[[Facts], Change], key: Key) -> None:
        """Saves what ``decide`` makes of the ticket as it is now; an error of ``decide`` leaves no
        trace.

        Raises NotFound, and does nothing for a key seen before.
        """
        with self._database.write() as connection:
            if saving.serial_by_key(connection, key) is None:
                saving.keep_key(connection, key, serial, *_changed(connection, serial, decide))

    def change_two(self, steps: Sequence[tuple[int, Callable[[Facts], Change]]], key: Key) -> None:
        """As ``change``, for several tickets in one transaction: all of it or nothing."""
        with self._database.write() as connection:
            if saving.serial_by_key(connection, key) is not None:
                return
            done = [(serial, *_changed(connection, serial, decide)) for serial, decide in steps]
            saving.keep_key(connection, key, *done[0])

    def facts(self, serial: int) -> Facts:
        """Raises NotFound."""
        with self._database.read() as connection:
            return reading.facts(connection, serial)

    def standing(self, serial: int) -> tuple[Ownership, Status]:
        """Whose it is and where it stands, which is all that a first check asks. Raises NotFound."""
        with self._database.read() as connection:
            return reading.standing(connection, serial)

    def ticket(
        self,
        serial: int,
        internal: Callable[[Ownership], bool],
        *,
        viewer_id: int = 0,
        now: dt.datetime,
    ) -> Ticket:
        """The whole ticket. ``internal`` says whether its reader sees notes, or raises NotFound."""
        with self._database.read() as connection:
            found = connection.execute(ROWS.where(TICKETS.c.id == serial)).mappings().first()
            if found is None:
                raise access.absent()
            owned = Ownership(
                found["id"],
                found["customer_id"],
                found["organisation_id"],
                bool(found["shared_view"]),
            )
            return reading.ticket(
                connection, found, internal(owned), now, owner=viewer_id == owned.customer_id
            )

    def histories(self, levels: Mapping[int, str]) -> dict[int, tuple[SlaEvent, ...]]:
        with self._database.read() as connection:
            return reading.histories(connection, levels)

    def attachment(self, ref: str) -> tuple[Ownership, bool, Attachment] | None:
        """Whose it is, whether its event is public, and what it is."""
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
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        owned = Ownership(
            row.ticket_id, row.customer_id, row.organisation_id, bool(row.shared_view)
        )
        return owned, row.public, reading.attachment(row)

    def attachment_keys(self) -> frozenset[str]:
        """The contents that a ticket refers to."""
        with self._database.read() as connection:
            return frozenset(connection.execute(select(ATTACHMENTS.c.key).distinct()).scalars())

    def levels(self, *, batch: int = 500) -> Iterator[dict[int, str]]:
        """The serials and levels of all tickets, some at a time, oldest first."""
        last = 0
        while True:
            query = (
                select(TICKETS.c.id, TICKETS.c.level)
                .where(TICKETS.c.id > last)
                .order_by(TICKETS.c.id)
                .limit(batch)
            )
            with self._database.read() as connection:
                found = {row.id: row.level for row in connection.execute(query)}
            if not found:
                return
            last = max(found)
            yield found

    def said_at(self, serial: int, event_id: int) -> dt.datetime | None:
        """When a word of the ticket was said; None for an event that is none of its."""
        query = select(EVENTS.c.at).where(EVENTS.c.ticket_id == serial, EVENTS.c.id == event_id)
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def attachment_count(self, serial: int) -> int:
        with self._database.read() as connection:
            count = (
                select(func.count())
                .select_from(ATTACHMENTS)
                .where(ATTACHMENTS.c.ticket_id == serial)
            )
            return connection.execute(count).scalar_one()

    def add_link(
        self,
        serial: int,
        person_id: int,
        token_hash: bytes,
        *,
        now: dt.datetime,
        until: dt.datetime,
    ) -> None:
        """Keeps the hash of a secret that opens this one ticket."""
        with self._database.write() as connection:
            connection.execute(
                insert(GUEST_LINKS).values(
                    token_hash=token_hash,
                    ticket_id=serial,
                    person_id=person_id,
                    created_at=now,
                    expires_at=until,
                )
            )

    def link_holder(self, token_hash: bytes, *, now: dt.datetime) -> tuple[int, int] | None:
        """The serial and the person that a secret stands for; None when it is unknown or over."""
        query = select(GUEST_LINKS.c.ticket_id, GUEST_LINKS.c.person_id).where(
            GUEST_LINKS.c.token_hash == token_hash, GUEST_LINKS.c.expires_at > now
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return (row.ticket_id, row.person_id) if row else None

    def coupon(self, code: str, person_id: int, *, now: dt.datetime) -> Coupon | None:
        """The coupon behind a code; None when it is not this person's, or not now."""
        with self._database.read() as connection:
            return saving.coupon(connection, code, person_id, now)


def _opened(connection: Connection, new: NewTicket, key: Key) -> int:
    at = new.event.at
    if new.limit is not None:
        count_use(connection, new.limit, at)
    serial = saving.next_serial(connection)
    connection.execute(insert(TICKETS), saving.ticket_values(new, serial))
    event_id = saving.add_event(connection, serial, new.event, title=new.draft.title)
    saving.add_consulted(connection, serial, new.draft.consulted)
    saving.put_promises(connection, ((serial, one) for one in new.forecast.target_rows))
    saving.spend_coupon(connection, serial, new)
    if new.draft.episode:
        end_episode(connection, new.draft.episode, new.customer_id, serial, at)
    saving.add_kin(connection, serial, new.kin, at)
    add_notices(connection, serial, str(event_id), new.notices(ids.ticket_number(serial)), at)
    saving.keep_key(connection, key, serial, event_id, at)
    return serial


def _changed(
    connection: Connection, serial: int, decide: Callable[[Facts], Change]
) -> tuple[int, dt.datetime]:
    """The id and instant of the event. An error of ``decide`` leaves no trace, as the transaction
    ends with it.
    """
    facts = reading.facts(connection, serial)
    change = decide(facts)
    at, before = change.event.at, set(facts.target_rows)
    event_id = saving.add_event(connection, serial, change.event)
    saving.put_promises(
        connection, ((serial, one) for one in change.forecast.target_rows if one not in before)
    )
    values = saving.changed_values(change, at)
    if facts.next_at is not None and facts.next_at <= at:
        values["next_at"] = (
            facts.next_at
        )  # the sweeper is behind: what fell before this is still to be told
    connection.execute(update(TICKETS).where(TICKETS.c.id == serial).values(values))
    saving.add_rest(connection, serial, event_id, change)
    add_notices(connection, serial, str(event_id), change.notices, at)
    return event_id, at
