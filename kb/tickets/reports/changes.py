"""Changes: the events of tickets in the order in which they were saved, for programs that follow.

A reader sees the events of the tickets that they may see, and internal ones only as staff. Who may
see a ticket, ``kb.tickets.permissions`` decides; the query only leaves out what nobody would see.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from kb import ids
from kb.database import Database
from kb.people.person import Person
from kb.people.tables import ORGANISATIONS
from kb.tickets.lifecycle import Verb
from kb.tickets.permissions import Ownership, may_see, may_see_internal
from kb.tickets.tables import EVENTS, TICKETS


@dataclass(frozen=True, slots=True)
class TicketChange:
    """An event, without what was written."""

    id: int
    at: dt.datetime
    number: str
    verb: Verb
    by_agent: bool
    public: bool


def last_change(database: Database) -> int:
    """The id of the newest event that no other can precede any more, 0 before the first one."""
    query = select(func.max(EVENTS.c.id)).where(EVENTS.c.id <= database.settled(EVENTS))
    with database.read() as connection:
        return connection.execute(query).scalar() or 0


def is_change(database: Database, event_id: int) -> bool:
    """Whether there is an event with this id, or a later one."""
    with database.read() as connection:
        return event_id <= (connection.execute(select(func.max(EVENTS.c.id))).scalar() or 0)


def changes_after(
    database: Database, viewer: Person, after: int, limit: int
) -> tuple[TicketChange, ...]:
    """At most ``limit`` events that follow the one with the id ``after``, the oldest first."""
    query = (
        select(
            EVENTS,
            TICKETS.c.customer_id,
            TICKETS.c.organisation_id,
            ORGANISATIONS.c.shared_view,
        )
        .join(TICKETS, EVENTS.c.ticket_id == TICKETS.c.id)
        .outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id)
        .where(EVENTS.c.id > after, EVENTS.c.id <= database.settled(EVENTS))
        .order_by(EVENTS.c.id)
        .limit(limit)
    )
    if not viewer.is_staff:
        of_colleagues = TICKETS.c.organisation_id == viewer.organisation_id
        own = or_(TICKETS.c.customer_id == viewer.id, of_colleagues & ORGANISATIONS.c.shared_view)
        query = query.where(EVENTS.c.public, own)

    changes = []
    with database.read() as connection:
        for row in connection.execute(query):
            ownership = Ownership(
                row.ticket_id, row.customer_id, row.organisation_id, bool(row.shared_view)
            )
            if may_see(viewer, ownership) and (row.public or may_see_internal(viewer, ownership)):
                number = ids.ticket_number(row.ticket_id)
                changes.append(
                    TicketChange(row.id, row.at, number, Verb(row.verb), row.by_agent, row.public)
                )
    return tuple(changes)
