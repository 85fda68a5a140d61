"""Index runs: which one an editor ordered, which worker carries it out, and its result.

One run is open at a time. Its worker renews the lease while the run makes progress; once the lease
is over, any worker may claim the run again. Running the indexer is the business of
``index_runner``.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from kb.database import Database
from kb.database.statements import claim, is_unclaimed
from kb.errors import Conflict
from kb.jobs.tables import INDEX_RUNS
from kb.people.tables import PEOPLE

INDEX_RUN_LEASE = dt.timedelta(seconds=60)
#: A run whose worker died so often is given up: its content may be what kills the process.
MAX_INDEX_RUN_ATTEMPTS = 3
_STORED_RUNS = 50
_MAX_MESSAGE_LENGTH = 2000  # characters
_OPEN_STATES = ("waiting", "running")


class IndexRunKind(StrEnum):
    LOOK = "look"  # lists the files that differ
    CHECK = "check"  # also says what would change for visitors
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class IndexRun:
    """``state`` is waiting, running, done, failed or cancelled; ``done`` of ``total`` count within
    ``stage``; ``sentence`` is the result for people, ``report`` that of ``kb index``.
    """

    id: int
    kind: IndexRunKind
    whole: bool
    allow_public: bool
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
        return self.state in _OPEN_STATES


class IndexRuns:
    def __init__(self, database: Database) -> None:
        self._database = database

    # --- for editors

    def order(
        self,
        kind: IndexRunKind,
        person_id: int,
        *,
        whole: bool = False,
        allow_public: bool = False,
        now: dt.datetime,
    ) -> IndexRun:
        """A new run, or the open one when it answers the same: a second press orders nothing.

        A look gives way to any other run, and a check that still waits to a publish. Raises
        Conflict while another run is open.
        """
        with self._database.write() as connection:
            open_run = _open_run(connection)
            if open_run is not None:
                if kind in (open_run.kind, IndexRunKind.LOOK):
                    return open_run
                _replace(connection, open_run, kind, now)

            connection.execute(
                insert(INDEX_RUNS).values(
                    kind=kind.value,
                    whole=whole,
                    allow_public=allow_public,
                    person_id=person_id,
                    asked_at=now,
                )
            )
            newest = select(INDEX_RUNS.c.id).order_by(INDEX_RUNS.c.id.desc()).limit(_STORED_RUNS)
            connection.execute(delete(INDEX_RUNS).where(INDEX_RUNS.c.id.not_in(newest)))

            query = _select_runs().order_by(INDEX_RUNS.c.id.desc()).limit(1)
            return _to_run(connection.execute(query).one())

    def cancel(self, run_id: int, *, now: dt.datetime) -> bool:
        """Ends an open run and returns whether it was open. Its worker then stops."""
        with self._database.write() as connection:
            is_open = (INDEX_RUNS.c.id == run_id, INDEX_RUNS.c.state.in_(_OPEN_STATES))
            values = _ended("cancelled", "Cancelled.", now)
            return bool(
                connection.execute(update(INDEX_RUNS).where(*is_open).values(values)).rowcount
            )

    def latest(self, *kinds: IndexRunKind, state: str = "") -> IndexRun | None:
        """The newest run, of these kinds and in this state when they are given."""
        query = _select_runs().order_by(INDEX_RUNS.c.id.desc()).limit(1)
        if kinds:
            query = query.where(INDEX_RUNS.c.kind.in_(kinds))
        if state:
            query = query.where(INDEX_RUNS.c.state == state)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _to_run(row) if row else None

    def recent(self, limit: int = _STORED_RUNS) -> tuple[IndexRun, ...]:
        """The latest runs, the newest first."""
        query = _select_runs().order_by(INDEX_RUNS.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return tuple(_to_run(row) for row in connection.execute(query))

    # --- for workers

    def claim(self, now: dt.datetime) -> IndexRun | None:
        """The open run, leased to the caller, when no worker has it or its lease is over."""
        open_runs = select(INDEX_RUNS).where(INDEX_RUNS.c.state.in_(_OPEN_STATES))
        with self._database.read() as connection:
            # Workers ask every second and must not queue with the writers for it.
            unclaimed = open_runs.where(is_unclaimed(INDEX_RUNS, now))
            if connection.execute(unclaimed).first() is None:
                return None

        with self._database.write_beside() as connection:
            first = open_runs.order_by(INDEX_RUNS.c.id).limit(1)
            rows = claim(connection, first, lease=INDEX_RUN_LEASE, now=now)
            if not rows:
                return None

            run = rows[0]
            this_run = update(INDEX_RUNS).where(INDEX_RUNS.c.id == run.id)
            if run.attempts >= MAX_INDEX_RUN_ATTEMPTS:
                message = (
                    f"The run was started {MAX_INDEX_RUN_ATTEMPTS} times, and its process died "
                    f"each time. See the log of kb worker."
                )
                connection.execute(this_run.values(_ended("failed", message, now)))
                return None

            connection.execute(
                this_run.values(
                    state="running",
                    lease=secrets.token_hex(8),
                    attempts=run.attempts + 1,
                    started_at=now,
                    stage="",
                    done=0,
                    total=0,
                    sentence="",
                )
            )
            return _open_run(connection)

    def renew(self, run: IndexRun, stage: str, done: int, total: int, *, now: dt.datetime) -> bool:
        """Renews the lease and saves the progress; False once the run is no longer the caller's,
        who must stop it.
        """
        return self._update_leased(
            run,
            stage=stage[:100],
            done=done,
            total=total,
            leased_until=now + INDEX_RUN_LEASE,
        )

    def finish(
        self,
        run: IndexRun,
        state: str,
        message: str,
        report: Mapping[str, Any],
        *,
        now: dt.datetime,
    ) -> bool:
        """Saves the result; False once the run is no longer the caller's."""
        values = _ended(state, message[:_MAX_MESSAGE_LENGTH], now)
        return self._update_leased(run, report=dict(report), **values)

    def release(self, run: IndexRun, reason: str) -> bool:
        """Lets the run wait again, because it cannot be done now; the attempt does not count."""
        return self._update_leased(
            run,
            state="waiting",
            lease="",
            leased_until=None,
            attempts=max(0, run.attempts - 1),
            sentence=reason[:_MAX_MESSAGE_LENGTH],
        )

    def _update_leased(self, run: IndexRun, **values: Any) -> bool:
        is_leased = (
            INDEX_RUNS.c.id == run.id,
            INDEX_RUNS.c.state == "running",
            INDEX_RUNS.c.lease == run.lease,
        )
        with self._database.write_beside() as connection:
            statement = update(INDEX_RUNS).where(*is_leased).values(values)
            return bool(connection.execute(statement).rowcount)


def _ended(state: str, message: str, now: dt.datetime) -> dict[str, Any]:
    return {"state": state, "ended_at": now, "lease": "", "sentence": message}


def _replace(
    connection: Connection, open_run: IndexRun, kind: IndexRunKind, now: dt.datetime
) -> None:
    waits_for_less = kind is IndexRunKind.PUBLISH and open_run.state == "waiting"
    if open_run.kind is not IndexRunKind.LOOK and not waits_for_less:
        raise Conflict("Another run is in progress. Wait until it has ended, or cancel it.")
    values = _ended("cancelled", "Replaced by another run.", now)
    connection.execute(update(INDEX_RUNS).where(INDEX_RUNS.c.id == open_run.id).values(values))


def _select_runs() -> Select[Any]:
    return select(INDEX_RUNS, PEOPLE.c.name).join(PEOPLE, INDEX_RUNS.c.person_id == PEOPLE.c.id)


def _open_run(connection: Connection) -> IndexRun | None:
    query = _select_runs().where(INDEX_RUNS.c.state.in_(_OPEN_STATES)).order_by(INDEX_RUNS.c.id)
    row = connection.execute(query).first()
    return _to_run(row) if row else None


def _to_run(row: Row[Any]) -> IndexRun:
    return IndexRun(
        id=row.id,
        kind=IndexRunKind(row.kind),
        whole=row.whole,
        allow_public=row.allow_public,
        by=row.name,
        asked_at=row.asked_at,
        state=row.state,
        attempts=row.attempts,
        lease=row.lease,
        started_at=row.started_at,
        ended_at=row.ended_at,
        stage=row.stage,
        done=row.done,
        total=row.total,
        sentence=row.sentence,
        report=row.report,
    )
