"""Counting requests: in one table for all processes, within a window, and never without bound."""

from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from webapp.security.shared_windows import FILE, SharedWindows


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("webapp.security.shared_windows.time.time", lambda: now[0])
    return now


@pytest.fixture(params=["file", "memory"])
def windows(request: pytest.FixtureRequest, tmp_path: Path) -> SharedWindows:
    """A table in a file, and the one in memory where no file can be made."""
    folder = tmp_path if request.param == "file" else tmp_path / "gone"
    counted = SharedWindows(folder)
    assert (folder / FILE).exists() == (request.param == "file")
    return counted


def test_who_has_used_up_a_window_waits_for_the_next(
    clock: list[float], windows: SharedWindows
) -> None:
    limiter, item = FixedWindowRateLimiter(windows), RateLimitItemPerMinute(2, 1)
    assert [limiter.hit(item, "alice") for _ in range(3)] == [True, True, False]
    assert limiter.hit(item, "charlie")
    assert limiter.get_window_stats(item, "alice").reset_time == 1060
    clock[0] = 1060.0
    assert limiter.hit(item, "alice")


def test_a_count_can_be_read_and_cleared(clock: list[float], windows: SharedWindows) -> None:
    windows.incr("alice", 60, 3)
    assert windows.check()
    assert windows.get("alice") == 3
    assert windows.get_expiry("alice") == clock[0] + 60
    assert windows.get("charlie") == 0
    windows.clear("alice")
    assert windows.get("alice") == 0
    windows.incr("charlie", 60)
    assert windows.reset() == 1
    assert windows.get("charlie") == 0


def test_a_flood_of_askers_makes_neither_the_table_grow_nor_the_busiest_forgotten(
    clock: list[float], tmp_path: Path
) -> None:
    windows = SharedWindows(tmp_path)
    size = (tmp_path / FILE).stat().st_size
    windows.incr("busy", 3600, 30)
    for asker in range(100_000):
        windows.incr(f"asker {asker}", 3600)
    assert windows.get("busy") == 30
    assert (tmp_path / FILE).stat().st_size == size


def test_nobody_can_be_recognised_in_the_file_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    SharedWindows(tmp_path).incr("suggest/192.0.2.7", 60)
    assert b"192.0.2.7" not in (tmp_path / FILE).read_bytes()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_torn_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"torn")
    assert SharedWindows(tmp_path).incr("alice", 60) == 1


def _count(folder: Path, times: int) -> None:
    windows = SharedWindows(folder)
    threads = [
        threading.Thread(target=lambda: [windows.incr("alice", 3600) for _ in range(times)])
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0)


def test_threads_of_several_processes_lose_no_count(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(tmp_path, 1000)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert SharedWindows(tmp_path).get("alice") == 6000
