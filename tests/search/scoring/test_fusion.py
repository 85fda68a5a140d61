"""Fusion: the final order of candidates, and what each part contributes."""

from __future__ import annotations

import numpy as np
import pytest

from kb.search import weights
from kb.search.array_types import Scores, Totals
from kb.search.query_terms import Curated
from kb.search.scoring.fusion import Positions, RawScores, fuse, relevance_feedback


def raw_scores(dice: np.random.Generator, size: int, forum: int) -> RawScores:
    return RawScores(
        documents=np.arange(0, 3 * size, 3),
        raw={
            name: dice.random(size).astype(np.float32)
            for name in ("words", "passage", "letters", "topics")
        },
        signals={"phrase": dice.random(size).astype(np.float32), "fresh": dice.random(size)},
        votes=dice.random(size).astype(np.float32),
        shown=np.zeros(size, dtype=np.int64),
        solved=dice.integers(-1, 2, size).astype(np.int8),
        forum=forum,
        forum_share=0.6,
        ideal=5.0,
        rarest=2.0,
    )


def no_feedback(leaders: Positions, counts: Totals) -> Scores:
    return np.zeros(60, dtype=np.float32)


@pytest.mark.parametrize("forum", [0, 40, 60])
def test_the_parts_add_up_to_the_score_and_the_best_score_comes_first(forum: int) -> None:
    scores = raw_scores(np.random.default_rng(3), 60, forum)
    curated = Curated(
        pinned=np.array([9, 3]),
        hidden=np.array([], dtype=np.int64),
        boosted=np.array([12]),
        factors=np.array([1.5]),
    )
    fused = fuse(scores, no_feedback, curated)
    assert fused.totals.tobytes() == sum(fused.parts.values(), np.zeros(60)).tobytes()
    assert scores.documents[fused.order][:2].tolist() == [9, 3]
    ranked = np.round(fused.totals[fused.order], 9)
    assert (np.diff(ranked) <= 0).all()


def test_no_candidates_have_no_order() -> None:
    fused = fuse(raw_scores(np.random.default_rng(3), 0, 0), no_feedback)
    assert (fused.order.size, fused.totals.size, fused.parts) == (0, 0, {})


def test_the_best_few_lead_and_count_by_the_square_of_their_scores() -> None:
    scores = raw_scores(np.random.default_rng(3), 60, 0)
    asked: list[tuple[Positions, Totals]] = []

    def feedback(leaders: Positions, counts: Totals) -> Scores:
        asked.append((leaders, counts))
        return np.zeros(60, dtype=np.float32)

    fused = fuse(scores, feedback)
    ((leaders, counts),) = asked
    assert leaders.tolist() == fused.order[: weights.LEADERS].tolist()
    assert counts.tolist() == (fused.totals[leaders] ** 2).tolist()


def test_the_nearest_to_the_best_gains_the_most_and_the_others_in_proportion() -> None:
    gained = relevance_feedback(np.array([2.0, 4.0, 0.0], dtype=np.float32), 0.0)
    assert gained["kindred"] == pytest.approx(
        [weights.FEEDBACK_WEIGHT / 2, weights.FEEDBACK_WEIGHT, 0]
    )


@pytest.mark.parametrize("near", [[], [0.0, 0.0]])
def test_where_nothing_is_near_the_best_nothing_is_gained(near: list[float]) -> None:
    assert relevance_feedback(np.array(near, dtype=np.float32), 0.5) == {}


def test_where_a_title_is_just_what_was_asked_the_best_have_nothing_to_add() -> None:
    near = np.array([1.0, 0.5], dtype=np.float32)
    assert not relevance_feedback(near, 1.0)["kindred"].any()
    gains = [relevance_feedback(near, best_title)["kindred"][0] for best_title in (0.9, 0.3)]
    assert gains[0] < gains[1]
