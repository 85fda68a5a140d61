"""The outbox: messages that wait to be sent, as leased queues with one life for all channels.

A worker claims messages, sends them, and marks them sent or failed. A claim ends with its lease, so
a worker that dies loses nothing; a message is sent at least once, and one that is given up stays
with its error. Mails beyond a cap are held, not lost. ``queue`` is the way into the outbox,
``channels`` are the ways out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select, update

from kb.database import Database
from kb.database.statements import claim
from kb.database.usage_limits import count_uses
from kb.notifications.caps import QUESTION, MailCaps, limits_of
from kb.notifications.tables import NOTICES, WEBHOOK_JOBS

MESSAGE_LEASE = dt.timedelta(minutes=5)
#: A message that has waited for so long is a sign that nothing is sent.
LATE_AFTER = dt.timedelta(minutes=15)
#: Mails about tickets that have waited for so long leave as one mail for each recipient.
NEWS_AFTER = dt.timedelta(hours=1)
#: Attempts before giving up. The waits double from a minute to four hours: about a day in all.
MAX_SEND_ATTEMPTS = 12
_FIRST_WAIT, _LONGEST_WAIT = dt.timedelta(minutes=1), dt.timedelta(hours=4)
_MAX_ERROR_LENGTH = 500  # characters


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that this worker has claimed. ``key`` is the same whenever it is sent again."""

    id: int
    key: str
    kind: str
    recipient: str
    facts: dict[str, Any]
    ticket_id: int | None
    attempts: int
    created_at: dt.datetime
    held: bool = False  # a cap delayed it
    endpoint_id: int | None = None  # of a webhook, unless it goes to a URL of the settings


@dataclass(frozen=True, slots=True)
class FailedMessage:
    """A message that was given up, and why; for operators."""

    kind: str
    recipient: str
    error: str
    attempts: int
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class MessageQueue:
    """The queue of one channel: a table whose rows are pending until they are sent or failed.

    ``combined_kinds`` are those of which one recipient gets all in one message.
    """

    name: str
    table: Table
    to_message: Callable[[Row[Any]], ClaimedMessage]
    sent_state: str
    sent_column: str
    combined_kinds: tuple[str, ...] = ()


def _notice(row: Row[Any]) -> ClaimedMessage:
    return ClaimedMessage(
        row.id,
        row.key,
        row.kind,
        row.recipient,
        row.facts,
        row.ticket_id,
        row.attempts,
        row.made_at,
        row.held,
    )


def _webhook_job(row: Row[Any]) -> ClaimedMessage:
    return ClaimedMessage(
        row.id,
        row.key,
        row.kind,
        row.facts["url"],
        row.facts,
        None,
        row.attempts,
        row.due_at,
        endpoint_id=row.endpoint_id,
    )


MAIL_QUEUE = MessageQueue(
    "mail", NOTICES, _notice, "sent", "sent_at", combined_kinds=("warned", "breached")
)
WEBHOOK_QUEUE = MessageQueue("webhook", WEBHOOK_JOBS, _webhook_job, "done", "done_at")
QUEUES = (MAIL_QUEUE, WEBHOOK_QUEUE)


def _batches(
    queue: MessageQueue, messages: Iterable[ClaimedMessage], now: dt.datetime
) -> list[list[ClaimedMessage]]:
    """What was held or waited long for a recipient is one mail, but for the questions, which are
    another.
    """
    batches: dict[tuple[str, str, int], list[ClaimedMessage]] = {}
    for message in messages:
        batch = ("", "", message.id)
        if message.kind in queue.combined_kinds:
            batch = ("combined", message.recipient, 0)
        elif message.held or (queue is MAIL_QUEUE and _waited_long(message, now)):
            batch = ("held", message.recipient, int(message.kind == QUESTION))
        batches.setdefault(batch, []).append(message)
    return list(batches.values())


def _waited_long(message: ClaimedMessage, now: dt.datetime) -> bool:
    """Nobody wants one mail after the other after a night, or after the mail server was down."""
    return message.ticket_id is not None and message.created_at <= now - NEWS_AFTER


class Outbox:
    """``caps`` limit what leaves as mail; without them, those of the settings' defaults do."""

    def __init__(self, database: Database, caps: MailCaps | None = None) -> None:
        self._database = database
        self._caps = caps or MailCaps()

    def claim(
        self, queue: MessageQueue, now: dt.datetime, limit: int = 50
    ) -> list[list[ClaimedMessage]]:
        """Messages that are due, oldest first, in batches that are sent as one message each.

        With a message of a combined kind come all others of its recipient, beyond the limit, and
        with one that was held, or has waited long, all others that were or have. A batch beyond a
        cap is held instead.
        """
        counted = queue is MAIL_QUEUE  # against the caps, and those by one worker at a time
        database = self._database
        with database.write("mail caps") if counted else database.write_beside() as connection:
            while rows := self._claim_rows(connection, queue, now, limit):
                batches = [
                    batch
                    for batch in _batches(queue, map(queue.to_message, rows), now)
                    if not counted or self._has_room(connection, batch, now)
                ]
                if batches:
                    return batches
        return []

    def _claim_rows(
        self, connection: Connection, queue: MessageQueue, now: dt.datetime, limit: int
    ) -> list[Row[Any]]:
        table = queue.table
        due = (
            select(table)
            .where(table.c.state == "pending", table.c.due_at <= now)
            .order_by(table.c.due_at, table.c.id)
        )
        rows = list(claim(connection, due.limit(limit), lease=MESSAGE_LEASE, now=now))
        if any(row.kind in queue.combined_kinds for row in rows):
            recipients = {row.recipient for row in rows if row.kind in queue.combined_kinds}
            others = due.where(
                table.c.kind.in_(queue.combined_kinds), table.c.recipient.in_(recipients)
            )
            rows += claim(connection, others, lease=MESSAGE_LEASE, now=now)
        if queue is MAIL_QUEUE:
            old = now - NEWS_AFTER
            late = {row.recipient for row in rows if row.ticket_id and row.made_at <= old}
            others = due.where(
                table.c.recipient.in_(late),
                table.c.ticket_id.is_not(None),
                table.c.made_at <= old,
            )
            rows += claim(connection, others, lease=MESSAGE_LEASE, now=now) if late else []
        if queue is MAIL_QUEUE and any(row.held for row in rows):
            recipients = {row.recipient for row in rows if row.held}
            held = select(table).where(
                table.c.state == "pending", table.c.held, table.c.recipient.in_(recipients)
            )
            rows += claim(connection, held.order_by(table.c.id), lease=MESSAGE_LEASE, now=now)
        return rows

    def _has_room(
        self, connection: Connection, batch: Sequence[ClaimedMessage], now: dt.datetime
    ) -> bool:
        """Counts a batch, which is one mail, against the caps; holds it if one is reached."""
        first = batch[0]
        if first.attempts:  # counted at its first attempt
            return True
        limits = limits_of(
            self._caps, first.kind, first.recipient, first.ticket_id, first.facts, held=first.held
        )
        wait = count_uses(connection, limits, now) if limits else 0
        if wait:
            connection.execute(
                update(NOTICES)
                .where(NOTICES.c.id.in_([message.id for message in batch]))
                .values(held=True, due_at=now + dt.timedelta(seconds=wait), leased_until=None)
            )
        return not wait

    def oldest_due(self, now: dt.datetime) -> dt.datetime | None:
        """When the message that has waited longest was due; None if none waits."""
        with self._database.read() as connection:
            instants: list[dt.datetime] = []
            for queue in QUEUES:
                table = queue.table
                waits = table.c.state == "pending", table.c.due_at <= now
                due = connection.execute(select(func.min(table.c.due_at)).where(*waits)).scalar()
                instants += [due] if due else []
        return min(instants, default=None)

    def mark_sent(
        self, queue: MessageQueue, messages: Sequence[ClaimedMessage], now: dt.datetime
    ) -> None:
        values = {
            "state": queue.sent_state,
            queue.sent_column: now,
            "leased_until": None,
            "error": "",
        }
        self._update(queue, [(message, values) for message in messages])

    def mark_failed(
        self,
        queue: MessageQueue,
        messages: Sequence[ClaimedMessage],
        error: str,
        now: dt.datetime,
        *,
        permanent: bool,
    ) -> None:
        """Schedules the next attempt, or gives up when the failure is ``permanent`` or the last."""
        updates: list[tuple[ClaimedMessage, Mapping[str, Any]]] = []
        for message in messages:
            values: dict[str, Any] = {"leased_until": None, "error": error[:_MAX_ERROR_LENGTH]}
            if permanent or message.attempts + 1 >= MAX_SEND_ATTEMPTS:
                values["state"] = "failed"
            else:
                values["due_at"] = now + min(_FIRST_WAIT * 2**message.attempts, _LONGEST_WAIT)
            updates.append((message, values))
        self._update(queue, updates)

    def failures(self, limit: int = 100) -> tuple[FailedMessage, ...]:
        """Messages of all channels that were given up, newest first."""
        failures: list[FailedMessage] = []
        with self._database.read() as connection:
            for queue in QUEUES:
                table = queue.table
                query = select(table).where(table.c.state == "failed")
                for row in connection.execute(query.order_by(table.c.due_at.desc()).limit(limit)):
                    recipient = queue.to_message(row).recipient
                    failures.append(
                        FailedMessage(row.kind, recipient, row.error, row.attempts, row.due_at)
                    )
        return tuple(sorted(failures, key=lambda failure: failure.at, reverse=True)[:limit])

    def pending(self) -> dict[str, int]:
        """How many messages wait to be sent, by the name of their queue."""
        return self._count("pending")

    def failed(self) -> dict[str, int]:
        """How many messages were given up, by the name of their queue."""
        return self._count("failed")

    def _count(self, state: str) -> dict[str, int]:
        with self._database.read() as connection:
            return {
                queue.name: connection.execute(
                    select(func.count())
                    .select_from(queue.table)
                    .where(queue.table.c.state == state)
                ).scalar_one()
                for queue in QUEUES
            }

    def _update(
        self,
        queue: MessageQueue,
        updates: Sequence[tuple[ClaimedMessage, Mapping[str, Any]]],
    ) -> None:
        table = queue.table
        with self._database.write_beside() as connection:
            for message, values in updates:
                still_pending = (table.c.id == message.id, table.c.state == "pending")
                connection.execute(
                    update(table)
                    .where(*still_pending)
                    .values(attempts=message.attempts + 1, **values)
                )
