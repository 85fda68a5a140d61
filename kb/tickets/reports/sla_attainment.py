"""SLA attainment: how many targets were met and breached, by support level and week.

A target counts in the week of its due time, once it is met or due: one that is still open after
that is breached, whether or not somebody answers it later.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Integer, func, select, text, type_coerce

from kb.database import Database
from kb.sla.target import TargetState
from kb.tickets.tables import TARGETS

_WEEK = 604_800
#: Instants are stored in seconds; this is the first Monday of 1970.
_FIRST_MONDAY = 345_600
#: Targets that have ended, and those that are open: what was due before now is breached.
_WORDED_AS_THE_INDEXES = (
    "targets.state IN ('met', 'breached')",
    "targets.state IN ('running', 'late')",
)


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
    """By week and level, the newest week first. ``until`` is not later than now."""
    state, due_at = TARGETS.c.state, TARGETS.c.due_at
    week = ((type_coerce(due_at, Integer) - _FIRST_MONDAY) // _WEEK).label("week")
    met = func.count().filter(state == TargetState.MET.value)
    query = (
        select(TARGETS.c.level, week, met.label("met"), func.count().label("total"))
        .where(due_at >= since, due_at < until)
        .group_by(TARGETS.c.level, week)
    )
    counts: Counter[tuple[int, str]] = Counter()
    totals: Counter[tuple[int, str]] = Counter()
    with database.read() as connection:
        for states in _WORDED_AS_THE_INDEXES:
            for row in connection.execute(query.where(text(states))):
                counts[row.week, row.level] += row.met
                totals[row.week, row.level] += row.total
    return tuple(
        Attainment(level, _monday(week), counts[week, level], total - counts[week, level])
        for (week, level), total in sorted(
            totals.items(), key=lambda entry: (-entry[0][0], entry[0][1])
        )
    )


def _monday(week: int) -> dt.date:
    return dt.datetime.fromtimestamp(_FIRST_MONDAY + week * _WEEK, dt.UTC).date()
