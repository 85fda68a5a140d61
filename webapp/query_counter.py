"""Counts the queries that visitors meant, for the editors' list of top queries.

Queries are held in this process for a moment and saved together, so that a search never waits for
the database and a title that is still being typed counts once. A process that dies loses the
queries it holds: they are statistics only.
"""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field

from flask import current_app

from kb.errors import KbError
from webapp.context import audience, centre, now
from webapp.problems import LOG

EXTENSION = "askfirst.queries"
#: A query that is the beginning of the next one within this time was still being typed.
TYPING = dt.timedelta(seconds=10)
HELD = dt.timedelta(seconds=30)
MAX_HELD = 100


@dataclass(frozen=True, slots=True)
class SettledQuery:
    """``episode`` is empty for a search that belongs to no visit of the ticket form."""

    query: str
    audience: str
    at: dt.datetime
    episode: str = ""


@dataclass(slots=True)
class QueryCounter:
    """The queries that this process holds; safe to use from several threads."""

    held: list[SettledQuery] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, query: SettledQuery) -> tuple[SettledQuery, ...]:
        """Holds ``query`` and releases the queries that are now due to be saved."""
        with self.lock:
            self.held = [earlier for earlier in self.held if not was_still_typing(earlier, query)]
            self.held.append(query)
            full = len(self.held) >= MAX_HELD
            if not full and query.at - self.held[0].at < HELD:
                return ()

            due = tuple(held for held in self.held if full or held.at <= query.at - TYPING)
            self.held = [held for held in self.held if held not in due]
            return due

    def release_all(self) -> tuple[SettledQuery, ...]:
        with self.lock:
            due, self.held = tuple(self.held), []
            return due


def was_still_typing(earlier: SettledQuery, later: SettledQuery) -> bool:
    """Whether ``earlier`` is the beginning of ``later``, or the same, within one episode."""
    same_episode = bool(later.episode) and earlier.episode == later.episode
    in_time = later.at - earlier.at <= TYPING
    return same_episode and in_time and later.query.casefold().startswith(earlier.query.casefold())


def count_query(query: str, *, episode: str = "") -> None:
    """Counts a query that a visitor meant. A failure never affects the visitor."""
    _save(_counter().add(SettledQuery(query[:256], audience(), now(), episode)))


def save_held_queries() -> None:
    """Saves what this process still holds, before the statistics are shown."""
    _save(_counter().release_all())


def _counter() -> QueryCounter:
    counter: QueryCounter = current_app.extensions.setdefault(EXTENSION, QueryCounter())
    return counter


def _save(queries: tuple[SettledQuery, ...]) -> None:
    try:
        centre().query_log.count(((query.query, query.audience) for query in queries), now=now())
    except KbError as error:
        LOG.info("queries not counted: %s", error.sentence)
