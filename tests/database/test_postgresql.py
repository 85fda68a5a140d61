"""PostgreSQL as the database: created, migrated, refused, unreachable, killed, and many writers."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.errors import DiskFull
from sqlalchemy import (
    BigInteger,
    Connection,
    Executable,
    Integer,
    create_engine,
    delete,
    func,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from kb.database import Database, database_exists, is_up_to_date, open_database
from kb.database.metadata import COUNTERS, METADATA, Instant
from kb.database.migrations import HEAD
from kb.database.postgresql.errors import server_error
from kb.database.postgresql.server import PostgresqlServer
from kb.database.statements import announce_rows
from kb.errors import Misconfigured, Unavailable
from kb.people.person import Person, Role
from kb.settings import load_settings
from kb.tickets.lifecycle import Verb
from kb.tickets.reports.changes import changes_after, is_change, last_change
from kb.tickets.tables import EVENTS, IDEMPOTENCY_KEYS
from tests.database.test_processes import filing
from tests.databases import SERVER, location_of
from tests.world import build

pytestmark = pytest.mark.skipif(
    not SERVER, reason="no PostgreSQL: `.ci/services start` starts one and prints its address"
)


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(location_of(tmp_path, "postgresql"))


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    with contextlib.closing(open_database(address)) as opened:
        yield opened


def execute(address: str, statement: str) -> None:
    engine = create_engine(
        make_url(address).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def differences(address: str) -> list[object]:
    """Between the tables of a database and those of the schema."""

    def type_differs(
        context: object, column: object, declared: object, stored: object, wanted: object
    ) -> bool | None:
        """Ids and instants are wider; everything else is compared as Alembic does (None)."""
        del context, column, declared
        is_wider = isinstance(stored, BigInteger) and isinstance(wanted, (Instant, Integer))
        return False if is_wider else None

    options = {
        "compare_type": type_differs,
        "include_name": lambda name, kind, _: kind != "table" or name != "words",
    }
    engine = create_engine(make_url(address).set(drivername="postgresql+psycopg"))
    with warnings.catch_warnings(), engine.connect() as connection:
        warnings.simplefilter("ignore")  # the expression index of the queue cannot be read back
        context = MigrationContext.configure(connection, opts=options)
        differing: list[object] = compare_metadata(context, METADATA)
    engine.dispose()
    return differing


def test_a_new_database_has_the_tables_of_the_schema(address: str) -> None:
    assert differences(address) == []


def test_an_older_database_gets_them(address: str) -> None:
    for step in UNDO_0011:
        execute(address, step)
    assert differences(address) != []
    open_database(address).close()
    assert differences(address) == []


UNDO_0011 = (
    "ALTER TABLE uploads DROP COLUMN arrived, ALTER COLUMN size TYPE integer",
    "UPDATE alembic_version SET version_num = '0010'",
)


def test_a_database_of_a_newer_version_is_refused(address: str) -> None:
    assert is_up_to_date(address)
    execute(address, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="newer version"):
        is_up_to_date(address)
    with pytest.raises(Unavailable, match="newer version"):
        open_database(address)
    execute(address, f"UPDATE alembic_version SET version_num = '{HEAD}'")
    open_database(address).close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_new_database_that_cannot_keep_every_text_is_refused(address: str, encoding: str) -> None:
    name = f"{make_url(address).database}_{encoding.lower()}"
    execute(
        address,
        f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' "
        "TEMPLATE template0",
    )
    other = make_url(address).set(database=name).render_as_string(hide_password=False)
    try:
        assert not database_exists(other)
        with pytest.raises(Unavailable, match=encoding):
            open_database(other)
        assert not database_exists(other)
    finally:
        execute(address, f"DROP DATABASE {name}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port": 9}, "cannot be reached"),
        ({"host": "nowhere.invalid"}, "cannot be reached"),
        ({"database": "nothing_here"}, "does not exist"),
        ({"username": "nobody_here"}, "does not accept the user name"),
    ],
)
def test_what_is_wrong_with_the_address_is_a_sentence_without_the_password(
    address: str, change: dict[str, object], words: str
) -> None:
    url = make_url(address).set(password="hidden-word").set(**change)  # type: ignore[arg-type]
    with pytest.raises(Unavailable) as refused:
        open_database(url.render_as_string(hide_password=False))
    assert words in refused.value.sentence
    assert "hidden-word" not in refused.value.sentence


@pytest.mark.parametrize("given", ["mysql://localhost/x", "postgresql://localhost", "postgresql:"])
def test_an_address_of_something_else_is_no_setting(given: str) -> None:
    with pytest.raises(Misconfigured):
        load_settings({"KB_DATABASE": given})


def test_a_full_disk_is_a_sentence() -> None:
    error = server_error(DiskFull(), "The database a at b:5432")
    assert error is not None
    assert error.sentence.startswith("The disk of the database a at b:5432 is full")


def test_a_read_only_server_saves_nothing_and_says_so(address: str) -> None:
    name = make_url(address).database
    execute(address, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with contextlib.closing(open_database(address)) as database:
        with database.read() as connection:
            assert connection.execute(select(COUNTERS)).all()
        with pytest.raises(Unavailable, match="read-only"), database.write() as connection:
            connection.execute(insert(COUNTERS).values(name="test", value=1))


def test_a_connection_that_the_server_ends_loses_only_its_transaction(
    database: Database, address: str
) -> None:
    def lose_the_connection() -> None:
        with database.write() as connection:
            connection.execute(insert(COUNTERS).values(name="lost", value=1))
            me = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            execute(address, f"SELECT pg_terminate_backend({me})")
            connection.execute(insert(COUNTERS).values(name="lost too", value=1))

    with pytest.raises(Unavailable):
        lose_the_connection()
    with database.write() as connection:  # a new connection
        connection.execute(insert(COUNTERS).values(name="kept", value=1))
        names = set(connection.execute(select(COUNTERS.c.name)).scalars())
    assert "kept" in names
    assert not names & {"lost", "lost too"}


@pytest.mark.parametrize("change", [update(EVENTS).values(verb="another"), delete(EVENTS)])
def test_history_cannot_be_rewritten(database: Database, change: Executable) -> None:
    with database.write() as connection:
        for statement in ONE_EVENT:
            connection.execute(text(statement))
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(change)


ONE_EVENT = (
    "INSERT INTO people (id, email, role, created_at) VALUES (1, 'a@example.com', 'x', 0)",
    "INSERT INTO tickets (id, customer_id, title, type, status, severity, level, copy_to, "
    "created_at, updated_at) VALUES (1, 1, 't', 'p', 'open', 'q', 's', '[]', 0, 0)",
    "INSERT INTO events (ticket_id, at, verb, actor, public, body, facts) "
    "VALUES (1, 0, 'opened', '', true, '', '{}')",
)


def test_no_acknowledged_ticket_is_lost_when_connections_break_and_portals_are_killed(
    address: str, tmp_path: Path
) -> None:
    world = build(tmp_path, open_database(address))
    portals = [filing(tmp_path, f"portal {each}", 100_000, address) for each in range(3)]
    acknowledged: list[str] = []
    for _ in range(4):
        for portal in portals:  # each goes on after its connections have ended
            assert portal.stdout
            acknowledged.append(portal.stdout.readline())
        execute(
            address,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    for portal in portals:
        portal.kill()
        acknowledged += portal.communicate()[0].splitlines(keepends=True)

    numbers = [line.strip() for line in acknowledged if line.endswith("\n")]
    with world.database.read() as connection:
        events = connection.execute(
            select(EVENTS.c.ticket_id).where(EVENTS.c.verb == Verb.OPEN.value)
        )
        saved = Counter(f"KB-{serial}" for serial in events.scalars())
        keys = connection.execute(select(func.count()).select_from(IDEMPOTENCY_KEYS)).scalar()
    world.database.close()
    assert [saved[number] for number in numbers] == [1] * len(set(numbers))
    assert keys == len(saved)


# --- writers


BESIDE = ("beside all others",)
JOINED = ("joined to requester 1",)


class Waiting:
    """A writer in a thread, and whether it has got its turn."""

    def __init__(self, database: Database, *subjects: str) -> None:
        self.has_turn = threading.Event()
        self.may_end = threading.Event()
        self._thread = threading.Thread(target=self._write, args=(database, subjects))
        self._thread.start()

    def _write(self, database: Database, subjects: tuple[str, ...]) -> None:
        joins = subjects[:1] == JOINED
        with (
            database.join("requester 1") if joins else contextlib.nullcontext(),
            database.write_beside() if subjects == BESIDE else database.write(*subjects[joins:]),
        ):
            self.has_turn.set()
            self.may_end.wait(30)

    def end(self) -> None:
        self.may_end.set()
        self._thread.join()


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (("ticket 1",), ("ticket 2",), True),
        (("ticket 1",), ("ticket 1",), False),
        (("ticket 1", "ticket 2"), ("ticket 3", "ticket 2"), False),
        (("ticket 1",), (), False),
        ((), ("ticket 1",), False),
        ((), (), False),
        (BESIDE, ("ticket 1",), True),
        (BESIDE, BESIDE, True),
        (BESIDE, (), False),
        ((), BESIDE, False),
        ((*JOINED, "ticket 1"), ("ticket 2",), True),
        ((*JOINED, "ticket 1"), ("ticket 1",), False),
        ((*JOINED, "ticket 1"), ("requester 1",), False),
        ((*JOINED, "ticket 1"), (), False),
    ],
)
def test_writers_of_different_subjects_run_beside_each_other(
    tmp_path: Path, first: tuple[str, ...], second: tuple[str, ...], together: bool
) -> None:
    address = str(location_of(tmp_path, "postgresql"))
    with contextlib.closing(PostgresqlServer(address, deadline=30).open()) as database:
        one = Waiting(database, *first)
        assert one.has_turn.wait(30)
        two = Waiting(database, *second)
        if together:
            assert two.has_turn.wait(30)
        else:
            _wait_until_blocked(address)
            assert not two.has_turn.is_set()
        one.end()
        assert two.has_turn.wait(30)
        two.end()


def _wait_until_blocked(address: str) -> None:
    """Until the server says that somebody waits for an advisory lock."""
    query = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
        "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    )
    engine = create_engine(make_url(address).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        while not connection.execute(query).scalar_one():
            connection.rollback()
    engine.dispose()


def test_who_waits_too_long_is_told_that_the_database_is_busy(address: str) -> None:
    with contextlib.closing(PostgresqlServer(address, deadline=0.05).open()) as database:
        writer = Waiting(database)
        assert writer.has_turn.wait(30)
        with pytest.raises(Unavailable, match="busy"), database.write("ticket 1"):
            pass
        writer.end()


# --- ids in another order than that of the commits


def _file_event(connection: Connection) -> int:
    announce_rows(connection, EVENTS)
    return int(connection.execute(text(f"{ONE_EVENT[2]} RETURNING id")).scalar_one())


def _changes(database: Database, after: int) -> list[int]:
    agent = Person(2, "bob@example.com", "Bob", Role.AGENT)
    return [change.id for change in changes_after(database, agent, after, 100)]


def test_a_later_event_waits_for_an_earlier_one_that_is_not_committed(database: Database) -> None:
    with database.write() as connection:
        for statement in ONE_EVENT[:2]:
            connection.execute(text(statement))
    with database.write_beside() as connection:
        first = _file_event(connection)

    with database.write("slow") as slow:
        second = _file_event(slow)
        with database.write("quick") as quick:
            third = _file_event(quick)
        assert second < third
        assert _changes(database, 0) == [first]
        assert last_change(database) == first
        assert is_change(database, third)
    assert _changes(database, first) == [second, third]
    assert last_change(database) == third


def test_an_event_that_was_rolled_back_holds_nothing_up(database: Database) -> None:
    with database.write() as connection:
        for statement in ONE_EVENT[:2]:
            connection.execute(text(statement))
    with contextlib.suppress(ZeroDivisionError), database.write("fails") as connection:
        _file_event(connection)
        raise ZeroDivisionError
    with database.write_beside() as connection:
        event_id = _file_event(connection)
    assert _changes(database, 0) == [event_id]
