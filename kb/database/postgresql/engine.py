"""PostgreSQL as the database: a commit is acknowledged when the server has synced it.

Writers are as safe as SQLite's single writer, without being one: a transaction that names what it
writes about (``write("ticket 1042")``) excludes those that name the same and those that name
nothing; one that names nothing excludes all others. Both are advisory locks, held until the commit.
Queries live in the repositories.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Integer, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kb.database.busy import database_busy
from kb.database.postgresql.errors import server_error
from kb.errors import Misconfigured

#: Advisory locks are numbers that all users of a server share: this one begins with "askf".
_ALL_WRITERS = 0x61736B66_00000000
_CONNECT_TIMEOUT = 5  # seconds
_STATEMENT_TIMEOUT = 60_000  # milliseconds; only a report over years comes near it
_OLDEST_VERSION = 130_000
_SERVER = text(
    "SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS "
    "is_replica, current_setting('server_encoding') AS encoding, current_setting('fsync') = 'on' "
    "AND current_setting('synchronous_commit') <> 'off' AS syncs"
)
_LOCK_ALL = text("SELECT pg_advisory_xact_lock(:number)")
_LOCK_NAME = text("SELECT pg_advisory_xact_lock_shared(:all), pg_advisory_xact_lock(:number)")


class _Joined(threading.local):
    """The transaction that a thread's reads and writes are part of, if it has joined them."""

    connection: Connection | None = None


class PostgresqlDatabase:
    """The engine of one database. One per process: connections must not cross a fork."""

    def __init__(self, url: URL, *, deadline: float) -> None:
        self._server = server_name(url)
        self._engine = _create_engine(url, deadline)
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ")
        self._joined = _Joined()

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        joined = self._joined.connection
        if joined is not None:
            with self._translated_errors():
                yield joined
            return
        with self._translated_errors(), self._reading.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, subject: str | None = None) -> Iterator[Connection]:
        joined = self._joined.connection
        if joined is not None:
            with self._translated_errors(), joined.begin_nested():
                yield joined
            return
        with self._translated_errors(), self._engine.begin() as connection:
            # READ COMMITTED: each statement sees what was committed before the lock was granted.
            _lock(connection, subject)
            yield connection

    @contextlib.contextmanager
    def join(self) -> Iterator[None]:
        with self.write() as connection:
            self._joined.connection = connection
            try:
                yield
            finally:
                self._joined.connection = None

    def purge(self) -> None:
        """Rewrites every table without the rows that were deleted.

        The server's log and its backups have them until the server recycles them.
        """
        with self._translated_errors(), self._engine.connect() as connection:
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

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            kb_error = server_error(error.orig, self._server)
            if kb_error is None:
                raise
            raise kb_error from error
        except PoolTimeout as error:
            raise database_busy() from error


def server_name(url: URL) -> str:
    """The address without user and password, for messages."""
    return f"The database {url.database} at {url.host or 'the local socket'}:{url.port or 5432}"


def _lock(connection: Connection, subject: str | None) -> None:
    if subject is None:
        connection.execute(_LOCK_ALL, {"number": _ALL_WRITERS})
        return
    digest = hashlib.blake2b(subject.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big", signed=True)
    connection.execute(_LOCK_NAME, {"all": _ALL_WRITERS, "number": number})


def _create_engine(url: URL, deadline: float) -> Engine:
    options = f"-c lock_timeout={int(deadline * 1000)} -c statement_timeout={_STATEMENT_TIMEOUT}"
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=8,
            max_overflow=24,
            pool_timeout=deadline,
            # After a restart of the server, nobody sees an error.
            pool_pre_ping=True,
            pool_use_lifo=True,
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT,
                "options": options,
                "application_name": "askfirst",
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
    return engine


def _replace_nul(connection: Any, record: object) -> None:  # noqa: ARG001 - an event hook
    """Texts of PostgreSQL cannot contain the character NUL, which SQLite keeps."""
    from psycopg.types.string import StrDumper

    class WithoutNul(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    connection.adapters.register_dumper(str, WithoutNul)
