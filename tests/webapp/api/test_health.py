"""Health checks tell the truth about each part, and readiness about filing."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

from sqlalchemy import insert

from kb.database.sqlite.file_lock import file_lock
from kb.notifications.tables import NOTICES
from kb.operations import heartbeats
from tests.webapp.world import MONDAY, Browser, Portal, build, settings_of


def test_readiness_names_each_part(folder: Path, anyone: Browser) -> None:
    assert anyone.get("/healthz").json == {"status": "ok"}
    ready = anyone.get("/readyz").json
    assert ready
    assert ready["status"] == "ok"
    assert ready["parts"] == {
        "tickets": "ok",
        "index": "ok, generation 000001",
        "worker": "never started",
        "outbox": "ok",
    }

    shutil.rmtree(folder / "data" / "index")
    bare = build(settings_of(folder)).browser().get("/readyz")
    assert bare.status_code == 200
    assert bare.json
    assert bare.json["parts"]["index"] == "unavailable"


def test_a_database_that_cannot_be_written_is_not_ready(portal: Portal, folder: Path) -> None:
    """Reading goes on, as on a full disk; here another writer holds the database."""
    with file_lock(folder / "data" / "tickets.turn", 10):
        response = portal.browser().get("/readyz")
    assert response.status_code == 503
    assert (response.json or {})["parts"]["tickets"] == "unavailable"


def test_a_worker_that_stopped_and_messages_that_wait_are_reported(portal: Portal) -> None:
    database = portal.centre.database
    heartbeats.beat(database, heartbeats.WORKER, MONDAY - dt.timedelta(hours=1))
    with database.write() as connection:
        late = MONDAY - dt.timedelta(minutes=16)
        row = {"key": "k", "kind": "opened", "recipient": "alice@example.com", "facts": {}}
        connection.execute(insert(NOTICES).values(**row, made_at=late, due_at=late))

    parts = (portal.browser().get("/readyz").json or {})["parts"]
    assert parts["worker"].startswith("stopped since 2026-11-23T09:00")
    assert parts["outbox"].startswith("late since 2026-11-23T09:44")

    heartbeats.beat(database, heartbeats.WORKER, MONDAY)
    assert (portal.browser().get("/readyz").json or {})["parts"]["worker"] == "ok"


def test_a_worker_that_ended_by_itself_is_told_until_a_day_after_its_restart(
    portal: Portal,
) -> None:
    database = portal.centre.database
    heartbeats.beat(database, heartbeats.WORKER, MONDAY - dt.timedelta(minutes=2))
    heartbeats.beat(database, heartbeats.WORKER_ENDED, MONDAY - dt.timedelta(minutes=1))
    assert worker_part(portal) == "ended by itself at 2026-11-23T09:59:00Z"
    heartbeats.beat(database, heartbeats.WORKER, MONDAY)
    assert worker_part(portal) == "ok, restarted at 2026-11-23T09:59:00Z"
    heartbeats.beat(database, heartbeats.WORKER_ENDED, MONDAY - dt.timedelta(days=1))
    assert worker_part(portal) == "ok"


def worker_part(portal: Portal) -> str:
    return str((portal.browser().get("/readyz").json or {})["parts"]["worker"])
