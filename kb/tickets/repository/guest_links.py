"""Guest links as rows: only hashes of their secrets."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from kb.database import Database
from kb.tickets.lifecycle import Status
from kb.tickets.repository.load import ownership, ticket_subject
from kb.tickets.tables import GUEST_LINKS, TICKETS

_CLOSED_FOR_GOOD = (Status.SPAM_OR_DUPLICATE, Status.MERGED)
#: The links stay, since a merge or a mark as spam can be undone.
_OPENS = TICKETS.c.status.not_in([status.value for status in _CLOSED_FOR_GOOD])

# Building a statement takes as long as executing it, and every filing needs these.
_ADD = insert(GUEST_LINKS)
_OF_GUEST = (
    select(GUEST_LINKS.c.token_hash)
    .where(
        GUEST_LINKS.c.ticket_id == bindparam("serial"),
        GUEST_LINKS.c.person_id == bindparam("person"),
    )
    .order_by(func.coalesce(GUEST_LINKS.c.opened_at, GUEST_LINKS.c.created_at).desc())
)


class GuestLinkRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        serial: int,
        person_id: int,
        token_hash: bytes,
        *,
        now: dt.datetime,
        until: dt.datetime,
        keep: int,
    ) -> bool:
        """Adds a link, of which the guest keeps the ``keep`` that were made or opened last.

        False for a ticket that is closed for good, which gets no more links.
        """
        row = {
            "token_hash": token_hash,
            "ticket_id": serial,
            "person_id": person_id,
            "created_at": now,
            "expires_at": until,
        }
        of_guest = {"serial": serial, "person": person_id}
        with self._database.write(ticket_subject(serial)) as connection:
            if ownership(connection, serial)[1] in _CLOSED_FOR_GOOD:
                return False
            newest_first = connection.execute(_OF_GUEST, of_guest).scalars().all()
            if extra := newest_first[keep - 1 :]:
                connection.execute(delete(GUEST_LINKS).where(GUEST_LINKS.c.token_hash.in_(extra)))
            connection.execute(_ADD, row)
            return True

    def mark_opened(self, token_hash: bytes, *, now: dt.datetime) -> None:
        this = GUEST_LINKS.c.token_hash == token_hash
        with self._database.write_beside() as connection:
            connection.execute(update(GUEST_LINKS).where(this).values(opened_at=now))

    def count(self, serial: int, *, now: dt.datetime) -> int:
        """How many links open the ticket."""
        query = (
            select(func.count())
            .select_from(GUEST_LINKS.join(TICKETS))
            .where(GUEST_LINKS.c.ticket_id == serial, GUEST_LINKS.c.expires_at > now, _OPENS)
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def get(self, token_hash: bytes, *, now: dt.datetime) -> tuple[int, int] | None:
        """The serial and the person of a link; None when it is unknown or expired, or when the
        ticket is closed for good.
        """
        query = (
            select(GUEST_LINKS.c.ticket_id, GUEST_LINKS.c.person_id)
            .select_from(GUEST_LINKS.join(TICKETS))
            .where(GUEST_LINKS.c.token_hash == token_hash, GUEST_LINKS.c.expires_at > now, _OPENS)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return (row.ticket_id, row.person_id) if row else None


def delete_guest_links(connection: Connection, serial: int) -> None:
    """No link opens the ticket any longer."""
    connection.execute(delete(GUEST_LINKS).where(GUEST_LINKS.c.ticket_id == serial))
