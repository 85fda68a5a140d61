"""Faults while a ticket is filed: kills and failing writes at every statement and file operation.

    python -m bench.filing_faults [--rounds 20] [--seed N]

A ticket with an attachment is filed and is interrupted at the n-th statement, commit or change of a
file, for every n: by kill -9, and by an error of the disk or of the database. Afterwards the ticket
is there whole or not at all, SQLite finds no fault, the same form files exactly one ticket, and
the next number is a new one. Each round starts on what the round before has left behind.
``tests/tickets/test_filing_faults.py`` calls the same functions once.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import random
import shutil
import signal
import sqlite3
import sqlite3.dbapi2
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.crash_tickets import HALF
from bench.publish_faults import Counter, Hook, watched
from kb.errors import KbError
from kb.tickets.ticket import Upload
from tests.world import FRIDAY, HOUR, World, build, draft

_COLUMNS = "SELECT count(*) FROM tickets"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    dice = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        build(data).database.close()
        kills = failures = 0
        for _ in range(given.rounds):
            steps = len(operations(data))
            for at in dice.sample(range(1, steps + 1), steps):
                kill_at(data, at)
                failures += fail_at(data, at)
                kills += 1
    print(f"{kills} kills and {failures} refused filings: every ticket was whole, and filed once")


def file_ticket(world: World, key: str) -> str:
    upload = Upload("log.txt", f"the log of {key}\n".encode())
    about = draft(f"Ticket {key}", attachments=(upload,), copy_to=("boss@example.com",))
    return world.desk.filing.file(about, world.alice, key=key, now=FRIDAY + HOUR)


def operations(data: Path) -> list[str]:
    """The statements and file operations of one filing on a copy of ``data``."""
    counter = Counter()
    with tempfile.TemporaryDirectory() as folder:
        world = build(Path(shutil.copytree(data, Path(folder) / "data")))
        with _watched(world, counter):
            file_ticket(world, "counted")
        world.database.close()
    return counter.seen


def kill_at(data: Path, at: int) -> None:
    """Files in a process that is killed at operation ``at``, and looks at what is left."""
    before, key = _count(data), f"killed-{_count(data)}-{at}"
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            world = build(data)
            die = Counter(at, lambda: os.kill(os.getpid(), signal.SIGKILL))
            with _watched(world, die):
                file_ticket(world, key)
        os._exit(0)
    os.waitpid(child, 0)
    whole_or_none(data, before, key)


def fail_at(data: Path, at: int) -> bool:
    """Whether a filing whose operation ``at`` fails was refused; looks at what is left."""
    before, key = _count(data), f"failed-{_count(data)}-{at}"
    world, refused = build(data), False
    with _watched(world, Counter(at, _no_space)):
        try:
            file_ticket(world, key)
        except KbError as error:
            refused = error.status == 503
            if not refused:
                raise
    world.database.close()
    whole_or_none(data, before, key)
    return refused


def whole_or_none(data: Path, before: int, key: str) -> None:
    """Raises AssertionError unless the ticket is there whole or not at all, and can be filed."""
    after = _count(data)
    with contextlib.closing(sqlite3.connect(data / "tickets.db")) as database:
        [integrity] = database.execute("PRAGMA integrity_check").fetchone()
        [halves] = database.execute(HALF).fetchone()
    if after not in (before, before + 1) or halves or integrity != "ok":
        raise AssertionError(f"{key}: {before} tickets, then {after}; {halves} half; {integrity}")

    world = build(data)
    try:
        number = file_ticket(world, key)
        if _count(data) != before + 1:
            raise AssertionError(f"{key} was filed twice")
        ticket = world.desk.ticket(number, world.bob, now=FRIDAY + HOUR)
        [attachment] = ticket.events[0].attachments
        _, file = world.desk.attachment(attachment.ref, world.alice)
        with file:
            if file.read() != f"the log of {key}\n".encode():
                raise AssertionError(f"{key}: the file is not whole")
    finally:
        world.database.close()


def _count(data: Path) -> int:
    with contextlib.closing(sqlite3.connect(data / "tickets.db")) as database:
        return int(database.execute(_COLUMNS).fetchone()[0])


def _no_space() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@contextlib.contextmanager
def _watched(world: World, hook: Hook) -> Iterator[None]:
    """Reports statements, commits and changes of files before they happen, from the next connection
    on."""
    real_connect = sqlite3.dbapi2.connect
    world.database.close()  # its pool has connections that report nothing

    def connect(*args: Any, **kwargs: Any) -> Any:
        return real_connect(*args, **{**kwargs, "factory": _connection(hook)})

    sqlite3.dbapi2.connect = connect
    try:
        with watched(hook):
            yield
    finally:
        sqlite3.dbapi2.connect = real_connect


def _connection(hook: Hook) -> type[sqlite3.Connection]:
    def report(name: str) -> None:
        try:
            hook(name)
        except OSError as error:
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL  # as SQLite's own errors have it
            raise full from error

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *given: Any) -> Any:
            if not sql.startswith(("PRAGMA", "SELECT", "ROLLBACK")):
                report("statement")
            return super().execute(sql, *given)

        def executemany(self, sql: str, rows: Any, /) -> Any:
            report("statement")
            return super().executemany(sql, rows)

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any, **__: Any) -> Any:
            return super().cursor(Cursor)

        def commit(self) -> None:
            report("commit")
            super().commit()

    return Connection


if __name__ == "__main__":
    main()
