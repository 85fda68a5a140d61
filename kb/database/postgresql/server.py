"""A database on a PostgreSQL server: whether it is there, its revision, opening it.

Opening creates the tables or migrates them first. Importing this does not import SQLAlchemy.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from kb.database.busy import WRITE_DEADLINE
from kb.database.migrations import HEAD
from kb.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection

    from kb.database.postgresql.engine import PostgresqlDatabase

_MIGRATION_DEADLINE = 60.0  # seconds


class PostgresqlServer:
    """A database that exists, with or without tables. ``deadline`` is how long writers wait for
    each other, ``options`` are those of ``PostgresqlDatabase``.
    """

    def __init__(self, address: str, *, deadline: float = WRITE_DEADLINE, **options: Any) -> None:
        self._address = address
        self._deadline = deadline
        self._options = options

    def exists(self) -> bool:
        return self.revision() is not None

    def is_up_to_date(self) -> bool:
        revision = self.revision()
        self._refuse_newer(revision)
        return revision == HEAD

    def open(self) -> PostgresqlDatabase:
        if self.revision() != HEAD:
            self._migrate()
        return self._database(self._deadline)

    def revision(self) -> str | None:
        """The revision of the schema, None for a database without tables. Raises Unavailable."""
        with self._opened(self._deadline) as database, database.read() as connection:
            return _revision(connection)

    def _refuse_newer(self, revision: str | None) -> None:
        if revision is not None and revision > HEAD:
            from kb.database.postgresql.engine import server_name

            raise Unavailable(
                f"{server_name(self._url())} was written by a newer version of Askfirst. Install "
                f"that version, or restore an older backup."
            )

    def _refuse_encoding(self, connection: Connection) -> None:
        """A new database that could not keep every text is refused before it keeps any."""
        from sqlalchemy import text

        from kb.database.postgresql.engine import server_name

        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
        if encoding != "UTF8":
            raise Unavailable(
                f"{server_name(self._url())} has the encoding {encoding}. Create it again with "
                f"`createdb --encoding=UTF8 --template=template0`."
            )

    def _migrate(self) -> None:
        """Brings the schema to HEAD in one transaction, one process at a time."""
        from kb.database.migrations.postgresql import create_or_upgrade

        with self._opened(_MIGRATION_DEADLINE) as database, database.write() as connection:
            revision = _revision(connection)
            self._refuse_newer(revision)
            if revision is None:
                self._refuse_encoding(connection)
            if revision != HEAD:
                create_or_upgrade(connection, revision)

    def _url(self) -> URL:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            return make_url(self._address)
        except (ArgumentError, ValueError) as error:
            raise Misconfigured("KB_DATABASE is not the address of a database.") from error

    def _database(self, deadline: float) -> PostgresqlDatabase:
        from kb.database.postgresql.engine import PostgresqlDatabase

        return PostgresqlDatabase(self._url(), deadline=deadline, **self._options)

    @contextlib.contextmanager
    def _opened(self, deadline: float) -> Iterator[PostgresqlDatabase]:
        with contextlib.closing(self._database(deadline)) as database:
            yield database


def _revision(connection: Connection) -> str | None:
    from sqlalchemy import text

    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).one_or_none()
    return str(row[0]) if row else None
