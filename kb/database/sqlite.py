"""How is the ticket database opened, read and written so that nothing acknowledged is ever lost?

One SQLite file in WAL mode with synchronous=FULL. Writers of all processes queue for a file lock
and then BEGIN IMMEDIATE, so that none starves and none sees "database is locked"; who cannot write
before the deadline gets Unavailable. Not for queries: those are in the stores.
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

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kb.database.migrations import HEAD
from kb.errors import KbError, Unavailable

FILE = "tickets.db"
_DEADLINE = 2.0  # seconds a writer waits for its turn (rule 5 of the reliability goals)
_MIGRATION_DEADLINE = 60.0
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
#: So many transactions of this process are moved from the log into the database aside, while others
#: write. A writer who had to do it would wait for a second, slower fsync, and one filing in fifty
#: would be that writer.
_TIDIED = 100
#: Pages of the log at which a writer does it all the same, because nobody came to tidy up.
_LONGEST_LOG = 16_000


class Database:
    """The engine of one file. One per process: connections must not cross a fork."""

    def __init__(self, path: Path, *, deadline: float = _DEADLINE) -> None:
        self.path = path
        self._deadline = deadline
        self._turn = threading.Lock()
        self._engine = _engine(path, deadline)
        self._written = itertools.count(1)
        self._tidying = threading.Lock()
        self._tidier: threading.Thread | None = None

    def close(self) -> None:
        if self._tidier is not None:
            self._tidier.join()
        self._engine.dispose()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot. Raises Unavailable."""
        with self._spoken(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, alone: it is saved as a whole when the block ends, or not at all. Raises
        Unavailable.
        """
        with self._spoken(), self._queued(), self._engine.connect() as connection:
            writing = connection.execution_options(begin="BEGIN IMMEDIATE")
            with writing.begin():
                yield writing
        if next(self._written) % _TIDIED == 0:
            self._tidy()

    def _tidy(self) -> None:
        """Moves the log into the database in a thread of its own; nothing while one is at it."""
        if self._tidying.acquire(blocking=False):
            try:
                self._tidier = threading.Thread(target=self._checkpoint, daemon=True)
                self._tidier.start()
            except RuntimeError:  # no more threads: a writer will do it
                self._tidying.release()

    def _checkpoint(self) -> None:
        # PASSIVE waits for nobody. What goes wrong here is found by the next writer, who can say it
        # to somebody; a file that is gone is not made anew.
        where = f"{self.path.absolute().as_uri()}?mode=rw"
        try:
            with (
                contextlib.suppress(sqlite3.Error),
                contextlib.closing(sqlite3.connect(where, uri=True)) as connection,
            ):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._tidying.release()

    @contextlib.contextmanager
    def _queued(self) -> Iterator[None]:
        # SQLite's own waiting backs off to 100 ms and starved three of four writers for 5 s;
        # polling a lock at random instants of 1 to 4 ms gives every process the same chance at each
        # turn.
        end = time.monotonic() + self._deadline
        if not self._turn.acquire(timeout=self._deadline):
            raise _busy()
        try:
            with locked(self.path.with_suffix(".turn"), end - time.monotonic()):
                yield
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            known = spoken(error.orig, self.path)
            if known is None:
                raise
            raise known from error
        except PoolTimeout as error:
            raise _busy() from error


def open_database(data: Path, *, deadline: float = _DEADLINE) -> Database:
    """The database of the data folder, created or brought up to date first.

    Milliseconds when there is nothing to do; several processes may call it at once. Raises
    Unavailable.
    """
    path = data / FILE
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if version(path) != HEAD:
            migrate(path)
    except (OSError, sqlite3.Error) as error:
        known = spoken(error, path)
        if known is None:
            raise
        raise known from error
    return Database(path, deadline=deadline)


def version(path: Path) -> str | None:
    """The schema's revision in the file, None for a new or empty one. Raises sqlite3.Error on a
    damaged file.
    """
    if not path.exists():
        return None
    with contextlib.closing(sqlite3.connect(path, timeout=_DEADLINE)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return None
            raise
    return str(row[0]) if row else None


def migrate(path: Path) -> None:
    """Brings the file's schema to HEAD in one transaction, one process at a time. Raises
    Unavailable.
    """
    with locked(path.with_suffix(".migration"), _MIGRATION_DEADLINE):
        found = version(path)
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise Unavailable(
                f"{path} was written by a newer Askfirst; install that one, or restore an older "
                f"backup."
            )
        # Alembic takes 0.2 s to import; a database that is up to date never pays for it.
        from kb.database.migrations.upgrade import upgrade

        # The mode is kept in the file. It cannot be changed inside a transaction, and it does not
        # wait for others.
        _make_private(path)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        database = Database(path, deadline=_MIGRATION_DEADLINE)
        try:
            with database.write() as writing:
                upgrade(writing)
        finally:
            database.close()


def _make_private(path: Path) -> None:
    """An empty file for its owner only, whatever the umask; SQLite gives the -wal and -shm files
    the same mode.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


@contextlib.contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Holds an exclusive lock on ``path`` among threads and processes. Raises Unavailable after
    ``seconds``.

    The file is opened each time, since a lock belongs to the open file and would be shared by a
    fork.
    """
    end = time.monotonic() + seconds
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(descriptor):
            if time.monotonic() >= end:
                raise _busy()
            time.sleep(random.uniform(0.001, 0.004))  # noqa: S311 - spreads the waiters, hides nothing
        yield
    finally:
        os.close(descriptor)


def spoken(error: BaseException | None, path: Path) -> KbError | None:
    """The sentence for an error of the database or the file system; None when it is a bug of ours."""
    if isinstance(error, OSError):
        return Unavailable(f"{path}: {error.strerror or error}; nothing was saved.", retry_after=60)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_ERROR and "no such table" in str(error):
        primary = sqlite3.SQLITE_NOTADB  # somebody removed the file while it was served
    if primary in _BUSY:
        return _busy()
    sentence = _SENTENCES.get(primary)
    return Unavailable(sentence.format(path=path), retry_after=60) if sentence else None


_SENTENCES = {
    sqlite3.SQLITE_FULL: (
        "The disk that holds {path} is full; nothing was saved. Free some space and try again."
    ),
    sqlite3.SQLITE_IOERR: "The disk that holds {path} does not answer rightly; nothing was saved.",
    sqlite3.SQLITE_READONLY: (
        "{path} may not be written; check the owner and the rights of the file and its folder."
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "{path} cannot be opened; check that the folder exists and may be written."
    ),
    sqlite3.SQLITE_CORRUPT: "{path} is damaged; stop the server and restore the last backup.",
    sqlite3.SQLITE_NOTADB: (
        "{path} is not a ticket database; move it away or restore the last backup."
    ),
}


def _busy() -> Unavailable:
    return Unavailable(
        "Too many people are writing just now; nothing was saved. Try again.", retry_after=2
    )


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _engine(path: Path, deadline: float) -> Engine:
    url = URL.create("sqlite+pysqlite", database=str(path))
    engine = create_engine(
        url, pool_size=8, max_overflow=24, pool_timeout=deadline, connect_args={"timeout": deadline}
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


_PRAGMAS = (
    "synchronous=FULL",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    f"wal_autocheckpoint={_LONGEST_LOG}",
    "journal_size_limit=67108864",
    "cache_size=-16384",
)


def _connected(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 - the hook gives both
    # The driver would open transactions late and by itself; SQLAlchemy documents this switch to our
    # own BEGIN.
    connection.isolation_level = None
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:  # a damaged file: the pool forgets a connection whose hook failed
        connection.close()
        raise


def _begun(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
