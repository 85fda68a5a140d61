"""The database seam: what the rest of the product may ask of a database, whichever one it is.

``read`` and ``write`` give a SQLAlchemy connection in a transaction; ``kb.database.statements`` has
the statements that differ between databases. SQLite is the one implementation
(``kb.database.sqlite``). A second one is a folder beside it with a ``Storage``, a ``Database`` and
its ``Statements``, a setting that ``_storage`` chooses by, and its full text of tickets beside
``kb.tickets.repository.fulltext_sqlite``.

Importing this package does not import SQLAlchemy: commands that need no database start faster.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kb.database.sqlite.file import SqliteFile

if TYPE_CHECKING:
    from sqlalchemy import Connection

DATABASE_FILE = "tickets.db"


class Database(Protocol):
    """One open database. Safe for many threads; its connections must not cross a fork.

    Both transactions raise Unavailable when the database cannot be used: it is busy, full, damaged
    or unreachable. Every other error is a bug and passes through.
    """

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one consistent snapshot."""

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that is committed as a whole, or not at all when the block raises."""

    def join(self) -> AbstractContextManager[None]:
        """Makes one transaction of all that this thread reads and writes in the block.

        Waiting for the disk takes longer than most writes. A ``write`` in the block that raises
        leaves nothing of itself; if the block raises, nothing of it is left. Other writers wait
        meanwhile: do nothing slow in it. Not to be nested.
        """

    def purge(self) -> None:
        """Leaves nothing of what was deleted in the database's files. Writers wait meanwhile."""

    def close(self) -> None:
        """Returns all connections."""


class Storage(Protocol):
    """Where a database is kept, whether or not it is there yet. Raises Unavailable."""

    def exists(self) -> bool: ...

    def is_up_to_date(self) -> bool: ...

    def open(self) -> Database: ...

    def copy_to(self, target: Path) -> None: ...


def _storage(data: Path) -> Storage:
    """The one place that knows which kind of database is used."""
    return SqliteFile(data / DATABASE_FILE)


def database_exists(data: Path) -> bool:
    """Whether the data folder has a database: nobody has filed or signed in before it does."""
    return _storage(data).exists()


def is_up_to_date(data: Path) -> bool:
    """Whether the database needs no migration; opening one that does migrates it.

    Raises Unavailable, also for one that a newer version has written.
    """
    return _storage(data).is_up_to_date()


def open_database(data: Path) -> Database:
    """The database of a data folder, created or migrated first. Raises Unavailable.

    Takes milliseconds when it is up to date. Several processes may call it at once.
    """
    return _storage(data).open()


def snapshot(data: Path, target: Path) -> None:
    """A consistent copy of a data folder's database in the new file ``target``, while others write.

    The copy is checked before this returns. Raises Unavailable.
    """
    _storage(data).copy_to(target)
