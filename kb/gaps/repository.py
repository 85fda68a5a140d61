"""What went unanswered, as rows: read from the ledger, the query log and the tickets; and the gaps
that were found in it.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select

from kb.analytics.deflection import scrub
from kb.analytics.tables import EPISODE_EVENTS, EPISODES, QUERY_COUNTS
from kb.database import Database
from kb.gaps.gaps import AskedText, Gap, GapCause
from kb.gaps.tables import GAPS
from kb.tickets.lifecycle import Status
from kb.tickets.tables import ANSWER_LINKS, TICKETS

GAP_PERIOD = dt.timedelta(days=90)
#: Texts that are compared with each other, those with the most tickets first.
_MOST_TEXTS = 2_000
_MOST_ROWS = 20_000


class GapRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def asked(self, now: dt.datetime) -> tuple[AskedText, ...]:
        """What was typed without success in the last 90 days, by folded text."""
        queries: Counter[str] = Counter()
        tickets: Counter[str] = Counter()
        documents: dict[str, list[str]] = defaultdict(list)
        people: dict[str, set[int]] = defaultdict(set)
        known_queries: Counter[str] = Counter()
        since = now - GAP_PERIOD
        with self._database.read() as connection:
            for text, times in _empty_queries(connection, since):
                queries[_folded(text)] += times
            for text, person in _unhelped_visits(connection, since):
                folded = _folded(text)
                queries[folded] += 1
                if person is not None:
                    known_queries[folded] += 1
                    people[folded].add(person)
            for serial, title, person in _tickets(connection, since):
                folded = _folded(title)
                tickets[folded] += 1
                people[folded].add(person)
                documents[folded] += _answers(connection, serial)
        texts = sorted({*queries, *tickets} - {""}, key=lambda t: (-tickets[t], -queries[t], t))
        return tuple(
            AskedText(
                text,
                queries[text],
                tickets[text],
                tuple(documents[text]),
                frozenset(people[text]),
                known_queries[text],
            )
            for text in texts[:_MOST_TEXTS]
        )

    def replace(self, gaps: Iterable[Gap], now: dt.datetime) -> None:
        rows = [
            {
                "title": gap.title,
                "queries": gap.queries,
                "tickets": gap.tickets,
                "cause": gap.cause.value,
                "document_id": gap.document,
                "aliases": list(gap.aliases),
                "at": now,
            }
            for gap in gaps
        ]
        with self._database.write() as connection:
            connection.execute(delete(GAPS))
            if rows:
                connection.execute(insert(GAPS), rows)

    def stored(self) -> tuple[tuple[int, Gap], ...]:
        """The gaps that were found last with their numbers, the most expensive first."""
        with self._database.read() as connection:
            return tuple(
                (
                    row.id,
                    Gap(
                        row.title,
                        row.queries,
                        row.tickets,
                        GapCause(row.cause),
                        row.document_id,
                        tuple(row.aliases),
                    ),
                )
                for row in connection.execute(select(GAPS).order_by(GAPS.c.id))
            )

    def found_at(self) -> dt.datetime | None:
        """When gaps were found last; None as long as there were none."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(GAPS.c.at))).scalar()


def _empty_queries(connection: Connection, since: dt.datetime) -> list[tuple[str, int]]:
    query = (
        select(QUERY_COUNTS.c.query, func.sum(QUERY_COUNTS.c.empty))
        .where(QUERY_COUNTS.c.week > since, QUERY_COUNTS.c.empty > 0)
        .group_by(QUERY_COUNTS.c.query)
        .order_by(func.sum(QUERY_COUNTS.c.empty).desc())
        .limit(_MOST_ROWS)
    )
    return [(text, int(times)) for text, times in connection.execute(query)]


def _unhelped_visits(connection: Connection, since: dt.datetime) -> list[tuple[str, int | None]]:
    """Titles of visits without a ticket that were shown nothing, or rejected what was shown, and
    the people, as far as they are known.
    """
    rejected = (
        select(EPISODE_EVENTS.c.id)
        .where(
            EPISODE_EVENTS.c.episode_id == EPISODES.c.id,
            EPISODE_EVENTS.c.kind == "helped",
            EPISODE_EVENTS.c.facts["yes"].as_boolean().is_(False),
        )
        .exists()
    )
    query = (
        select(EPISODES.c.title, EPISODES.c.person_id)
        .where(
            EPISODES.c.started_at >= since,
            EPISODES.c.apart.is_(False),
            EPISODES.c.title != "",
            EPISODES.c.ticket_id.is_(None),
            EPISODES.c.would_show.is_(False) | rejected,
        )
        .order_by(EPISODES.c.started_at.desc())
        .limit(_MOST_ROWS)
    )
    return [(row.title, row.person_id) for row in connection.execute(query)]


def _tickets(connection: Connection, since: dt.datetime) -> list[tuple[int, str, int]]:
    ignored = [Status.SPAM_OR_DUPLICATE.value, Status.MERGED.value]
    query = (
        select(TICKETS.c.id, TICKETS.c.title, TICKETS.c.customer_id)
        .where(
            TICKETS.c.created_at >= since,
            TICKETS.c.status.not_in(ignored),
            TICKETS.c.erased_at.is_(None),
        )
        .order_by(TICKETS.c.id.desc())
        .limit(_MOST_ROWS)
    )
    return [(row.id, row.title, row.customer_id) for row in connection.execute(query)]


def _answers(connection: Connection, serial: int) -> list[str]:
    query = select(ANSWER_LINKS.c.document_id).where(ANSWER_LINKS.c.ticket_id == serial)
    return list(connection.execute(query).scalars())


def _folded(text: str) -> str:
    return " ".join(scrub(text).casefold().split())[:300]
