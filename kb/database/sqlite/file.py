"""The file of the database: whether it is there, its revision, opening it, copying it.

Opening creates or migrates it first. Importing this does not import SQLAlchemy.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from kb.database.busy import WRITE_DEADLINE
from kb.database.migrations import HEAD
from kb.database.sqlite.errors import file_errors
from kb.database.sqlite.file_lock import file_lock
from kb.errors import Unavailable

if TYPE_CHECKING:
    from kb.database.sqlite.engine import SqliteDatabase

_MIGRATION_DEADLINE = 60.0  # seconds


class SqliteFile:
    """A file that may not exist yet. ``deadline`` is how many seconds its writers wait."""

    def __init__(self, path: Path, *, deadline: float = WRITE_DEADLINE) -> None:
        self.path = path
        self._deadline = deadline

    def exists(self) -> bool:
        return self.path.exists()

    def is_up_to_date(self) -> bool:
        with file_errors(self.path):
            revision = self.revision()
        self._refuse_newer(revision)
        return revision == HEAD

    def open(self) -> SqliteDatabase:
        from kb.database.sqlite.engine import SqliteDatabase

        with file_errors(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.revision() != HEAD:
                self._migrate()
        return SqliteDatabase(self.path, deadline=self._deadline)

    def copy_to(self, target: Path) -> None:
        """SQLite's online backup, in one step: a snapshot that waits for no writer and stops none.

        ``target`` becomes one file without a log beside it.
        """
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        with file_errors(self.path):
            _create_private(target)
            with (
                contextlib.closing(sqlite3.connect(uri, uri=True)) as source,
                contextlib.closing(sqlite3.connect(target)) as copy,
            ):
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
                (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise Unavailable(f"{self.path} is damaged: {verdict}.")

    def revision(self) -> str | None:
        """The revision of the file's schema, None for a new or empty file.

        Raises sqlite3.Error on a damaged file.
        """
        if not self.path.exists():
            return None
        with contextlib.closing(sqlite3.connect(self.path, timeout=WRITE_DEADLINE)) as connection:
            try:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return None
                raise
        return str(row[0]) if row else None

    def _refuse_newer(self, revision: str | None) -> None:
        if revision is not None and revision > HEAD:
            raise Unavailable(
                f"{self.path} was written by a newer version of Askfirst. Install that version, or "
                f"restore an older backup."
            )

    def _migrate(self) -> None:
        """Brings the schema to HEAD in one transaction, one process at a time."""
        with file_lock(self.path.with_suffix(".migration"), _MIGRATION_DEADLINE):
            revision = self.revision()
            if revision == HEAD:
                return
            self._refuse_newer(revision)

            # Alembic takes 0.2 s to import; a database that is up to date never pays for it.
            from kb.database.migrations.upgrade import upgrade
            from kb.database.sqlite.engine import SqliteDatabase

            # The mode is stored in the file and cannot be changed inside a transaction.
            _create_private(self.path)
            with contextlib.closing(sqlite3.connect(self.path)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            database = SqliteDatabase(self.path, deadline=_MIGRATION_DEADLINE)
            try:
                with database.write() as writing:
                    upgrade(writing)
            finally:
                database.close()


def _create_private(path: Path) -> None:
    """Creates the file for its owner only, whatever the umask.

    SQLite gives the -wal and -shm files the same mode.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
