"""Fusion: the final order of candidates, and what each part contributes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kb.search import weights
from kb.search.kernels.layout import Loops, PassageVectors, TopicRows
from kb.search.query_terms import Curated
from kb.search.scoring.fusion import RawScores, fuse


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


def kindred(loops: Loops, scores: RawScores) -> list[float]:
    fused = fuse(scores, loops)
    return [fused.explained(position).get("kindred", 0.0) for position in range(fused.totals.size)]


def one_theme(size: int, others: int, title: float = 0.2) -> RawScores:
    """The best candidates, and some of the others, are about one theme, the rest about another."""
    themes = np.zeros((size, 2), dtype=np.int8)
    themes[:others, 0], themes[others:, 1] = 9, 9
    vectors = PassageVectors(themes, np.full(size, 9, dtype=np.float32))
    for array in vectors:
        array.flags.writeable = False
    words = np.linspace(1, 0.1, size).astype(np.float32)
    return replace(
        raw_scores(np.random.default_rng(3), size, size),
        raw={"words": words, "letters": np.full(size, title, dtype=np.float32)},
        signals={},
        votes=np.zeros(0, dtype=np.float32),
        topics=TopicRows(vectors, np.arange(size)),
    )


@pytest.mark.parametrize("forum", [0, 40, 60])
def test_the_parts_add_up_to_the_score_and_the_best_score_comes_first(
    loops: Loops, forum: int
) -> None:
    scores = raw_scores(np.random.default_rng(3), 60, forum)
    curated = Curated(
        pinned=np.array([9, 3]),
        hidden=np.array([], dtype=np.int64),
        boosted=np.array([12]),
        factors=np.array([1.5]),
    )
    fused = fuse(scores, loops, curated)
    assert fused.gains.sum(axis=0) == pytest.approx(fused.totals, abs=1e-12)
    assert sum(fused.explained(7).values()) == pytest.approx(fused.totals[7])
    assert scores.documents[fused.order][:2].tolist() == [9, 3]
    ranked = np.round(fused.totals[fused.order], 9)
    assert (np.diff(ranked) <= 0).all()


def test_no_candidates_have_no_order(loops: Loops) -> None:
    fused = fuse(raw_scores(np.random.default_rng(3), 0, 0), loops)
    assert (fused.order.size, fused.totals.size) == (0, 0)


def test_what_is_about_the_same_as_the_best_few_gains(loops: Loops) -> None:
    gains = kindred(loops, one_theme(9, 6))
    assert gains[:6] == pytest.approx([gains[0]] * 6)
    assert 0 < gains[0] <= weights.FEEDBACK_WEIGHT
    assert gains[6:] == [0.0] * 3


def test_where_topics_are_unknown_nothing_is_gained(loops: Loops) -> None:
    assert not any(kindred(loops, raw_scores(np.random.default_rng(3), 60, 0)))


def test_where_a_title_is_just_what_was_asked_the_best_have_nothing_to_add(loops: Loops) -> None:
    known, near, far = (kindred(loops, one_theme(9, 6, title))[0] for title in (1.0, 0.9, 0.3))
    assert known == 0
    assert near < far
