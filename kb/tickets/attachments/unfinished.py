"""Large files that arrive in pieces, and the upload links of the tickets that take them.

The next piece of a file begins where the last one ended. ``pieces`` knows where they are stored;
``kb.tickets.actions.large_files`` decides who may send, and what becomes of a complete file.
"""

from __future__ import annotations

import datetime as dt
import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from kb.database import Database
from kb.database.statements import upsert
from kb.tickets.attachments.pieces import ByteStream, Pieces, wrong_offset
from kb.tickets.tables import UPLOAD_LINKS, UPLOADS

#: Before a file without a row is removed: it may belong to a row that is being saved.
_SWEEP_AGE = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LargeFile:
    """A file of which ``offset`` of ``size`` bytes have arrived."""

    ref: str
    serial: int
    name: str
    size: int
    offset: int
    attached: bool

    @property
    def complete(self) -> bool:
        return self.offset == self.size


class UnfinishedFiles:
    """Rows, and the pieces of their files."""

    def __init__(self, database: Database, pieces: Pieces) -> None:
        self._database = database
        self._pieces = pieces

    # --- Links

    def link_end(self, serial: int, now: dt.datetime) -> dt.datetime | None:
        """Until when the ticket takes large files; None when it takes none."""
        query = select(UPLOAD_LINKS.c.expires_at).where(
            UPLOAD_LINKS.c.ticket_id == serial, UPLOAD_LINKS.c.expires_at > now
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def open_link(self, serial: int, until: dt.datetime) -> None:
        row = {"ticket_id": serial, "expires_at": until}
        with self._database.write() as connection:
            upsert(connection, UPLOAD_LINKS, row, keys=("ticket_id",), update=("expires_at",))

    def close_link(self, serial: int) -> None:
        """The ticket takes no more files, and what has arrived incompletely is removed."""
        open_files = (UPLOADS.c.ticket_id == serial, UPLOADS.c.attached_at.is_(None))
        with self._database.write() as connection:
            connection.execute(delete(UPLOAD_LINKS).where(UPLOAD_LINKS.c.ticket_id == serial))
            refs = connection.execute(select(UPLOADS.c.ref).where(*open_files)).scalars().all()
            connection.execute(delete(UPLOADS).where(*open_files))
        self._pieces.remove(refs)

    # --- Files

    def begin(self, serial: int, person_id: int, name: str, size: int, now: dt.datetime) -> str:
        """The ref of a new, empty file. Raises Unavailable when the disk has no room for it."""
        ref = secrets.token_urlsafe(16)
        self._pieces.begin(ref, size)
        row = {
            "ref": ref,
            "ticket_id": serial,
            "person_id": person_id,
            "name": name,
            "size": size,
            "begun_at": now,
        }
        with self._database.write() as connection:
            connection.execute(insert(UPLOADS), row)
        return ref

    def get(self, serial: int, ref: str) -> LargeFile | None:
        """None for a file of another ticket, and for one that was removed."""
        query = select(UPLOADS).where(UPLOADS.c.ref == ref, UPLOADS.c.ticket_id == serial)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return self._file(row) if row else None

    def of_ticket(self, serial: int) -> tuple[LargeFile, ...]:
        """Those that are not attached yet, oldest first."""
        query = (
            select(UPLOADS)
            .where(UPLOADS.c.ticket_id == serial, UPLOADS.c.attached_at.is_(None))
            .order_by(UPLOADS.c.begun_at, UPLOADS.c.ref)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return tuple(file for file in map(self._file, rows) if file)

    def append(self, file: LargeFile, offset: int, stream: ByteStream) -> int:
        """Adds what the stream has, and returns how much has arrived. What was read before the
        stream broke off is kept.

        Raises Conflict for an offset that is not the end of the file, or while another request
        writes to it, and Unavailable when the disk refuses.
        """
        if file.offset != offset:
            raise wrong_offset(file.offset)

        def advance(start: int, end: int) -> bool:
            this = update(UPLOADS).where(UPLOADS.c.ref == file.ref, UPLOADS.c.arrived == start)
            with self._database.write() as connection:
                return connection.execute(this.values(arrived=end)).rowcount == 1

        return self._pieces.append(file.ref, file.size, offset, stream, advance)

    def complete(self, file: LargeFile) -> AbstractContextManager[Path]:
        """The whole file, for the time of the block. Raises Conflict while another request of this
        machine writes to it or attaches it, and Unavailable.
        """
        return self._pieces.complete(file.ref, file.size)

    def mark_attached(self, ref: str, now: dt.datetime) -> None:
        """Its ticket has it now; whoever asks still learns that all of it has arrived."""
        this = update(UPLOADS).where(UPLOADS.c.ref == ref)
        with self._database.write() as connection:
            connection.execute(this.values(attached_at=now))
        self._pieces.remove([ref])

    def remove(self, ref: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(UPLOADS).where(UPLOADS.c.ref == ref))
        self._pieces.remove([ref])

    def sweep(self, now: dt.datetime) -> int:
        """Removes files whose rows are gone; returns how many."""
        return self._pieces.sweep(self._open_refs, (now - _SWEEP_AGE).timestamp())

    def _open_refs(self) -> frozenset[str]:
        query = select(UPLOADS.c.ref).where(UPLOADS.c.attached_at.is_(None))
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def count(self, serial: int) -> int:
        """How many of the ticket's files are not attached yet."""
        open_files = (UPLOADS.c.ticket_id == serial, UPLOADS.c.attached_at.is_(None))
        query = select(func.count()).select_from(UPLOADS).where(*open_files)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def _file(self, row: Any) -> LargeFile | None:
        attached = row.attached_at is not None
        offset = row.size if attached else self._pieces.arrived(row.ref, row.arrived)
        if offset is None:
            return None
        return LargeFile(row.ref, row.ticket_id, row.name, row.size, offset, attached)
