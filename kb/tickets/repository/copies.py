"""Copies as rows: the link of each address and ticket, and what was chosen with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from kb.database import Database
from kb.database.statements import upsert
from kb.notifications.queue import NewNotice, withdraw_copies
from kb.people.person import account_key
from kb.people.tables import PEOPLE
from kb.tickets.tables import COPIES, TICKETS


class CopyRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def token(self, serial: int, address: str, new_token: str, *, now: dt.datetime) -> str:
        """The token of the address, which is ``new_token`` if it had none."""
        row = {
            "ticket_id": serial,
            "address": address,
            "mailbox": account_key(address),
            "token": new_token,
            "at": now,
        }
        query = select(COPIES.c.token).where(
            COPIES.c.ticket_id == serial, COPIES.c.address == address
        )
        with self._database.write_beside() as connection:
            upsert(connection, COPIES, row, keys=("ticket_id", "address"))
            return str(connection.execute(query).scalar_one())

    def by_token(self, token: str) -> Row[Any] | None:
        query = (
            select(COPIES, PEOPLE.c.email.label("requester"), PEOPLE.c.guest)
            .select_from(COPIES.join(TICKETS, COPIES.c.ticket_id == TICKETS.c.id))
            .join(PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id)
            .where(COPIES.c.token == token)
        )
        with self._database.read() as connection:
            return connection.execute(query).first()

    def choose(self, token: str, choice: str, *, now: dt.datetime) -> None:
        with self._database.write() as connection:
            row = connection.execute(select(COPIES).where(COPIES.c.token == token)).one()
            values = {"choice": choice, "at": now}
            if choice == "confirmed":  # whoever wants these mails refuses copies no longer
                refused = (COPIES.c.mailbox == row.mailbox, COPIES.c.choice == "refused")
                connection.execute(update(COPIES).where(*refused).values(choice="left", at=now))
            connection.execute(update(COPIES).where(COPIES.c.token == token).values(values))
            if choice == "left":
                withdraw_copies(connection, row.address, row.ticket_id)
            elif choice == "refused":
                withdraw_copies(connection, row.address)


def confirmed_copies(connection: Connection, serial: int) -> frozenset[str]:
    query = select(COPIES.c.address).where(
        COPIES.c.ticket_id == serial, COPIES.c.choice == "confirmed"
    )
    return frozenset(connection.execute(query).scalars())


def wanted_notices(
    connection: Connection, serial: int, notices: Iterable[NewNotice]
) -> list[NewNotice]:
    """``notices`` without the copies that their recipients do not want."""
    notices = list(notices)
    mailboxes = {account_key(notice.recipient) for notice in notices if notice.facts.get("copy")}
    if not mailboxes:
        return notices
    query = select(COPIES.c.address, COPIES.c.mailbox, COPIES.c.choice).where(
        or_(
            (COPIES.c.ticket_id == serial) & (COPIES.c.choice == "left"),
            COPIES.c.mailbox.in_(mailboxes) & (COPIES.c.choice == "refused"),
        )
    )
    rows = connection.execute(query).all()
    left = {row.address for row in rows if row.choice == "left"}
    refused = {row.mailbox for row in rows if row.choice == "refused"}
    return [
        notice
        for notice in notices
        if not notice.facts.get("copy")
        or (notice.recipient not in left and account_key(notice.recipient) not in refused)
    ]
