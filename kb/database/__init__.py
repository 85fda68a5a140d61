"""The database seam: what the rest of the product may ask of a database, whichever one it is.

``read`` and ``write`` give a SQLAlchemy connection in a transaction; ``kb.database.statements`` has
the statements that differ between databases. SQLite (``kb.database.sqlite``) needs no server;
PostgreSQL (``kb.database.postgresql``) serves portals on several machines. A further one is a
folder beside them with a ``Storage``, a ``Database`` and its ``Statements``, a line in
``_storage``, and its full text of tickets beside ``kb.tickets.repository.fulltext.sqlite``.

Importing this package does not import SQLAlchemy: commands that need no database start faster.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from kb.database.postgresql.server import PostgresqlServer
from kb.database.sqlite.file import SqliteFile

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

DATABASE_FILE = "tickets.db"

#: The data folder of a SQLite file, or the address of a database on a PostgreSQL server.
DatabaseLocation: TypeAlias = Path | str


class Database(Protocol):
    """One open database. Safe for many threads; its connections must not cross a fork.

    Both transactions raise Unavailable when the database cannot be used: it is busy, full, damaged
    or unreachable. Every other error is a bug and passes through.
    """

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one consistent snapshot."""

    def write(self, *subjects: str) -> AbstractContextManager[Connection]:
        """A transaction that is committed as a whole, or not at all when the block raises.

        It excludes all other writers. With ``subjects`` ("ticket 1042"), it may run beside
        transactions with other subjects: the rows that it reads to decide must be written only
        under one of its subjects, or be protected by a unique constraint.
        """

    def write_beside(self) -> AbstractContextManager[Connection]:
        """A transaction that may run beside all others that do not exclude everybody.

        For writes that do not depend on earlier reads: upserts, claims, changes to the writer's own
        rows.
        """

    def join(self, *subjects: str) -> AbstractContextManager[None]:
        """Makes one transaction of everything that this thread reads and writes in the block.

        This waits for the disk only once, which takes longer than most writes. If a ``write`` in
        the block raises, only that write is rolled back; if the block raises, everything is. Like
        ``write``, it excludes other writers; with ``subjects``, each write in the block adds its
        own subjects. The excluded writers wait for the end of the block: do nothing slow in it.
        Blocks cannot be nested.
        """

    def join_reads(self) -> AbstractContextManager[None]:
        """Makes one transaction of everything that this thread reads in the block.

        This saves round trips to a server. Writes are not part of the transaction, and its reads
        do not see them. Blocks cannot be nested.
        """

    def next_value(self, connection: Connection, counter: str) -> int:
        """The next value of a counter, for the transaction of ``connection``.

        Each value is given only once. If the transaction fails, the value is not given again, and
        there can be a gap.
        """

    def settled(self, table: Table) -> int:
        """The id up to which no further rows can appear, for readers that follow ids.

        Ask before the transaction that reads the rows, which then sees all of them. Leave rows with
        higher ids for the next time. Writers of such rows must call ``announce_rows``.
        """

    def purge(self) -> None:
        """Leaves nothing of what was deleted in the database's files. Writers wait meanwhile."""

    def faults(self) -> tuple[str, ...]:
        """A sentence for whatever is wrong with the database itself. May read all of it."""

    def size(self) -> int:
        """The bytes that it takes on the disk."""

    def close(self) -> None:
        """Returns all connections."""


class Storage(Protocol):
    """Where a database is kept, whether or not it is there yet. Raises Unavailable."""

    def exists(self) -> bool: ...

    def is_up_to_date(self) -> bool: ...

    def open(self) -> Database: ...


def _storage(location: DatabaseLocation) -> Storage:
    """The one place that knows which kind of database is used."""
    if isinstance(location, str):
        return PostgresqlServer(location)
    return SqliteFile(location / DATABASE_FILE)


def database_exists(location: DatabaseLocation) -> bool:
    """Whether there is a database: nobody has filed or signed in before there is one."""
    return _storage(location).exists()


def is_up_to_date(location: DatabaseLocation) -> bool:
    """Whether the database needs no migration; opening one that does migrates it.

    Raises Unavailable, also for one that a newer version has written.
    """
    return _storage(location).is_up_to_date()


def open_database(location: DatabaseLocation) -> Database:
    """The database, created or migrated first. Raises Unavailable.

    Takes milliseconds when it is up to date. Several processes may call it at once.
    """
    return _storage(location).open()


def snapshot(data: Path, target: Path) -> None:
    """A consistent copy of a data folder's SQLite file as the new file ``target``.

    Others may write meanwhile. The copy is checked before this returns. Raises Unavailable.
    """
    SqliteFile(data / DATABASE_FILE).copy_to(target)
