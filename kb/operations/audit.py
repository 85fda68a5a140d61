"""The audit log: who did what to the installation, and when.

Entries are only added. They name people by id, so that erasing a person leaves the log whole, and
hold nothing that somebody typed. Tickets keep their own history.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from kb.database import (
    Database,
    DatabaseLocation,
    database_exists,
    is_up_to_date,
    open_database,
)
from kb.errors import Unavailable
from kb.operations.tables import AUDIT_LOG

LOG = logging.getLogger(__name__)
#: So that filing a ticket never waits for a long deletion.
_FORGOTTEN_AT_ONCE = 500


class Action(StrEnum):
    """What the log knows. The values are a contract, since entries are read for years."""

    SIGNED_IN = "signed-in"
    SIGN_IN_REFUSED = "sign-in-refused"
    SIGNED_OUT = "signed-out"
    SESSIONS_ENDED = "sessions-ended"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - the name of an action
    PASSWORD_REFUSED = "password-refused"  # noqa: S105 - to somebody who is signed in
    SECOND_FACTOR_ADDED = "second-factor-added"
    SECOND_FACTOR_REMOVED = "second-factor-removed"
    SECOND_FACTOR_RESET = "second-factor-reset"
    SECOND_FACTOR_REFUSED = "second-factor-refused"
    RECOVERY_CODE_USED = "recovery-code-used"
    RECOVERY_CODES_RENEWED = "recovery-codes-renewed"
    ACCOUNT_ADDED = "account-added"
    ACCOUNT_INVITED = "account-invited"
    INVITATION_WITHDRAWN = "invitation-withdrawn"
    ACCOUNT_CHANGED = "account-changed"
    ACCOUNT_DEACTIVATED = "account-deactivated"
    ACCOUNT_REACTIVATED = "account-reactivated"
    ACCOUNT_MERGED = "account-merged"
    ACCOUNT_REMOVED = "account-removed"
    ORGANISATION_CHANGED = "organisation-changed"
    COUPON_GRANTED = "coupon-granted"
    PUBLISH_ORDERED = "publish-ordered"
    PUBLISHED = "published"
    ROLLED_BACK = "rolled-back"
    POLICY_CHANGED = "policy-changed"
    BACKED_UP = "backed-up"
    RESTORED = "restored"
    PERSON_EXPORTED = "person-exported"
    PERSON_ERASED = "person-erased"
    LINKS_REVOKED = "links-revoked"
    API_KEY_ADDED = "api-key-added"
    API_KEY_REVOKED = "api-key-revoked"
    WEBHOOK_ADDED = "webhook-added"
    WEBHOOK_CHANGED = "webhook-changed"
    WEBHOOK_REMOVED = "webhook-removed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. ``actor_id`` is None for the command line and for somebody who is not known;
    ``target`` is a kind and an id, such as "person:7" or "generation:000012".
    """

    at: dt.datetime
    action: Action
    actor_id: int | None = None
    target: str = ""
    address: str = ""
    request_id: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    id: int = 0

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}


def add_entry(connection: Connection, entry: AuditEntry) -> None:
    """Add an entry in the transaction of what it records."""
    connection.execute(
        insert(AUDIT_LOG).values(
            at=entry.at,
            actor_id=entry.actor_id,
            action=entry.action.value,
            target=entry.target,
            address=entry.address,
            request_id=entry.request_id,
            facts=dict(entry.facts),
        )
    )


class AuditLog:
    """The audit log of one database. Its methods raise Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: AuditEntry) -> None:
        """Add an entry in a transaction of its own."""
        with self._database.write_beside() as connection:
            add_entry(connection, entry)

    def page(self, *, before: int = 0, limit: int = 100) -> tuple[AuditEntry, ...]:
        """Entries, newest first, with ids below ``before`` (0: from the newest on)."""
        query = select(AUDIT_LOG).order_by(AUDIT_LOG.c.id.desc()).limit(limit)
        if before:
            query = query.where(AUDIT_LOG.c.id < before)
        with self._database.read() as connection:
            return tuple(
                AuditEntry(
                    at=row.at,
                    action=Action(row.action),
                    actor_id=row.actor_id,
                    target=row.target,
                    address=row.address,
                    request_id=row.request_id,
                    facts=row.facts,
                    id=row.id,
                )
                for row in connection.execute(query)
            )

    def last(self, action: Action, *, digests: Collection[str]) -> dt.datetime | None:
        """When this was last done to what has one of the ``digests``; None if it never was."""
        table = AUDIT_LOG
        query = select(func.max(table.c.at)).where(
            table.c.action == action.value, table.c.facts["digest"].as_string().in_(digests)
        )
        with self._database.read() as connection:
            at: dt.datetime | None = connection.execute(query).scalar()
        return at

    def forget(self, *, before: dt.datetime) -> int:
        """Delete the entries up to the first one that is as new as ``before``; how many.

        The table lets only its oldest entries go (see the migration), so a gap in the ids is a
        sign that somebody else was at work.
        """
        total = 0
        while forgotten := self._forget_batch(before):
            total += forgotten
        return total

    def _forget_batch(self, before: dt.datetime) -> int:
        table = AUDIT_LOG
        with self._database.read() as connection:  # without queueing with the writers
            oldest = connection.execute(select(table.c.at).order_by(table.c.id).limit(1)).scalar()
        if oldest is None or oldest >= before:
            return 0
        with self._database.write() as connection:
            kept = connection.execute(
                select(func.min(table.c.id)).where(table.c.at >= before)
            ).scalar()
            old = select(table.c.id).order_by(table.c.id).limit(_FORGOTTEN_AT_ONCE)
            if kept is not None:
                old = old.where(table.c.id < kept)
            ids = connection.execute(old).scalars().all()
            for entry_id in ids:
                connection.execute(delete(table).where(table.c.id == entry_id))
        return len(ids)


def record_command(
    location: DatabaseLocation, action: Action, target: str = "", *, now: dt.datetime, **facts: str
) -> None:
    """Add an entry for what a command did, with the id of the operating system's user.

    Does nothing without a database, since there is no portal yet, and before a migration, which a
    backup comes before. A database that cannot be written is
    logged and no error, since what the command did has happened.
    """
    if not database_exists(location):
        return
    try:
        if not is_up_to_date(location):
            return
        with contextlib.closing(open_database(location)) as database:
            facts["uid"] = str(os.getuid())
            AuditLog(database).add(AuditEntry(now, action, target=target, facts=facts))
    except Unavailable as error:
        LOG.error("not in the audit log: %s %s: %s", action, target, error.sentence)
