"""Abstention: how sure one may be that any of the best candidates is an answer."""

from __future__ import annotations

import pytest

from kb.search import weights
from kb.search.scoring.abstention import Evidence, confidence


def test_one_title_that_is_just_what_was_asked_makes_surer_than_several_that_are_half_of_it() -> (
    None
):
    halves = [Evidence(0.5, 6.0, 0.5)] * 5
    one = [Evidence(0.9, 6.0, 0.5), *[Evidence(0.4, 6.0, 0.5)] * 4]  # the mean is the same
    of_halves, of_one = (confidence(best, ideal=4.0, rarest=8.0) for best in (halves, one))
    assert of_one == pytest.approx(of_halves + 0.4 * weights.TITLE_WEIGHT)
