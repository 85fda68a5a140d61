"""Agents' tools: saved views of the queue, unsent replies, who has a ticket open, who watches it.

Plain rows; who may ask is decided in ``kb.tickets.queue``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, or_, select, update

from kb.database import Database
from kb.database.statements import upsert
from kb.people.tables import PEOPLE
from kb.tickets.tables import (
    PRESENCE,
    RELEASES,
    REPLY_DRAFTS,
    SAVED_VIEWS,
    TICKETS,
    WATCHERS,
)
from kb.tickets.ticket import Release

#: Whoever was not seen for so long has left.
_AWAY_AFTER = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SavedView:
    """Filters of the queue under a name; ``narrowed`` holds them as text."""

    id: int
    name: str
    narrowed: dict[str, str]
    shared: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """A colleague who has the same ticket open, and perhaps is writing a reply."""

    name: str
    answering: bool
    seen: dt.datetime


class AgentTools:
    def __init__(self, database: Database) -> None:
        self._database = database

    def views(self, person_id: int) -> tuple[SavedView, ...]:
        """Their own and those that others share, by name."""
        query = (
            select(SAVED_VIEWS)
            .where(or_(SAVED_VIEWS.c.person_id == person_id, SAVED_VIEWS.c.shared))
            .order_by(SAVED_VIEWS.c.name)
        )
        with self._database.read() as connection:
            return tuple(
                SavedView(
                    row.id, row.name, dict(row.narrowed), row.shared, row.person_id == person_id
                )
                for row in connection.execute(query)
            )

    def save_view(
        self, person_id: int, name: str, narrowed: dict[str, str], *, shared: bool
    ) -> None:
        """Replaces their view of that name, if there is one."""
        view = {"person_id": person_id, "name": name, "narrowed": narrowed, "shared": shared}
        with self._database.write() as connection:
            upsert(
                connection,
                SAVED_VIEWS,
                view,
                keys=("person_id", "name"),
                update=("narrowed", "shared"),
            )

    def delete_view(self, person_id: int, view_id: int) -> bool:
        """Whether it was their own view."""
        with self._database.write() as connection:
            own_view = (SAVED_VIEWS.c.id == view_id, SAVED_VIEWS.c.person_id == person_id)
            return bool(connection.execute(delete(SAVED_VIEWS).where(*own_view)).rowcount)

    def present(
        self, serial: int, person_id: int, *, answering: bool, now: dt.datetime
    ) -> tuple[Presence, ...]:
        """Notes that the person has the ticket open; returns who else has."""
        presence = {
            "ticket_id": serial,
            "person_id": person_id,
            "answering": answering,
            "at": now,
        }
        others = (
            select(PEOPLE.c.name, PRESENCE.c.answering, PRESENCE.c.at)
            .select_from(PRESENCE.join(PEOPLE, PRESENCE.c.person_id == PEOPLE.c.id))
            .where(PRESENCE.c.ticket_id == serial, PRESENCE.c.person_id != person_id)
            .order_by(PEOPLE.c.name)
        )
        with self._database.write("presence") as connection:
            connection.execute(delete(PRESENCE).where(PRESENCE.c.at <= now - _AWAY_AFTER))
            upsert(
                connection,
                PRESENCE,
                presence,
                keys=("ticket_id", "person_id"),
                update=("answering", "at"),
            )
            return tuple(
                Presence(row.name, row.answering, row.at) for row in connection.execute(others)
            )

    def leave(self, serial: int, person_id: int) -> None:
        with self._database.write("presence") as connection:
            this = (PRESENCE.c.ticket_id == serial, PRESENCE.c.person_id == person_id)
            connection.execute(delete(PRESENCE).where(*this))

    def drafts(self, serial: int, person_id: int) -> dict[str, str]:
        """Name of a form -> what the person has typed into it and not sent."""
        query = select(REPLY_DRAFTS.c.form, REPLY_DRAFTS.c.body).where(
            REPLY_DRAFTS.c.ticket_id == serial, REPLY_DRAFTS.c.person_id == person_id
        )
        with self._database.read() as connection:
            return {row.form: row.body for row in connection.execute(query)}

    def save_draft(
        self, serial: int, person_id: int, form: str, body: str, *, now: dt.datetime
    ) -> None:
        """An empty body removes the draft."""
        draft = {
            "ticket_id": serial,
            "person_id": person_id,
            "form": form,
            "body": body,
            "at": now,
        }
        this = (
            REPLY_DRAFTS.c.ticket_id == serial,
            REPLY_DRAFTS.c.person_id == person_id,
            REPLY_DRAFTS.c.form == form,
        )
        with self._database.write_beside() as connection:
            if body:
                keys = ("ticket_id", "person_id", "form")
                upsert(connection, REPLY_DRAFTS, draft, keys=keys, update=("body", "at"))
            else:
                connection.execute(delete(REPLY_DRAFTS).where(*this))

    def releases(self) -> tuple[Release, ...]:
        """What tickets wait for, the soonest first, and what has shipped, the latest first."""
        waiting = (
            select(func.count())
            .where(TICKETS.c.release_id == RELEASES.c.id, TICKETS.c.shipped_at.is_(None))
            .correlate(RELEASES)
            .scalar_subquery()
        )
        query = select(RELEASES, waiting.label("waiting")).order_by(
            RELEASES.c.shipped_at.is_not(None),
            RELEASES.c.shipped_at.desc(),
            RELEASES.c.planned_at.is_(None),
            RELEASES.c.planned_at,
            RELEASES.c.name,
        )
        with self._database.read() as connection:
            return tuple(
                Release(row.id, row.name, row.planned_at, row.shipped_at, row.waiting)
                for row in connection.execute(query)
            )

    def change_release(self, release_id: int, **values: dt.datetime | None) -> None:
        this = update(RELEASES).where(RELEASES.c.id == release_id)
        with self._database.write() as connection:
            connection.execute(this.values(**values))

    def waiting_tickets(self, release_id: int) -> tuple[int, ...]:
        """Serials of the tickets whose customers have not been told, oldest first."""
        query = select(TICKETS.c.id).where(
            TICKETS.c.release_id == release_id, TICKETS.c.shipped_at.is_(None)
        )
        with self._database.read() as connection:
            return tuple(connection.execute(query.order_by(TICKETS.c.id)).scalars())

    def watch(self, serial: int, person_id: int, *, on: bool) -> None:
        with self._database.write() as connection:
            this = (WATCHERS.c.ticket_id == serial, WATCHERS.c.person_id == person_id)
            connection.execute(delete(WATCHERS).where(*this))
            if on:
                connection.execute(insert(WATCHERS).values(ticket_id=serial, person_id=person_id))
