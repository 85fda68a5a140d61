"""Which documents did the answers of solved tickets link?

What search can learn from: answers by link, and links to articles in public answers of agents. A
ticket that is no longer there, or no longer solved, teaches nothing. Not for who may see a ticket:
titles leave here for hashing only.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from kb.database import Database
from kb.tickets.tables import ANSWER_LINKS, EVENTS, TICKETS
from kb.tickets.ticket import Verb

_LINK = re.compile(r"/help/((?:doc|faq|forum)/[\w./-]{1,300})")
#: Events that are looked through, so that an edit is published in a second beside a million tickets
#: too.
RECENT = 200_000
_AT_ONCE = 500  # ids in one query
_MOST_LINKS = 20  # of one ticket: who links everything recommends nothing


@dataclass(frozen=True, slots=True)
class ResolvedLinks:
    title: str
    document_ids: tuple[str, ...]
    solved_at: dt.datetime


def resolved_links(database: Database, *, most: int) -> tuple[ResolvedLinks, ...]:
    """The ``most`` newest solved tickets whose answers linked documents, oldest first."""
    with database.read() as connection:
        found = _links(connection)
        told = [
            ResolvedLinks(row.title, tuple(found[row.id])[:_MOST_LINKS], row.closed_at)
            for row in _solved(connection, tuple(found))
        ]
    return tuple(sorted(told, key=lambda one: (one.solved_at, one.title))[-most:])


def _links(connection: Connection) -> dict[int, dict[str, None]]:
    """Ticket -> ids of documents, in the order in which they were linked."""
    newest = connection.execute(select(func.max(EVENTS.c.id))).scalar() or 0
    found: dict[int, dict[str, None]] = {}
    linked = select(ANSWER_LINKS.c.ticket_id, ANSWER_LINKS.c.document_id).where(
        ANSWER_LINKS.c.event_id > newest - RECENT
    )
    for row in connection.execute(linked.order_by(ANSWER_LINKS.c.event_id)):
        found.setdefault(row.ticket_id, {})[row.document_id] = None
    said = EVENTS.c.verb.in_((Verb.REPLY, Verb.LINK)), EVENTS.c.public, EVENTS.c.by_agent
    written = select(EVENTS.c.ticket_id, EVENTS.c.body).where(EVENTS.c.id > newest - RECENT, *said)
    for row in connection.execute(
        written.where(EVENTS.c.body.contains("/help/")).order_by(EVENTS.c.id)
    ):
        for link in _LINK.finditer(row.body):
            found.setdefault(row.ticket_id, {})[link[1].rstrip("./-")] = None
    return found


def _solved(connection: Connection, ids: Sequence[int]) -> Iterator[Any]:
    for start in range(0, len(ids), _AT_ONCE):
        these = TICKETS.c.id.in_(ids[start : start + _AT_ONCE])
        solved = select(TICKETS.c.id, TICKETS.c.title, TICKETS.c.closed_at).where(
            these, TICKETS.c.status == "solved"
        )
        yield from connection.execute(solved.where(TICKETS.c.closed_at.is_not(None)))
