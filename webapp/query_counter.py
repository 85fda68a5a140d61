"""Which queries did visitors mean, and when are they written down?

Settled queries of this process, kept for a moment and saved together: a search never waits for the
ticket store, and a title that was typed on is counted once. What is not saved when the process dies
is lost; it was only counted.
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
#: A settled query that is the beginning of the next one within this time was not meant yet.
TYPING = dt.timedelta(seconds=10)
HELD = dt.timedelta(seconds=30)
MANY = 100


@dataclass(frozen=True, slots=True)
class Settled:
    query: str
    audience: str
    at: dt.datetime
    by: str = ""  # the episode; "" for a search that stands by itself


@dataclass(slots=True)
class Queries:
    """The ones that are held; safe to use from several threads."""

    held: list[Settled] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, one: Settled) -> tuple[Settled, ...]:
        """Takes ``one`` up; what is due to be saved then, which is held no longer."""
        with self.lock:
            self.held = [other for other in self.held if not typed_on(other, one)]
            self.held.append(one)
            if len(self.held) < MANY and one.at - self.held[0].at < HELD:
                return ()
            due = tuple(
                other
                for other in self.held
                if other.at <= one.at - TYPING or len(self.held) >= MANY
            )
            self.held = [other for other in self.held if other not in due]
            return due

    def all(self) -> tuple[Settled, ...]:
        """Everything that is held, and is held no longer."""
        with self.lock:
            due, self.held = tuple(self.held), []
            return due


def typed_on(old: Settled, new: Settled) -> bool:
    """Whether ``old`` was only the beginning of ``new``, or is the same query again in one episode."""
    same = bool(new.by) and old.by == new.by and new.at - old.at <= TYPING
    return same and new.query.casefold().startswith(old.query.casefold())


def settled(query: str, *, by: str = "") -> None:
    """Counts a query that a visitor meant. It never costs the visitor anything."""
    _save(_queries().note(Settled(query[:256], audience(), now(), by)))


def save() -> None:
    """Writes down what this process still holds, for somebody who wants to see it."""
    _save(_queries().all())


def _queries() -> Queries:
    held: Queries = current_app.extensions.setdefault(EXTENSION, Queries())
    return held


def _save(due: tuple[Settled, ...]) -> None:
    try:
        centre().query_log.count(((one.query, one.audience) for one in due), now=now())
    except KbError as error:
        LOG.info("queries not counted: %s", error.sentence)
