"""Tickets before and after an article was changed."""

from __future__ import annotations

import math

import pytest

from kb.insights.before_after import rate_change


def test_half_as_many_are_fewer_where_there_are_enough() -> None:
    change = rate_change(60, 30, 90, 90)
    assert change.ratio == pytest.approx(0.5)
    assert change.low < 0.5 < change.high < 1
    assert change.conclusion == "fewer"
    assert rate_change(30, 60, 90, 90).conclusion == "more"
    assert rate_change(4, 2, 90, 90).conclusion == "unknown"


def test_unlike_periods_are_compared_by_day() -> None:
    assert rate_change(90, 10, 90, 10).ratio == pytest.approx(1.0)
    assert rate_change(90, 10, 90, 10).conclusion == "unknown"


def test_nothing_and_all_are_told_apart() -> None:
    assert rate_change(0, 0, 90, 90).ratio is None
    assert rate_change(20, 0, 90, 90).high < 1
    assert rate_change(0, 20, 90, 90).ratio == math.inf
