"""Resolved links: which documents the replies of resolved tickets linked.

Search learns from them: from replies with articles, and from links to articles in public replies.
Tickets that were deleted or reopened do not count. Titles leave this module only to be hashed.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from kb.database import Database
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.tables import ANSWER_LINKS, EVENTS, TICKETS

_LINK = re.compile(r"/help/((?:doc|faq|forum)/[\w./-]{1,300})")
#: So many events are read, the newest: publishing takes a second beside a million tickets too.
_MAX_EVENTS = 200_000
_IDS_PER_QUERY = 500
_MAX_LINKS = 20  # of one ticket: a reply that links everything recommends nothing


@dataclass(frozen=True, slots=True)
class ResolvedLinks:
    title: str
    document_ids: tuple[str, ...]
    solved_at: dt.datetime
    customer: str  # the organisation of the requester, else the requester


def resolved_links(database: Database, *, most: int) -> tuple[ResolvedLinks, ...]:
    """The ``most`` newest resolved tickets whose replies linked documents, oldest first."""
    with database.read() as connection:
        links = _links_by_ticket(connection)
        serials = list(links)
        resolved = []
        for start in range(0, len(serials), _IDS_PER_QUERY):
            query = select(
                TICKETS.c.id,
                TICKETS.c.title,
                TICKETS.c.closed_at,
                TICKETS.c.organisation_id,
                TICKETS.c.customer_id,
            ).where(
                TICKETS.c.id.in_(serials[start : start + _IDS_PER_QUERY]),
                TICKETS.c.status == Status.RESOLVED.value,
                TICKETS.c.closed_at.is_not(None),
            )
            for row in connection.execute(query):
                document_ids = tuple(links[row.id])[:_MAX_LINKS]
                customer = f"person {row.customer_id}"
                if row.organisation_id is not None:
                    customer = f"organisation {row.organisation_id}"
                resolved.append(ResolvedLinks(row.title, document_ids, row.closed_at, customer))
    return tuple(sorted(resolved, key=lambda ticket: (ticket.solved_at, ticket.title))[-most:])


def _links_by_ticket(connection: Connection) -> dict[int, dict[str, None]]:
    """Serial -> ids of documents, in the order in which they were linked."""
    newest = connection.execute(select(func.max(EVENTS.c.id))).scalar() or 0
    links: dict[int, dict[str, None]] = {}
    answers = (
        select(ANSWER_LINKS.c.ticket_id, ANSWER_LINKS.c.document_id)
        .where(ANSWER_LINKS.c.event_id > newest - _MAX_EVENTS)
        .order_by(ANSWER_LINKS.c.event_id)
    )
    for row in connection.execute(answers):
        links.setdefault(row.ticket_id, {})[row.document_id] = None

    replies = (
        select(EVENTS.c.ticket_id, EVENTS.c.body)
        .where(
            EVENTS.c.id > newest - _MAX_EVENTS,
            EVENTS.c.verb.in_((Verb.REPLY.value, Verb.LINK.value)),
            EVENTS.c.public,
            EVENTS.c.by_agent,
            EVENTS.c.body.contains("/help/"),
        )
        .order_by(EVENTS.c.id)
    )
    for row in connection.execute(replies):
        for link in _LINK.finditer(row.body):
            links.setdefault(row.ticket_id, {})[link[1].rstrip("./-")] = None
    return links
