"""Bursts: more tickets about the same than is usual, which may be a problem that nobody knows yet.

Every recent title is a possible centre; the titles that mean about the same are counted around it,
now and in the weeks before. Arrivals of unrelated tickets are taken as a Poisson process, so that a
count has a probability under the usual rate; the limit for it is divided by the number of centres
that were tried (Bonferroni). ``bench/outage.py`` prints how often ordinary days raise an alarm.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kb.search.meaning.query_table import installed_table, unit_directions

BURST_WINDOW = dt.timedelta(hours=2)
USUAL_PERIOD = dt.timedelta(days=28)
#: Cosine of two titles that are counted as the same (``bench.outage``).
SAME_TITLE = 0.6
#: Fewer tickets are never a burst: a person sees three alike by themselves.
LEAST_TICKETS = 4
#: The chance, in each window, that an ordinary day looks like a burst.
FALSE_ALARMS = 1e-4
#: Alike tickets that might have come in the usual period by chance although none did.
_UNSEEN = 0.5


@dataclass(frozen=True, slots=True)
class FiledTitle:
    serial: int
    title: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Burst:
    """``serials`` of alike tickets within ``BURST_WINDOW``, where ``expected`` are usual."""

    serials: tuple[int, ...]
    title: str  # of the ticket in their middle
    expected: float
    probability: float


def find_bursts(
    recent: Sequence[FiledTitle], usual: Sequence[FiledTitle], *, period: dt.timedelta
) -> tuple[Burst, ...]:
    """Bursts among the ``recent`` tickets, the largest first; no ticket is in two of them.

    ``usual`` are those of the ``period`` before the window of the recent ones.
    """
    if len(recent) < LEAST_TICKETS:
        return ()
    table = installed_table()
    if table is None:
        return ()
    now_units = unit_directions(table.directions([filed.title for filed in recent]))
    alike = now_units @ now_units.T >= SAME_TITLE
    before = np.zeros(len(recent))
    if usual:
        earlier = unit_directions(table.directions([filed.title for filed in usual]))
        before = (now_units @ earlier.T >= SAME_TITLE).sum(axis=1)

    share = BURST_WINDOW / max(period, BURST_WINDOW)
    limit = FALSE_ALARMS / len(recent)
    left = np.ones(len(recent), dtype=bool)
    bursts = []
    while left.any():
        counts = (alike[:, left].sum(axis=1)) * left
        centre = int(counts.argmax())
        count = int(counts[centre])
        if count < LEAST_TICKETS:
            break
        members = np.flatnonzero(alike[centre] & left).tolist()
        left[members] = False
        expected = (float(before[centre]) + _UNSEEN) * share
        probability = poisson_tail(count, expected)
        if probability < limit:
            serials = tuple(recent[position].serial for position in members)
            bursts.append(Burst(serials, recent[centre].title, expected, probability))
    return tuple(sorted(bursts, key=lambda burst: -len(burst.serials)))


def poisson_tail(count: int, rate: float) -> float:
    """The probability of ``count`` or more events where ``rate`` are expected.

    >>> round(poisson_tail(1, 1.0), 4)
    0.6321
    """
    term = below = math.exp(-rate)
    for k in range(1, count):
        term *= rate / k
        below += term
    if count <= 0:
        return 1.0
    # The sum below loses small tails to rounding: those are added up from their own end.
    if below < 1 - 1e-9:
        return 1 - below
    tail = term = math.exp(-rate + count * math.log(rate) - math.lgamma(count + 1))
    k = count
    while term > tail * 1e-12:
        k += 1
        term *= rate / k
        tail += term
    return tail
