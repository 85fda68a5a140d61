"""The way into the outbox: notices are saved in the transaction that causes them.

A notice is therefore neither lost nor sent for a change that was rolled back. ``outbox`` is the way
out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete

from kb.database.statements import upsert
from kb.notifications.tables import NOTICES

#: RFC 2606, section 2: the domain of addresses that nobody has, to which no notice is sent.
NO_DOMAIN = "removed.invalid"


@dataclass(frozen=True, slots=True)
class NewNotice:
    """One mail to be. ``kind`` is a key of ``mail_templates``, ``recipient`` an address.

    ``facts`` never hold what somebody typed: it is read when the mail is written, for those who may
    be sent it. ``due`` is the earliest instant to send it, None for at once: staff are notified
    during service hours only. ``cause`` stands for the caller's: with the same one, the same thing
    is never said twice.
    """

    kind: str
    recipient: str
    facts: Mapping[str, str] = field(default_factory=dict)
    due: dt.datetime | None = None
    cause: str = ""


def add_notices(
    connection: Connection,
    ticket_id: int | None,
    cause: str,
    notices: Iterable[NewNotice],
    now: dt.datetime,
) -> None:
    """``cause`` names the change that they are about: one cause never notifies anybody twice."""
    insert_notices(connection, notice_rows(ticket_id, cause, notices, now))


def notice_rows(
    ticket_id: int | None, cause: str, notices: Iterable[NewNotice], now: dt.datetime
) -> list[dict[str, Any]]:
    """The rows of the notices of one cause, for callers that save those of many at once."""
    return [
        {
            "key": f"{notice.kind}/{ticket_id or 0}/{notice.cause or cause}/{notice.recipient}",
            "ticket_id": ticket_id,
            "kind": notice.kind,
            "recipient": notice.recipient,
            "facts": dict(notice.facts),
            "made_at": now,
            "due_at": notice.due or now,
        }
        for notice in notices
        if not notice.recipient.endswith(f"@{NO_DOMAIN}")
    ]


def insert_notices(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    upsert(connection, NOTICES, rows, keys=("key",))


def withdraw_copies(connection: Connection, recipient: str, ticket_id: int | None = None) -> None:
    """Removes the copies for an address that wait to be sent, of one ticket or of all."""
    copies = (
        NOTICES.c.recipient == recipient,
        NOTICES.c.state == "pending",
        NOTICES.c.facts["copy"].as_string() == "yes",
    )
    of_ticket = () if ticket_id is None else (NOTICES.c.ticket_id == ticket_id,)
    connection.execute(delete(NOTICES).where(*copies, *of_ticket))
