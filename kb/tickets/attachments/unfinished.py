"""Large files that arrive in pieces, and the upload links of the tickets that take them.

An unfinished file is as long as what has arrived of it: whatever was acknowledged survives a lost
connection and a killed process, and the next piece begins at the end of the file. Who may send, and
what becomes of a complete file, is decided in ``kb.tickets.actions.large_files``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from sqlalchemy import delete, func, insert, select, update

from kb.database import Database
from kb.database.statements import upsert
from kb.disk import sync
from kb.errors import Conflict, Unavailable
from kb.tickets.tables import UPLOAD_LINKS, UPLOADS

_PIECE = 256 * 1024  # bytes that are read at once
_FREE_SPACE = 1024**3  # bytes that no upload may use up: tickets must still be saved
#: Before a file without a row is removed: it may belong to a row that is being saved.
_SWEEP_AGE = dt.timedelta(hours=1)


class ByteStream(Protocol):
    """What the pieces of a file are read from."""

    def read(self, size: int, /) -> bytes: ...


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
    """Rows, and a folder on the same file system as the attachments."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

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
        for ref in refs:
            self.path(ref).unlink(missing_ok=True)

    # --- Files

    def begin(self, serial: int, person_id: int, name: str, size: int, now: dt.datetime) -> str:
        """The ref of a new, empty file. Raises Unavailable when the disk has no room for it."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
            if free - size < _FREE_SPACE:
                raise Unavailable(
                    "There is no room for a file of this size at the moment. Tell support.",
                    retry_after=3600,
                )
            ref = secrets.token_urlsafe(16)
            os.close(os.open(self.path(ref), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            sync(self._folder)
        except OSError as error:
            raise _not_written(error) from error
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
        with self._held(file.ref) as content:
            end = content.seek(0, os.SEEK_END)
            if end != offset:
                raise Conflict(
                    f"{end} bytes have arrived. Continue from there.", field="Upload-Offset"
                )
            try:
                while end < file.size and (piece := stream.read(min(_PIECE, file.size - end))):
                    content.write(piece)
                    end += len(piece)
            finally:
                _save(content)
            return end

    @contextlib.contextmanager
    def complete(self, file: LargeFile) -> Iterator[Path]:
        """The whole file, while nobody else writes to it or attaches it. Raises Conflict."""
        with self._held(file.ref):
            yield self.path(file.ref)

    def mark_attached(self, ref: str, now: dt.datetime) -> None:
        """Its ticket has it now; whoever asks still learns that all of it has arrived."""
        this = update(UPLOADS).where(UPLOADS.c.ref == ref)
        with self._database.write() as connection:
            connection.execute(this.values(attached_at=now))
        self.path(ref).unlink(missing_ok=True)

    def remove(self, ref: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(UPLOADS).where(UPLOADS.c.ref == ref))
        self.path(ref).unlink(missing_ok=True)

    def sweep(self, now: dt.datetime) -> int:
        """Removes files whose rows are gone; returns how many."""
        before = (now - _SWEEP_AGE).timestamp()
        old = [path for path in self._folder.glob("*") if path.stat().st_mtime < before]
        if not old:
            return 0
        query = select(UPLOADS.c.ref).where(UPLOADS.c.attached_at.is_(None))
        with self._database.read() as connection:
            refs = set(connection.execute(query).scalars())
        orphans = [path for path in old if path.name not in refs]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)

    def count(self, serial: int) -> int:
        """How many of the ticket's files are not attached yet."""
        open_files = (UPLOADS.c.ticket_id == serial, UPLOADS.c.attached_at.is_(None))
        query = select(func.count()).select_from(UPLOADS).where(*open_files)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def path(self, ref: str) -> Path:
        return self._folder / ref

    def _file(self, row: Any) -> LargeFile | None:
        attached = row.attached_at is not None
        if attached:
            return LargeFile(row.ref, row.ticket_id, row.name, row.size, row.size, attached)
        try:
            offset = self.path(row.ref).stat().st_size
        except OSError:  # the file was removed with what an operator cleaned up
            return None
        return LargeFile(row.ref, row.ticket_id, row.name, row.size, offset, attached)

    @contextlib.contextmanager
    def _held(self, ref: str) -> Iterator[BinaryIO]:
        """The file, which nobody else writes meanwhile. Raises Conflict."""
        try:
            content = self.path(ref).open("r+b")
        except OSError as error:
            raise _not_written(error) from error
        with content:
            try:
                fcntl.flock(content, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    "Another request is sending this file. Try again in a moment.", retry_after=2
                ) from None
            yield content


def _save(content: BinaryIO) -> None:
    try:
        content.flush()
        os.fsync(content.fileno())
    except OSError as error:
        raise _not_written(error) from error


def _not_written(error: OSError) -> Unavailable:
    return Unavailable(
        f"The file could not be written ({error.strerror}). Try again later.", retry_after=60
    )
