"""Webhook feed: turns what has happened into webhook jobs, one for each receiver.

Cursors in the counters table record how far the feed has progressed, so that an event becomes a job
only once, and what happened before the first receiver was configured is not sent.
``kb.notifications`` sends the jobs.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select, update

from kb import ids
from kb.analytics.tables import FEEDBACK
from kb.database import Database
from kb.database.metadata import COUNTERS
from kb.database.statements import upsert
from kb.notifications.tables import WEBHOOK_JOBS
from kb.problems.tables import PROBLEM_UPDATES, PROBLEMS
from kb.tickets.lifecycle import Verb
from kb.tickets.tables import ALARMS, EVENTS
from kb.webhooks.events import (
    ARTICLE_PUBLISHED,
    FEEDBACK_GIVEN,
    PROBLEM_UPDATED,
    changed_fields,
)
from kb.webhooks.tables import WEBHOOK_ENDPOINTS

_BATCH = 500  # rows that one transaction turns into jobs
#: By then, a request has either saved its vote or failed.
_SLOWEST_VOTE = dt.timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    """A URL of the settings, which gets everything, or an endpoint with the events that it chose.

    ``since`` is when it was added.
    """

    url: str
    endpoint_id: int | None = None
    events: tuple[str, ...] = ()
    since: dt.datetime | None = None

    def wants(self, kind: str, at: dt.datetime) -> bool:
        chosen = not self.events or kind in self.events
        return chosen and (self.since is None or at >= self.since)


@dataclass(frozen=True, slots=True)
class PublishedArticle:
    """An article that a generation has and the one before has not, or not like this."""

    generation: int
    id: str
    title: str
    url: str
    audience: str


Payload = dict[str, Any]


class WebhookFeed:
    """``urls`` are those of the settings; endpoints are read anew each time."""

    def __init__(self, database: Database, urls: Sequence[str] = ()) -> None:
        self._database = database
        self._urls = tuple(urls)

    def receivers(self) -> tuple[WebhookReceiver, ...]:
        """Who is told of anything."""
        active = select(WEBHOOK_ENDPOINTS).where(WEBHOOK_ENDPOINTS.c.active)
        with self._database.read() as connection:
            rows = connection.execute(active.order_by(WEBHOOK_ENDPOINTS.c.id)).all()
        endpoints = (
            WebhookReceiver(row.url, row.id, tuple(row.events), row.created_at) for row in rows
        )
        return (*map(WebhookReceiver, self._urls), *endpoints)

    def enqueue_new(self, now: dt.datetime) -> int:
        """Adds the jobs of the next events; returns how many were read, 0 once all have theirs.

        Without a receiver nothing is read or written.
        """
        receivers = self.receivers()
        if not receivers:
            return 0
        settled = {source: self._database.settled(source.table) for source in _SOURCES}
        with self._database.write("webhook feed") as connection:
            return sum(
                _enqueue(connection, source, settled[source], receivers, now) for source in _SOURCES
            ) + _enqueue_votes(connection, receivers, now)

    def add_articles(self, articles: Sequence[PublishedArticle], now: dt.datetime) -> None:
        """Adds the jobs of a new generation, only once among all workers."""
        payloads = [_article_payload(article, now) for article in articles]
        receivers = self.receivers()
        with self._database.write_beside() as connection:
            _add_jobs(connection, [(payload, now) for payload in payloads], receivers, now)


@dataclass(frozen=True, slots=True)
class _Source:
    """A table whose new rows are events; ``cursor`` is the name of its counter."""

    cursor: str
    table: Table
    payload: Callable[[Connection, Row[Any]], Payload]


def _enqueue(
    connection: Connection,
    source: _Source,
    settled: int,
    receivers: Sequence[WebhookReceiver],
    now: dt.datetime,
) -> int:
    table = source.table
    cursor = _cursor(connection, source.cursor)
    if cursor is None:
        newest_id = select(func.max(table.c.id)).where(table.c.id <= settled)
        newest = connection.execute(newest_id).scalar() or 0
        _begin_at(connection, source.cursor, newest)
        return 0

    new = (table.c.id > cursor, table.c.id <= settled)
    rows = connection.execute(select(table).where(*new).order_by(table.c.id).limit(_BATCH)).all()
    if rows:
        payloads = [(source.payload(connection, row), row.at) for row in rows]
        _add_jobs(connection, payloads, receivers, now)
        _move(connection, source.cursor, rows[-1].id)
    return len(rows)


def _enqueue_votes(
    connection: Connection, receivers: Sequence[WebhookReceiver], now: dt.datetime
) -> int:
    """Votes have no serial number: the votes of a second are read when that second is over.

    A vote that is saved late is read by one of the next rounds, because each round reads the last
    minutes again. The keys of the jobs keep the other votes from being sent twice. Jobs are deleted
    some time after they were sent, so the cursor moves on even if nobody votes.
    """
    name, at = "webhook feedback", FEEDBACK.c.at
    cursor, last = _cursor(connection, name), int(now.timestamp()) - 1
    if cursor is None:
        _begin_at(connection, name, last)
        return 0
    if cursor >= last:
        return 0
    since, until = (dt.datetime.fromtimestamp(second, dt.UTC) for second in (cursor, last))
    recent = select(FEEDBACK).where(at > since - _SLOWEST_VOTE, at <= until)
    rows = connection.execute(recent).all()
    _add_jobs(connection, [(_vote_payload(row), row.at) for row in rows], receivers, now)
    new = len([row for row in rows if row.at > since])
    if new or until - since > _SLOWEST_VOTE:
        _move(connection, name, last)
    return new


def _cursor(connection: Connection, name: str) -> int | None:
    return connection.execute(select(COUNTERS.c.value).where(COUNTERS.c.name == name)).scalar()


def _begin_at(connection: Connection, name: str, value: int) -> None:
    connection.execute(insert(COUNTERS).values(name=name, value=value))


def _move(connection: Connection, name: str, value: int) -> None:
    this = COUNTERS.c.name == name
    connection.execute(update(COUNTERS).where(this).values(value=value))


def _add_jobs(
    connection: Connection,
    payloads: Sequence[tuple[Payload, dt.datetime]],
    receivers: Sequence[WebhookReceiver],
    now: dt.datetime,
) -> None:
    jobs = [
        webhook_job(payload, receiver.url, now, endpoint_id=receiver.endpoint_id)
        for payload, at in payloads
        for receiver in receivers
        if receiver.wants(payload["type"], at)
    ]
    upsert(connection, WEBHOOK_JOBS, jobs, keys=("key",))


def webhook_job(
    payload: Payload, url: str, now: dt.datetime, *, endpoint_id: int | None = None
) -> dict[str, Any]:
    """The row of one delivery; the id of the payload and the receiver make it unique."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    receiver = digest if endpoint_id is None else f"{digest}/{endpoint_id}"
    body = {name: value for name, value in payload.items() if name != "id"}
    return {
        "kind": "webhook",
        "key": f"{payload['id']}/{receiver}",
        "facts": {"url": url, "id": payload["id"], "body": body},
        "endpoint_id": endpoint_id,
        "due_at": now,
    }


def _event_payload(_connection: Connection, row: Row[Any]) -> Payload:
    return {
        "id": f"evt_{row.id}",
        "type": f"ticket.{row.verb}",
        "timestamp": row.at.isoformat(),
        "data": {
            "number": ids.ticket_number(row.ticket_id),
            "by_agent": row.by_agent,
            "public": row.public,
            "changed": changed_fields(Verb(row.verb)),
        },
    }


def _alarm_payload(_connection: Connection, row: Row[Any]) -> Payload:
    kind = "breached" if row.threshold == "breach" else "warned"
    return {
        "id": f"alm_{row.id}",
        "type": f"ticket.{kind}",
        "timestamp": row.at.isoformat(),
        "data": {
            "number": ids.ticket_number(row.ticket_id),
            "target": row.target,
            "cycle": row.cycle,
            "threshold": row.threshold,
            "due": row.due_at.isoformat(),
            "changed": [],
        },
    }


def _problem_payload(connection: Connection, row: Row[Any]) -> Payload:
    this = select(PROBLEMS.c.title, PROBLEMS.c.audience).where(PROBLEMS.c.id == row.problem_id)
    problem = connection.execute(this).one()
    return {
        "id": f"prb_{row.id}",
        "type": PROBLEM_UPDATED,
        "timestamp": row.at.isoformat(),
        "data": {
            "id": row.problem_id,
            "title": problem.title,
            "status": row.status,
            "audience": problem.audience,
            "path": f"/problems/{row.problem_id}",
            "changed": ["status"],
        },
    }


def _vote_payload(row: Row[Any]) -> Payload:
    """Without the voter, and without the reason, which somebody typed."""
    name = f"{row.document_id} {row.voter} {int(row.at.timestamp())}"
    return {
        "id": f"fbk_{hashlib.sha256(name.encode()).hexdigest()[:24]}",
        "type": FEEDBACK_GIVEN,
        "timestamp": row.at.isoformat(),
        "data": {
            "document": row.document_id,
            "helpful": row.helpful,
            "path": f"/help/{row.document_id}",
        },
    }


def _article_payload(article: PublishedArticle, now: dt.datetime) -> Payload:
    digest = hashlib.sha256(article.id.encode()).hexdigest()[:16]
    return {
        "id": f"art_{article.generation}_{digest}",
        "type": ARTICLE_PUBLISHED,
        "timestamp": now.isoformat(),
        "data": {
            "id": article.id,
            "title": article.title,
            "audience": article.audience,
            "path": article.url,
            "generation": article.generation,
        },
    }


_TICKET_EVENTS = _Source("webhook events", EVENTS, _event_payload)
_TICKET_ALARMS = _Source("webhook alarms", ALARMS, _alarm_payload)
_PROBLEM_UPDATES = _Source("webhook problems", PROBLEM_UPDATES, _problem_payload)
_SOURCES = (_TICKET_EVENTS, _TICKET_ALARMS, _PROBLEM_UPDATES)
