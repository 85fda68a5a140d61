"""Tickets after a crash: every acknowledged one must still be there.

    python -m bench.crash_tickets [--kills 200] [--writers 3]

Kills writers and a sweeper with SIGKILL at random instants, then opens the database again: every
number that was printed is there exactly once with its event, promise and notice, no ticket is half
there, and SQLite finds no fault.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.tickets import CONTENT, _draft, _world
from kb.sla import policy_file
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.sweeper import Sweeper

HALF = (
    "SELECT count(*) FROM tickets t WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.ticket_id = "
    "t.id) "
    "OR NOT EXISTS (SELECT 1 FROM targets g WHERE g.ticket_id = t.id) "
    "OR NOT EXISTS (SELECT 1 FROM notices n WHERE n.ticket_id = t.id AND n.kind = 'opened')"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--role", choices=("write", "sweep"))
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.role and options.data:
        (_write if options.role == "write" else _sweep)(options.data)
        return
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        _loop(Path(folder), options.kills, options.writers, random.Random(options.seed))


def _loop(data: Path, kills: int, writers: int, rng: random.Random) -> None:
    _world(data)[0].close()
    acknowledged: list[str] = []
    killed = 0
    while killed < kills:
        running = [_start(data, "write") for _ in range(writers)] + [_start(data, "sweep")]
        acknowledged += [
            process.stdout.readline() for process in running[:writers] if process.stdout
        ]
        time.sleep(rng.uniform(0.0, 1.0))
        for process in running:
            os.kill(process.pid, signal.SIGKILL)
            output = process.communicate()[0]
            acknowledged += [
                line for line in output.splitlines(keepends=True) if line.endswith("\n")
            ]
            killed += 1
        _check(data, [line.strip() for line in acknowledged])
    print(
        f"{killed} kills, {len(acknowledged):,} acknowledged tickets: none lost, none twice, none "
        f"half; file sound"
    )


def _start(data: Path, role: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.crash_tickets", "--role", role, "--data", str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _check(data: Path, numbers: list[str]) -> None:
    with contextlib.closing(sqlite3.connect(data / "tickets.db")) as connection:
        ids = {row[0] for row in connection.execute("SELECT id FROM tickets")}
        (counter,) = connection.execute(
            "SELECT value FROM counters WHERE name = 'ticket'"
        ).fetchone()
        half = connection.execute(HALF).fetchone()[0]
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    lost = [number for number in numbers if int(number.removeprefix("KB-")) not in ids]
    assert not lost, f"lost: {lost[:5]}"
    assert len(set(numbers)) == len(numbers), "a number was given twice"
    assert (half, sound, orphans) == (0, "ok", []), (half, sound, orphans)
    assert counter == max(ids, default=1000), (counter, max(ids, default=1000))


def _write(data: Path) -> None:
    _, desk, people = _world(data)
    for i in range(1_000_000):
        number = desk.filing.file(
            _draft(i), people["alice"], key=f"{os.getpid()}-{i}", now=dt.datetime.now(dt.UTC)
        )
        print(number, flush=True)


def _sweep(data: Path) -> None:
    database = _world(data)[0]
    policy = policy_file.load_policy(CONTENT / "policies.toml")
    for day in range(1_000_000):
        Sweeper(database, policy, single_version(policy)).sweep(
            dt.datetime.now(dt.UTC) + dt.timedelta(hours=day)
        )
        time.sleep(0.05)


if __name__ == "__main__":
    main()
