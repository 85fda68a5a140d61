"""What visitors looked for in vain, and what they said about articles."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from kb.analytics.tables import FEEDBACK, QUERY_COUNTS, QUERY_WEEKS
from kb.insights.deflection import Period
from kb.timezones import start_of_week

#: A query that only one visitor asked might tell who that was.
_MIN_TIMES = 2


@dataclass(frozen=True, slots=True)
class EmptyQuery:
    """A search or title, how often it was meant, and how often there was nothing to show."""

    query: str
    times: int
    empty: int


@dataclass(frozen=True, slots=True)
class ArticleVotes:
    """``reasons`` are the newest ones, with their time."""

    document_id: str
    helpful: int
    not_helpful: int
    reasons: tuple[tuple[dt.datetime, str], ...]


def empty_queries(connection: Connection, period: Period, *, limit: int) -> list[EmptyQuery]:
    """Of the weeks that overlap with the period, the most frequent first."""
    times, empty = func.sum(QUERY_COUNTS.c.times), func.sum(QUERY_COUNTS.c.empty)
    query = (
        select(QUERY_COUNTS.c.query, times.label("times"), empty.label("empty"))
        .where(
            text("asked.empty > 0"),  # worded as its index is
            QUERY_COUNTS.c.week >= start_of_week(period.since),
            QUERY_COUNTS.c.week < period.until,
        )
        .group_by(QUERY_COUNTS.c.query)
        .having(times >= _MIN_TIMES)
        .order_by(empty.desc(), QUERY_COUNTS.c.query)
        .limit(limit)
    )
    return [EmptyQuery(row.query, row.times, row.empty) for row in connection.execute(query)]


def zero_rate(connection: Connection, period: Period) -> float | None:
    """Of the searches and titles in the weeks that overlap with the period, the share for which
    there was nothing to show.
    """
    query = select(func.sum(QUERY_WEEKS.c.empty), func.sum(QUERY_WEEKS.c.times)).where(
        QUERY_WEEKS.c.week >= start_of_week(period.since), QUERY_WEEKS.c.week < period.until
    )
    empty, times = connection.execute(query).one()
    return empty / times if times else None


def votes_of_articles(
    connection: Connection, period: Period, *, limit: int, reasons: int = 5, only: str = ""
) -> list[ArticleVotes]:
    """The articles with most votes "no" in the period, or ``only`` one."""
    yes, no = func.count().filter(FEEDBACK.c.helpful), func.count().filter(~FEEDBACK.c.helpful)
    in_time = period.holds_instant(FEEDBACK.c.at)
    if only:
        in_time.append(FEEDBACK.c.document_id == only)
    query = (
        select(FEEDBACK.c.document_id, yes.label("yes"), no.label("no"))
        .where(*in_time)
        .group_by(FEEDBACK.c.document_id)
        .order_by(no.desc(), yes.desc(), FEEDBACK.c.document_id)
        .limit(limit)
    )
    votes = connection.execute(query).all()
    written = (
        select(FEEDBACK.c.document_id, FEEDBACK.c.at, FEEDBACK.c.reason)
        .where(
            FEEDBACK.c.document_id.in_([row.document_id for row in votes]),
            FEEDBACK.c.reason != "",
            *in_time,
        )
        .order_by(FEEDBACK.c.at.desc())
    )
    by_document: dict[str, list[tuple[dt.datetime, str]]] = {}
    for row in connection.execute(written):
        newest = by_document.setdefault(row.document_id, [])
        if len(newest) < reasons:
            newest.append((row.at, row.reason))
    return [
        ArticleVotes(row.document_id, row.yes, row.no, tuple(by_document.get(row.document_id, ())))
        for row in votes
    ]
