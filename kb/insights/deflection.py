"""What was deflected in a period, read from the sums of days and weeks."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)

from kb.analytics.causal_effect import ArmSums, CausalEffect, causal_effect
from kb.analytics.deflection_report import COUNTS, DeflectionSums
from kb.analytics.episode import Episode
from kb.analytics.outcomes import SETTLED_AFTER
from kb.analytics.tables import (
    ARTICLE_ARMS,
    ARTICLE_WEEKS,
    DEFLECTION_DAYS,
    DEFLECTION_WEEKS,
    EPISODES,
)
from kb.database.metadata import Instant
from kb.timezones import start_of_week

_ARM_SUMS = tuple(f"{arm}_{name}" for arm in ("treatment", "holdout") for name in ArmSums.__slots__)

_LONG_PERIOD = 120  # days


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

    def holds_instant(
        self, column: Column[Any], since: dt.datetime | None = None
    ) -> list[ColumnElement[bool]]:
        """The conditions for a column of a table, from the beginning or from ``since``.

        For a long period, the plus keeps SQLite from using its index by time: it is faster to read
        all rows in the order of their groups, from a covering index, than to sort most of them.
        """
        instant: ColumnElement[Any] = column
        if self.days > _LONG_PERIOD:
            instant = literal_column(f"+{column.table.name}.{column.name}", Instant)
        return [instant >= (since or self.since), instant < self.until]

    def holds(self, episode: Episode) -> bool:
        day = episode.at.astimezone(dt.UTC).date()
        return self.first <= day <= self.last and self.portal in (None, episode.portal)


@dataclass(frozen=True, slots=True)
class ArticleUse:
    """The use of an article: how often it was shown, read and rejected, and the outcomes of the
    visits.

    What ``sums`` compares are people to whom the list would suggest this article among the first.
    """

    document_id: str
    shown: int
    rejected: int
    sums: DeflectionSums

    @property
    def people(self) -> int:
        return self.sums.people_compared

    @property
    def causal(self) -> CausalEffect:
        """The effect of the list on these people."""
        return causal_effect(self.sums.comparisons.values(), visits=self.people)

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
        return whole, {use.document_id: use.sums for use in uses if use.read or use.people}

    whole = DeflectionSums()
    groups: dict[str, DeflectionSums] = defaultdict(DeflectionSums)
    for row, sums in _grouped_sums(connection, period, "day" if by == "week" else by or "share"):
        whole.add(sums)
        if by:
            groups[start_of_week(row[0]).date().isoformat() if by == "week" else row[0]].add(sums)
    return whole, dict(groups)


def sums_by_form_and_product(
    connection: Connection, period: Period
) -> tuple[dict[str, DeflectionSums], dict[str, DeflectionSums]]:
    """Both groupings, in one pass over the sums."""
    forms: dict[str, DeflectionSums] = defaultdict(DeflectionSums)
    products: dict[str, DeflectionSums] = defaultdict(DeflectionSums)
    for row, sums in _grouped_sums(connection, period, "form", "product"):
        forms[row.form].add(sums)
        products[row.product].add(sums)
    return dict(forms), dict(products)


def _grouped_sums(
    connection: Connection, period: Period, *by: str
) -> Iterator[tuple[Row[Any], DeflectionSums]]:
    """For each group: a row that begins with the values of the columns ``by``, and its sums."""
    names = (*COUNTS, *_ARM_SUMS)
    parts = union_all(*_sums_of_period(period)).subquery()
    columns = [parts.c[name] for name in by]
    query = (
        select(*columns, parts.c.share.label("percent"))
        .add_columns(*(func.sum(parts.c[name]).label(name) for name in names))
        .group_by(*columns, parts.c.share)
    )
    for row in connection.execute(query):
        sums = _sums(row)
        sums.compare(row.percent, _arm(row, "treatment"), _arm(row, "holdout"))
        yield row, sums


def _sums_of_period(period: Period) -> tuple[Select[Any], Select[Any]]:
    """The sums of the whole weeks of the period, and of its other days."""
    days, weeks = select(DEFLECTION_DAYS), select(DEFLECTION_WEEKS)
    day, monday = DEFLECTION_DAYS.c.day, DEFLECTION_WEEKS.c.day
    first = start_of_week(period.since + dt.timedelta(days=6))
    end = max(first, start_of_week(period.until))
    weeks = weeks.where(monday >= first, monday < end)
    days = days.where(day >= period.since, day < period.until, or_(day < first, day >= end))
    if period.portal is not None:
        days = days.where(DEFLECTION_DAYS.c.portal == period.portal)
        weeks = weeks.where(DEFLECTION_WEEKS.c.portal == period.portal)
    return weeks, days


def article_uses(
    connection: Connection,
    period: Period,
    *,
    limit: int | None = None,
    only: str = "",
    compared: bool = True,
) -> tuple[ArticleUse, ...]:
    """The articles (or ``only`` one) of the weeks that overlap with the period, those after which
    most tickets were filed first; ``compared`` with the holdout.
    """
    monday = start_of_week(period.since)
    conditions = [ARTICLE_WEEKS.c.week >= monday, ARTICLE_WEEKS.c.week < period.until]
    if period.portal is not None:
        conditions.append(ARTICLE_WEEKS.c.portal == period.portal)
    if only:
        conditions.append(ARTICLE_WEEKS.c.document_id == only)
    filed = func.sum(ARTICLE_WEEKS.c.filed_read)
    order = (filed.desc(), ARTICLE_WEEKS.c.document_id)
    if limit is not None:
        # Most of the time goes into adding up, and most articles are not listed.
        query = (
            select(ARTICLE_WEEKS.c.document_id)
            .where(*period.holds_instant(ARTICLE_WEEKS.c.week, monday), *conditions[2:])
            .group_by(ARTICLE_WEEKS.c.document_id)
            .order_by(*order)
            .limit(limit)
        )
        with_tickets = query.where(text("article_weeks.filed_read > 0"))  # worded as its index is
        listed = connection.execute(with_tickets).scalars().all()
        if len(listed) < limit:
            listed = connection.execute(query).scalars().all()
        conditions.append(ARTICLE_WEEKS.c.document_id.in_(listed))
    query = (
        select(ARTICLE_WEEKS.c.document_id)
        .add_columns(
            *(func.sum(ARTICLE_WEEKS.c[n]).label(n) for n in (*COUNTS, "shown", "rejected"))
        )
        .where(*conditions)
        .group_by(ARTICLE_WEEKS.c.document_id)
        .order_by(*order)
    )
    rows = connection.execute(query).all()
    names = None if limit is None and not only else [row.document_id for row in rows]
    comparisons = _comparisons(connection, period, names) if compared else {}
    uses = []
    for row in rows:
        sums = _sums(row)
        sums.comparisons = comparisons.get(row.document_id, {})
        uses.append(ArticleUse(row.document_id, row.shown, row.rejected, sums))
    return tuple(uses)


def _comparisons(
    connection: Connection, period: Period, names: Sequence[str] | None
) -> dict[str, dict[int, tuple[ArmSums, ArmSums]]]:
    """Article -> share of the holdout -> treatment and holdout; of some articles or of all."""
    monday = start_of_week(period.since)
    counts = ("treatment_people", "treatment_filed", "holdout_people", "holdout_filed")
    query = (
        select(ARTICLE_ARMS.c.document_id, ARTICLE_ARMS.c.share)
        .add_columns(*(func.sum(ARTICLE_ARMS.c[name]).label(name) for name in counts))
        .where(ARTICLE_ARMS.c.week >= monday, ARTICLE_ARMS.c.week < period.until)
        .group_by(ARTICLE_ARMS.c.document_id, ARTICLE_ARMS.c.share)
    )
    if period.portal is not None:
        query = query.where(ARTICLE_ARMS.c.portal == period.portal)
    if names is not None:
        query = query.where(ARTICLE_ARMS.c.document_id.in_(names))
    comparisons: dict[str, dict[int, tuple[ArmSums, ArmSums]]] = defaultdict(dict)
    for row in connection.execute(query):
        # Each person filed or did not: the square of the share is the share.
        comparisons[row.document_id][row.share] = (
            ArmSums(row.treatment_people, row.treatment_filed, row.treatment_filed),
            ArmSums(row.holdout_people, row.holdout_filed, row.holdout_filed),
        )
    return dict(comparisons)


def waiting_visits(connection: Connection, now: dt.datetime) -> int:
    """How many visits are not counted yet because their windows are not over."""
    uncounted = EPISODES.c.counted == false()  # worded as its index is; IS FALSE would not use it
    is_waiting = (uncounted, EPISODES.c.started_at > now - SETTLED_AFTER)
    query = select(func.count()).select_from(EPISODES).where(*is_waiting)
    return int(connection.execute(query).scalar_one())


def _sums(row: Row[Any]) -> DeflectionSums:
    return DeflectionSums(**{name: getattr(row, name) for name in COUNTS})


def _arm(row: Row[Any], arm: str) -> ArmSums:
    return ArmSums(**{name: getattr(row, f"{arm}_{name}") for name in ArmSums.__slots__})
