"""SQLite as the database: one file in WAL mode, in which nothing acknowledged is ever lost.

Every commit is synced to the disk (synchronous=FULL). The writers of all processes queue for a file
lock and then BEGIN IMMEDIATE, so that none starves and none sees "database is locked"; a writer
that cannot start before the deadline gets Unavailable. Queries live in the repositories.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Executable, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kb.database.migrations import HEAD
from kb.errors import KbError, Unavailable

_WRITE_DEADLINE = 2.0  # seconds that a writer waits for its turn
_MIGRATION_DEADLINE = _PURGE_DEADLINE = 60.0  # seconds
_BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
#: After this many transactions of this process a thread moves the log into the database. A writer
#: that had to do so would wait for a second, slower fsync, and one filing in fifty would be it.
_CHECKPOINT_INTERVAL = 100
#: Pages in the log at which a writer moves it nevertheless, because no thread has done so.
_MAX_LOG_PAGES = 16_000


class SqliteDatabase:
    """The engine of one file. One per process: connections must not cross a fork."""

    def __init__(self, path: Path, *, deadline: float = _WRITE_DEADLINE) -> None:
        self.path = path
        self._deadline = deadline
        self._turn = threading.Lock()
        self._engine = _create_engine(path, deadline)
        self._transactions = itertools.count(1)
        self._checkpointing = threading.Lock()
        self._checkpointer: threading.Thread | None = None

    def close(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.join()
        self._engine.dispose()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        with self._translated_errors(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        with self._translated_errors(), self._turn_to_write(), self._engine.connect() as connection:
            writing = connection.execution_options(begin="BEGIN IMMEDIATE")
            with writing.begin():
                yield writing

        if next(self._transactions) % _CHECKPOINT_INTERVAL == 0:
            self._start_checkpoint()

    def purge(self) -> None:
        """Rewrites the file without free pages, and empties the log, which has earlier pages.

        Takes about a second for 100 MB. Raises Unavailable when a reader does not let go of what
        it sees.
        """
        try:
            with self._turn_to_write(_PURGE_DEADLINE):
                self._run_alone("VACUUM")
            end = time.monotonic() + _PURGE_DEADLINE
            while self._run_alone("PRAGMA wal_checkpoint(TRUNCATE)")[0]:  # a reader is in the way
                if time.monotonic() >= end:
                    raise _busy()
                time.sleep(0.05)
        except sqlite3.Error as error:
            kb_error = as_kb_error(error, self.path)
            if kb_error is None:
                raise
            raise kb_error from error

    def _run_alone(self, statement: str) -> tuple[Any, ...]:
        """The first row of a statement that runs outside a transaction."""
        with contextlib.closing(
            sqlite3.connect(self.path, timeout=self._deadline, isolation_level=None)
        ) as connection:
            return connection.execute(statement).fetchone() or ()

    def _start_checkpoint(self) -> None:
        """Moves the log into the database in another thread, unless one is doing so already."""
        if self._checkpointing.acquire(blocking=False):
            try:
                self._checkpointer = threading.Thread(target=self._checkpoint, daemon=True)
                self._checkpointer.start()
            except RuntimeError:  # no more threads: a writer will do it
                self._checkpointing.release()

    def _checkpoint(self) -> None:
        # PASSIVE waits for nobody. An error here is ignored, because the next writer meets it too
        # and can report it. mode=rw: a file that was removed is not created again.
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        try:
            with (
                contextlib.suppress(sqlite3.Error),
                contextlib.closing(sqlite3.connect(uri, uri=True)) as connection,
            ):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._checkpointing.release()

    @contextlib.contextmanager
    def _turn_to_write(self, deadline: float | None = None) -> Iterator[None]:
        # SQLite's own waiting backs off to 100 ms, which starved three of four writers for 5 s.
        # Polling a lock at random instants gives every process the same chance at each turn.
        deadline = self._deadline if deadline is None else deadline
        end = time.monotonic() + deadline
        if not self._turn.acquire(timeout=deadline):
            raise _busy()
        try:
            with file_lock(self.path.with_suffix(".turn"), end - time.monotonic()):
                yield
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            kb_error = as_kb_error(error.orig, self.path)
            if kb_error is None:
                raise
            raise kb_error from error
        except PoolTimeout as error:
            raise _busy() from error


def open_file(path: Path, *, deadline: float = _WRITE_DEADLINE) -> SqliteDatabase:
    """The database in a file, which is created or migrated first. Raises Unavailable."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if schema_revision(path) != HEAD:
            migrate(path)
    except (OSError, sqlite3.Error) as error:
        kb_error = as_kb_error(error, path)
        if kb_error is None:
            raise
        raise kb_error from error
    return SqliteDatabase(path, deadline=deadline)


def needs_migration(path: Path) -> bool:
    """Whether the file's schema is an earlier one. Raises Unavailable, also for a newer one."""
    try:
        revision = schema_revision(path)
        _refuse_newer(path, revision)
        return revision != HEAD
    except (OSError, sqlite3.Error) as error:
        kb_error = as_kb_error(error, path)
        if kb_error is None:
            raise
        raise kb_error from error


def copy_database(path: Path, target: Path) -> None:
    """SQLite's online backup, in one step: a snapshot that waits for no writer and stops none.

    ``target`` becomes one file without a log beside it. Raises Unavailable, also when the copy
    does not pass SQLite's check.
    """
    try:
        _create_private(target)
        with (
            contextlib.closing(
                sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
            ) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except (OSError, sqlite3.Error) as error:
        kb_error = as_kb_error(error, path)
        if kb_error is None:
            raise
        raise kb_error from error
    if verdict != "ok":
        raise Unavailable(f"{path} is damaged: {verdict}.")


def build_upsert(
    table: Table, keys: tuple[str, ...], update: tuple[str, ...], add: tuple[str, ...]
) -> Executable:
    """The statement of ``kb.database.statements.upsert`` in this dialect."""
    statement = insert(table)
    if not update and not add:
        return statement.on_conflict_do_nothing(index_elements=keys)

    new_values: dict[str, ColumnElement[Any]] = {}
    new_values.update((name, statement.excluded[name]) for name in update)
    new_values.update((name, table.c[name] + statement.excluded[name]) for name in add)
    return statement.on_conflict_do_update(index_elements=keys, set_=new_values)


def schema_revision(path: Path) -> str | None:
    """The revision of the file's schema, None for a new or empty file.

    Raises sqlite3.Error on a damaged file.
    """
    if not path.exists():
        return None
    with contextlib.closing(sqlite3.connect(path, timeout=_WRITE_DEADLINE)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return None
            raise
    return str(row[0]) if row else None


def _refuse_newer(path: Path, revision: str | None) -> None:
    if revision is not None and revision > HEAD:
        raise Unavailable(
            f"{path} was written by a newer version of Askfirst. Install that version, or "
            f"restore an older backup."
        )


def migrate(path: Path) -> None:
    """Brings the file's schema to HEAD in one transaction, one process at a time.

    Raises Unavailable.
    """
    with file_lock(path.with_suffix(".migration"), _MIGRATION_DEADLINE):
        revision = schema_revision(path)
        if revision == HEAD:
            return
        _refuse_newer(path, revision)

        # Alembic takes 0.2 s to import; a database that is up to date never pays for it.
        from kb.database.migrations.upgrade import upgrade

        # The mode is stored in the file and cannot be changed inside a transaction.
        _create_private(path)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        database = SqliteDatabase(path, deadline=_MIGRATION_DEADLINE)
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


@contextlib.contextmanager
def file_lock(path: Path, seconds: float) -> Iterator[None]:
    """Holds an exclusive lock on ``path`` among threads and processes.

    Raises Unavailable after ``seconds``. The file is opened each time, because a lock belongs to
    the open file and a fork would share it.
    """
    end = time.monotonic() + seconds
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(descriptor):
            if time.monotonic() >= end:
                raise _busy()
            time.sleep(random.uniform(0.001, 0.004))  # noqa: S311 - only spreads the waiters
        yield
    finally:
        os.close(descriptor)


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
        return _busy()

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


def _busy() -> Unavailable:
    return Unavailable(
        "The database is busy; nothing was saved. Try again in a few seconds.", retry_after=2
    )


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _create_engine(path: Path, deadline: float) -> Engine:
    url = URL.create("sqlite+pysqlite", database=str(path))
    engine = create_engine(
        url, pool_size=8, max_overflow=24, pool_timeout=deadline, connect_args={"timeout": deadline}
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


_PRAGMAS = (
    "synchronous=FULL",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    f"wal_autocheckpoint={_MAX_LOG_PAGES}",
    "journal_size_limit=67108864",
    "cache_size=-16384",
)


def _set_pragmas(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 - an event hook
    # The driver would begin transactions late and on its own; this is SQLAlchemy's documented way
    # to issue BEGIN ourselves.
    connection.isolation_level = None
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:  # a damaged file: the pool forgets a connection whose hook failed
        connection.close()
        raise


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
