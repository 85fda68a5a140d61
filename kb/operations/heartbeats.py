"""Heartbeats: which long-running program was alive when, read by ``/readyz`` and ``kb doctor``."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select

from kb.database import Database
from kb.database.statements import upsert
from kb.operations.tables import HEARTBEATS

WORKER, PORTAL = "worker", "portal"
#: When the worker beside `kb serve` ended without being asked to. It is then started again.
WORKER_ENDED = "worker-ended"
#: How often a program writes its heartbeat, and after how long it counts as dead.
INTERVAL, DEAD_AFTER = dt.timedelta(seconds=30), dt.timedelta(minutes=3)
#: How long it is told that a program ended by itself and was started again.
RECENT = dt.timedelta(hours=24)


def beat(database: Database, name: str, now: dt.datetime) -> None:
    """Say that ``name`` is alive. Raises Unavailable."""
    with database.write_beside() as connection:
        row = {"name": name, "at": now}
        upsert(connection, HEARTBEATS, [row], keys=("name",), update=("at",))


def last_beat(database: Database, name: str) -> dt.datetime | None:
    """When ``name`` was last alive; None if it never was."""
    with database.read() as connection:
        query = select(HEARTBEATS.c.at).where(HEARTBEATS.c.name == name)
        at: dt.datetime | None = connection.execute(query).scalar()
    return at
