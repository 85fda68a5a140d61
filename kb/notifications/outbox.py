"""What is still to be sent, who has taken it, and what could not be sent?

Two tables with the same life: notices (mails) and jobs (webhooks). Whoever claims a row has it
until its lease ends; then anybody may claim it again, so that a worker that dies loses nothing. At
least once, never silently given up: a row that failed stays, with its error.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, func, select, update

from kb.database import Database
from kb.database.statements import claim
from kb.notifications.tables import NOTICES, WEBHOOK_JOBS

LEASE = dt.timedelta(minutes=5)
#: Tries before giving up, the waits doubling from a minute to four hours: about a day.
ATTEMPTS = 12
FIRST_WAIT, LONGEST_WAIT = dt.timedelta(minutes=1), dt.timedelta(hours=4)
#: What nobody could send for so long is no news any more.
STALE = dt.timedelta(days=3)
#: Kinds of notices that go out as one mail for each person.
DIGESTED = ("warned", "breached")


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """One row that was claimed. ``key`` is the same whenever it is sent again."""

    id: int
    key: str
    kind: str
    recipient: str
    facts: dict[str, Any]
    ticket_id: int | None
    attempts: int
    made_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """What was given up: a sentence about why, for whoever runs the place."""

    kind: str
    recipient: str
    error: str
    attempts: int
    at: dt.datetime


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def claim_mails(self, now: dt.datetime, most: int = 50) -> list[ClaimedMessage]:
        """Notices that are due, oldest first, and with an alarm all other alarms of the same
        person.
        """
        with self._database.write() as connection:
            query = _due(NOTICES, now)
            rows = list(claim(connection, query.limit(most), lease=LEASE, now=now))
            recipients = {row.recipient for row in rows if row.kind in DIGESTED}
            if recipients:
                others = query.where(
                    NOTICES.c.kind.in_(DIGESTED), NOTICES.c.recipient.in_(recipients)
                )
                rows += claim(connection, others, lease=LEASE, now=now)
            return [
                ClaimedMessage(
                    r.id, r.key, r.kind, r.recipient, r.facts, r.ticket_id, r.attempts, r.made_at
                )
                for r in rows
            ]

    def claim_jobs(self, now: dt.datetime, most: int = 50) -> list[ClaimedMessage]:
        with self._database.write() as connection:
            query = _due(WEBHOOK_JOBS, now).limit(most)
            rows = claim(connection, query, lease=LEASE, now=now)
            return [
                ClaimedMessage(
                    r.id, r.key, r.kind, r.facts["url"], r.facts, None, r.attempts, r.due_at
                )
                for r in rows
            ]

    def mails_sent(self, parcels: Iterable[ClaimedMessage], now: dt.datetime) -> None:
        self._done(
            NOTICES, parcels, {"state": "sent", "sent_at": now, "leased_until": None, "error": ""}
        )

    def jobs_done(self, parcels: Iterable[ClaimedMessage], now: dt.datetime) -> None:
        self._done(
            WEBHOOK_JOBS,
            parcels,
            {"state": "done", "done_at": now, "leased_until": None, "error": ""},
        )

    def mails_failed(
        self, parcels: Sequence[ClaimedMessage], error: str, now: dt.datetime, *, permanent: bool
    ) -> None:
        self._failed(NOTICES, parcels, error, now, permanent=permanent)

    def jobs_failed(
        self, parcels: Sequence[ClaimedMessage], error: str, now: dt.datetime, *, permanent: bool
    ) -> None:
        self._failed(WEBHOOK_JOBS, parcels, error, now, permanent=permanent)

    def failures(self, most: int = 100) -> tuple[Failure, ...]:
        """What was given up, newest first: mails and webhooks."""
        mails = (
            select(NOTICES)
            .where(NOTICES.c.state == "failed")
            .order_by(NOTICES.c.due_at.desc())
            .limit(most)
        )
        jobs = (
            select(WEBHOOK_JOBS)
            .where(WEBHOOK_JOBS.c.state == "failed")
            .order_by(WEBHOOK_JOBS.c.due_at.desc())
            .limit(most)
        )
        with self._database.read() as connection:
            found = [
                Failure(r.kind, r.recipient, r.error, r.attempts, r.due_at)
                for r in connection.execute(mails)
            ]
            found += [
                Failure(r.kind, r.facts["url"], r.error, r.attempts, r.due_at)
                for r in connection.execute(jobs)
            ]
        return tuple(sorted(found, key=lambda failure: failure.at, reverse=True)[:most])

    def waiting(self) -> tuple[int, int]:
        """How many mails and how many webhooks are still to be sent."""
        with self._database.read() as connection:
            counts = [
                connection.execute(
                    select(func.count()).where(table.c.state == "pending")
                ).scalar_one()
                for table in (NOTICES, WEBHOOK_JOBS)
            ]
        return counts[0], counts[1]

    def _done(
        self, table: Table, parcels: Iterable[ClaimedMessage], values: dict[str, Any]
    ) -> None:
        with self._database.write() as connection:
            for parcel in parcels:
                ours = update(table).where(table.c.id == parcel.id, table.c.state == "pending")
                connection.execute(ours.values(**values, attempts=parcel.attempts + 1))

    def _failed(
        self,
        table: Table,
        parcels: Sequence[ClaimedMessage],
        error: str,
        now: dt.datetime,
        *,
        permanent: bool,
    ) -> None:
        with self._database.write() as connection:
            for parcel in parcels:
                tries = parcel.attempts + 1
                over = permanent or tries >= ATTEMPTS
                wait = min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
                values: dict[str, Any] = {
                    "attempts": tries,
                    "error": error[:500],
                    "leased_until": None,
                }
                values |= {"state": "failed"} if over else {"due_at": now + wait}
                ours = update(table).where(table.c.id == parcel.id, table.c.state == "pending")
                connection.execute(ours.values(values))


def _due(table: Table, now: dt.datetime) -> Select[Any]:
    due = select(table).where(table.c.state == "pending", table.c.due_at <= now)
    return due.order_by(table.c.due_at, table.c.id)
