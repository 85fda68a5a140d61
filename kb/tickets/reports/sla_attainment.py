"""SLA attainment: how many targets were met and breached, by support level and week.

A target counts in the week of its due time, once it has ended. Overdue targets that are still
running are on the board instead.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Integer, func, select, text, type_coerce

from kb.database import Database
from kb.sla.target import TargetState
from kb.tickets.tables import TARGETS

_WEEK = 604_800
#: Instants are stored in seconds; this is the first Monday of 1970.
_FIRST_MONDAY = 345_600


@dataclass(frozen=True, slots=True)
class Attainment:
    """One support level in one week, which begins on the Monday ``week``, in UTC."""

    level: str
    week: dt.date
    met: int
    breached: int

    @property
    def share(self) -> float | None:
        """Met of all, 0 to 1; None when nothing was due."""
        total = self.met + self.breached
        return self.met / total if total else None


def sla_attainment(
    database: Database, *, since: dt.datetime, until: dt.datetime
) -> tuple[Attainment, ...]:
    """By week and level, the newest week first."""
    state, due_at = TARGETS.c.state, TARGETS.c.due_at
    week = ((type_coerce(due_at, Integer) - _FIRST_MONDAY) // _WEEK).label("week")
    query = (
        select(
            TARGETS.c.level,
            week,
            func.count().filter(state == TargetState.MET.value).label("met"),
            func.count().filter(state == TargetState.BREACHED.value).label("breached"),
        )
        .where(
            text("targets.state IN ('met', 'breached')"),  # worded as its index is
            due_at >= since,
            due_at < until,
        )
        .group_by(TARGETS.c.level, week)
        .order_by(week.desc(), TARGETS.c.level)
    )
    with database.read() as connection:
        return tuple(
            Attainment(row.level, _monday(row.week), row.met, row.breached)
            for row in connection.execute(query)
        )


def _monday(week: int) -> dt.date:
    return dt.datetime.fromtimestamp(_FIRST_MONDAY + week * _WEEK, dt.UTC).date()
