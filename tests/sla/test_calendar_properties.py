"""Properties of every calendar, and an independent count by the wall clock to compare with.

The oracle knows nothing of spans: it asks of every minute whether a person looking at the wall
clock finds it open.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.sla.calendar import BusinessCalendar, SpecialHours, WallSpan
from kb.sla.open_time import (
    Budget,
    Pause,
    Unit,
    derive,
    disjoint,
    due_at,
    to_timestamp,
    used_between,
)
from kb.sla.open_time import pause_intervals as as_cuts
from tests.sla.calendars import HOUR, calendar, hours

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Asia/Beirut",  # changes at midnight
    "Africa/Casablanca",
    "Atlantic/Azores",
    "America/St_Johns",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "Antarctica/Troll",  # two hours at once
    "UTC",
)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
STEP = 900


@st.composite
def wall_spans(draw: st.DrawFn, most: int = 3) -> tuple[WallSpan, ...]:
    edges = sorted(draw(st.sets(st.integers(0, 96), max_size=2 * most)))
    return tuple((a * STEP, b * STEP) for a, b in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def parse_special_hours(draw: st.DrawFn) -> SpecialHours:
    date = dt.date(2026, 1, 1) + dt.timedelta(days=draw(st.integers(0, 364)))
    a, b = sorted(
        draw(st.tuples(st.integers(0, 96), st.integers(0, 96)).filter(lambda t: t[0] != t[1]))
    )
    return SpecialHours(
        draw(st.sampled_from([None, 2026])), date.month, date.day, a * STEP, b * STEP
    )


@st.composite
def calendars(draw: st.DrawFn) -> BusinessCalendar:
    week = tuple(draw(wall_spans()) for _ in range(7))
    return BusinessCalendar(
        ZoneInfo(draw(st.sampled_from(ZONES))),
        (hours((9, 17)), *week[1:]),
        tuple(draw(st.lists(parse_special_hours(), max_size=3))),
        tuple(draw(st.lists(parse_special_hours(), max_size=2))),
    )


starts = st.integers(0, 360 * 96).map(lambda n: START + dt.timedelta(seconds=n * STEP))
budgets = st.one_of(
    st.integers(1, 200 * HOUR).map(Budget),
    st.integers(1, 15).map(lambda n: Budget(n, Unit.BUSINESS_DAYS)),
    st.integers(1, 30).map(lambda n: Budget(n, Unit.CALENDAR_DAYS)),
)


@st.composite
def pauses(draw: st.DrawFn) -> list[Pause]:
    found = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(starts)
        found.append(Pause(start, start + dt.timedelta(seconds=draw(st.integers(0, 80 * HOUR)))))
    return found


quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(calendars(), starts, budgets, pauses())
def test_the_time_used_until_the_due_time_is_the_budget(
    hours_: BusinessCalendar, start: dt.datetime, budget: Budget, pause_intervals: list[Pause]
) -> None:
    counted, seconds = hours_.measure(to_timestamp(start), budget)
    due = due_at(counted, to_timestamp(start), seconds, disjoint(as_cuts(pause_intervals)))
    assert due is not None
    assert (
        used_between(counted, to_timestamp(start), due, disjoint(as_cuts(pause_intervals)))
        == seconds
    )
    spans = derive(counted, to_timestamp(start), due, as_cuts(pause_intervals))
    assert sum(span.seconds for span in spans if span.state == "open") == seconds
    assert sum(span.seconds for span in spans) == due - to_timestamp(start)


@quick
@given(calendars(), starts, budgets, pauses(), parse_special_hours())
def test_a_closure_never_makes_a_promise_due_earlier(
    hours_: BusinessCalendar,
    start: dt.datetime,
    budget: Budget,
    pause_intervals: list[Pause],
    closure: SpecialHours,
) -> None:
    before = hours_.add(start, budget, pause_intervals).due
    after = (
        replace(hours_, closed=(*hours_.closed, closure)).add(start, budget, pause_intervals).due
    )
    assert before is not None
    assert after is not None
    assert after >= before


@quick
@given(calendars(), starts, budgets, pauses(), pauses())
def test_a_pause_never_makes_a_promise_due_earlier(
    hours_: BusinessCalendar,
    start: dt.datetime,
    budget: Budget,
    pause_intervals: list[Pause],
    more: list[Pause],
) -> None:
    before = hours_.add(start, budget, pause_intervals).due
    after = hours_.add(start, budget, pause_intervals + more).due
    assert before is not None
    assert after is not None
    assert after >= before


@quick
@given(calendars(), starts, budgets, pauses(), st.integers(0, 5 * HOUR))
def test_a_larger_budget_is_never_due_earlier(
    hours_: BusinessCalendar,
    start: dt.datetime,
    budget: Budget,
    pause_intervals: list[Pause],
    more: int,
) -> None:
    larger = Budget(
        budget.amount + (more if budget.unit is Unit.OPEN_TIME else more // HOUR), budget.unit
    )
    before, after = (
        hours_.add(start, budget, pause_intervals).due,
        hours_.add(start, larger, pause_intervals).due,
    )
    assert before is not None
    assert after is not None
    assert after >= before


@quick
@given(calendars(), starts, st.integers(1, 200 * HOUR), st.integers(0, 100 * HOUR), pauses())
def test_a_later_start_is_never_due_earlier(
    hours_: BusinessCalendar,
    start: dt.datetime,
    seconds: int,
    later: int,
    pause_intervals: list[Pause],
) -> None:
    before = hours_.add(start, Budget(seconds), pause_intervals).due
    after = hours_.add(start + dt.timedelta(seconds=later), Budget(seconds), pause_intervals).due
    assert before is not None
    assert after is not None
    assert after >= before


@quick
@given(calendars(), starts, budgets, starts, st.integers(0, 50 * HOUR), st.integers(0, 50 * HOUR))
def test_splitting_a_pause_in_two_changes_nothing(
    hours_: BusinessCalendar,
    start: dt.datetime,
    budget: Budget,
    begin: dt.datetime,
    one: int,
    two: int,
) -> None:
    middle, end = begin + dt.timedelta(seconds=one), begin + dt.timedelta(seconds=one + two)
    whole = hours_.add(start, budget, [Pause(begin, end)])
    split = hours_.add(start, budget, [Pause(middle, end), Pause(begin, middle)])
    assert (whole.due, whole.spans) == (split.due, split.spans)


@quick
@given(wall_spans(), st.integers(-11, 13), st.integers(0, 60 * 96), st.integers(1, 100 * HOUR))
def test_another_offset_shifts_the_due_time_by_the_offset(
    spans: tuple[WallSpan, ...], offset: int, step: int, seconds: int
) -> None:
    """Etc zones have one offset for ever, and their sign is the wrong way round."""
    here = calendar(spans or hours((9, 17)), zone=ZoneInfo("UTC"))
    there = replace(here, zone=ZoneInfo(f"Etc/GMT{-offset:+d}"))
    start = START + dt.timedelta(seconds=step * STEP)
    shift = dt.timedelta(hours=offset)
    due, shifted = (
        here.add(start, Budget(seconds)).due,
        there.add(start - shift, Budget(seconds)).due,
    )
    assert due is not None
    assert shifted == due - shift


class Oracle:
    """Minute by minute, by the clock on the wall; a repeated minute is open from its first open to
    its last.
    """

    def __init__(self, hours_: BusinessCalendar, first: dt.date, count: int) -> None:
        zone = hours_.zone
        self.open: set[int] = set()
        begin = int(dt.datetime.combine(first, dt.time(), dt.UTC).timestamp()) // 60 - 24 * 60
        self.minutes = range(begin, begin + (count + 2) * 24 * 60)
        walls = {
            m: dt.datetime.fromtimestamp(m * 60, zone).replace(tzinfo=None) for m in self.minutes
        }
        repeated = {wall for wall, times in Counter(walls.values()).items() if times > 1}
        for n in range(-2, count + 3):
            date = first + dt.timedelta(days=n)
            midnight = dt.datetime.combine(date, dt.time())
            for start, end in self._wall(hours_, date):
                opens, closes = (
                    midnight + dt.timedelta(seconds=start),
                    midnight + dt.timedelta(seconds=end),
                )
                inside = [m for m, wall in walls.items() if opens <= wall < closes]
                if closes in repeated:
                    inside += (
                        range(inside[0], max(m for m, wall in walls.items() if wall == closes))
                        if inside
                        else ()
                    )
                if inside:
                    self.open.update(
                        range(inside[0], inside[-1] + 1) if opens in repeated else inside
                    )

    @staticmethod
    def _wall(hours_: BusinessCalendar, date: dt.date) -> list[WallSpan]:
        """The day's spans, quarter by quarter."""
        quarters = [False] * 96
        for start, end in hours_.week[date.weekday()]:
            quarters[start // STEP : end // STEP] = [True] * ((end - start) // STEP)
        for rules, value in ((hours_.closed, False), (hours_.extra, True)):
            for rule in rules:
                if rule.matches(date):
                    quarters[rule.start // STEP : rule.end // STEP] = [value] * (
                        (rule.end - rule.start) // STEP
                    )
        edges = [n for n in range(97) if (n < 96 and quarters[n]) != (n > 0 and quarters[n - 1])]
        return [(a * STEP, b * STEP) for a, b in zip(edges[::2], edges[1::2], strict=True)]


CHANGES = {"Australia/Lord_Howe": (dt.date(2026, 4, 5), dt.date(2026, 10, 4))}
DAYS = (
    dt.date(2026, 3, 8),
    dt.date(2026, 3, 29),
    dt.date(2026, 10, 25),
    dt.date(2026, 11, 1),
    dt.date(2026, 2, 28),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_counting_every_minute_by_the_wall_clock_gives_the_same(data: st.DataObject) -> None:
    hours_ = data.draw(calendars())
    first = data.draw(st.sampled_from(CHANGES.get(hours_.zone.key or "", DAYS)))
    oracle = Oracle(hours_, first, 1)
    for minute in oracle.minutes[12 * 60 : -12 * 60 : 1]:
        at = minute * 60
        expected = 60 if minute in oracle.open else 0
        assert used_between(hours_, at, at + 60) == expected, dt.datetime.fromtimestamp(
            at, hours_.zone
        )


@pytest.mark.parametrize("zone", ZONES)
def test_every_zone_agrees_with_the_wall_clock_over_both_changes(zone: str) -> None:
    hours_ = calendar(
        hours((0.5, 1.5), (2.25, 3.25), (22, 24)),
        hours((0, 2.5), (2.75, 6), (23, 24)),
        zone=ZoneInfo(zone),
    )
    for first in (*CHANGES.get(zone, ()), *DAYS[:4]):
        oracle = Oracle(hours_, first, 1)
        start, end = oracle.minutes[0], oracle.minutes[-1] + 1
        expected = sum(1 for minute in oracle.minutes if minute in oracle.open)
        assert used_between(hours_, start * 60, end * 60) == expected * 60
