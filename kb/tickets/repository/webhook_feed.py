"""Webhook feed: turns new ticket events and SLA alarms into webhook jobs, one for each URL.

Two cursors in the counters table record how far the feed has progressed, so that an event becomes a
job only once, and events from before the first URL was configured are not sent.
``kb.notifications`` sends the jobs.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select, update

from kb import ids
from kb.database import Database
from kb.database.metadata import COUNTERS
from kb.database.statements import upsert
from kb.notifications.tables import WEBHOOK_JOBS
from kb.tickets.tables import ALARMS, EVENTS

_BATCH = 500  # rows that one transaction turns into jobs


class WebhookFeed:
    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue_new(self, urls: Sequence[str], now: dt.datetime) -> int:
        """Adds the jobs of the next events and alarms; returns how many, 0 once all have theirs."""
        with self._database.write() as connection:
            events = _enqueue(connection, "webhook events", EVENTS, urls, now, _event_payload)
            alarms = _enqueue(connection, "webhook alarms", ALARMS, urls, now, _alarm_payload)
            return events + alarms


def _enqueue(
    connection: Connection,
    cursor_name: str,
    table: Table,
    urls: Sequence[str],
    now: dt.datetime,
    payload: Callable[[Row[Any]], dict[str, Any]],
) -> int:
    this_cursor = COUNTERS.c.name == cursor_name
    cursor = connection.execute(select(COUNTERS.c.value).where(this_cursor)).scalar()
    if cursor is None:
        newest = connection.execute(select(func.max(table.c.id))).scalar() or 0
        connection.execute(insert(COUNTERS).values(name=cursor_name, value=newest))
        return 0

    rows = connection.execute(
        select(table).where(table.c.id > cursor).order_by(table.c.id).limit(_BATCH)
    ).all()
    if not rows:
        return 0

    jobs = [_job(payload(row), url, now) for row in rows for url in urls]
    upsert(connection, WEBHOOK_JOBS, jobs, keys=("key",))
    connection.execute(update(COUNTERS).where(this_cursor).values(value=rows[-1].id))
    return len(jobs)


def _job(payload: dict[str, Any], url: str, now: dt.datetime) -> dict[str, Any]:
    url_digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    body = {name: value for name, value in payload.items() if name != "id"}
    return {
        "kind": "webhook",
        "key": f"{payload['id']}/{url_digest}",
        "facts": {"url": url, "id": payload["id"], "body": body},
        "due_at": now,
    }


def _event_payload(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": f"evt_{row.id}",
        "type": f"ticket.{row.verb}",
        "timestamp": row.at.isoformat(),
        "data": {
            "number": ids.ticket_number(row.ticket_id),
            "by_agent": row.by_agent,
            "public": row.public,
        },
    }


def _alarm_payload(row: Row[Any]) -> dict[str, Any]:
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
        },
    }
