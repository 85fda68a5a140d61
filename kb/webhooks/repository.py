"""Webhook endpoints, their deliveries, and tickets as a delivery shows them, as rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from kb.database import Database
from kb.notifications.tables import WEBHOOK_JOBS
from kb.tickets.repository.lists import ROWS, row_of
from kb.tickets.tables import TICKETS
from kb.tickets.ticket import TicketRow
from kb.webhooks.tables import WEBHOOK_ENDPOINTS


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An address with the types of events that it chose; none means all."""

    id: int
    url: str
    events: tuple[str, ...]
    active: bool
    created_at: dt.datetime
    sealed_secret: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one endpoint. ``state`` is pending, done or failed; ``error`` that of the last
    attempt; ``at`` when it was sent, or is tried next.
    """

    id: int
    message_id: str
    type: str
    number: str  # of the ticket, "" for what is about none
    state: str
    attempts: int
    error: str
    at: dt.datetime


class EndpointRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, url: str, events: Sequence[str], now: dt.datetime) -> int:
        """Not active yet: it has no secret."""
        values = {"url": url, "events": list(events), "created_at": now}
        values |= {"sealed_secret": b"", "active": False}
        query = insert(WEBHOOK_ENDPOINTS).values(values).returning(WEBHOOK_ENDPOINTS.c.id)
        with self._database.write() as connection:
            return int(connection.execute(query).scalar_one())

    def change(self, endpoint_id: int, **values: Any) -> bool:
        """Whether there is such an endpoint."""
        this = WEBHOOK_ENDPOINTS.c.id == endpoint_id
        with self._database.write() as connection:
            changed = connection.execute(update(WEBHOOK_ENDPOINTS).where(this).values(values))
            return bool(changed.rowcount)

    def remove(self, endpoint_id: int) -> bool:
        """Also what waits to be sent to it."""
        waiting = (WEBHOOK_JOBS.c.endpoint_id == endpoint_id, WEBHOOK_JOBS.c.state == "pending")
        with self._database.write() as connection:
            connection.execute(delete(WEBHOOK_JOBS).where(*waiting))
            this = WEBHOOK_ENDPOINTS.c.id == endpoint_id
            return bool(connection.execute(delete(WEBHOOK_ENDPOINTS).where(this)).rowcount)

    def get(self, endpoint_id: int) -> WebhookEndpoint | None:
        return next((each for each in self.all() if each.id == endpoint_id), None)

    def all(self) -> tuple[WebhookEndpoint, ...]:
        query = select(WEBHOOK_ENDPOINTS).order_by(WEBHOOK_ENDPOINTS.c.id)
        with self._database.read() as connection:
            return tuple(
                WebhookEndpoint(
                    row.id,
                    row.url,
                    tuple(row.events),
                    row.active,
                    row.created_at,
                    bytes(row.sealed_secret),
                )
                for row in connection.execute(query)
            )

    def add_job(self, job: dict[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(insert(WEBHOOK_JOBS).values(job))

    def deliveries(self, endpoint_id: int, limit: int) -> tuple[Delivery, ...]:
        """The newest first."""
        jobs = WEBHOOK_JOBS.c
        query = select(WEBHOOK_JOBS).where(jobs.endpoint_id == endpoint_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(jobs.id.desc()).limit(limit)).all()
        return tuple(map(_to_delivery, rows))

    def replay(self, endpoint_id: int, delivery_id: int, now: dt.datetime) -> bool:
        """Sends a settled delivery again, with the same id. Returns whether there was one."""
        jobs = WEBHOOK_JOBS.c
        this = (jobs.id == delivery_id, jobs.endpoint_id == endpoint_id, jobs.state != "pending")
        values = {"state": "pending", "attempts": 0, "due_at": now, "done_at": None, "error": ""}
        with self._database.write() as connection:
            return bool(
                connection.execute(update(WEBHOOK_JOBS).where(*this).values(values)).rowcount
            )

    def ticket(self, serial: int, now: dt.datetime) -> TicketRow | None:
        with self._database.read() as connection:
            row = connection.execute(ROWS.where(TICKETS.c.id == serial)).mappings().first()
            return row_of(row, now) if row else None


def _to_delivery(row: Any) -> Delivery:
    body = row.facts["body"]
    return Delivery(
        row.id,
        row.facts["id"],
        body["type"],
        body["data"].get("number", ""),
        row.state,
        row.attempts,
        row.error,
        row.done_at or row.due_at,
    )
