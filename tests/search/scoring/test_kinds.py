"""Which kind answers, and how articles and threads are interleaved."""

from __future__ import annotations

import numpy as np
import pytest

from kb.search.scoring.kinds import article_odds, merged_gains, threads_prevail

NO_VOTES = np.zeros(0, dtype=np.float32)


def raw(articles: list[float], threads: list[float]) -> dict[str, np.ndarray]:
    return {"words": np.array([*articles, *threads], dtype=np.float32)}


@pytest.mark.parametrize(
    ("articles", "documents", "prevail"),
    [(0, 10, False), (1, 2, False), (1, 3, True), (5, 5, False), (0, 0, False)],
)
def test_threads_prevail_as_the_majority_beside_articles(
    articles: int, documents: int, prevail: bool
) -> None:
    assert threads_prevail(articles, documents) is prevail


def test_the_better_articles_cover_the_query_the_more_of_them_stand_before_a_thread() -> None:
    odds = [
        article_odds(raw([share], [2.0, 2.0, 2.0]), 1, 1.0, NO_VOTES) for share in (0.5, 2.0, 3.0)
    ]
    assert odds == sorted(odds)
    assert odds[0] < odds[2]


def test_one_thread_that_repeats_the_query_says_nothing_about_the_others() -> None:
    without = article_odds(raw([2.0], [1.0, 1.0, 1.0]), 1, 1.0, NO_VOTES)
    assert article_odds(raw([2.0], [3.0, 1.0, 1.0]), 1, 1.0, NO_VOTES) == without


def test_votes_for_articles_raise_their_odds_and_votes_for_threads_lower_them() -> None:
    even, article, thread = (
        article_odds(raw([2.0], [2.0]), 1, 1.0, np.array(votes, dtype=np.float32))
        for votes in ([0, 0], [1, 0], [0, 1])
    )
    assert thread < even < article


def test_so_many_articles_stand_before_each_thread_as_the_odds_say() -> None:
    articles, threads = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.95, 0.85, 0.75]
    totals = np.array(articles + threads)
    gains = merged_gains(totals, 6, 2.5)
    merged = totals + gains
    assert (-merged).argsort().tolist() == [0, 1, 6, 2, 3, 4, 7, 5, 8]
    assert sorted(merged) == pytest.approx(sorted(totals))
    assert gains.sum() == pytest.approx(0.0, abs=1e-6)


def test_equal_scores_are_merged_in_order_too() -> None:
    merged = np.ones(6) + merged_gains(np.ones(6), 3, 1.5)
    assert (-merged).argsort().tolist() == [0, 3, 1, 2, 4, 5]


def test_the_order_within_each_kind_stays() -> None:
    totals = np.random.default_rng(5).random(50)
    merged = totals + merged_gains(totals, 20, 3.0)
    for part in (slice(0, 20), slice(20, 50)):
        assert (-merged[part]).argsort().tolist() == (-totals[part]).argsort().tolist()
