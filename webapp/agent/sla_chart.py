"""SLA attainment as charts: one row of bars for each support level, one bar for each week.

Pure geometry in the units of an SVG, with the figures that the table below it shows.
``kb.tickets.reports.sla_attainment`` counts the targets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kb.tickets.reports.sla_attainment import Attainment

#: SVG units: the width of a bar, the step to the next one, and the height of "all met".
BAR, STEP, HEIGHT = 22, 32, 60
WEEK = dt.timedelta(weeks=1)

_SLIVER = 3  # the least height of a part that is not empty, so that a single target is visible


@dataclass(frozen=True, slots=True)
class Bar:
    """One week of one level; ``x`` is the left edge."""

    week: dt.date
    met: int
    breached: int
    x: int

    @property
    def total(self) -> int:
        return self.met + self.breached

    @property
    def met_height(self) -> float:
        if not self.met or not self.breached:
            return float(HEIGHT if self.met else 0)
        share = HEIGHT * self.met / self.total
        return round(min(max(share, _SLIVER), HEIGHT - _SLIVER), 1)

    @property
    def breached_height(self) -> float:
        return HEIGHT - self.met_height if self.total else 0.0


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
    """The Mondays of the last ``weeks`` weeks, ending with this week's.

    >>> [day.isoformat() for day in mondays(dt.date(2026, 11, 25), 2)]
    ['2026-11-16', '2026-11-23']
    """
    newest = today - dt.timedelta(days=today.weekday())
    return tuple(newest - WEEK * age for age in reversed(range(weeks)))


def charts(
    attainment: Iterable[Attainment], titles: Mapping[str, str], weeks: tuple[dt.date, ...]
) -> tuple[Chart, ...]:
    """A chart for each level with targets in ``weeks``, in policy order, former levels last."""
    counts = {(row.level, row.week): row for row in attainment if row.week in weeks}
    present = {level for level, _ in counts}
    former = sorted(present - set(titles))

    def bar(level: str, index: int, week: dt.date) -> Bar:
        row = counts.get((level, week))
        return Bar(week, row.met if row else 0, row.breached if row else 0, index * STEP)

    return tuple(
        Chart(
            titles.get(level, level),
            tuple(bar(level, index, week) for index, week in enumerate(weeks)),
        )
        for level in [*(level for level in titles if level in present), *former]
    )
