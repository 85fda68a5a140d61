"""PostgreSQL as the database: a commit is acknowledged when the server has synced it.

Several writers are as safe as SQLite's single writer. A transaction that names its subject
(``write("ticket 1042")``) excludes transactions with the same subject and those without one; a
transaction without a subject excludes all others. These are advisory locks, held until the commit.
Queries live in the repositories.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Integer,
    Table,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import URL

from kb.breaker import Breaker
from kb.database.postgresql.announcements import settled_id
from kb.database.postgresql.errors import is_timeout, no_answer, server_error
from kb.database.postgresql.patience import PATIENCE, Patience, limit_waiting
from kb.database.transactions import Transactions
from kb.errors import KbError, Misconfigured

#: Advisory locks are numbers that all users of a server share: this one begins with "askf".
_ALL_WRITERS = 0x61736B66_00000000
_STATEMENT_TIMEOUT = 60_000  # milliseconds; only a report over years comes near it
_SILENT_NETWORK = 10  # seconds; libpq ignores the limits that a system does not support
_OLDEST_VERSION = 130_000
_SERVER = text(
    "SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS "
    "is_replica, current_setting('server_encoding') AS encoding, current_setting('fsync') = 'on' "
    "AND current_setting('synchronous_commit') <> 'off' AS syncs"
)
_LOCK_NOTHING = f"SELECT pg_advisory_xact_lock_shared({_ALL_WRITERS})"
_NEXT_VALUE = text("UPDATE counters SET value = value + 1 WHERE name = :counter RETURNING value")


class PostgresqlDatabase:
    """The engine of one database. One per process: connections must not cross a fork."""

    def __init__(
        self,
        url: URL,
        *,
        deadline: float,
        patience: Patience = PATIENCE,
        breaker: Breaker | None = None,
    ) -> None:
        self._server = server_name(url)
        self._breaker = breaker or Breaker()
        self._engine = _create_engine(url, deadline, patience)
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ")
        # We send the statement that begins its transactions ourselves.
        self._writing = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._counting = _create_engine(
            url, deadline, patience, "-c synchronous_commit=off", size=2
        )
        self._counting = self._counting.execution_options(isolation_level="AUTOCOMMIT")
        self._transactions = Transactions(self._translated)

    def close(self) -> None:
        self._engine.dispose()
        self._counting.dispose()

    def read(self) -> AbstractContextManager[Connection]:
        return self._transactions.read(self._begin_reading)

    def write(self, *subjects: str) -> AbstractContextManager[Connection]:
        return self._write(_lock_statement(subjects))

    def write_beside(self) -> AbstractContextManager[Connection]:
        return self._write(_LOCK_NOTHING)

    def _write(self, lock: str) -> AbstractContextManager[Connection]:
        return self._transactions.write(
            lambda: self._begin_writing(lock),
            joining=lambda connection: connection.exec_driver_sql(lock),
        )

    def join(self, *subjects: str) -> AbstractContextManager[None]:
        return self._transactions.join(lambda: self._begin_writing(_lock_statement(subjects)))

    def join_reads(self) -> AbstractContextManager[None]:
        return self._transactions.join_reads(self._begin_reading)

    def next_value(self, connection: Connection, counter: str) -> int:
        """Counts in a separate transaction; otherwise, the first writer would block all others
        until its commit. A failed transaction leaves a gap.

        That commit is not synced: the server writes its log in order, so the transaction that uses
        the value reaches the disk only after it.
        """
        del connection
        with self._transactions.translated_errors(), self._counting.connect() as counting:
            return int(counting.execute(_NEXT_VALUE, {"counter": counter}).scalar_one())

    def settled(self, table: Table) -> int:
        # READ COMMITTED: not a snapshot, which would be older than what it is asked for.
        errors = self._transactions.translated_errors(writing=False)
        with errors, self._engine.begin() as connection:
            return settled_id(connection, table)

    def purge(self) -> None:
        """Rewrites every table without the rows that were deleted.

        The server's log and its backups have them until the server recycles them.
        """
        with self._transactions.translated_errors(), self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.execute(text("SET lock_timeout = '60s'"))
            alone.execute(text("SET statement_timeout = 0"))
            try:
                alone.execute(text("VACUUM (FULL)"))
            finally:
                alone.execute(text("RESET lock_timeout"))
                alone.execute(text("RESET statement_timeout"))

    def faults(self) -> tuple[str, ...]:
        with self.read() as connection:
            server = connection.execute(_SERVER).one()
        conditions = (
            (
                server.version < _OLDEST_VERSION,
                f"The server is older than PostgreSQL {_OLDEST_VERSION // 10_000}.",
            ),
            (server.encoding != "UTF8", "The encoding of the database is not UTF8."),
            (server.is_replica, "The server is a replica, on which nothing can be saved."),
            (
                not server.syncs,
                "fsync or synchronous_commit is off: a power failure loses acknowledged tickets.",
            ),
        )
        return tuple(sentence for is_so, sentence in conditions if is_so)

    def size(self) -> int:
        with self.read() as connection:
            size = text("SELECT pg_database_size(current_database())")
            return int(connection.execute(size).scalar_one())

    def _translated(self, error: BaseException | None, writing: bool) -> KbError | None:
        if is_timeout(error):
            self._breaker.timed_out()
        return server_error(error, self._server, writing=writing)

    def _check_breaker(self, *, writing: bool) -> None:
        if not self._breaker.allows():
            raise no_answer(self._server, writing=writing)

    @contextlib.contextmanager
    def _begin_reading(self) -> Iterator[Connection]:
        self._check_breaker(writing=False)
        with self._reading.begin() as connection:
            yield connection
        self._breaker.answered()

    @contextlib.contextmanager
    def _begin_writing(self, lock: str) -> Iterator[Connection]:
        self._check_breaker(writing=True)
        with self._writing.begin() as connection:
            # READ COMMITTED: each statement sees what was committed before the locks were granted.
            connection.exec_driver_sql(f"BEGIN; {lock}")
            yield connection
        self._breaker.answered()


def server_name(url: URL) -> str:
    """The address without user and password, for messages."""
    return f"The database {url.database} at {url.host or 'the local socket'}:{url.port or 5432}"


def _lock_statement(subjects: Sequence[str]) -> str:
    """The statement that takes the locks; without subjects, it excludes all other writers.

    The numbers are part of the text instead of parameters, so that it can be sent together with the
    statement that begins the transaction. Locks are taken from left to right, and all writers use
    the same order, so that no two wait for each other.
    """
    if not subjects:
        return f"SELECT pg_advisory_xact_lock({_ALL_WRITERS})"
    digests = (hashlib.blake2b(each.encode(), digest_size=8).digest() for each in subjects)
    numbers = sorted({int.from_bytes(digest, "big", signed=True) for digest in digests})
    return ", ".join((_LOCK_NOTHING, *(f"pg_advisory_xact_lock({number})" for number in numbers)))


def _create_engine(
    url: URL, deadline: float, patience: Patience, setting: str = "", *, size: int = 8
) -> Engine:
    timeouts = f"-c lock_timeout={int(deadline * 1000)} -c statement_timeout={_STATEMENT_TIMEOUT}"
    # One plan for all words suits none of them: rare and common words need different plans.
    plans = "-c plan_cache_mode=force_custom_plan"
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=size,
            max_overflow=3 * size,
            pool_timeout=deadline,
            # After a restart of the server, nobody sees an error.
            pool_pre_ping=True,
            pool_use_lifo=True,
            connect_args={
                "connect_timeout": patience.connect,
                # For a network that drops every packet of one connection.
                "tcp_user_timeout": _SILENT_NETWORK * 1000,
                "keepalives_idle": _SILENT_NETWORK // 2,
                "keepalives_interval": 1,
                "keepalives_count": _SILENT_NETWORK // 2,
                "options": f"{timeouts} {plans} {setting}",
                "application_name": "askfirst",
                # Whatever the database or the environment says: else texts arrive as bytes.
                "client_encoding": "utf8",
            },
        )
    except ModuleNotFoundError as error:
        raise Misconfigured(
            "KB_DATABASE needs the driver of PostgreSQL: pip install 'askfirst[postgres]'."
        ) from error
    # Numbers are sent as 64 bits, as SQLite has them: one that is too large for 32 is not found,
    # instead of being an error.
    types = engine.dialect.colspecs
    engine.dialect.colspecs = {**types, Integer: types[BigInteger]}
    event.listen(engine, "connect", _replace_nul)
    limit_waiting(engine, patience)
    return engine


def _replace_nul(connection: Any, record: object) -> None:  # noqa: ARG001 - an event hook
    """Texts of PostgreSQL cannot contain the character NUL, which SQLite keeps."""
    from psycopg.types.string import StrDumper

    class WithoutNul(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    connection.adapters.register_dumper(str, WithoutNul)
