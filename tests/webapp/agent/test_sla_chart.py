"""The record of kept promises as bars and figures."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from kb.tickets.reports.sla_attainment import Attainment
from webapp.agent.sla_chart import HEIGHT, STEP, Bar, charts, mondays

MONDAY = dt.date(2026, 11, 23)
WEEKS = mondays(MONDAY, 3)
TITLES = {"vip": "VIP", "commercial": "Commercial", "free": "Free"}


def test_weeks_begin_on_monday_and_end_with_this_one() -> None:
    assert mondays(MONDAY + dt.timedelta(days=6), 2) == (MONDAY - dt.timedelta(days=7), MONDAY)


def test_levels_come_in_the_order_of_the_policies_and_former_ones_last() -> None:
    kept = [Attainment(level, MONDAY, 1, 0) for level in ("gone", "commercial", "vip")]
    assert [chart.title for chart in charts(kept, TITLES, WEEKS)] == ["VIP", "Commercial", "gone"]


def test_a_week_without_promises_is_a_gap_and_one_out_of_the_window_is_left_out() -> None:
    old = Attainment("vip", WEEKS[0] - dt.timedelta(days=7), 5, 5)
    (chart,) = charts([old, Attainment("vip", WEEKS[1], 3, 1)], TITLES, WEEKS)
    assert [(bar.met, bar.breached, bar.x) for bar in chart.bars] == [
        (0, 0, 0),
        (3, 1, STEP),
        (0, 0, 2 * STEP),
    ]
    assert (chart.met, chart.total) == (3, 4)
    assert not charts([old], TITLES, WEEKS)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_parts_fill_the_bar_and_none_that_is_there_is_invisible(met: int, missed: int) -> None:
    bar = Bar(MONDAY, met, missed, 0)
    assert bar.met_height + bar.breached_height == (HEIGHT if met + missed else 0)
    assert (bar.met_height >= 3) == (met > 0)
    assert (bar.breached_height >= 3) == (missed > 0)
