"""The database seam: what the rest of the product may ask of a database, whichever one it is.

``read`` and ``write`` give a SQLAlchemy connection in a transaction; ``kb.database.statements`` has
the statements that differ between databases. SQLite is the one implementation
(``kb.database.sqlite``), and the functions below call it. A second one is a module beside it that
answers these functions, a setting that chooses between the two here, its entry in ``statements``,
and its own ``kb.tickets.repository.fulltext``.

Importing this package does not import SQLAlchemy: commands that need no database start faster.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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

    def purge(self) -> None:
        """Leaves nothing of what was deleted in the database's files. Writers wait meanwhile."""

    def close(self) -> None:
        """Returns all connections."""


def database_exists(data: Path) -> bool:
    """Whether the data folder holds a database: nobody has filed or signed in before it does."""
    return (data / DATABASE_FILE).exists()


def is_up_to_date(data: Path) -> bool:
    """Whether the database needs no migration; opening one that does migrates it.

    Raises Unavailable.
    """
    from kb.database.sqlite import needs_migration

    return not needs_migration(data / DATABASE_FILE)


def open_database(data: Path) -> Database:
    """The database of a data folder, created or migrated first. Raises Unavailable.

    Takes milliseconds when it is up to date. Several processes may call it at once.
    """
    from kb.database.sqlite import open_file

    return open_file(data / DATABASE_FILE)


def snapshot(data: Path, target: Path) -> None:
    """A consistent copy of a data folder's database in the new file ``target``, while others write.

    The copy is checked before this returns. Raises Unavailable.
    """
    from kb.database.sqlite import copy_database

    copy_database(data / DATABASE_FILE, target)
