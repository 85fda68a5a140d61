"""The contract of ``kb.database``: what every implementation must do, run against each."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from kb.analytics.tables import FEEDBACK, QUERY_COUNTS
from kb.database import Database, database_exists, open_database
from kb.database.metadata import COUNTERS, USAGE
from kb.database.statements import claim, insert_rows, is_unclaimed, update_rows, upsert
from kb.notifications.tables import NOTICES, WEBHOOK_JOBS
from kb.people.tables import PEOPLE
from kb.tickets.repository import fulltext
from kb.tickets.tables import EVENTS, TICKETS
from tests.databases import IMPLEMENTATIONS, open_test_database
from tests.world import FRIDAY

LEASE = dt.timedelta(minutes=5)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(params=IMPLEMENTATIONS)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Opens the same database again, as another process would."""
    with contextlib.ExitStack() as stack:

        def open_again() -> Database:
            database = open_test_database(tmp_path / "data", request.param)
            stack.callback(database.close)
            return database

        yield open_again


@pytest.fixture
def database(reopen: Callable[[], Database]) -> Database:
    return reopen()


def count(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(insert(COUNTERS).values(name=name, value=1))


def counters(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {row.name: row.value for row in connection.execute(select(COUNTERS))}


# --- opening


def test_a_folder_has_a_database_once_it_was_opened(tmp_path: Path) -> None:
    assert not database_exists(tmp_path)
    open_database(tmp_path).close()
    assert database_exists(tmp_path)


# --- transactions


def test_what_was_written_is_there_for_everybody(reopen: Callable[[], Database]) -> None:
    with reopen().write() as connection:
        connection.execute(insert(COUNTERS).values(name="test", value=7))
    assert counters(reopen())["test"] == 7


def test_an_error_in_a_transaction_leaves_nothing(database: Database) -> None:
    def fail_after_an_insert() -> None:
        with database.write() as connection:
            connection.execute(insert(COUNTERS).values(name="test", value=7))
            raise ZeroDivisionError

    before = counters(database)
    with pytest.raises(ZeroDivisionError):
        fail_after_an_insert()
    assert counters(database) == before


def test_an_error_of_ours_passes_through(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(COUNTERS), [{"name": "test", "value": 1}] * 2)


def test_joined_transactions_are_one(database: Database, reopen: Callable[[], Database]) -> None:
    other = reopen()
    with database.join():
        count(database, "first")
        with contextlib.suppress(RuntimeError), database.write() as connection:
            connection.execute(insert(COUNTERS).values(name="dropped", value=1))
            raise RuntimeError
        count(database, "second")
        assert counters(database).keys() >= {"first", "second"}
        assert "first" not in counters(other)
    assert {"first", "second"} <= counters(other).keys()
    assert "dropped" not in counters(other)

    with contextlib.suppress(RuntimeError), database.join():
        count(database, "third")
        raise RuntimeError
    assert "third" not in counters(other)
    count(database, "fourth")  # for itself again
    assert "fourth" in counters(other)


def test_a_read_sees_one_snapshot_while_others_write(database: Database) -> None:
    count = select(func.count()).select_from(COUNTERS)
    with database.read() as reading:
        before = reading.execute(count).scalar_one()
        with database.write() as writing:
            writing.execute(insert(COUNTERS).values(name="test", value=1))
        assert reading.execute(count).scalar_one() == before
    assert len(counters(database)) == before + 1


def test_joined_reads_see_one_snapshot(reopen: Callable[[], Database]) -> None:
    database = reopen()
    with database.join_reads():
        before = counters(database)
        count(database, "test")
        assert counters(database) == before
        assert "test" in counters(reopen())
    assert "test" in counters(database)


def test_after_a_purge_everybody_goes_on(reopen: Callable[[], Database]) -> None:
    database, other = reopen(), reopen()
    count(database, "first")
    before = database.size()
    database.purge()
    assert 0 < database.size() <= before
    count(other, "second")
    assert {"first", "second"} <= counters(database).keys()


def test_writers_never_lose_an_update(database: Database) -> None:
    def add_one() -> None:
        for _ in range(10):
            with database.write() as connection:
                row = {"name": "test", "value": 1}
                upsert(connection, COUNTERS, row, keys=("name",), add=("value",))

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters(database)["test"] == 40


def test_a_counter_never_gives_a_value_twice(reopen: Callable[[], Database]) -> None:
    values: list[int] = []
    count(reopen(), "test")

    def draw(database: Database) -> None:
        for attempt in range(10):
            with contextlib.suppress(ZeroDivisionError), database.write(f"{attempt}") as connection:
                value = database.next_value(connection, "test")
                if attempt % 3 == 0:  # a number that is not used may be lost
                    raise ZeroDivisionError
                values.append(value)

    threads = [threading.Thread(target=draw, args=(reopen(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(values) == len(set(values)) == 24
    assert min(values) > 1


# --- upsert


def vote(voter: str, *, helpful: bool, at: dt.datetime = FRIDAY) -> dict[str, Any]:
    return {"document_id": "doc/a", "voter": voter, "helpful": helpful, "at": at}


def votes(database: Database) -> list[tuple[str, bool, dt.datetime]]:
    query = select(FEEDBACK.c.voter, FEEDBACK.c.helpful, FEEDBACK.c.at)
    with database.read() as connection:
        rows = connection.execute(query.order_by(FEEDBACK.c.voter))
        return [(row.voter, row.helpful, row.at) for row in rows]


def test_without_columns_to_change_the_first_row_stays(database: Database) -> None:
    keys = ("document_id", "voter")
    with database.write() as connection:
        upsert(connection, FEEDBACK, vote("a", helpful=True), keys=keys)
        upsert(connection, FEEDBACK, vote("a", helpful=False), keys=keys)
    assert votes(database) == [("a", True, FRIDAY)]


def test_only_the_named_columns_are_replaced_in_any_number_of_rows(database: Database) -> None:
    keys, later = ("document_id", "voter"), FRIDAY + SECOND
    with database.write() as connection:
        upsert(connection, FEEDBACK, vote("a", helpful=True), keys=keys)
        rows = [vote(voter, helpful=False, at=later) for voter in ("a", "b")]
        upsert(connection, FEEDBACK, rows, keys=keys, update=("helpful",))
        upsert(connection, FEEDBACK, [], keys=keys, update=("helpful",))
    assert votes(database) == [("a", False, FRIDAY), ("b", False, later)]


@pytest.mark.parametrize("title", ['"', "\\", "{a,b}", "NULL", "", "a\nb", "'; --", "\N{PRINTER}"])
def test_many_rows_keep_every_text(database: Database, title: str) -> None:
    notice = {
        "ticket_id": None,
        "kind": title,
        "recipient": "alice@example.com",
        "facts": {"title": title, "list": [None, True]},
        "made_at": FRIDAY,
        "due_at": FRIDAY.replace(year=2999),
    }
    use = {"scope": title, "key": title.encode() + bytes(range(256)), "at": FRIDAY}
    for table, row in ((NOTICES, {"key": title, **notice}), (USAGE, use)):
        with database.write() as connection:
            insert_rows(connection, table, [row])
            query = select(*(table.c[name] for name in row))
            assert [dict(stored) for stored in connection.execute(query).mappings()] == [row]


def test_each_of_many_rows_is_changed_by_its_key(database: Database) -> None:
    count(database, "a")
    count(database, "b")
    count(database, "c")
    rows = [{"name": "a", "value": 7}, {"name": "c", "value": 9}]
    with database.write() as connection:
        update_rows(connection, COUNTERS, rows, key="name")
    values = counters(database)
    assert [values[name] for name in "abc"] == [7, 1, 9]


def test_columns_to_add_grow_by_the_new_value(database: Database) -> None:
    row = {"query": "ink", "audience": "public", "week": FRIDAY, "times": 2}
    keys = ("query", "audience", "week")
    for _ in range(3):
        with database.write() as connection:
            upsert(connection, QUERY_COUNTS, row, keys=keys, add=("times",))
    with database.read() as connection:
        assert connection.execute(select(QUERY_COUNTS.c.times)).scalars().all() == [6]


# --- claim


def add_jobs(database: Database, *keys: str) -> None:
    rows = [{"kind": "webhook", "key": key, "facts": {}, "due_at": FRIDAY} for key in keys]
    with database.write() as connection:
        connection.execute(insert(WEBHOOK_JOBS), rows)


def claim_jobs(database: Database, now: dt.datetime, limit: int = 10) -> list[str]:
    query = (
        select(WEBHOOK_JOBS)
        .where(WEBHOOK_JOBS.c.state == "pending")
        .order_by(WEBHOOK_JOBS.c.id)
        .limit(limit)
    )
    with database.write() as connection:
        return [row.key for row in claim(connection, query, lease=LEASE, now=now)]


def test_a_row_is_claimed_once_until_its_lease_is_over(database: Database) -> None:
    add_jobs(database, "a", "b", "c")
    assert claim_jobs(database, FRIDAY, limit=2) == ["a", "b"]
    assert claim_jobs(database, FRIDAY + SECOND) == ["c"]
    assert claim_jobs(database, FRIDAY + LEASE - SECOND) == []
    assert claim_jobs(database, FRIDAY + LEASE) == ["a", "b"]


def test_the_query_decides_what_can_be_claimed(database: Database) -> None:
    add_jobs(database, "a")
    with database.write() as connection:
        connection.execute(WEBHOOK_JOBS.update().values(state="done"))
    assert claim_jobs(database, FRIDAY) == []
    with database.read() as connection:
        unclaimed = select(WEBHOOK_JOBS.c.key).where(is_unclaimed(WEBHOOK_JOBS, FRIDAY))
        assert connection.execute(unclaimed).scalars().all() == ["a"]


def test_two_workers_never_claim_the_same_row(reopen: Callable[[], Database]) -> None:
    first, second = reopen(), reopen()
    keys = [f"job {number}" for number in range(30)]
    add_jobs(first, *keys)
    claimed: list[str] = []

    def work(database: Database) -> None:
        while batch := claim_jobs(database, FRIDAY, limit=3):
            claimed.extend(batch)

    threads = [threading.Thread(target=work, args=(each,)) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(keys)


# --- full text


def add_ticket(database: Database, serial: int, *texts: str) -> None:
    """A ticket whose first text is its title, the others its messages, of which the last is
    internal.
    """
    title, *messages = texts
    with database.write() as connection:
        person = {"id": serial, "email": f"{serial}@example.com", "role": "customer"}
        connection.execute(insert(PEOPLE).values(**person, created_at=FRIDAY))
        connection.execute(
            insert(TICKETS).values(
                id=serial,
                customer_id=serial,
                title=title,
                type="problem",
                status="open",
                severity="question",
                level="standard",
                copy_to=[],
                created_at=FRIDAY,
                updated_at=FRIDAY,
            )
        )
        for position, message in enumerate(messages):
            event_id = serial * 10 + position
            connection.execute(
                insert(EVENTS).values(
                    id=event_id,
                    ticket_id=serial,
                    at=FRIDAY,
                    verb="opened",
                    actor="",
                    public=position < len(messages) - 1,
                    body=message,
                    facts={},
                )
            )
            fulltext.index_event(connection, event_id, title if position == 0 else "", message)


@pytest.mark.parametrize(
    ("line", "internal", "serials"),
    [
        ("printer", False, {1}),
        ("PRINTERS jams", False, set()),
        ("print JAM", False, {1}),
        ("toner", False, set()),
        ("toner", True, {1}),
        ("刷", False, {2}),
        ("KB-2", False, {2}),
        ("2", False, {2}),
        ('"" * - %', False, set()),
    ],
)
def test_words_find_tickets_by_what_the_reader_may_see(
    database: Database, line: str, internal: bool, serials: set[int]
) -> None:
    add_ticket(database, 1, "Printer", "It jams.", "Change the toner.")
    add_ticket(database, 2, "印刷", "Nothing happens.", "A note.")
    with database.read() as connection:
        assert fulltext.matching_tickets(connection, line, internal=internal) == serials
