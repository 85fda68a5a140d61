"""The databases that tests run on: a SQLite file in each folder, or databases of a real PostgreSQL.

``ASKFIRST_TEST_POSTGRESQL`` is the address of a server on which the tests may create databases;
``.ci/services start`` prints it. The contract suites then run on both. With
``ASKFIRST_TEST_DATABASE=postgresql`` everything that ``tests.world`` builds is on PostgreSQL too.
"""

from __future__ import annotations

import atexit
import hashlib
import os
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from kb.database import DATABASE_FILE, Database, DatabaseLocation
from kb.database.postgresql.server import PostgresqlServer
from kb.database.sqlite.file import SqliteFile

SERVER = os.environ.get("ASKFIRST_TEST_POSTGRESQL", "")
ON_POSTGRESQL = os.environ.get("ASKFIRST_TEST_DATABASE") == "postgresql"
IMPLEMENTATIONS = ("sqlite", "postgresql") if SERVER else ("sqlite",)
#: Waiting long for a turn on a busy machine is no defect of the code under test.
_DEADLINE = 60
_created: dict[str, str] = {}


def location_of(data: Path, implementation: str = "") -> DatabaseLocation:
    """Where the database of a data folder is; one on PostgreSQL is created first."""
    implementation = implementation or ("postgresql" if ON_POSTGRESQL else "sqlite")
    return data if implementation == "sqlite" else _postgresql(str(data.absolute()))


def open_test_database(data: Path, implementation: str = "") -> Database:
    location = location_of(data, implementation)
    if isinstance(location, Path):
        return SqliteFile(location / DATABASE_FILE, deadline=_DEADLINE).open()
    return PostgresqlServer(location, deadline=_DEADLINE).open()


def _postgresql(folder: str) -> str:
    """The address of the folder's database: a copy of the first one, which has its tables."""
    if folder not in _created:
        name = f"test_{os.getpid()}_{hashlib.sha256(folder.encode()).hexdigest()[:16]}"
        if not _created:
            atexit.register(_drop_all)
            _command(f"CREATE DATABASE {name}_base")
            base = PostgresqlServer(_address(f"{name}_base"), deadline=_DEADLINE)
            base.open().close()
            _created[""] = f"{name}_base"
        _command(f"CREATE DATABASE {name} TEMPLATE {_created['']}")
        _created[folder] = name
    return _address(_created[folder])


def _address(name: str) -> str:
    return make_url(SERVER).set(database=name).render_as_string(hide_password=False)


def _drop_all() -> None:
    for name in _created.values():
        _command(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _command(statement: str) -> None:
    url = make_url(SERVER).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
