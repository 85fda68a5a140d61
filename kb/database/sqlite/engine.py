"""SQLite as the database: one file in WAL mode, in which nothing acknowledged is ever lost.

Every commit is synced to the disk (synchronous=FULL). The writers of all processes queue for a file
lock and then BEGIN IMMEDIATE, so that none starves and none sees "database is locked"; a writer
that cannot start before the deadline gets Unavailable. Queries live in the repositories.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, create_engine, event, select, update
from sqlalchemy.engine import URL

from kb.database.busy import database_busy
from kb.database.metadata import COUNTERS
from kb.database.sqlite.errors import as_kb_error, file_errors
from kb.database.sqlite.file_lock import file_lock
from kb.database.transactions import Transactions

_PURGE_DEADLINE = 60.0  # seconds
#: After this many transactions of this process a thread moves the log into the database. A writer
#: that had to do so would wait for a second, slower fsync, and one filing in fifty would be it.
_CHECKPOINT_INTERVAL = 100
#: Pages in the log at which a writer moves it nevertheless, because no thread has done so.
_MAX_LOG_PAGES = 16_000
_THIS_COUNTER = COUNTERS.c.name == bindparam("counter")
_INCREMENT = update(COUNTERS).where(_THIS_COUNTER).values(value=COUNTERS.c.value + 1)
_VALUE = select(COUNTERS.c.value).where(_THIS_COUNTER)


class SqliteDatabase:
    """The engine of one file. One per process: connections must not cross a fork."""

    def __init__(self, path: Path, *, deadline: float) -> None:
        self.path = path
        self._deadline = deadline
        self._turn = threading.Lock()
        self._engine = _create_engine(path, deadline)
        self._transactions = Transactions(lambda error, _: as_kb_error(error, path))
        self._transactions_done = itertools.count(1)
        self._checkpointing = threading.Lock()
        self._checkpointer: threading.Thread | None = None

    def close(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.join()
        self._engine.dispose()

    def read(self) -> AbstractContextManager[Connection]:
        return self._transactions.read(self._engine.begin)

    def write(self, *subjects: str) -> AbstractContextManager[Connection]:
        del subjects  # there is one writer at a time
        return self._transactions.write(self._begin_writing)

    def write_beside(self) -> AbstractContextManager[Connection]:
        return self.write()

    def join(self, *subjects: str) -> AbstractContextManager[None]:
        del subjects
        return self._transactions.join(self._begin_writing)

    def join_reads(self) -> AbstractContextManager[None]:
        return self._transactions.join_reads(self._engine.begin)

    def next_value(self, connection: Connection, counter: str) -> int:
        connection.execute(_INCREMENT, {"counter": counter})
        return int(connection.execute(_VALUE, {"counter": counter}).scalar_one())

    def settled(self, table: Table) -> int:
        del table  # one writer at a time: rows appear in the order of their ids
        return sys.maxsize

    def purge(self) -> None:
        """Rewrites the file without free pages, and empties the log, which has earlier pages.

        Takes a second or two for 100 MB. Raises Unavailable when a reader does not let go of what
        it sees.
        """
        with file_errors(self.path):
            with self._turn_to_write(_PURGE_DEADLINE):
                self._run_alone("VACUUM")
            end = time.monotonic() + _PURGE_DEADLINE
            while self._run_alone("PRAGMA wal_checkpoint(TRUNCATE)")[0]:  # a reader is in the way
                if time.monotonic() >= end:
                    raise database_busy()
                time.sleep(0.05)

    def faults(self) -> tuple[str, ...]:
        with self.read() as connection:
            checks = connection.exec_driver_sql("PRAGMA quick_check(10)").scalars().all()
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        damages = [f"The file is damaged: {check}." for check in checks if check != "ok"]
        missing = {f"A row of {row[0]} refers to a missing one of {row[2]}." for row in dangling}
        return (*damages, *sorted(missing))

    def size(self) -> int:
        with file_errors(self.path):
            files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
            return sum(file.stat().st_size for file in files if file.exists())

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
            raise database_busy()
        try:
            with file_lock(self.path.with_suffix(".turn"), end - time.monotonic()):
                yield
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def _begin_writing(self) -> Iterator[Connection]:
        with self._turn_to_write(), self._engine.connect() as connection:
            writing = connection.execution_options(begin="BEGIN IMMEDIATE")
            with writing.begin():
                yield writing

        if next(self._transactions_done) % _CHECKPOINT_INTERVAL == 0:
            self._start_checkpoint()


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
