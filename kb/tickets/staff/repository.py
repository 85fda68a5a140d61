"""What staff chose and were told, as rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select, update

from kb.database import Database
from kb.database.statements import upsert
from kb.people.person import Role
from kb.people.tables import PEOPLE
from kb.tickets.staff.choices import (
    StaffChoice,
    StaffEvent,
    StaffHours,
    StaffMember,
    StaffNews,
    read_members,
    stored_choices,
)
from kb.tickets.tables import EVENTS, STAFF_CHOICES, STAFF_NEWS, TICKETS

MOST_SHOWN = 100  # the newest
_STAFF = (
    select(
        PEOPLE.c.id,
        PEOPLE.c.email,
        PEOPLE.c.name,
        PEOPLE.c.role,
        PEOPLE.c.zone,
        STAFF_CHOICES.c.choices,
        STAFF_CHOICES.c.products,
    )
    .select_from(PEOPLE.outerjoin(STAFF_CHOICES, STAFF_CHOICES.c.person_id == PEOPLE.c.id))
    .where(
        PEOPLE.c.role.in_((Role.AGENT.value, Role.ADMIN.value)),
        PEOPLE.c.guest.is_(False),
        PEOPLE.c.active,
    )
    .order_by(PEOPLE.c.email)
)


@dataclass(frozen=True, slots=True)
class ShownNews:
    """One line of the page of notifications. ``actor`` is empty for what the clock did."""

    event: StaffEvent
    serial: int
    title: str
    actor: str
    at: dt.datetime
    seen: bool


class StaffRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def members(self) -> tuple[StaffMember, ...]:
        with self._database.read() as connection:
            return staff_members(connection)

    def choose(
        self,
        person_id: int,
        choices: Mapping[StaffEvent, StaffChoice],
        products: Iterable[str],
        hours: StaffHours | None = None,
    ) -> None:
        row = {
            "person_id": person_id,
            "choices": stored_choices(choices, hours),
            "products": sorted(products),
        }
        with self._database.write() as connection:
            upsert(
                connection,
                STAFF_CHOICES,
                row,
                keys=("person_id",),
                update=("choices", "products"),
            )

    def stop_mail(self, person_id: int, event: StaffEvent) -> StaffMember | None:
        """No more mails about an event; None for somebody who is no longer staff."""
        with self._database.write() as connection:
            member = _member(connection, person_id)
            if member is None:
                return None
            choices = {**member.choices, event: replace(member.choices[event], mail=False)}
            row = {
                "person_id": person_id,
                "choices": stored_choices(choices, member.hours),
                "products": sorted(member.products),
            }
            upsert(connection, STAFF_CHOICES, row, keys=("person_id",), update=("choices",))
            return replace(member, choices=choices)

    def member(self, person_id: int) -> StaffMember | None:
        with self._database.read() as connection:
            return _member(connection, person_id)

    def news(self, person_id: int) -> tuple[ShownNews, ...]:
        """What the person was told last, newest first."""
        query = (
            select(STAFF_NEWS, TICKETS.c.title, EVENTS.c.actor)
            .select_from(
                STAFF_NEWS.join(TICKETS, STAFF_NEWS.c.ticket_id == TICKETS.c.id).outerjoin(
                    EVENTS, STAFF_NEWS.c.event_id == EVENTS.c.id
                )
            )
            .where(STAFF_NEWS.c.person_id == person_id)
            .order_by(STAFF_NEWS.c.id.desc())
            .limit(MOST_SHOWN)
        )
        with self._database.read() as connection:
            return tuple(
                ShownNews(
                    StaffEvent(row.kind),
                    row.ticket_id,
                    row.title,
                    row.actor or "",
                    row.at,
                    row.seen_at is not None,
                )
                for row in connection.execute(query)
            )

    def unseen(self, person_id: int) -> int:
        query = select(func.count()).where(
            STAFF_NEWS.c.person_id == person_id, STAFF_NEWS.c.seen_at.is_(None)
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def saw(self, person_id: int, serial: int | None, *, now: dt.datetime) -> None:
        """Marks as seen what there is, of one ticket or of all. Writes only if needed."""
        unseen = [STAFF_NEWS.c.person_id == person_id, STAFF_NEWS.c.seen_at.is_(None)]
        if serial is not None:
            unseen.append(STAFF_NEWS.c.ticket_id == serial)
        with self._database.read() as connection:
            if connection.execute(select(STAFF_NEWS.c.id).where(*unseen).limit(1)).first() is None:
                return
        with self._database.write() as connection:
            connection.execute(update(STAFF_NEWS).where(*unseen).values(seen_at=now))


def staff_members(connection: Connection) -> tuple[StaffMember, ...]:
    """All active agents and administrators with their choices."""
    return read_members(connection.execute(_STAFF).all())


def _member(connection: Connection, person_id: int) -> StaffMember | None:
    return next((each for each in staff_members(connection) if each.id == person_id), None)


def add_news(
    connection: Connection, serial: int, news: Iterable[StaffNews], now: dt.datetime, event_id: int
) -> None:
    """Who is notified of an event of the ticket."""
    insert_news(connection, news_rows(serial, str(event_id), news, now, event_id=event_id))


def news_rows(
    serial: int,
    cause: str,
    news: Iterable[StaffNews],
    now: dt.datetime,
    *,
    event_id: int | None = None,
) -> list[dict[str, Any]]:
    """The rows of one cause, for callers that save the rows of many causes at once."""
    return [
        {
            "person_id": each.member.id,
            "ticket_id": serial,
            "kind": each.event.value,
            "event_id": event_id,
            "cause": cause,
            "at": now,
        }
        for each in news
    ]


def insert_news(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Saves the rows. Nobody is notified twice for the same cause."""
    upsert(connection, STAFF_NEWS, rows, keys=("person_id", "ticket_id", "cause"))
