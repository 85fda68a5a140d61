"""Bursts of alike tickets."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.problems.bursts import USUAL_PERIOD, FiledTitle, find_bursts, poisson_tail

NOON = dt.datetime(2026, 11, 30, 12, 0, tzinfo=dt.UTC)
OUTAGE = (
    "cannot log in",
    "Login does not work since this morning",
    "unable to sign in",
    "log in fails with an error",
    "I can't log in any more",
    "cant log in",
    "log in gives an error",
)
OTHERS = (
    "How do I change my invoice address?",
    "Export to PDF cuts the last page",
    "Where is the audit log",
    "Font too small in the report",
    "Rename a project",
)


def filed(titles: tuple[str, ...], first: int = 1) -> list[FiledTitle]:
    return [FiledTitle(first + i, title, NOON) for i, title in enumerate(titles)]


def test_alike_tickets_far_above_the_usual_rate_are_one_burst() -> None:
    recent = filed(OUTAGE + OTHERS)
    usual = filed(OTHERS * 20, first=100)
    (burst,) = find_bursts(recent, usual, period=USUAL_PERIOD)
    assert {*burst.serials} <= {*range(1, len(OUTAGE) + 1)}
    assert len(burst.serials) >= 4
    assert burst.probability < 1e-4


def test_what_is_usual_is_no_burst() -> None:
    recent = filed(OUTAGE + OTHERS)
    usual = filed(OUTAGE * 300, first=100)
    assert find_bursts(recent, usual, period=USUAL_PERIOD) == ()


def test_unlike_tickets_are_no_burst() -> None:
    assert find_bursts(filed(OTHERS), [], period=USUAL_PERIOD) == ()
    assert find_bursts([], [], period=USUAL_PERIOD) == ()


@given(st.integers(0, 60), st.floats(0.01, 40))
def test_the_tail_is_the_sum_of_what_is_left(count: int, rate: float) -> None:
    exact = math.fsum(
        math.exp(-rate + k * math.log(rate) - math.lgamma(k + 1)) for k in range(count, 400)
    )
    assert poisson_tail(count, rate) == pytest.approx(exact, rel=1e-6, abs=1e-300)
