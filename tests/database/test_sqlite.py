"""The SQLite database: created, migrated, full, damaged, busy, checkpointed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Integer, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kb.analytics.tables import FEEDBACK
from kb.database import DATABASE_FILE, open_database
from kb.database.metadata import COUNTERS, METADATA, Instant
from kb.database.migrations import HEAD
from kb.database.migrations.upgrade import config
from kb.database.sqlite.engine import SqliteDatabase
from kb.database.sqlite.file import SqliteFile
from kb.database.sqlite.file_lock import file_lock
from kb.errors import Unavailable
from kb.privacy.inventory import INVENTORY
from kb.tickets.tables import EVENTS, TICKETS
from kb.tickets.ticket import Upload
from tests.world import FRIDAY, World, draft


@pytest.fixture
def database(data: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteFile(data / DATABASE_FILE).open()
    yield opened
    opened.close()


def test_head_names_the_last_migration() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == HEAD


def test_the_migrations_lead_to_the_tables_of_the_schema(database: SqliteDatabase) -> None:
    def type_differs(
        context: object, column: object, declared: object, stored: object, wanted: object
    ) -> bool | None:
        """SQLite has one integer type, of 64 bits; Alembic compares the other types."""
        del context, column, declared
        is_same = isinstance(stored, Integer) and isinstance(wanted, (Instant, Integer))
        return False if is_same else None

    with warnings.catch_warnings(), database.read() as connection:
        warnings.simplefilter("ignore")  # the expression index of the queue cannot be read back
        # The tables of FTS5 are not SQLAlchemy's.
        ours = {
            "compare_type": type_differs,
            "include_name": lambda name, kind, _: (
                kind != "table" or not str(name).startswith("words")
            ),
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), METADATA) == []
        assert {holding.table.metadata for holding in INVENTORY} == {METADATA}


def test_opening_again_changes_nothing(data: Path) -> None:
    before = (data / "tickets.db").stat().st_mtime_ns
    open_database(data).close()
    assert SqliteFile(data / "tickets.db").revision() == HEAD
    assert (data / "tickets.db").stat().st_mtime_ns == before


def test_a_commit_is_on_the_disk_and_relations_are_enforced(database: SqliteDatabase) -> None:
    with database.read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def test_an_error_inside_a_transaction_leaves_no_trace(database: SqliteDatabase) -> None:
    def write() -> None:
        with database.write() as connection:
            connection.execute(insert(COUNTERS).values(name="other", value=1))
            raise ZeroDivisionError

    names = select(COUNTERS.c.name).order_by(COUNTERS.c.name)
    with database.read() as connection:
        before = connection.execute(names).scalars().all()
    with pytest.raises(ZeroDivisionError):
        write()
    with database.read() as connection:
        assert connection.execute(names).scalars().all() == before


def test_a_writer_that_waits_too_long_is_told_when_to_try_again(data: Path) -> None:
    database = SqliteDatabase(data / "tickets.db", deadline=0.01)
    with (
        file_lock(data / "tickets.turn", 1),
        pytest.raises(Unavailable) as refused,
        database.write(),
    ):
        pass
    assert refused.value.retry_after == 2
    with contextlib.closing(sqlite3.connect(data / "tickets.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")  # a program that does not know of our queue
        with pytest.raises(Unavailable) as refused, database.write():
            pass
        assert refused.value.retry_after == 2
    with database.write() as connection:
        assert connection.execute(select(COUNTERS.c.value)).scalar() == 1000
    database.close()


def test_on_a_full_disk_nothing_is_half_written(world: World) -> None:
    number = world.desk.filing.file(draft(), world.alice, key="before", now=FRIDAY)
    with world.database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    small = SqliteDatabase(world.data / "tickets.db", deadline=2)
    with small.read() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
    world.desk._repository.database = small
    with pytest.raises(Unavailable) as refused:
        world.desk.filing.file(draft(description="x" * 20_000), world.alice, key="big", now=FRIDAY)
    assert refused.value.retry_after == 60
    assert world.desk.ticket(number, world.alice, now=FRIDAY).number == number
    with small.read() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        assert connection.execute(select(TICKETS.c.id)).scalars().all() == [1001]
    assert world.desk.filing.file(draft(), world.alice, key="big", now=FRIDAY) == "KB-1002"
    small.close()


@pytest.mark.parametrize(
    "content", [b"this is no database, " * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tickets.db"
    path.write_bytes(content)
    with pytest.raises(Unavailable, match=r"tickets\.db"):
        open_database(tmp_path)
    assert path.read_bytes() == content


def test_a_data_folder_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(Unavailable):
        open_database(tmp_path / "data")


def test_a_newer_database_is_not_touched(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "tickets.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(Unavailable):
        open_database(data)
    assert SqliteFile(data / "tickets.db").revision() == "9999"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_database_is_unavailable(world: World) -> None:
    (world.data / "tickets.db").chmod(0o400)
    world.database.close()
    with pytest.raises(Unavailable):
        world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)


def test_the_history_cannot_be_rewritten(world: World) -> None:
    world.desk.filing.file(
        draft(attachments=(Upload("a.txt", b"a"),)), world.alice, key="k", now=FRIDAY
    )
    for change in (update(EVENTS).values(body="never said"), delete(EVENTS)):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            world.database.write() as connection,
        ):
            connection.execute(change)


def test_the_log_is_moved_into_the_database_aside(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.database.sqlite.engine._CHECKPOINT_INTERVAL", 1)
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    checkpointer = world.sqlite._checkpointer
    assert checkpointer is not None
    checkpointer.join()
    alone = tmp_path / "alone.db"
    alone.write_bytes(world.sqlite.path.read_bytes())  # without the log beside it
    with contextlib.closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("SELECT id FROM tickets").fetchall() == [
            (int(number.removeprefix("KB-")),)
        ]


def test_a_file_that_is_gone_is_not_made_anew_by_tidying(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = SqliteFile(data / DATABASE_FILE).open()
    database.path.unlink()
    database._start_checkpoint()
    database.close()
    assert not database.path.exists()


def test_after_a_purge_no_byte_has_what_was_deleted(
    tmp_path: Path,
) -> None:
    database, other = (SqliteFile(tmp_path / DATABASE_FILE).open() for _ in range(2))
    votes = [
        {"document_id": f"doc/{i}", "voter": "vanishing " * 20, "helpful": True, "at": FRIDAY}
        for i in range(500)
    ]
    with database.write() as connection:
        connection.execute(insert(FEEDBACK), votes)
    with database.write() as connection:
        connection.execute(delete(FEEDBACK))
    with other.read() as connection:
        assert connection.execute(select(func.count()).select_from(FEEDBACK)).scalar() == 0

    def is_left() -> bool:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return any(b"vanishing" in path.read_bytes() for path in files)

    assert is_left()
    database.purge()
    assert not is_left()
    database.close()
    other.close()
