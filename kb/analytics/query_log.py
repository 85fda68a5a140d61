"""What do visitors ask most?

Settled queries, counted by week and audience: scrubbed, folded, without anything about who asked.
Only what was asked more than once is ever told. Not for episodes (``deflection``).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from kb.analytics.deflection import scrub
from kb.analytics.tables import QUERY_COUNTS
from kb.database import Database
from kb.database.statements import upsert

LONGEST = 120  # characters: what is longer is a story, and asked once
SHORTEST = 2
KEPT = dt.timedelta(days=180)
#: Different queries that are kept for one week; beyond, only known ones are counted.
MOST = 20_000
#: What one person alone asked may tell who that was.
LEAST_TIMES = 2


@dataclass(frozen=True, slots=True)
class Frequent:
    query: str
    audience: str
    times: int


class QueryLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, queries: Iterable[tuple[str, str]], *, now: dt.datetime) -> None:
        """Counts (query, audience) pairs."""
        found = Counter((told, audience) for query, audience in queries if (told := folded(query)))
        if found:
            with self._database.write() as connection:
                _count(connection, found, now)

    def frequent(
        self, audiences: Collection[str] | None = None, *, now: dt.datetime, most: int = 50
    ) -> tuple[Frequent, ...]:
        """What was asked most in KEPT, by ``audiences`` (None: by all), most frequent first."""
        times = func.sum(QUERY_COUNTS.c.times)
        query = (
            select(QUERY_COUNTS.c.query, QUERY_COUNTS.c.audience, times.label("sum"))
            .where(QUERY_COUNTS.c.week > now - KEPT)
            .group_by(QUERY_COUNTS.c.query, QUERY_COUNTS.c.audience)
            .having(times >= LEAST_TIMES)
            .order_by(times.desc(), QUERY_COUNTS.c.query, QUERY_COUNTS.c.audience)
            .limit(most)
        )
        if audiences is not None:
            query = query.where(QUERY_COUNTS.c.audience.in_(audiences))
        with self._database.read() as connection:
            return tuple(
                Frequent(row.query, row.audience, row.sum) for row in connection.execute(query)
            )


def folded(query: str) -> str:
    """The query as it is counted, "" when it is not.

    >>> folded("  Printer of Alice@Example.com  JAMS ")
    'printer of [address] jams'
    """
    told = " ".join(scrub(" ".join(query.split())).casefold().split())
    return told if SHORTEST <= len(told) <= LONGEST and told.isprintable() else ""


def monday(now: dt.datetime) -> dt.datetime:
    day = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - dt.timedelta(days=day.weekday())


def _count(connection: Connection, found: Mapping[tuple[str, str], int], now: dt.datetime) -> None:
    week = monday(now)
    connection.execute(delete(QUERY_COUNTS).where(QUERY_COUNTS.c.week <= now - KEPT))
    this_week = QUERY_COUNTS.c.week == week
    room = MOST - connection.execute(select(func.count()).where(this_week)).scalar_one()
    for (query, audience), times in found.items():
        row = {"query": query, "audience": audience, "week": week, "times": times}
        known = (QUERY_COUNTS.c.query == query, QUERY_COUNTS.c.audience == audience, this_week)
        if (
            room <= 0
            and connection.execute(select(QUERY_COUNTS.c.times).where(*known)).first() is None
        ):
            continue
        upsert(
            connection,
            QUERY_COUNTS,
            row,
            keys=("query", "audience", "week"),
            add=("times",),
        )
        room -= 1
