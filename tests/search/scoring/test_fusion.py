"""In which order are candidates shown, and is any good enough?"""

from __future__ import annotations

import numpy as np
import pytest

from kb.search.scoring import fusion as ranking
from kb.search.scoring import weights
from kb.search.scoring.fusion import Evidence


def test_the_best_few_lead_and_speak_by_the_square_of_their_scores() -> None:
    score = np.array([0.1, 0.5, 0.4, 0.5, 0.2])
    places, worth = ranking.feedback_documents(score, ranking.order(score))
    assert places.tolist() == [1, 3, 2]
    assert worth == pytest.approx([0.25, 0.25, 0.16])


def test_the_nearest_to_the_best_gains_the_most_and_the_others_in_proportion() -> None:
    given = ranking.relevance_feedback(np.array([2.0, 4.0, 0.0], dtype=np.float32), 0.0)
    assert given["kindred"] == pytest.approx([weights.KINDRED / 2, weights.KINDRED, 0])


@pytest.mark.parametrize("near", [[], [0.0, 0.0]])
def test_where_nothing_is_near_the_best_nothing_is_gained(near: list[float]) -> None:
    assert ranking.relevance_feedback(np.array(near, dtype=np.float32), 0.5) == {}


def test_where_a_title_says_just_what_was_asked_the_best_have_nothing_to_add() -> None:
    near = np.array([1.0, 0.5], dtype=np.float32)
    assert not ranking.relevance_feedback(near, 1.0)["kindred"].any()
    assert (
        ranking.relevance_feedback(near, 0.9)["kindred"][0]
        < ranking.relevance_feedback(near, 0.3)["kindred"][0]
    )


def test_one_title_that_is_just_what_was_asked_makes_surer_than_several_that_are_half_of_it() -> (
    None
):
    halves = [Evidence(0.5, 6.0, 0.5)] * 5
    one = [Evidence(0.9, 6.0, 0.5), *[Evidence(0.4, 6.0, 0.5)] * 4]  # the mean is the same
    of_halves, of_one = (ranking.confidence(best, ideal=4.0, rarest=8.0) for best in (halves, one))
    assert of_one == pytest.approx(of_halves + 0.4 * weights.LIKEST)
