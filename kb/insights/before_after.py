"""Before and after: how many tickets there were about an article's subject, and what changed since.

An article about which fewer tickets come after it was changed need not be the reason: this is a
comparison in time, not an experiment. Pure but for ``filed_titles``.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from kb.tickets.lifecycle import Status
from kb.tickets.tables import TICKETS

#: Two-sided 95 %.
_Z = 1.959964
_IGNORED = [Status.SPAM_OR_DUPLICATE.value, Status.MERGED.value]


@dataclass(frozen=True, slots=True)
class RateChange:
    """Tickets in equally long or unlike periods. ``ratio`` is the rate after, divided by the rate
    before, with its interval: 0.5 is half as many. None while there is nothing to compare.
    """

    before: int
    after: int
    days_before: int
    days_after: int
    ratio: float | None
    low: float
    high: float

    @property
    def conclusion(self) -> str:
        if self.ratio is None or self.low <= 1 <= self.high:
            return "unknown"
        return "fewer" if self.high < 1 else "more"


def rate_change(before: int, after: int, days_before: int, days_after: int) -> RateChange:
    """Given how many tickets there are in all, those after are binomial (Przyborowski and Wilenski,
    Biometrika 31, 1940); the interval of the share is Wilson's (JASA 22, 1927).
    """
    total = before + after
    if not total or days_before < 1 or days_after < 1:
        return RateChange(before, after, days_before, days_after, None, 0.0, math.inf)
    share = after / total
    centre = (share + _Z**2 / (2 * total)) / (1 + _Z**2 / total)
    radius = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    radius /= 1 + _Z**2 / total
    low, ratio, high = (
        _odds(value) * days_before / days_after
        for value in (centre - radius, share, centre + radius)
    )
    return RateChange(before, after, days_before, days_after, ratio, low, high)


def _odds(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share / (1 - share) if share < 1 else math.inf


def filed_titles(
    connection: Connection, since: dt.datetime, until: dt.datetime, *, most: int
) -> Sequence[tuple[dt.datetime, str]]:
    """When tickets were filed and about what, the newest first."""
    query = (
        select(TICKETS.c.created_at, TICKETS.c.title)
        .where(
            TICKETS.c.created_at >= since,
            TICKETS.c.created_at < until,
            TICKETS.c.status.not_in(_IGNORED),
            TICKETS.c.erased_at.is_(None),
        )
        .order_by(TICKETS.c.created_at.desc())
        .limit(most)
    )
    return [(row.created_at, row.title) for row in connection.execute(query)]
