"""Counts the queries that visitors meant, for the editors' list of top queries.

Queries are buffered in this process for a moment and saved together, so that a search never waits
for the database and a title that is still being typed counts once. A process that dies loses the
queries in its buffer: they are statistics only.
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
BUFFER_TIME = dt.timedelta(seconds=30)
MAX_BUFFERED = 100


@dataclass(frozen=True, slots=True)
class SettledQuery:
    """``episode`` is empty for a search that belongs to no visit of the ticket form. ``is_empty``:
    there was nothing to show for it.
    """

    query: str
    audience: str
    at: dt.datetime
    episode: str = ""
    is_empty: bool = False


@dataclass(slots=True)
class QueryCounter:
    """The queries that this process buffers; safe to use from several threads."""

    buffered: list[SettledQuery] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, query: SettledQuery) -> tuple[SettledQuery, ...]:
        """Buffers ``query`` and releases the queries that are now due to be saved."""
        with self.lock:
            self.buffered = [
                earlier for earlier in self.buffered if not was_still_typing(earlier, query)
            ]
            self.buffered.append(query)
            full = len(self.buffered) >= MAX_BUFFERED
            if not full and query.at - self.buffered[0].at < BUFFER_TIME:
                return ()

            due = tuple(
                earlier for earlier in self.buffered if full or earlier.at <= query.at - TYPING
            )
            self.buffered = [earlier for earlier in self.buffered if earlier not in due]
            return due

    def release_all(self) -> tuple[SettledQuery, ...]:
        with self.lock:
            due, self.buffered = tuple(self.buffered), []
            return due


def was_still_typing(earlier: SettledQuery, later: SettledQuery) -> bool:
    """Whether ``earlier`` is the beginning of ``later``, or the same, within one episode."""
    same_episode = bool(later.episode) and earlier.episode == later.episode
    in_time = later.at - earlier.at <= TYPING
    return same_episode and in_time and later.query.casefold().startswith(earlier.query.casefold())


def count_query(query: str, *, episode: str = "", is_empty: bool = False) -> None:
    """Counts a query that a visitor meant. A failure never affects the visitor."""
    _save(_counter().add(SettledQuery(query[:256], audience(), now(), episode, is_empty)))


def save_held_queries() -> None:
    """Saves what this process still holds, before the statistics are shown."""
    _save(_counter().release_all())


def _counter() -> QueryCounter:
    counter: QueryCounter = current_app.extensions.setdefault(EXTENSION, QueryCounter())
    return counter


def _save(queries: tuple[SettledQuery, ...]) -> None:
    try:
        centre().query_log.count(
            ((query.query, query.audience) for query in queries),
            empty=((query.query, query.audience) for query in queries if query.is_empty),
            now=now(),
        )
    except KbError as error:
        LOG.info("queries not counted: %s", error.sentence)
