"""What do agents share at their desks?

Saved views of the queue, who is at which ticket just now, who watches what, how well promises are
kept. Plain rows; who may ask is decided by the desk.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, insert, or_, select, text

from kb.database import Database
from kb.database.statements import upsert
from kb.people.tables import PEOPLE
from kb.tickets.tables import PRESENCE, SAVED_VIEWS, WATCHERS

#: Somebody who was not seen for so long has left.
AWAY = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class View:
    """A named narrowing of the queue; ``narrowed`` holds the queue's own arguments as text."""

    id: int
    name: str
    narrowed: dict[str, str]
    shared: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """A colleague who has the same ticket open, perhaps writing an answer."""

    name: str
    answering: bool
    seen: dt.datetime


@dataclass(frozen=True, slots=True)
class Attainment:
    """How the promises of one level that fell due in one week were kept. ``week`` is its Monday, in
    UTC.
    """

    level: str
    week: dt.date
    met: int
    breached: int

    @property
    def share(self) -> float | None:
        """Kept of all, 0 to 1; None when nothing fell due."""
        total = self.met + self.breached
        return self.met / total if total else None


# 345,600 s: the first Monday of 1970..
_ATTAINMENT = text(
    "SELECT level, (due_at - 345600) / 604800 AS week, sum(state = 'met') AS met, sum(state = "
    "'breached') AS breached "
    "FROM targets WHERE state IN ('met', 'breached') AND due_at >= :since AND due_at < :until "
    "GROUP BY 1, 2 "
    "ORDER BY 2 DESC, 1"
)
_WEEK = 604_800
_MONDAY = 345_600


class Workplace:
    def __init__(self, database: Database) -> None:
        self._database = database

    def views(self, person_id: int) -> tuple[View, ...]:
        """One's own and those that others share, by name."""
        query = (
            select(SAVED_VIEWS)
            .where(or_(SAVED_VIEWS.c.person_id == person_id, SAVED_VIEWS.c.shared))
            .order_by(SAVED_VIEWS.c.name)
        )
        with self._database.read() as connection:
            return tuple(
                View(row.id, row.name, dict(row.narrowed), row.shared, row.person_id == person_id)
                for row in connection.execute(query)
            )

    def save_view(
        self, person_id: int, name: str, narrowed: dict[str, str], *, shared: bool
    ) -> None:
        """Under a name that one has used already, the view is replaced."""
        view = {"person_id": person_id, "name": name, "narrowed": narrowed, "shared": shared}
        with self._database.write() as connection:
            upsert(
                connection,
                SAVED_VIEWS,
                view,
                keys=("person_id", "name"),
                update=("narrowed", "shared"),
            )

    def drop_view(self, person_id: int, view_id: int) -> bool:
        """Whether there was such a view of one's own."""
        with self._database.write() as connection:
            gone = delete(SAVED_VIEWS).where(
                SAVED_VIEWS.c.id == view_id, SAVED_VIEWS.c.person_id == person_id
            )
            return bool(connection.execute(gone).rowcount)

    def present(
        self, serial: int, person_id: int, *, answering: bool, now: dt.datetime
    ) -> tuple[Presence, ...]:
        """Notes who is there, and says who else is."""
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
        with self._database.write() as connection:
            connection.execute(delete(PRESENCE).where(PRESENCE.c.at <= now - AWAY))
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
        with self._database.write() as connection:
            here = (PRESENCE.c.ticket_id == serial, PRESENCE.c.person_id == person_id)
            connection.execute(delete(PRESENCE).where(*here))

    def watch(self, serial: int, person_id: int, *, on: bool) -> None:
        with self._database.write() as connection:
            here = (WATCHERS.c.ticket_id == serial, WATCHERS.c.person_id == person_id)
            connection.execute(delete(WATCHERS).where(*here))
            if on:
                connection.execute(insert(WATCHERS).values(ticket_id=serial, person_id=person_id))

    def attainment(self, *, since: dt.datetime, until: dt.datetime) -> tuple[Attainment, ...]:
        """By week and level, newest week first. What is still open past its due instant has no
        verdict yet.
        """
        bounds = {"since": int(since.timestamp()), "until": int(until.timestamp())}
        with self._database.read() as connection:
            return tuple(
                Attainment(row.level, _monday(row.week), row.met, row.breached)
                for row in connection.execute(_ATTAINMENT, bounds)
            )


def _monday(week: int) -> dt.date:
    return dt.datetime.fromtimestamp(_MONDAY + week * _WEEK, dt.UTC).date()
