"""The query log: how often visitors asked each query, by week and audience.

Queries are scrubbed and folded, and nothing is stored about who asked. Only queries that were asked
more than once are ever shown. Episodes of the ticket form are in ``deflection``.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select

from kb.analytics.deflection import scrub
from kb.analytics.tables import QUERY_COUNTS, QUERY_WEEKS
from kb.database import Database
from kb.database.statements import upsert
from kb.timezones import start_of_week

#: Characters. What is longer is a story rather than a query, and nobody asks it twice.
MIN_LOGGED_LENGTH, MAX_LOGGED_LENGTH = 2, 120
QUERY_LOG_RETENTION = dt.timedelta(days=180)
#: Different queries in one week; beyond this number, only queries that are logged already count.
MAX_QUERIES_PER_WEEK = 20_000
#: A query that only one visitor asked might tell who that was.
_MIN_SHOWN_COUNT = 2


@dataclass(frozen=True, slots=True)
class FrequentQuery:
    """``empty``: how many of these ``times`` there was nothing to show."""

    query: str
    audience: str
    times: int
    empty: int = 0


class QueryLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count(
        self,
        queries: Iterable[tuple[str, str]],
        *,
        empty: Iterable[tuple[str, str]] = (),
        now: dt.datetime,
    ) -> None:
        """Counts pairs of query and audience. ``empty`` are those of them that found nothing."""
        counts = _folded(queries)
        if counts:
            with self._database.write("query log") as connection:
                _add(connection, counts, _folded(empty), now)

    def frequent(
        self,
        audiences: Collection[str] | None = None,
        *,
        now: dt.datetime,
        limit: int = 50,
        since: dt.datetime | None = None,
    ) -> tuple[FrequentQuery, ...]:
        """The queries that these audiences (None: all) asked most, most frequent first; in the
        weeks after ``since``, if it is given.
        """
        times = func.sum(QUERY_COUNTS.c.times)
        query = (
            select(
                QUERY_COUNTS.c.query,
                QUERY_COUNTS.c.audience,
                times.label("times"),
                func.sum(QUERY_COUNTS.c.empty).label("empty"),
            )
            .where(QUERY_COUNTS.c.week > (since or now - QUERY_LOG_RETENTION))
            .group_by(QUERY_COUNTS.c.query, QUERY_COUNTS.c.audience)
            .having(times >= _MIN_SHOWN_COUNT)
            .order_by(times.desc(), QUERY_COUNTS.c.query, QUERY_COUNTS.c.audience)
            .limit(limit)
        )
        if audiences is not None:
            query = query.where(QUERY_COUNTS.c.audience.in_(audiences))
        with self._database.read() as connection:
            return tuple(
                FrequentQuery(row.query, row.audience, row.times, row.empty)
                for row in connection.execute(query)
            )


def fold_query(query: str) -> str:
    """The query as it is counted, "" when it is not counted.

    >>> fold_query("  Printer of Alice@Example.com  JAMS ")
    'printer of [address] jams'
    """
    text = " ".join(scrub(" ".join(query.split())).casefold().split())
    is_logged = MIN_LOGGED_LENGTH <= len(text) <= MAX_LOGGED_LENGTH and text.isprintable()
    return text if is_logged else ""


def _folded(queries: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    counts = Counter((fold_query(query), audience) for query, audience in queries)
    return Counter({key: times for key, times in counts.items() if key[0]})


def _add(
    connection: Connection,
    counts: Mapping[tuple[str, str], int],
    empty: Mapping[tuple[str, str], int],
    now: dt.datetime,
) -> None:
    week = start_of_week(now)
    expired = QUERY_COUNTS.c.week <= now - QUERY_LOG_RETENTION
    connection.execute(delete(QUERY_COUNTS).where(expired))

    this_week = QUERY_COUNTS.c.week == week
    logged = connection.execute(
        select(func.count()).select_from(QUERY_COUNTS).where(this_week)
    ).scalar_one()
    whole: dict[str, Any] = {"week": week, "times": 0, "empty": 0}
    for (query, audience), times in counts.items():
        is_same = (QUERY_COUNTS.c.query == query, QUERY_COUNTS.c.audience == audience, this_week)
        is_full = logged >= MAX_QUERIES_PER_WEEK
        if is_full and not connection.execute(select(QUERY_COUNTS.c.times).where(*is_same)).first():
            continue
        logged += 1  # too many for queries that are logged already, which is the safe side

        row: dict[str, Any] = {
            "query": query,
            "audience": audience,
            "week": week,
            "times": times,
            "empty": min(times, empty.get((query, audience), 0)),
        }
        upsert(
            connection,
            QUERY_COUNTS,
            row,
            keys=("query", "audience", "week"),
            add=("times", "empty"),
        )
        whole |= {name: whole[name] + row[name] for name in ("times", "empty")}
    upsert(connection, QUERY_WEEKS, whole, keys=("week",), add=("times", "empty"))
