"""Retention: how long each kind of data is kept, as one table that is also what people are told.

The worker enforces it, ``kb doctor`` reports what is overdue, and the privacy page of the portal is
written from it. A row of data is deleted by its age; what is held about one person is the business
of ``kb.privacy``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, and_, bindparam, delete, func, select, true

from kb.analytics.query_log import QUERY_LOG_RETENTION
from kb.analytics.tables import DEFLECTION_PEOPLE, EPISODES, QUERY_COUNTS
from kb.database import Database
from kb.database.metadata import USAGE
from kb.database.usage_limits import LONGEST_WINDOW
from kb.experiments.tables import EXPERIMENT_CREDITS
from kb.gaps.tables import GAP_PROPOSALS
from kb.mail.tables import RECEIVED_MAILS, UNREACHABLE_ADDRESSES
from kb.notifications.tables import NOTICES, WEBHOOK_JOBS
from kb.operations.audit import AuditLog
from kb.operations.tables import AUDIT_LOG
from kb.people.repository.sessions import ATTEMPTS_KEPT
from kb.people.tables import INVITATIONS, PEOPLE, SESSIONS, SIGN_IN_ATTEMPTS, TOKENS
from kb.settings import Settings
from kb.subscriptions.tables import SUBSCRIPTIONS
from kb.tickets.lifecycle import ACTIVE, UPLOAD_LINK_LIFETIME
from kb.tickets.tables import (
    COPIES,
    EVENTS,
    GUEST_LINKS,
    IDEMPOTENCY_KEYS,
    STAFF_NEWS,
    TICKETS,
    UPLOAD_LINKS,
    UPLOADS,
)

#: So that filing a ticket never waits for a long deletion.
_BATCH, _MOST_BATCHES = 500, 200
_TICKETS_PER_BATCH = 50
#: The worker may be down for a night before anybody has to act.
_GRACE = dt.timedelta(days=2)


_ANY = true()


@dataclass(frozen=True, slots=True)
class Expiry:
    """Rows of a table that are deleted when ``instant`` is old enough.

    With ``is_end``, ``instant`` says itself when a row is over.
    """

    table: Table
    instant: Column[dt.datetime]
    where: ColumnElement[bool] = _ANY
    is_end: bool = False

    def is_over(self, kept: dt.timedelta, now: dt.datetime) -> ColumnElement[bool]:
        return and_(self.instant <= (now if self.is_end else now - kept), self.where)


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """One kind of data. ``kept`` says for how long, None for what ``otherwise`` says in words.

    ``setting`` is the name of the setting that decides, empty for what is fixed. Of what has no
    ``expiries``, something else than the deletion of rows takes care.
    """

    key: str
    what: str  # for the readers of the privacy page
    kept: Callable[[Settings], dt.timedelta | None]
    setting: str = ""
    otherwise: str = "until somebody asks us to erase them"
    expiries: tuple[Expiry, ...] = ()


@dataclass(frozen=True, slots=True)
class Overdue:
    """A class with rows that should have been deleted, since when."""

    retention: RetentionClass
    since: dt.datetime


def _days(setting: str) -> Callable[[Settings], dt.timedelta | None]:
    """0 days stand for ever."""

    def kept(settings: Settings) -> dt.timedelta | None:
        days = int(getattr(settings, setting))
        return dt.timedelta(days=days) if days else None

    return kept


def _fixed(kept: dt.timedelta | None) -> Callable[[Settings], dt.timedelta | None]:
    return lambda _: kept


def _session(settings: Settings) -> dt.timedelta:
    return dt.timedelta(hours=settings.session_hours)


def _backups(settings: Settings) -> dt.timedelta | None:
    if not settings.backup_folder:
        return None
    return settings.backup_keep * dt.timedelta(hours=settings.backup_hours)


_OF_ACTIVE_TICKETS = select(TICKETS.c.id).where(
    TICKETS.c.status.in_([status.value for status in ACTIVE])
)
_CLOSED = and_(
    TICKETS.c.status.not_in([status.value for status in ACTIVE]), TICKETS.c.erased_at.is_(None)
)
# Somebody who left the form at its last step, or was refused by a limit.
_GUEST_WITHOUT_TICKET = and_(
    PEOPLE.c.guest,
    *(
        PEOPLE.c.id.not_in(select(column).where(column.is_not(None)))
        for column in (
            TICKETS.c.customer_id,
            IDEMPOTENCY_KEYS.c.person_id,
            GUEST_LINKS.c.person_id,
            EVENTS.c.actor_id,
            UPLOADS.c.person_id,
            EPISODES.c.person_id,
        )
    ),
)
# Of an active ticket they stay: they are why nobody is told the same thing twice.
_SETTLED_MAIL = and_(
    NOTICES.c.state != "pending",
    NOTICES.c.ticket_id.is_(None) | NOTICES.c.ticket_id.not_in(_OF_ACTIVE_TICKETS),
)

# A mail that waits for an agent stays, too.
_SETTLED_RECEIVED = and_(
    (RECEIVED_MAILS.c.outcome != "quarantined") | RECEIVED_MAILS.c.settled_at.is_not(None),
    RECEIVED_MAILS.c.ticket_id.is_(None) | RECEIVED_MAILS.c.ticket_id.not_in(_OF_ACTIVE_TICKETS),
)

TICKETS_CLASS, ORPHANS_CLASS, AUDIT_CLASS = "tickets", "orphans", "audit"
UPLOADS_CLASS = "uploads"

RETENTION: tuple[RetentionClass, ...] = (
    RetentionClass(
        TICKETS_CLASS,
        "Texts and attachments of tickets, after they are closed (numbers and times stay)",
        _days("ticket_days"),
        "ticket_days",
        expiries=(Expiry(TICKETS, TICKETS.c.closed_at, _CLOSED),),
    ),
    RetentionClass(
        ORPHANS_CLASS,
        "Uploaded files that belong to no ticket",
        _days("orphan_days"),
        "orphan_days",
    ),
    RetentionClass(
        UPLOADS_CLASS,
        "Large files that were not uploaded completely",
        _fixed(UPLOAD_LINK_LIFETIME),
        expiries=(Expiry(UPLOADS, UPLOADS.c.begun_at),),
    ),
    RetentionClass(
        "episodes",
        "What was searched for and read in the ticket form, visit by visit",
        _days("episode_days"),
        "episode_days",
        expiries=(
            Expiry(EPISODES, EPISODES.c.last_at),
            Expiry(DEFLECTION_PEOPLE, DEFLECTION_PEOPLE.c.need_at),
            Expiry(EXPERIMENT_CREDITS, EXPERIMENT_CREDITS.c.at),
        ),
    ),
    RetentionClass(
        "queries",
        "How often each search was made, by week and without names",
        _fixed(QUERY_LOG_RETENTION),
        expiries=(
            Expiry(QUERY_COUNTS, QUERY_COUNTS.c.week),
            Expiry(GAP_PROPOSALS, GAP_PROPOSALS.c.asked_at),  # whose effect quotes them
        ),
    ),
    RetentionClass(
        "sums",
        "How many visits, reads and tickets there were, day by day and without names",
        _fixed(None),
        otherwise="indefinitely: they are only numbers",
    ),
    RetentionClass("votes", "Votes on articles, with the reasons that were given", _fixed(None)),
    RetentionClass(
        "mails",
        "E-mails and webhooks that were sent or abandoned, originals of received e-mails, and "
        "notifications of agents",
        _days("mail_days"),
        "mail_days",
        expiries=(
            Expiry(NOTICES, NOTICES.c.made_at, _SETTLED_MAIL),
            Expiry(RECEIVED_MAILS, RECEIVED_MAILS.c.received_at, _SETTLED_RECEIVED),
            Expiry(UNREACHABLE_ADDRESSES, UNREACHABLE_ADDRESSES.c.at),
            Expiry(STAFF_NEWS, STAFF_NEWS.c.at),
            Expiry(WEBHOOK_JOBS, WEBHOOK_JOBS.c.due_at, WEBHOOK_JOBS.c.state != "pending"),
        ),
    ),
    RetentionClass(
        "copies",
        "Addresses of people who were asked whether they want copies or news and have not answered",
        _days("copy_days"),
        "copy_days",
        expiries=(
            Expiry(COPIES, COPIES.c.at, COPIES.c.choice == ""),
            Expiry(SUBSCRIPTIONS, SUBSCRIPTIONS.c.at, SUBSCRIPTIONS.c.choice == ""),
        ),
    ),
    RetentionClass(
        "sessions",
        "Sessions, after signing in",
        _session,
        "session_hours",
        expiries=(Expiry(SESSIONS, SESSIONS.c.expires_at, is_end=True),),
    ),
    RetentionClass(
        "remembered",
        "Sessions of customers who chose to stay signed in",
        _days("remember_days"),
        "remember_days",
    ),
    RetentionClass(
        "devices",
        "The cookie by which the sign-in page recognises a browser",
        _days("device_days"),
        "device_days",
    ),
    RetentionClass(
        "links",
        "Links in e-mails, private links to tickets, upload links, and invitations",
        _fixed(dt.timedelta()),
        expiries=(
            Expiry(TOKENS, TOKENS.c.expires_at, is_end=True),
            Expiry(INVITATIONS, INVITATIONS.c.expires_at, is_end=True),
            Expiry(GUEST_LINKS, GUEST_LINKS.c.expires_at, is_end=True),
            Expiry(UPLOAD_LINKS, UPLOAD_LINKS.c.expires_at, is_end=True),
        ),
    ),
    RetentionClass(
        "guests",
        "Names and addresses of people without an account who did not file their ticket",
        _fixed(dt.timedelta(days=1)),
        expiries=(Expiry(PEOPLE, PEOPLE.c.created_at, _GUEST_WITHOUT_TICKET),),
    ),
    RetentionClass(
        "attempts",
        "Failed sign-ins, as hashes",
        _fixed(ATTEMPTS_KEPT),
        expiries=(Expiry(SIGN_IN_ATTEMPTS, SIGN_IN_ATTEMPTS.c.at),),
    ),
    RetentionClass(
        "usage",
        "Counters that limit how many e-mails and tickets one address can cause, as hashes",
        _fixed(LONGEST_WINDOW),
        expiries=(Expiry(USAGE, USAGE.c.at),),
    ),
    RetentionClass(
        AUDIT_CLASS,
        "The audit log: sign-ins and changes to accounts, with network addresses",
        _days("audit_days"),
        "audit_days",
        expiries=(Expiry(AUDIT_LOG, AUDIT_LOG.c.at),),
    ),
    RetentionClass(
        "backups", "Scheduled backups", _backups, "backup_keep", otherwise="none are made"
    ),
)


class Retention:
    """Enforces the table. ``remove_orphans`` removes files without a ticket that are so old,
    ``sweep_uploads`` parts of files whose upload is over, ``erase_tickets`` the texts of these
    tickets.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        remove_orphans: Callable[[dt.timedelta, dt.datetime], int],
        sweep_uploads: Callable[[dt.datetime], int],
        erase_tickets: Callable[[Sequence[int], dt.datetime], None],
    ) -> None:
        self._database = database
        self._settings = settings
        self._remove_orphans = remove_orphans
        self._sweep_uploads = sweep_uploads
        self._erase_tickets = erase_tickets

    def enforce(self, now: dt.datetime) -> int:
        """Deletes what is over, and returns how much. Raises Unavailable."""
        return sum(self._enforce_class(row, now) for row in RETENTION)

    def _enforce_class(self, row: RetentionClass, now: dt.datetime) -> int:
        kept = row.kept(self._settings)
        if kept is None:
            return 0
        if row.key == ORPHANS_CLASS:
            return self._remove_orphans(kept, now)
        if row.key == AUDIT_CLASS:
            return AuditLog(self._database).forget(before=now - kept)
        if row.key == TICKETS_CLASS:
            return self._erase_closed(row.expiries[0].is_over(kept, now), now)
        total = sum(self._delete(expiry, kept, now) for expiry in row.expiries)
        return total + (self._sweep_uploads(now) if row.key == UPLOADS_CLASS else 0)

    def _erase_closed(self, condition: ColumnElement[bool], now: dt.datetime) -> int:
        total = 0
        query = select(TICKETS.c.id).where(condition).order_by(TICKETS.c.id)
        for _ in range(_MOST_BATCHES):
            with self._database.read() as connection:
                serials = connection.execute(query.limit(_TICKETS_PER_BATCH)).scalars().all()
            if serials:
                self._erase_tickets(serials, now)
                total += len(serials)
            if len(serials) < _TICKETS_PER_BATCH:
                break
        return total

    def _delete(self, expiry: Expiry, kept: dt.timedelta, now: dt.datetime) -> int:
        keys = list(expiry.table.primary_key.columns)
        old_rows = select(*(key.label(f"old_{key.name}") for key in keys))
        old_rows = old_rows.where(expiry.is_over(kept, now)).limit(_BATCH)
        statement = delete(expiry.table).where(
            *(key == bindparam(f"old_{key.name}") for key in keys)
        )
        total = 0
        for _ in range(_MOST_BATCHES):
            with self._database.read() as connection:
                if connection.execute(old_rows.limit(1)).first() is None:
                    break  # without queueing with the writers
            with self._database.write() as connection:
                rows: list[Any] = [dict(row) for row in connection.execute(old_rows).mappings()]
                if rows:
                    connection.execute(statement, rows)
            total += len(rows)
            if len(rows) < _BATCH:
                break
        return total


def overdue(database: Database, settings: Settings, now: dt.datetime) -> tuple[Overdue, ...]:
    """Classes with rows that should be gone for days. Raises Unavailable."""
    late = []
    with database.read() as connection:
        for row in RETENTION:
            kept = row.kept(settings)
            if kept is None:
                continue
            for expiry in row.expiries:
                over = expiry.is_over(kept, now - _GRACE)
                oldest = connection.execute(select(func.min(expiry.instant)).where(over)).scalar()
                if oldest is not None:
                    late.append(Overdue(row, oldest if expiry.is_end else oldest + kept))
                    break
    return tuple(late)
