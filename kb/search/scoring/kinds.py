"""Kinds: which kind answers a query, an article or a thread, and how the two are interleaved.

Where most documents are threads, articles are ranked among themselves and threads among themselves.
Then both are merged by place: so many articles for each thread as the evidence says. Pure functions
over arrays with one entry per candidate, articles first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from kb.search import weights
from kb.search.array_types import Scores, Totals

_STEP = 1e-8  # more than what ranks are rounded to


def threads_prevail(articles: int, documents: int) -> bool:
    """Whether threads are the majority beside some ``articles``."""
    return 0 < articles < documents - articles


def article_odds(raw: Mapping[str, Scores], forum: int, ideal: float, votes: Scores) -> float:
    """How many articles are shown for each thread: the odds that an article answers.

    Compares the best article with a good thread in each of ``weights.KIND_PARTS``: the better
    articles cover a query that threads cover as well, the rarer is a thread the answer. ``forum``
    is the position of the first thread; ``ideal`` is what all words of the query are worth.
    """
    log_odds = weights.ARTICLE_LOG_ODDS
    whole = max(ideal, 1e-9)
    for name, (weight, most) in weights.KIND_PARTS.items():
        if name not in raw:
            continue
        unit = most * whole if name in ("words", "passage") else most
        article = float(raw[name][:forum].max())
        thread = _third(raw[name][forum:])
        log_odds += weight * math.log((article / unit + 0.05) / (thread / unit + 0.05))
    if votes.size:
        article, thread = float(votes[:forum].sum()), float(votes[forum:].sum())
        log_odds += weights.KIND_VOTES * math.log((article + 1) / (thread + 1))
    return math.exp(log_odds)


def _third(values: Scores) -> float:
    """The third largest, or the least: one thread may repeat the query, and tells nothing."""
    rank = min(3, values.size)
    return float(np.partition(values, values.size - rank)[values.size - rank])


def merged_gains(totals: Totals, forum: int, odds: float) -> Totals:
    """What each candidate gains by its place among articles and threads together.

    The n-th article stands where the thread of rank ``n / odds`` stands. The merged list has the
    same scores as before, largest first, but for a millionth of them: equal scores have an order.
    """
    ranks = np.empty(totals.size)
    for low, high in ((0, forum), (forum, totals.size)):
        order = (-totals[low:high]).argsort(kind="stable")
        ranks[low:high][order] = np.arange(1, high - low + 1)
    ranks[:forum] /= odds
    merged = np.empty(totals.size)
    steps = _STEP * np.arange(totals.size)
    merged[ranks.argsort(kind="stable")] = np.sort(totals)[::-1] - steps
    return merged - totals
