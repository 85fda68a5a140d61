"""Tickets after a crash: every acknowledged one must still be there.

    python -m bench.crash_tickets [--kills 200] [--writers 3]
        [--postgresql ADDRESS [--server-kills 10] [--restart COMMAND]]

Kills writers and a sweeper with SIGKILL at random moments, then opens the database again: every
number that was printed is there exactly once with its event, promise and notice, no ticket is
incomplete, and SQLite finds no damage.

``--postgresql`` is the address of an empty database of a server on this machine. ``--server-kills``
then also kills that many of the server's processes while the writers continue; after each, the
server ends all its other processes and recovers. With ``--restart``, a command that restarts the
server, kills and restarts alternate. Writers try again with the same key, as a browser does.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import Connection, func, select, text

from bench.tickets import CONTENT, NOW, _draft, _world
from kb.database import DatabaseLocation, open_database
from kb.database.metadata import COUNTERS
from kb.errors import Unavailable
from kb.people.accounts import Accounts
from kb.sla import policy_file
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.sweeper import Sweeper
from kb.tickets.tables import TICKETS

HALF = (
    "SELECT count(*) FROM tickets t WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.ticket_id = "
    "t.id) "
    "OR NOT EXISTS (SELECT 1 FROM targets g WHERE g.ticket_id = t.id) "
    "OR NOT EXISTS (SELECT 1 FROM notices n WHERE n.ticket_id = t.id AND n.kind = 'opened')"
)
TWICE = text(
    "SELECT count(*) - count(DISTINCT ticket_id) FROM idempotency_keys WHERE key LIKE 'opened/%'"
)
SERVER_PROCESS = text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    "pg_backend_pid() ORDER BY random() LIMIT 1"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--postgresql")
    parser.add_argument("--server-kills", type=int, default=10)
    parser.add_argument("--restart")
    parser.add_argument("--role", choices=("write", "sweep"), help=argparse.SUPPRESS)
    parser.add_argument("--writer", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role and options.data:
        if options.role == "write":
            _write(options.data, options.postgresql, options.writer)
        _sweep(options.data, options.postgresql)
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        crashes = Crashes(Path(folder), options.postgresql, options.writers, rng)
        crashes.kill_writers(options.kills)
        if options.postgresql:
            crashes.kill_server(options.server_kills, options.restart)
        print(
            f"{crashes.killed} kills, {len(crashes.acknowledged):,} acknowledged tickets: none "
            f"lost, duplicated or incomplete; the database is undamaged"
        )


class Crashes:
    """Processes that file and sweep, and the ticket numbers that they got."""

    def __init__(
        self, data: Path, postgresql: str | None, writers: int, rng: random.Random
    ) -> None:
        self.acknowledged: list[str] = []
        self.killed = 0
        self._data = data
        self._location: DatabaseLocation = postgresql or data
        self._writers = writers
        self._rng = rng
        with contextlib.closing(_world(data, self._location)[0]) as database:
            # One person's tickets would wait for each other.
            cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
            accounts = Accounts(database, hasher=cheap)
            for writer in range(writers):
                accounts.add(_address(writer), "Writer", "correct horse", role="customer", now=NOW)

    def kill_writers(self, kills: int) -> None:
        end = self.killed + kills
        while self.killed < end:
            running = self._start()
            self.acknowledged += [
                process.stdout.readline().strip()
                for process in running[: self._writers]
                if process.stdout
            ]
            time.sleep(self._rng.uniform(0.0, 1.0))
            self._end(running)
            self.killed += len(running)
            self._check()

    def kill_server(self, kills: int, restart: str | None) -> None:
        """While all writers go on."""
        running = self._start()
        for kill in range(kills):
            for process in running[: self._writers]:  # each has filed since the last time
                assert process.stdout
                self.acknowledged.append(process.stdout.readline().strip())
            time.sleep(self._rng.uniform(0.0, 1.0))
            if restart and kill % 2:
                subprocess.run(restart, shell=True, check=True, stdout=subprocess.DEVNULL)
            else:
                with self._opened() as connection:
                    victim = connection.execute(SERVER_PROCESS).scalar_one()
                os.kill(victim, signal.SIGKILL)
            self.killed += 1
        time.sleep(self._rng.uniform(0.0, 3.0))
        self._end(running)
        self._check()

    def _start(self) -> list[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "bench.crash_tickets", "--data", str(self._data)]
        if isinstance(self._location, str):
            command += ["--postgresql", self._location]
        roles = [("--role", "write", "--writer", str(each)) for each in range(self._writers)]
        return [
            subprocess.Popen([*command, *role], stdout=subprocess.PIPE, text=True)
            for role in (*roles, ("--role", "sweep"))
        ]

    def _end(self, running: list[subprocess.Popen[str]]) -> None:
        for process in running:
            os.kill(process.pid, signal.SIGKILL)
            lines = process.communicate()[0].splitlines(keepends=True)
            self.acknowledged += [line.strip() for line in lines if line.endswith("\n")]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Connection]:
        while True:  # until the server has recovered
            try:
                database = open_database(self._location)
                break
            except Unavailable:
                time.sleep(0.2)
        with contextlib.closing(database), database.read() as connection:
            if not isinstance(self._location, str):
                assert not database.faults()
            yield connection

    def _check(self) -> None:
        with self._opened() as connection:
            ids = set(connection.execute(select(TICKETS.c.id)).scalars())
            half = connection.execute(text(HALF)).scalar_one()
            twice = connection.execute(TWICE).scalar_one()
            this = COUNTERS.c.name == "ticket"
            counter = connection.execute(select(COUNTERS.c.value).where(this)).scalar_one()
            keys = connection.execute(
                select(func.count()).select_from(text("idempotency_keys"))
            ).scalar_one()
        numbers = self.acknowledged
        lost = [number for number in numbers if int(number.removeprefix("KB-")) not in ids]
        assert not lost, f"lost: {lost[:5]}"
        assert len(set(numbers)) == len(numbers), "a number was given twice"
        assert (half, twice, keys) == (0, 0, len(ids)), (half, twice, keys, len(ids))
        if isinstance(self._location, str):  # there can be gaps
            assert counter >= max(ids, default=1000), (counter, max(ids, default=1000))
        else:
            assert counter == max(ids, default=1000), (counter, max(ids, default=1000))


def _address(writer: int) -> str:
    return f"writer{writer}@example.com"


def _write(data: Path, postgresql: str | None, number: int) -> None:
    database, desk, _ = _world(data, postgresql)
    writer = Accounts(database).by_email(_address(number))
    assert writer is not None
    for i in range(1_000_000):
        key, ticket = f"{os.getpid()}-{time.time_ns()}-{i}", ""
        while not ticket:
            try:
                ticket = desk.filing.file(_draft(i), writer, key=key, now=dt.datetime.now(dt.UTC))
            except Unavailable:
                time.sleep(0.05)
        print(ticket, flush=True)


def _sweep(data: Path, postgresql: str | None) -> None:
    database = _world(data, postgresql)[0]
    policy = policy_file.load_policy(CONTENT / "policies.toml")
    for day in range(1_000_000):
        with contextlib.suppress(Unavailable):
            Sweeper(database, policy, single_version(policy)).sweep(
                dt.datetime.now(dt.UTC) + dt.timedelta(hours=day)
            )
        time.sleep(0.05)


if __name__ == "__main__":
    main()
