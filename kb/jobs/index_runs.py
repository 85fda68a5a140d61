"""Which run of the index did an editor order, who works on it, and what came of it?

One run is open at a time. Whoever claims it has it until the lease ends, renewed with every sign of
life; then anybody may claim it again. Not for running anything: ``kb.jobs.index_runner`` does.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from kb.database import Database
from kb.errors import Conflict
from kb.jobs.tables import INDEX_RUNS
from kb.people.tables import PEOPLE

LEASE = dt.timedelta(seconds=60)
#: A run whose worker died so often is given up: its content may be what kills it.
ATTEMPTS = 3
KEPT = 50  # runs
_OPEN = ("waiting", "running")


class RunKind(StrEnum):
    LOOK = "look"  # which files differ?
    CHECK = "check"  # and what would change for visitors?
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class Run:
    """``state`` is waiting, running, done, failed or cancelled; ``done`` of ``total`` count in
    ``stage``; ``sentence`` says what came of it, ``report`` is that of ``kb index``."""

    id: int
    kind: RunKind
    whole: bool
    by: str
    asked_at: dt.datetime
    state: str
    attempts: int
    lease: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    stage: str
    done: int
    total: int
    sentence: str
    report: Mapping[str, Any]

    @property
    def open(self) -> bool:
        return self.state in _OPEN


class Runs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, kind: RunKind, person_id: int, *, whole: bool = False, now: dt.datetime) -> Run:
        """A new run, or the open one when it tells as much: a second press orders nothing.

        A look gives way to what is asked, and so does a check that still waits to a publish. Raises
        Conflict while another run is open.
        """
        row = {"kind": kind.value, "whole": whole, "person_id": person_id, "asked_at": now}
        with self._database.write() as connection:
            found = _open(connection)
            if found is not None and kind in (found.kind, RunKind.LOOK):
                return found
            if found is not None:
                _give_way(connection, found, kind, now)
            connection.execute(insert(INDEX_RUNS).values(row))
            newest = select(INDEX_RUNS.c.id).order_by(INDEX_RUNS.c.id.desc()).limit(KEPT)
            connection.execute(delete(INDEX_RUNS).where(INDEX_RUNS.c.id.not_in(newest)))
            return _run(connection.execute(_runs().order_by(INDEX_RUNS.c.id.desc()).limit(1)).one())

    def claim(self, now: dt.datetime) -> Run | None:
        """The open run, leased to the caller: one that waits, or whose worker gave no sign of life
        for LEASE.
        """
        free = or_(INDEX_RUNS.c.state == "waiting", INDEX_RUNS.c.leased_until <= now)
        due = (
            select(INDEX_RUNS).where(INDEX_RUNS.c.state.in_(_OPEN), free).order_by(INDEX_RUNS.c.id)
        )
        with (
            self._database.read() as connection
        ):  # asked every second, so it must not wait for writers
            if connection.execute(due).first() is None:
                return None
        with self._database.write() as connection:
            row = connection.execute(due).first()
            if row is None:
                return None
            this = update(INDEX_RUNS).where(INDEX_RUNS.c.id == row.id)
            if row.attempts >= ATTEMPTS:
                sentence = (
                    f"It was begun {ATTEMPTS} times and its process died each time; see "
                    f"the log of kb worker."
                )
                connection.execute(
                    this.values(state="failed", ended_at=now, lease="", sentence=sentence)
                )
                return None
            taken = {"state": "running", "lease": secrets.token_hex(8), "leased_until": now + LEASE}
            begun = {
                "attempts": row.attempts + 1,
                "started_at": now,
                "stage": "",
                "done": 0,
                "total": 0,
                "sentence": "",
            }
            connection.execute(this.values(**taken, **begun))
            return _open(connection)

    def alive(self, run: Run, stage: str, done: int, total: int, *, now: dt.datetime) -> bool:
        """Renews the lease and notes how far it is; False when the run is no longer the caller's:
        stop it.
        """
        facts = {"stage": stage[:100], "done": done, "total": total, "leased_until": now + LEASE}
        return self._mine(run, facts)

    def finish(
        self, run: Run, state: str, sentence: str, report: Mapping[str, Any], *, now: dt.datetime
    ) -> bool:
        """Notes what came of it; False when the run is no longer the caller's."""
        facts = {
            "state": state,
            "sentence": sentence[:2000],
            "report": dict(report),
            "ended_at": now,
            "lease": "",
        }
        return self._mine(run, facts)

    def give_back(self, run: Run, why: str) -> bool:
        """It cannot be done just now: it waits again, and this try does not count."""
        waits = {
            "state": "waiting",
            "lease": "",
            "leased_until": None,
            "attempts": max(0, run.attempts - 1),
        }
        return self._mine(run, waits | {"sentence": why[:2000]})

    def cancel(self, run_id: int, *, now: dt.datetime) -> bool:
        """Ends an open run; a worker on it stops at its next sign of life. Whether there was one."""
        with self._database.write() as connection:
            this = update(INDEX_RUNS).where(
                INDEX_RUNS.c.id == run_id, INDEX_RUNS.c.state.in_(_OPEN)
            )
            ended = {
                "state": "cancelled",
                "ended_at": now,
                "lease": "",
                "sentence": "It was cancelled.",
            }
            return bool(connection.execute(this.values(ended)).rowcount)

    def latest(self, *kinds: RunKind, state: str = "") -> Run | None:
        """The newest run, of ``kinds`` and in ``state`` only when given."""
        query = _runs().order_by(INDEX_RUNS.c.id.desc()).limit(1)
        if kinds:
            query = query.where(INDEX_RUNS.c.kind.in_(kinds))
        if state:
            query = query.where(INDEX_RUNS.c.state == state)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _run(row) if row else None

    def _mine(self, run: Run, facts: Mapping[str, Any]) -> bool:
        with self._database.write() as connection:
            this = update(INDEX_RUNS).where(
                INDEX_RUNS.c.id == run.id,
                INDEX_RUNS.c.state == "running",
                INDEX_RUNS.c.lease == run.lease,
            )
            return bool(connection.execute(this.values(**facts)).rowcount)


def _runs() -> Any:
    return select(INDEX_RUNS, PEOPLE.c.name).join(PEOPLE, INDEX_RUNS.c.person_id == PEOPLE.c.id)


def _open(connection: Connection) -> Run | None:
    row = connection.execute(
        _runs().where(INDEX_RUNS.c.state.in_(_OPEN)).order_by(INDEX_RUNS.c.id)
    ).first()
    return _run(row) if row else None


def _give_way(connection: Connection, found: Run, kind: RunKind, now: dt.datetime) -> None:
    if not (found.kind is RunKind.LOOK or (kind is RunKind.PUBLISH and found.state == "waiting")):
        raise Conflict("A run is under way already; wait until it has ended, or cancel it.")
    ended = {
        "state": "cancelled",
        "ended_at": now,
        "lease": "",
        "sentence": "Something else was ordered.",
    }
    connection.execute(update(INDEX_RUNS).where(INDEX_RUNS.c.id == found.id).values(ended))


def _run(row: Row[Any]) -> Run:
    return Run(
        row.id, RunKind(row.kind), row.whole, row.name, row.asked_at, row.state, row.attempts, row.lease,
        row.started_at, row.ended_at, row.stage, row.done, row.total, row.sentence, row.report,
    )  # fmt: skip
