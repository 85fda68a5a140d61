"""A database moved between SQLite and PostgreSQL, and the commands around it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, func, insert, select, update

from kb.database import DATABASE_FILE, Database, DatabaseLocation, open_database
from kb.database.metadata import COUNTERS
from kb.errors import Conflict, NotFound
from kb.operations import database_move
from kb.operations.backup import restore_backup, write_configured
from kb.operations.cli import database_commands
from kb.operations.database_move import MovedTable, move_database
from kb.people.tables import PEOPLE
from kb.settings import load_settings
from kb.tickets.repository import fulltext
from kb.tickets.tables import EVENTS, TICKETS
from tests.databases import ON_POSTGRESQL, SERVER, location_of
from tests.tickets.tickets import rows
from tests.world import FRIDAY, World, build, draft

pytestmark = [
    pytest.mark.skipif(not SERVER, reason="no PostgreSQL: see .ci/services"),
    pytest.mark.skipif(ON_POSTGRESQL, reason="the source is a file of SQLite"),
]


@pytest.fixture
def source(data: Path) -> Path:
    world = build(data)
    for title in ("Printer jams", "Toner is grey", "Paper tray"):
        world.desk.filing.file(draft(title), world.alice, key=title, now=FRIDAY)
    _merge_people(world.database, world.anton.id, world.vera.id)
    world.database.close()
    return data


@pytest.fixture
def target(tmp_path: Path) -> str:
    return str(location_of(tmp_path / "target", "postgresql"))


def _merge_people(database: Database, person: int, into: int) -> None:
    """A row that refers to a later one of its table."""
    with database.write() as connection:
        values = {"merged_into": into}
        connection.execute(update(PEOPLE).where(PEOPLE.c.id == min(person, into)).values(values))


def tickets(location: DatabaseLocation) -> dict[int, str]:
    with contextlib.closing(open_database(location)) as database, database.read() as connection:
        query = select(TICKETS.c.id, TICKETS.c.title)
        return {row.id: row.title for row in connection.execute(query)}


def found(location: DatabaseLocation, words: str) -> frozenset[int]:
    with contextlib.closing(open_database(location)) as database, database.read() as connection:
        return fulltext.matching_tickets(connection, words, internal=True)


def written(moved: tuple[MovedTable, ...]) -> int:
    return sum(table.written + table.deleted for table in moved)


def test_every_row_moves_there_and_back(source: Path, target: str, tmp_path: Path) -> None:
    moved = move_database(source, target)
    assert {table.name: table.rows for table in moved}["tickets"] == 3
    assert tickets(target) == tickets(source)
    assert found(target, "toner") == found(source, "toner") != frozenset()

    back = tmp_path / "back"
    assert written(move_database(target, back)) > 3
    assert tickets(back) == tickets(source)
    assert found(back, "jams") == found(source, "jams") != frozenset()


def test_a_second_run_takes_only_what_has_changed(source: Path, target: str) -> None:
    move_database(source, target)
    assert written(move_database(source, target)) == 0

    with contextlib.closing(open_database(source)) as database, database.write() as connection:
        connection.execute(insert(COUNTERS).values(name="new", value=1))
        connection.execute(update(TICKETS).where(TICKETS.c.id == 1001).values(title="Ink jams"))
    moved = {table.name: table for table in move_database(source, target)}
    assert (moved["tickets"].written, moved["counters"].written) == (1, 1)
    assert written(tuple(moved.values())) == 2
    assert found(target, "ink") == {1001}

    with contextlib.closing(open_database(source)) as database, database.write() as connection:
        connection.execute(delete(COUNTERS).where(COUNTERS.c.name == "new"))
    assert written(move_database(source, target)) == 1


def test_an_interrupted_move_goes_on(
    source: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_move, "_BATCH", 2)

    def stop_at_events(table: str, done: int, total: int) -> None:
        if table == "events" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_database(source, target, progress=stop_at_events)
    move_database(source, target)
    assert tickets(target) == tickets(source)
    assert found(target, "paper") == found(source, "paper") != frozenset()


def test_new_rows_get_new_numbers_after_a_move(source: Path, target: str) -> None:
    move_database(source, target)
    with contextlib.closing(open_database(target)) as database, database.write() as connection:
        newest = connection.execute(select(func.max(PEOPLE.c.id))).scalar_one()
        person = {"email": "new@example.com", "role": "customer", "created_at": FRIDAY}
        key = connection.execute(insert(PEOPLE).values(person)).inserted_primary_key
    assert key is not None
    assert key[0] > newest


def test_other_tickets_are_never_overwritten(source: Path, target: str, tmp_path: Path) -> None:
    move_database(source, target)
    other = build(tmp_path / "other")
    other.desk.filing.file(draft("Another house"), other.alice, key="k", now=FRIDAY)
    other.database.close()
    with pytest.raises(Conflict):
        move_database(tmp_path / "other", target)
    assert tickets(target) == tickets(source)
    with pytest.raises(NotFound):
        move_database(tmp_path / "nothing", target)
    with pytest.raises(Conflict):
        move_database(target, target)


def test_a_changed_row_is_found_by_the_comparison(source: Path, target: str) -> None:
    move_database(source, target)
    with contextlib.closing(open_database(target)) as new, new.write() as connection:
        connection.execute(update(EVENTS).values(body=""))
    with (
        contextlib.closing(open_database(source)) as old,
        contextlib.closing(open_database(target)) as new,
        old.read() as reading,
    ):
        move = database_move._Move(reading, new, lambda *_: None)
        with pytest.raises(Conflict):
            move.compare()


# --- commands


def run(*arguments: str) -> Result:
    return CliRunner().invoke(database_commands, list(arguments))


def test_the_command_moves_and_the_check_finds_the_copy_sound(
    source: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = run("move", str(source), target, "--json")
    assert moved.exit_code == 0, moved.output
    assert json.loads(moved.stdout)["tables"]["tickets"] == {"rows": 3, "written": 3, "deleted": 0}

    monkeypatch.setenv("KB_DATABASE", target)
    checked = json.loads(run("check", "--json").stdout)
    assert checked["kind"] == "postgresql"
    assert [fault for fault in checked["faults"] if "fsync" not in fault] == []


def test_the_command_says_which_database_the_portal_then_uses(
    source: Path, target: str, tmp_path: Path
) -> None:
    there = run("move", str(source), target).stdout
    assert "with KB_DATABASE" in there
    assert "with KB_DATABASE" in run("move", str(source), target).stdout  # nothing left to copy
    back = run("move", target, str(tmp_path / "back")).stdout
    assert "without KB_DATABASE" in back
    assert f"KB_DATA={tmp_path / 'back'}" in back


def test_the_check_of_sqlite_tells_of_a_missing_row(world: World) -> None:
    assert run("check", "--data", str(world.data)).exit_code == 0
    world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    assert rows(world, "SELECT count(*) FROM tickets") == [(1,)]
    with contextlib.closing(sqlite3.connect(world.data / DATABASE_FILE)) as connection:
        connection.execute("DELETE FROM tickets")  # the driver does not look at references
        connection.commit()
    assert run("check", "--data", str(world.data)).exit_code == 1
    assert run("check", "--data", str(world.data / "nothing")).exit_code == 1


def test_a_backup_of_postgresql_is_restored_as_a_file(
    source: Path, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_database(source, target)
    monkeypatch.setenv("KB_DATABASE", target)
    monkeypatch.setenv("KB_DATA", str(tmp_path / "portal"))
    (tmp_path / "portal").mkdir()
    file = tmp_path / "tickets.backup"
    write_configured(load_settings(), file, FRIDAY)
    restore_backup(file, tmp_path / "restored", passphrase="", with_secrets=False, now=FRIDAY)
    assert tickets(tmp_path / "restored") == tickets(source)
