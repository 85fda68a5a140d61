"""How does the record of kept promises look as a picture?

A row of bars for each level, a bar for each week, in the units of an SVG; and the same figures as a
table. Pure: what was kept and what was missed is counted by ``kb.tickets.reports.sla_attainment``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kb.tickets.reports.sla_attainment import Attainment

#: The picture's units: a bar and the step to the next one, and how high "all kept" is.
BAR, STEP, HEIGHT = 22, 32, 60
WEEK = dt.timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """One week of one level: ``met`` of ``met + missed`` promises. ``kept`` and ``lost`` are
    heights, ``x`` is left.
    """

    week: dt.date
    met: int
    missed: int
    x: int

    @property
    def total(self) -> int:
        return self.met + self.missed

    @property
    def kept(self) -> float:
        """At least a sliver for a single one, at most short of the rest, so that neither is ever
        invisible.
        """
        if not self.met or not self.missed:
            return float(HEIGHT if self.met else 0)
        return round(min(max(HEIGHT * self.met / self.total, 3), HEIGHT - 3), 1)

    @property
    def lost(self) -> float:
        return HEIGHT - self.kept if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Chart:
    """One level over all weeks, oldest first."""

    title: str
    bars: tuple[Bar, ...]

    @property
    def met(self) -> int:
        return sum(bar.met for bar in self.bars)

    @property
    def total(self) -> int:
        return sum(bar.total for bar in self.bars)

    @property
    def width(self) -> int:
        return STEP * len(self.bars) - (STEP - BAR)


def mondays(today: dt.date, weeks: int) -> tuple[dt.date, ...]:
    """The Mondays of the last ``weeks``, this week's last.

    >>> [day.isoformat() for day in mondays(dt.date(2026, 11, 25), 2)]
    ['2026-11-16', '2026-11-23']
    """
    newest = today - dt.timedelta(days=today.weekday())
    return tuple(newest - WEEK * back for back in reversed(range(weeks)))


def charts(
    kept: Iterable[Attainment], titles: Mapping[str, str], weeks: tuple[dt.date, ...]
) -> tuple[Chart, ...]:
    """A chart for each level that promised something in ``weeks``, in the order of the policies,
    former levels last.
    """
    found = {(one.level, one.week): one for one in kept if one.week in weeks}
    present = {level for level, _ in found}
    order = [*(level for level in titles if level in present), *sorted(present - set(titles))]
    return tuple(
        Chart(
            titles.get(level, level),
            tuple(_bar(found.get((level, week)), week, place) for place, week in enumerate(weeks)),
        )
        for level in order
    )


def _bar(one: Attainment | None, week: dt.date, place: int) -> Bar:
    return Bar(week, one.met if one else 0, one.breached if one else 0, place * STEP)
