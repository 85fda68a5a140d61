"""What was deflected in a period, read from the sums of days and weeks."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, func, select

from kb.analytics.causal_effect import ArmSums
from kb.analytics.deflection_report import COUNTS, DeflectionSums, start_of_day_week
from kb.analytics.episode import Episode
from kb.analytics.outcomes import SETTLED_AFTER
from kb.analytics.tables import ARTICLE_WEEKS, DEFLECTION_DAYS, EPISODES

_ARM_SUMS = tuple(f"{arm}_{name}" for arm in ("treatment", "holdout") for name in ArmSums.__slots__)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, both included. ``portal`` narrows what belongs to one."""

    first: dt.date
    last: dt.date
    portal: str | None = None

    @property
    def since(self) -> dt.datetime:
        return dt.datetime.combine(self.first, dt.time(), dt.UTC)

    @property
    def until(self) -> dt.datetime:
        """The first instant after it."""
        return dt.datetime.combine(self.last, dt.time(), dt.UTC) + dt.timedelta(days=1)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def holds(self, episode: Episode) -> bool:
        day = episode.at.astimezone(dt.UTC).date()
        return self.first <= day <= self.last and self.portal in (None, episode.portal)


@dataclass(frozen=True, slots=True)
class ArticleUse:
    """How an article fared: shown, read, rejected, and what came of the visits that read it."""

    document_id: str
    shown: int
    rejected: int
    sums: DeflectionSums

    @property
    def read(self) -> int:
        return self.sums.episodes


def deflection_sums(
    connection: Connection, period: Period, *, by: str = ""
) -> tuple[DeflectionSums, dict[str, DeflectionSums]]:
    """All visits of the period, and those of each group of ``by``: ``portal``, ``form``,
    ``product``, ``article`` or ``week``. Articles are counted by week.
    """
    if by == "article":
        whole, _ = deflection_sums(connection, period)
        uses = article_uses(connection, period)
        return whole, {use.document_id: use.sums for use in uses if use.read}

    column = DEFLECTION_DAYS.c["day" if by == "week" else by or "share"]
    groups: dict[str, DeflectionSums] = defaultdict(DeflectionSums)
    whole = DeflectionSums()
    query = _totals(DEFLECTION_DAYS, (*COUNTS, *_ARM_SUMS)).add_columns(
        column.label("name"), DEFLECTION_DAYS.c.share
    )
    query = query.where(
        DEFLECTION_DAYS.c.day >= period.since, DEFLECTION_DAYS.c.day < period.until
    ).group_by(column, DEFLECTION_DAYS.c.share)
    if period.portal is not None:
        query = query.where(DEFLECTION_DAYS.c.portal == period.portal)
    for row in connection.execute(query):
        sums = _sums(row)
        sums.compare(row.share, _arm(row, "treatment"), _arm(row, "holdout"))
        whole.add(sums)
        name = start_of_day_week(row.name).isoformat() if by == "week" else row.name
        if by:
            groups[name].add(sums)
    return whole, dict(groups)


def article_uses(
    connection: Connection, period: Period, *, limit: int | None = None
) -> tuple[ArticleUse, ...]:
    """The articles of the weeks that overlap with the period, those after which most tickets were
    filed first.
    """
    monday = start_of_day_week(period.since)
    filed = func.sum(ARTICLE_WEEKS.c.filed_read)
    query = (
        _totals(ARTICLE_WEEKS, (*COUNTS, "shown", "rejected"))
        .add_columns(ARTICLE_WEEKS.c.document_id)
        .where(
            ARTICLE_WEEKS.c.week >= dt.datetime.combine(monday, dt.time(), dt.UTC),
            ARTICLE_WEEKS.c.week < period.until,
        )
        .group_by(ARTICLE_WEEKS.c.document_id)
        .order_by(filed.desc(), ARTICLE_WEEKS.c.document_id)
        .limit(limit)
    )
    if period.portal is not None:
        query = query.where(ARTICLE_WEEKS.c.portal == period.portal)
    return tuple(
        ArticleUse(row.document_id, row.shown, row.rejected, _sums(row))
        for row in connection.execute(query)
    )


def uncounted_visits(connection: Connection, now: dt.datetime) -> tuple[int, int]:
    """How many visits wait for their windows to be over, and how many should have been counted."""
    is_due = EPISODES.c.started_at <= now - SETTLED_AFTER
    query = select(func.count(), func.count().filter(is_due)).where(EPISODES.c.counted.is_(False))
    waiting, due = connection.execute(query).one()
    return waiting - due, due


def _totals(table: Table, names: tuple[str, ...]) -> Select[Any]:
    return select(*(func.sum(table.c[name]).label(name) for name in names))


def _sums(row: Row[Any]) -> DeflectionSums:
    return DeflectionSums(**{name: getattr(row, name) for name in COUNTS})


def _arm(row: Row[Any], arm: str) -> ArmSums:
    return ArmSums(**{name: getattr(row, f"{arm}_{name}") for name in ArmSums.__slots__})
