"""Tickets in a period: volume and backlog, times, SLA attainment, ratings, and agents' load.

Read from the sums of days; only what is open now is counted from the tickets themselves.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, text

from kb.analytics.tables import DURATION_WEEKS, TARGET_DAYS, TICKET_DAYS
from kb.database.statements import one_of
from kb.insights.deflection import Period
from kb.insights.ticket_sums import (
    AGENT,
    FIRST_RESPONSE,
    LEVEL,
    ORGANISATION,
    PRODUCT,
    RESOLUTION,
    bucket_duration,
)
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.tickets.tables import TARGETS, TICKETS
from kb.timezones import start_of_week

_MOST_GROUPS = 20  # of one dimension


@dataclass(frozen=True, slots=True)
class TicketCounts:
    """``scores`` is the sum of all ratings."""

    filed: int = 0
    ended: int = 0
    resolved: int = 0
    reopened: int = 0
    replies: int = 0
    ratings: int = 0
    scores: int = 0
    known: int = 0

    @property
    def known_ratio(self) -> float | None:
        """How many resolved tickets were answered with a link to an article."""
        return self.known / self.resolved if self.resolved else None

    @property
    def score(self) -> float | None:
        return self.scores / self.ratings if self.ratings else None

    @property
    def reopen_rate(self) -> float | None:
        """How many resolved tickets were reopened."""
        return self.reopened / self.resolved if self.resolved else None


_NAMES = TicketCounts.__slots__


@dataclass(frozen=True, slots=True)
class Durations:
    """The median, and what nine of ten tickets did not exceed; within a tenth."""

    tickets: int
    median: dt.timedelta
    ninth: dt.timedelta


@dataclass(frozen=True, slots=True)
class TicketGroup:
    """The tickets of one product, level, organisation or agent. ``open`` are those of now."""

    value: str
    title: str
    counts: TicketCounts
    open: int
    first_response: Durations | None = None
    resolution: Durations | None = None


@dataclass(frozen=True, slots=True)
class DayVolume:
    """``backlog`` is how many tickets were open at the end of the day."""

    day: dt.date
    filed: int
    ended: int
    backlog: int


@dataclass(frozen=True, slots=True)
class LevelAttainment:
    """SLA targets that were due in the period. ``overdue`` ones are still open, and missed."""

    level: str
    met: int
    breached: int
    overdue: int

    @property
    def total(self) -> int:
        return self.met + self.breached + self.overdue

    @property
    def share(self) -> float | None:
        return self.met / self.total if self.total else None


def volume_by_day(connection: Connection, period: Period, today: dt.date) -> list[DayVolume]:
    """Every day of the period from the first ticket ever until today, also those on which nothing
    happened.
    """
    everything = TICKET_DAYS.c.dimension == ""
    change = TICKET_DAYS.c.filed - TICKET_DAYS.c.ended + TICKET_DAYS.c.reopened
    earliest = connection.execute(
        select(func.min(TICKET_DAYS.c.day)).where(everything)
    ).scalar_one()
    if earliest is None:
        return []
    before = select(func.coalesce(func.sum(change), 0)).where(
        everything, TICKET_DAYS.c.day < period.since
    )
    backlog = int(connection.execute(before).scalar_one())
    query = select(
        TICKET_DAYS.c.day, TICKET_DAYS.c.filed, TICKET_DAYS.c.ended, change.label("change")
    ).where(everything, TICKET_DAYS.c.day >= period.since, TICKET_DAYS.c.day < period.until)
    rows = {row.day.date(): row for row in connection.execute(query)}

    volumes = []
    day = max(period.first, earliest.date())
    while day <= min(period.last, today):
        row = rows.get(day)
        backlog += row.change if row else 0
        volumes.append(DayVolume(day, row.filed if row else 0, row.ended if row else 0, backlog))
        day += dt.timedelta(days=1)
    return volumes


def total_counts(connection: Connection, period: Period) -> TicketCounts:
    return _counts(connection, period, "", [""]).get("", TicketCounts())


def groups_of(
    connection: Connection, period: Period, dimension: str, still_open: Mapping[str, int]
) -> list[TicketGroup]:
    """The groups with most tickets in the period, or with some of ``still_open``."""
    weights = _weights(connection, period, dimension)
    values = sorted(
        {*weights, *still_open},
        key=lambda value: (-weights.get(value, 0), -still_open.get(value, 0), value),
    )[:_MOST_GROUPS]
    counts = _counts(connection, period, dimension, values)
    titles = _titles(connection, dimension, values)
    times: Mapping[tuple[str, str], Durations] = {}
    if dimension not in (ORGANISATION, AGENT):
        times = durations_of(connection, period, dimension)
    return [
        TicketGroup(
            value,
            titles.get(value, value),
            counts.get(value, TicketCounts()),
            still_open.get(value, 0),
            times.get((value, FIRST_RESPONSE)),
            times.get((value, RESOLUTION)),
        )
        for value in values
    ]


def _weights(connection: Connection, period: Period, dimension: str) -> dict[str, int]:
    """Value -> how much happened. One sum for each of many thousand values takes a third of the
    time of all their counts.
    """
    weight = func.sum(TICKET_DAYS.c.filed + TICKET_DAYS.c.replies + TICKET_DAYS.c.ended)
    query = (
        select(TICKET_DAYS.c.value, weight)
        .where(*_of_period(period, dimension))
        .group_by(TICKET_DAYS.c.value)
    )
    return {value: int(total) for value, total in connection.execute(query)}


def durations_of(
    connection: Connection, period: Period, dimension: str
) -> dict[tuple[str, str], Durations]:
    """Value and kind -> how long it took, in the weeks that overlap with the period."""
    query = (
        select(
            DURATION_WEEKS.c.value,
            DURATION_WEEKS.c.kind,
            DURATION_WEEKS.c.bucket,
            func.sum(DURATION_WEEKS.c.tickets),
        )
        .where(
            DURATION_WEEKS.c.dimension == dimension,
            *period.holds_instant(DURATION_WEEKS.c.week, start_of_week(period.since)),
        )
        .group_by(DURATION_WEEKS.c.value, DURATION_WEEKS.c.kind, DURATION_WEEKS.c.bucket)
        .order_by(DURATION_WEEKS.c.value, DURATION_WEEKS.c.kind, DURATION_WEEKS.c.bucket)
    )
    histograms: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for value, kind, bucket, tickets in connection.execute(query):
        histograms.setdefault((value, kind), []).append((bucket, tickets))
    return {key: _durations(histogram) for key, histogram in histograms.items()}


def _durations(histogram: list[tuple[int, int]]) -> Durations:
    total = sum(tickets for _, tickets in histogram)

    def quantile(share: float) -> dt.timedelta:
        seen = 0
        for bucket, tickets in histogram:
            seen += tickets
            if seen >= share * total:
                return bucket_duration(bucket)
        return dt.timedelta()

    return Durations(total, quantile(0.5), quantile(0.9))


def attainment_by_level(
    connection: Connection, period: Period, now: dt.datetime
) -> list[LevelAttainment]:
    """Every open target past its due time counts as missed."""
    ended = (
        select(
            TARGET_DAYS.c.level,
            func.sum(TARGET_DAYS.c.met).label("met"),
            func.sum(TARGET_DAYS.c.breached).label("breached"),
        )
        .where(TARGET_DAYS.c.day >= period.since, TARGET_DAYS.c.day < period.until)
        .group_by(TARGET_DAYS.c.level)
    )
    overdue = (
        select(TARGETS.c.level, func.count())
        .where(
            text("targets.state IN ('running', 'late')"),  # worded as its index is
            TARGETS.c.due_at >= period.since,
            TARGETS.c.due_at < min(period.until, now),
        )
        .group_by(TARGETS.c.level)
    )
    by_level = {row.level: (int(row.met), int(row.breached)) for row in connection.execute(ended)}
    open_by_level = {level: count for level, count in connection.execute(overdue)}
    return [
        LevelAttainment(level, *by_level.get(level, (0, 0)), open_by_level.get(level, 0))
        for level in sorted({*by_level, *open_by_level})
    ]


def _counts(
    connection: Connection, period: Period, dimension: str, values: Sequence[str]
) -> dict[str, TicketCounts]:
    query = (
        select(
            TICKET_DAYS.c.value,
            *(func.sum(TICKET_DAYS.c[name]).label(name) for name in _NAMES),
        )
        .where(*_of_period(period, dimension), TICKET_DAYS.c.value.in_(values))
        .group_by(TICKET_DAYS.c.value)
    )
    return {
        row.value: TicketCounts(**{name: getattr(row, name) for name in _NAMES})
        for row in connection.execute(query)
    }


def _of_period(period: Period, dimension: str) -> tuple[ColumnElement[bool], ...]:
    """Those of organisations are sums of weeks."""
    since = start_of_week(period.since) if dimension == ORGANISATION else period.since
    return TICKET_DAYS.c.dimension == dimension, *period.holds_instant(TICKET_DAYS.c.day, since)


def open_tickets(connection: Connection) -> Mapping[str, Counter[str]]:
    """Dimension -> how many tickets of each value are open now; of an agent, those assigned."""
    active = text("tickets.status IN ('open', 'waiting', 'paused')")  # worded as its index is
    columns = {
        PRODUCT: TICKETS.c.product,
        LEVEL: TICKETS.c.level,
        AGENT: TICKETS.c.assignee_id,
        ORGANISATION: TICKETS.c.organisation_id,
    }
    counts: dict[str, Counter[str]] = {dimension: Counter() for dimension in columns}
    # The first three stand in the index of the queue.
    for dimensions in ((PRODUCT, LEVEL, AGENT), (ORGANISATION,)):
        group = [columns[dimension] for dimension in dimensions]
        query = select(*group, func.count()).where(active).group_by(*group)
        for *values, tickets in connection.execute(query):
            for dimension, value in zip(dimensions, values, strict=True):
                if value is not None:
                    counts[dimension][str(value)] += tickets
    return counts


def _titles(connection: Connection, dimension: str, values: list[str]) -> dict[str, str]:
    if dimension not in (ORGANISATION, AGENT):
        return {}
    table = ORGANISATIONS if dimension == ORGANISATION else PEOPLE
    ids = {int(value) for value in values}
    query = select(table.c.id, table.c.name).where(one_of(connection, table.c.id, ids))
    return {str(row.id): row.name for row in connection.execute(query)}
