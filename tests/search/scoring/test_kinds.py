"""Which kind answers, and how articles and threads are interleaved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kb.search.kernels.layout import Loops
from kb.search.scoring.fusion import Fused, RawScores, fuse
from kb.search.weights import threads_prevail

THREADS = (2.0, 2.0, 2.0)


def fused(
    loops: Loops, articles: Sequence[float], threads: Sequence[float], votes: Sequence[float] = ()
) -> Fused:
    """Some articles and threads by what their words score, where threads prevail."""
    words = np.array([*articles, *threads], dtype=np.float32)
    scores = RawScores(
        documents=np.arange(words.size),
        raw={"words": words, "letters": words * 0},
        signals={},
        votes=np.array(votes, dtype=np.float32),
        shown=np.zeros(words.size, dtype=np.int64),
        solved=np.full(words.size, -1, dtype=np.int8),
        forum=len(articles),
        forum_share=0.9,
        ideal=1.0,
        rarest=1.0,
    )
    return fuse(scores, loops)


def articles_first(
    loops: Loops, articles: Sequence[float], threads: Sequence[float], votes: Sequence[float] = ()
) -> int:
    """How many articles stand before the first thread."""
    order: list[int] = fused(loops, articles, threads, votes).order.tolist()
    return min(order.index(len(articles) + thread) for thread in range(len(threads)))


@pytest.mark.parametrize(
    ("articles", "documents", "prevail"),
    [(0, 10, False), (1, 2, False), (1, 3, True), (5, 5, False), (0, 0, False)],
)
def test_threads_prevail_as_the_majority_beside_articles(
    articles: int, documents: int, prevail: bool
) -> None:
    assert threads_prevail(articles, documents) is prevail


def test_the_better_articles_cover_the_query_the_more_of_them_stand_before_a_thread(
    loops: Loops,
) -> None:
    assert [articles_first(loops, [share] * 6, THREADS) for share in (0.5, 2.0, 3.0)] == [1, 3, 4]


def test_one_thread_that_repeats_the_query_says_nothing_about_the_others(loops: Loops) -> None:
    threads = [1.0, 1.0, 1.0]
    repeated = articles_first(loops, [2.0] * 9, [3.0, *threads[1:]])
    assert repeated == articles_first(loops, [2.0] * 9, threads)


def test_votes_for_articles_raise_their_odds_and_votes_for_threads_lower_them(
    loops: Loops,
) -> None:
    none = [0.0] * 9
    even, article, thread = (
        articles_first(loops, [2.0] * 6, THREADS, votes)
        for votes in (none, [1.0, *none[1:]], [*none[1:], 1.0])
    )
    assert thread < even < article


def test_the_merged_list_has_the_scores_and_the_order_of_each_kind(loops: Loops) -> None:
    dice = np.random.default_rng(5)
    merged = fused(loops, dice.random(20).tolist(), dice.random(30).tolist())
    before = merged.totals - merged.gains[merged.names.index("kind")]
    assert sorted(merged.totals) == pytest.approx(sorted(before), abs=1e-6)
    for part in (slice(0, 20), slice(20, 50)):
        assert (-merged.totals[part]).argsort().tolist() == (-before[part]).argsort().tolist()


def test_equal_scores_are_merged_in_order_too(loops: Loops) -> None:
    order = fused(loops, [2.0] * 6, THREADS).order.tolist()
    assert [position for position in order if position < 6] == [0, 1, 2, 3, 4, 5]
    assert [position for position in order if position >= 6] == [6, 7, 8]
