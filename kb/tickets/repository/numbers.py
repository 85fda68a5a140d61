"""Ticket numbers: a counter that only grows, even after a backup is restored.

A ticket that was filed after a backup was taken had a number that the backup does not know, and its
customer has been told that number. Therefore a restored counter jumps ahead, and no number is ever
used twice.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Integer, func, select, type_coerce, update

from kb.database import Database
from kb.database.metadata import COUNTERS
from kb.tickets.tables import TICKETS

#: Numbers that are left out at least; customers read them, so they leap to a round one.
LEAP = 10_000
#: How many times as busy as on the busiest day the time since the backup may have been.
_MARGIN = 10


def skip_numbers(database: Database, *, taken_at: dt.datetime, now: dt.datetime) -> int:
    """Raise the counter beyond any number given after ``taken_at``; the last number left out."""
    days = max(1, (now - taken_at).days + 1)
    day = type_coerce(TICKETS.c.created_at, Integer) // 86_400
    per_day = select(func.count().label("tickets")).select_from(TICKETS).group_by(day).subquery()
    counter = COUNTERS.c.name == "ticket"

    with database.write() as connection:
        busiest = connection.execute(select(func.max(per_day.c.tickets))).scalar() or 0
        value = connection.execute(select(COUNTERS.c.value).where(counter)).scalar_one()
        possible = value + max(LEAP, _MARGIN * busiest * days)
        leapt: int = -(-possible // LEAP) * LEAP
        connection.execute(update(COUNTERS).where(counter).values(value=leapt))
    return leapt
