"""The secrets of tickets as rows. They are sealed and opened in ``kb.tickets.actions.secrets``."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select, update

from kb.database import Database
from kb.tickets.tables import SECRETS


@dataclass(frozen=True, slots=True)
class StoredSecret:
    sealed: bytes
    shown_to: int | None
    wiped: bool


class SecretRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def stored(self, serial: int, field: str) -> StoredSecret | None:
        query = select(SECRETS).where(SECRETS.c.ticket_id == serial, SECRETS.c.field == field)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return StoredSecret(row.sealed, row.shown_to, row.wiped_at is not None) if row else None

    def mark_shown(self, serial: int, field: str, person_id: int, now: dt.datetime) -> None:
        this = (SECRETS.c.ticket_id == serial, SECRETS.c.field == field)
        values = {"shown_at": now.replace(microsecond=0), "shown_to": person_id}
        with self._database.write() as connection:
            connection.execute(update(SECRETS).where(*this).values(values))
