"""Several server processes on one ticket database: what is acknowledged is there, once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from kb.database.migrations import HEAD
from tests.world import FRIDAY, World, draft

ROOT = Path(__file__).parents[2]
PATIENCE = 300  # seconds: the machine may be busy


def filing(data: Path, name: str, count: int, *address: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.filing", str(data), name, str(count), *address]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out.split()


def numbers(data: Path) -> list[str]:
    with sqlite3.connect(data / "tickets.db") as connection:
        rows = connection.execute("SELECT id FROM tickets ORDER BY id").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return [f"KB-{serial}" for (serial,) in rows]


def test_four_processes_file_at_once_without_an_error_or_a_number_twice(data: Path) -> None:
    processes = [filing(data, f"p{i}", 25) for i in range(4)]
    filed = [number for process in processes for number in said(process)]
    assert sorted(filed) == sorted(numbers(data))
    assert sorted(int(number[3:]) for number in filed) == list(range(1001, 1101))


def test_the_same_keys_in_two_processes_file_each_ticket_once(data: Path) -> None:
    one, two = filing(data, "same", 20), filing(data, "same", 20)
    first, second = said(one), said(two)
    assert first == second
    assert numbers(data) == first


def test_the_same_key_in_many_threads_files_one_ticket(world: World) -> None:
    filed: list[str] = []

    def file() -> None:
        filed.append(world.desk.filing.file(draft(), world.alice, key="double click", now=FRIDAY))

    threads = [threading.Thread(target=file) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert filed == ["KB-1001"] * 8
    assert numbers(world.data) == ["KB-1001"]


def test_what_was_acknowledged_before_a_kill_is_there_once_and_whole(data: Path) -> None:
    acknowledged: list[str] = []
    for round_, lines in enumerate((1, 7, 20)):
        process = filing(data, f"r{round_}", 100_000)
        assert process.stdout
        acknowledged += [process.stdout.readline().strip() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate(timeout=PATIENCE)
        acknowledged += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    kept = Counter(numbers(data))
    assert all(kept[number.strip()] == 1 for number in acknowledged)
    halves = """SELECT id FROM tickets WHERE id NOT IN (SELECT ticket_id FROM events)
        OR id NOT IN (SELECT ticket_id FROM targets) OR id NOT IN (SELECT ticket_id FROM notices)
        OR id NOT IN (SELECT ticket_id FROM idempotency_keys)"""
    with sqlite3.connect(data / "tickets.db") as connection:
        assert connection.execute(halves).fetchall() == []
        counter, newest = connection.execute(
            "SELECT value, (SELECT max(id) FROM tickets) FROM counters WHERE name = 'ticket'"
        ).fetchone()
    connection.close()
    assert counter == newest


def test_two_processes_may_make_the_database_at_once(tmp_path: Path) -> None:
    processes = [filing(tmp_path / "data", name, 2) for name in ("a", "b")]
    assert len({number for process in processes for number in said(process)}) == 4
    with sqlite3.connect(tmp_path / "data" / "tickets.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    connection.close()
