"""Speed of the ticket desk with a million tickets.

    python -m bench.tickets [--tickets 1000000] [--seconds 60] [--data FOLDER]
        [--postgresql ADDRESS [--copies 49]]

Fills a database through SQL (with the rows that the desk itself would write), then measures with
the desk: filing with fsync, pages of the queue, words, a sweep of 10,000 due targets, bytes on
disk, and 8 processes filing 50 tickets a second together. Prints one line for each, with its goal.
With ``--postgresql``, the address of an empty database, the tickets are first moved there, as
`kb database move` does, and measured there. ``--copies`` makes the server copy each ticket, which
simulates more tickets than could be filled in within an hour. ``bench.scale`` measures many
writers.
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import json
import multiprocessing
import os
import platform
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Engine, column, create_engine, func, make_url, select, table, text

from kb.database import Database, DatabaseLocation, open_database
from kb.errors import KbError
from kb.operations.database_move import move_database
from kb.people.accounts import Accounts
from kb.people.demo import add_demo_accounts
from kb.people.person import Person
from kb.sla import policy_file
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import load_catalogue
from kb.tickets.desk import Desk
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.sweeper import Sweeper
from kb.tickets.tables import EVENTS, TARGETS, TICKETS
from kb.tickets.ticket import Draft

CONTENT = Path(__file__).parent.parent / "content"
NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
OPEN = 20  # one ticket in so many is still open
DUE = 10_000
WORDS = (
    "printer",
    "paper",
    "password",
    "login",
    "cluster",
    "backup",
    "invoice",
    "upgrade",
    "timeout",
    "report",
    "mail",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--postgresql", help="the address of an empty database")
    parser.add_argument("--copies", type=int, default=0, help="of each ticket, on PostgreSQL")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{options.tickets:,} tickets"
    )
    with tempfile.TemporaryDirectory(dir=options.data) as folder:
        _measure(Path(folder), options.tickets, options.seconds, options.postgresql, options.copies)


def _measure(data: Path, count: int, seconds: int, postgresql: str | None, copies: int) -> None:
    database, desk, people = _world(data)
    empty = _size(data)
    texts = _fill(data, count, people["alice"])
    per_ticket = (_size(data) - empty) / count
    print(
        f"on disk: {per_ticket:,.0f} bytes a ticket with its index of words (texts "
        f"{texts / count:,.0f}); goal 1,200"
    )
    if postgresql:
        database.close()
        _move(data, postgresql, count)
        database, desk, people = _world(data, postgresql)
        count *= 1 + copies
        if copies:
            _copy(postgresql, copies, count)
        print(f"on PostgreSQL: {database.size() / count:,.0f} bytes a ticket")
    alice, bob = people["alice"], people["bob"]
    _row("the disk: 100 kB and fsync", _fsyncs(data, 300), 30)
    _row(
        "file a ticket",
        _times(300, lambda i: desk.filing.file(_draft(i), alice, key=f"b{i}", now=NOW)),
        30,
    )
    _row("queue, first page", _times(300, lambda _: desk.queue.tickets(bob, now=NOW)), 30)
    _row(
        "queue, page 1 to 20",
        _times(100, lambda i: desk.queue.tickets(bob, page=1 + i % 20, now=NOW)),
        30,
    )
    _row(
        "queue of one level",
        _times(100, lambda _: desk.queue.tickets(bob, level="vip", now=NOW)),
        30,
    )
    _row(
        "queue, nothing passes",
        _times(100, lambda _: desk.queue.tickets(bob, product="none", now=NOW)),
        30,
    )
    _row(
        "solved, last filed first",
        _times(100, lambda _: desk.queue.tickets(bob, status="solved", now=NOW)),
        30,
    )
    _row(
        "cancelled (none is)",
        _times(100, lambda _: desk.queue.tickets(bob, status="cancelled", now=NOW)),
        30,
    )
    _row("filed on one old day", _times(100, lambda i: _of_day(desk, bob, count, i)), 30)
    for name, asked in _questions(count).items():
        _row(f"queue, {name}", _times(100, functools.partial(_ask, desk, bob, asked)), 30)
    _row("my tickets", _times(100, lambda _: desk.mine(alice, now=NOW)), 30)
    _row(
        "a ticket's own page",
        _times(100, lambda i: desk.ticket(f"KB-{1001 + i * 97}", bob, now=NOW)),
        30,
    )
    newest = 1001 + count - OPEN
    _row("answer a ticket", _times(100, lambda i: _answer(desk, bob, newest - OPEN * i)), 30)
    _row(
        "similar solved tickets",
        _times(50, lambda i: desk.queue.similar(f"KB-{1001 + i}", bob, now=NOW)),
        100,
    )
    _row("board", _times(5, lambda _: desk.queue.board(bob, now=NOW)), 1000)
    _sweep(database, postgresql)
    database.close()
    if not postgresql:
        _crowd(data, seconds)


def _move(data: Path, postgresql: str, count: int) -> None:
    for name in ("first move", "second move, nothing to copy"):
        begun, cpu = time.perf_counter(), time.process_time()
        move_database(data, postgresql)
        took, cpu = time.perf_counter() - begun, time.process_time() - cpu
        print(f"{name}: {took / count * 100_000:.0f} s for 100,000 tickets, CPU {cpu:.0f} s in all")


def _copy(postgresql: str, copies: int, count: int) -> None:
    """Lets the server itself copy each ticket under further numbers.

    A word that was in one ticket is then in ``1 + copies``, and the copies have the same text and
    times. Everything else is as large as if the tickets had been filed.
    """
    begun = time.perf_counter()
    engine = _patient(postgresql)
    with engine.begin() as connection:
        of_tickets, of_events, of_targets = (
            connection.execute(select(func.max(each.c.id) - func.min(each.c.id) + 1)).scalar_one()
            for each in (TICKETS, EVENTS, TARGETS)
        )
        shifts = {
            TICKETS: {"id": of_tickets},
            EVENTS: {"id": of_events, "ticket_id": of_tickets},
            TARGETS: {"id": of_targets, "ticket_id": of_tickets},
            table("words", column("event_id"), column("lexemes")): {"event_id": of_events},
        }
        for each, moved in shifts.items():
            names = [c.name for c in each.c]
            values = ", ".join(f"{n} + :copy * {moved[n]}" if n in moved else n for n in names)
            # One statement for each copy, in the order of their ids, as tickets are filed: the
            # neighbours of one statement for all would be the copies of one ticket.
            last = connection.execute(text(f"SELECT max({names[0]}) FROM {each.name}")).scalar()
            for copy in range(1, copies + 1):
                connection.execute(
                    text(
                        f"INSERT INTO {each.name} ({', '.join(names)}) SELECT {values} FROM "
                        f"{each.name} WHERE {names[0]} <= :last ORDER BY {names[0]}"
                    ),
                    {"copy": copy, "last": last},
                )
        for name in ("events", "targets"):
            connection.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}")
            )
        connection.execute(
            text("UPDATE counters SET value = (SELECT max(id) FROM tickets) WHERE name = 'ticket'")
        )
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    print(f"copied {copies} times to {count:,} tickets: {time.perf_counter() - begun:.0f} s")


def _patient(postgresql: str) -> Engine:
    """Connections for what the product never does: its own would time out."""
    return create_engine(make_url(postgresql).set(drivername="postgresql+psycopg"))


def _ask(desk: Desk, agent: Person, asked: Callable[[int], str], i: int) -> None:
    desk.queue.tickets(agent, words=asked(i), now=NOW)


def _answer(desk: Desk, agent: Person, serial: int) -> None:
    desk.act(
        f"KB-{serial}",
        agent,
        actions.reply("Please turn it off and on again."),
        key=str(serial),
        now=NOW,
    )


def _of_day(desk: Desk, agent: Person, count: int, i: int) -> None:
    since = NOW - dt.timedelta(seconds=2 * count - i * 1000)
    desk.queue.tickets(
        agent, status="all", since=since, until=since + dt.timedelta(days=1), now=NOW
    )


def _questions(count: int) -> dict[str, Callable[[int], str]]:
    return {
        "a rare word": lambda i: f"case{i * 7919 % count}",
        "a word of every ticket": lambda i: WORDS[i % len(WORDS)],
        "two such words": lambda i: f"{WORDS[i % len(WORDS)]} {WORDS[(i + 3) % len(WORDS)]}",
        "a word of some": lambda i: _vocabulary()[i],
        "its first five letters": lambda i: _vocabulary()[i][:5],
    }


@functools.cache
def _vocabulary() -> tuple[str, ...]:
    """20,000 made-up words; the first are said the most (Zipf)."""
    rng = random.Random(11)
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    return tuple(dict.fromkeys("".join(rng.choices(syllables, k=4)) for _ in range(20_000)))


def _fsyncs(data: Path, count: int) -> tuple[list[float], float]:
    """What this disk takes for about as much as one ticket writes: nothing can file faster."""
    with (data / "probe").open("wb", buffering=0) as file:

        def write(_: int) -> None:
            file.write(b"x" * 100_000)
            os.fsync(file.fileno())

        return _times(count, write)


def _world(
    data: Path, location: DatabaseLocation | None = None
) -> tuple[Database, Desk, dict[str, Person]]:
    database = open_database(location or data)
    accounts = Accounts(database)
    add_demo_accounts(accounts, NOW)
    policy = policy_file.load_policy(CONTENT / "policies.toml")
    products = load_catalogue(CONTENT / "catalogue.toml")
    desk = Desk(TicketRepository(database), policy, Attachments(data / "attachments"), products)
    people = {
        name: person
        for name in ("alice", "bob")
        if (person := accounts.by_email(f"{name}@example.com"))
    }
    return database, desk, people


def _draft(i: int) -> Draft:
    return Draft(
        f"Case {i} of the bench",
        "problem",
        "non-critical",
        "It does not print since this morning.",
    )


def _size(data: Path) -> int:
    return sum(path.stat().st_size for path in data.glob("tickets.db*"))


def _fill(data: Path, count: int, alice: Person) -> int:
    """Rows as the desk writes them, in big transactions; the bytes of titles and descriptions."""
    rng = random.Random(7)
    connection = sqlite3.connect(data / "tickets.db", isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(
        "INSERT INTO people (email, name, role, created_at) VALUES ('crowd@example.com', 'C', "
        "'customer', 0)"
    )
    (crowd,) = connection.execute(
        "SELECT id FROM people WHERE email = 'crowd@example.com'"
    ).fetchone()
    begun, texts = int(NOW.timestamp()) - 2 * count, 0
    for start in range(0, count, 20_000):
        connection.execute("BEGIN")
        for i in range(start, min(start + 20_000, count)):
            owner = alice.id if i % 5_000 == 0 else crowd
            texts += _one(connection, rng, i, begun + 2 * i, owner)
        connection.execute("COMMIT")
    connection.execute("UPDATE counters SET value = ? WHERE name = 'ticket'", (1000 + count,))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return texts


def _one(connection: sqlite3.Connection, rng: random.Random, i: int, at: int, owner: int) -> int:
    serial, is_open = 1001 + i, i % OPEN == 0
    title = f"{rng.choice(WORDS)} {rng.choice(WORDS)} case{i}"
    words = _vocabulary()
    body = " ".join(
        rng.choices(WORDS, k=14) + [words[int(len(words) * rng.random() ** 3)] for _ in range(6)]
    )
    level = ("commercial", "vip", "non-commercial")[i % 3]
    due = int(NOW.timestamp()) + 86_400 + i % 500_000
    connection.execute(
        "INSERT INTO tickets (id, customer_id, title, type, status, severity, severity_title, "
        "level, level_title, "
        "policy_version, copy_to, created_at, updated_at, closed_at, next_due, next_target, "
        "next_at) "
        "VALUES (?, ?, ?, 'problem', ?, 'non-critical', 'Non-critical', ?, ?, 'f00', '[]', ?, ?, "
        "?, ?, ?, ?)",
        (
            serial,
            owner,
            title,
            "open" if is_open else "solved",
            level,
            level.title(),
            at,
            at,
            None if is_open else at,
        )
        + ((due, "first response", due + 1) if is_open else (None, "", None)),
    )
    facts = json.dumps({"level": level})
    for verb, message in (("opened", body),) if is_open else (("opened", body), ("solved", "")):
        key = connection.execute(
            "INSERT INTO events (ticket_id, at, verb, actor_id, actor, by_agent, public, body, "
            "facts) "
            "VALUES (?, ?, ?, ?, 'C', 0, 1, ?, ?)",
            (serial, at, verb, owner, message, facts if verb == "opened" else "{}"),
        ).lastrowid
        if message:
            connection.execute(
                "INSERT INTO words (rowid, title, said) VALUES (?, ?, ?)", (key, title, message)
            )
    connection.execute(
        "INSERT INTO targets (ticket_id, target, level, policy_version, started_at, due_at, "
        "version_at, met_at, state) "
        "VALUES (?, 'first response', ?, 'f00', ?, ?, ?, ?, ?)",
        (serial, level, at, due, at, None if is_open else at, "running" if is_open else "met"),
    )
    connection.execute(
        "INSERT INTO idempotency_keys (person_id, key, ticket_id, event_id, at) VALUES (?, ?, ?, "
        "?, ?)",
        (owner, f"opened/{i:022x}", serial, key, at),
    )
    return len(title) + len(body)


def _times(count: int, act: Callable[[int], object]) -> tuple[list[float], float]:
    """Milliseconds of each act, sorted, and those of CPU time of an act, which no neighbour makes
    longer.
    """
    durations, cpu = [], time.process_time()
    for i in range(count):
        begun = time.perf_counter()
        act(i)
        durations.append((time.perf_counter() - begun) * 1000)
    return sorted(durations), (time.process_time() - cpu) * 1000 / count


def _row(name: str, measured: tuple[list[float], float], goal: float) -> None:
    times, cpu = measured
    p50, p99 = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    busy = f"  CPU {cpu:6.1f} ms" if cpu else ""
    print(
        f"{name:30} p50 {p50:8.1f} ms  p99 {p99:8.1f} ms  goal p99 {goal:,.0f} ms{busy}", flush=True
    )


def _sweep(database: Database, postgresql: str | None) -> None:
    """10,000 tickets whose warnings and breaches have all fallen."""
    with _patient(postgresql).begin() if postgresql else database.write() as connection:
        ids = (
            "SELECT id FROM tickets WHERE status = 'open' AND next_at IS NOT NULL ORDER BY id "
            "LIMIT :due"
        )
        others = (
            f"UPDATE tickets SET next_at = NULL WHERE next_at IS NOT NULL AND id NOT IN ({ids})"
        )
        connection.execute(text(others), {"due": DUE})
    policy = policy_file.load_policy(CONTENT / "policies.toml")
    begun, cpu = time.perf_counter(), time.process_time()
    alarms = Sweeper(database, policy, single_version(policy)).sweep(NOW + dt.timedelta(days=60))
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(
        f"sweep of {DUE:,} due tickets: {took:.1f} s (CPU {cpu:.1f} s here), {alarms:,} alarms "
        f"recorded and told; goal 5 s; the load was {os.getloadavg()[0]:.0f}",
        flush=True,
    )


def _crowd(data: Path, seconds: int) -> None:
    """8 processes file 50 tickets a second together."""
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        results = pool.starmap(_file, [(data, number, seconds) for number in range(8)])
    times = sorted(duration for durations, _, _ in results for duration in durations)
    numbers = [number for _, filed, _ in results for number in filed]
    errors = [error for _, _, failures in results for error in failures]
    _row(f"8 processes, {len(times) / seconds:.0f}/s", (times, 0), 250)
    print(
        f"  max {times[-1]:.0f} ms (goal 2,000), {len(errors)} errors, "
        f"{len(numbers) - len(set(numbers))} duplicates"
    )
    for error in sorted(set(errors))[:3]:
        print(f"  {error}")


def _file(data: Path, number: int, seconds: int) -> tuple[list[float], list[str], list[str]]:
    database, desk, people = _world(data)
    times: list[float] = []
    filed: list[str] = []
    wrong: list[str] = []
    for i, _ in enumerate(_ticks(seconds, 8 / 50, number)):
        begun = time.perf_counter()
        try:
            filed.append(desk.filing.file(_draft(i), people["alice"], key=f"{number}-{i}", now=NOW))
        except KbError as error:
            wrong.append(error.sentence)
        times.append((time.perf_counter() - begun) * 1000)
    database.close()
    return times, filed, wrong


def _ticks(seconds: int, every: float, number: int) -> Iterator[None]:
    begun = time.monotonic() + number * every / 8
    for i in range(int(seconds / every)):
        time.sleep(max(0.0, begun + i * every - time.monotonic()))
        yield


if __name__ == "__main__":
    main()
