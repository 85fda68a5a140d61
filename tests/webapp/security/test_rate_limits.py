"""Counting requests: within a window, anew in the next, and never without bound."""

from __future__ import annotations

import pytest
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from webapp.security.rate_limits import Windows


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("webapp.security.rate_limits.time.time", lambda: now[0])
    return now


def test_who_has_used_up_a_window_waits_for_the_next(clock: list[float]) -> None:
    limiter, item = FixedWindowRateLimiter(Windows()), RateLimitItemPerMinute(2, 1)
    assert [limiter.hit(item, "alice") for _ in range(3)] == [True, True, False]
    assert limiter.hit(item, "charlie")
    assert limiter.get_window_stats(item, "alice").reset_time == 1060
    clock[0] = 1060.0
    assert limiter.hit(item, "alice")


def test_counts_of_windows_that_ended_are_forgotten(clock: list[float]) -> None:
    windows = Windows()
    for asker in range(5000):
        windows.incr(f"asker {asker}", 60)
        clock[0] += 1
    assert windows.reset() < 1100


def test_a_count_can_be_read_and_cleared(clock: list[float]) -> None:
    windows = Windows()
    windows.incr("alice", 60, 3)
    assert windows.check()
    assert (windows.get("alice"), windows.get_expiry("alice"), windows.get("charlie")) == (
        3,
        clock[0] + 60,
        0,
    )
    windows.clear("alice")
    assert windows.get("alice") == 0
