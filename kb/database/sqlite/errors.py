"""Errors of SQLite and of the file system, as what the people who meet them should read."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from kb.database.busy import database_busy
from kb.errors import KbError, Unavailable

_BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextlib.contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """For work on the file itself, without SQLAlchemy. Raises Unavailable."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        kb_error = as_kb_error(error, path)
        if kb_error is None:
            raise
        raise kb_error from error


def as_kb_error(error: BaseException | None, path: Path) -> KbError | None:
    """The error to show for one of the database or the file system; None for a bug of ours."""
    if isinstance(error, OSError):
        return Unavailable(f"{path}: {error.strerror or error}; nothing was saved.", retry_after=60)

    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None

    primary = code & 0xFF  # the rest of an extended code says more than we need
    if primary == sqlite3.SQLITE_ERROR and "no such table" in str(error):
        primary = sqlite3.SQLITE_NOTADB  # the file was removed while it was served
    if primary in _BUSY_CODES:
        return database_busy()

    message = _MESSAGES.get(primary)
    return Unavailable(message.format(path=path), retry_after=60) if message else None


_MESSAGES = {
    sqlite3.SQLITE_FULL: (
        "The disk that holds {path} is full; nothing was saved. Free some space and try again."
    ),
    sqlite3.SQLITE_IOERR: "The disk that holds {path} reported an error; nothing was saved.",
    sqlite3.SQLITE_READONLY: (
        "{path} is read-only. Check the owner and the permissions of the file and its folder."
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "{path} cannot be opened. Check that the folder exists and is writable."
    ),
    sqlite3.SQLITE_CORRUPT: "{path} is damaged. Stop the server and restore the last backup.",
    sqlite3.SQLITE_NOTADB: (
        "{path} is not a ticket database. Move it away, or restore the last backup."
    ),
}
