"""What visitors ask most: counted by week and audience, scrubbed, forgotten in time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.analytics import query_log as module
from kb.analytics.query_log import (
    MAX_LOGGED_LENGTH,
    QUERY_LOG_RETENTION,
    QueryLog,
    fold_query,
)
from kb.timezones import start_of_week
from tests.world import DAY, FRIDAY, World


@pytest.fixture
def asked(world: World) -> QueryLog:
    return QueryLog(world.database)


def told(asked: QueryLog, *audiences: str) -> list[tuple[str, int]]:
    return [(one.query, one.times) for one in asked.frequent(audiences or None, now=FRIDAY)]


def test_the_same_words_count_together_and_what_was_asked_once_is_not_told(asked: QueryLog) -> None:
    asked.count(
        [("Reset  password", "public"), ("reset PASSWORD", "public"), ("my secret plan", "public")],
        now=FRIDAY,
    )
    asked.count([("ink", "public")] * 3, now=FRIDAY - 14 * DAY)
    assert told(asked) == [("ink", 3), ("reset password", 2)]


def test_audiences_are_counted_apart(asked: QueryLog) -> None:
    asked.count([("runbook", "staff")] * 4 + [("runbook", "public")] * 2, now=FRIDAY)
    assert told(asked, "public") == [("runbook", 2)]
    assert told(asked, "public", "staff") == [("runbook", 4), ("runbook", 2)]


def test_addresses_numbers_and_secrets_are_never_kept(world: World, asked: QueryLog) -> None:
    words = "charlie@example.com pays 4111 1111 1111 1111 with AKIA4EXAMPLE12345678Z9"
    asked.count([(words, "public")] * 2, now=FRIDAY)
    assert told(asked) == [("[address] pays [number] with [secret]", 2)]
    whole = b"".join(path.read_bytes() for path in world.data.glob("tickets.db*"))
    assert b"4111" not in whole
    assert b"AKIA4" not in whole.upper()


def test_after_half_a_year_it_is_forgotten(world: World, asked: QueryLog) -> None:
    asked.count([("ink", "public")] * 2, now=FRIDAY - QUERY_LOG_RETENTION - 7 * DAY)
    assert told(asked) == []
    asked.count([("jam", "public")] * 2, now=FRIDAY)
    with world.database.read() as connection:
        assert connection.exec_driver_sql("SELECT query FROM asked").scalars().all() == ["jam"]


def test_a_flood_of_different_queries_is_bounded_and_known_ones_still_count(
    asked: QueryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_QUERIES_PER_WEEK", 3)
    asked.count([("ink", "public")], now=FRIDAY)
    for number in range(20):
        asked.count([(f"flood {number}", "public")] * 2, now=FRIDAY)
    asked.count([("ink", "public")], now=FRIDAY)
    assert len(told(asked)) == 3
    assert ("ink", 2) in told(asked)


@given(st.text(max_size=300))
def test_whatever_is_typed_is_folded_to_something_short_and_printable(text: str) -> None:
    kept = fold_query(text)
    assert len(kept) <= MAX_LOGGED_LENGTH
    assert kept.isprintable()
    assert not re.search(r"\d{6}", kept)
    assert fold_query(kept) in (kept, "")


@given(st.datetimes(timezones=st.timezones()))
def test_a_week_begins_on_a_monday_at_midnight(at: object) -> None:
    week = start_of_week(at)  # type: ignore[arg-type]
    assert week.weekday() == 0
    assert week.utcoffset() is not None
