"""Which documents did the answers of solved tickets link?

What search can learn from: answers by link (X27), and links to articles in public answers of agents. A ticket that is
no longer there, or no longer solved, teaches nothing. Not for who may see a ticket: titles leave here for hashing only.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from kb.tickets.database import Database
from kb.tickets.schema import EVENTS, TICKETS
from kb.tickets.schema_life import ANSWERS
from kb.tickets.ticket import Verb

_LINK = re.compile(r"/help/((?:doc|faq|forum)/[\w./-]{1,300})")
_MOST_LINKS = 20  # of one ticket: who links everything recommends nothing


@dataclass(frozen=True, slots=True)
class Lesson:
    title: str
    document_ids: tuple[str, ...]
    solved_at: dt.datetime


def lessons(database: Database, *, most: int) -> tuple[Lesson, ...]:
    """The ``most`` newest solved tickets whose answers linked documents, oldest first."""
    solved = TICKETS.c.status == "solved", TICKETS.c.closed_at.is_not(None)
    titles = select(TICKETS.c.id, TICKETS.c.title, TICKETS.c.closed_at).where(*solved)
    found: dict[int, dict[str, None]] = {}
    with database.read() as connection:
        for ticket, document in _links(connection):
            found.setdefault(ticket, {})[document] = None
        known = {row.id: row for row in connection.execute(titles) if row.id in found}
    told = [Lesson(row.title, tuple(found[row.id])[:_MOST_LINKS], row.closed_at) for row in known.values()]
    return tuple(sorted(told, key=lambda one: (one.solved_at, one.title))[-most:])


def _links(connection: Connection) -> Iterator[tuple[int, str]]:
    """(ticket, id of a document), in the order in which they were said."""
    for row in connection.execute(select(ANSWERS.c.ticket_id, ANSWERS.c.document_id).order_by(ANSWERS.c.event_id)):
        yield row.ticket_id, row.document_id
    said = EVENTS.c.verb.in_((Verb.REPLY, Verb.LINK, Verb.SOLVE)), EVENTS.c.public, EVENTS.c.by_agent
    written = select(EVENTS.c.ticket_id, EVENTS.c.body).where(*said, EVENTS.c.body.contains("/help/"))
    for row in connection.execute(written.order_by(EVENTS.c.id)):
        for found in _LINK.finditer(row.body):
            yield row.ticket_id, found[1].rstrip("./-")
