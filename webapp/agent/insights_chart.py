"""The charts of the page Insights, as geometry in the units of an SVG.

Pure. Each chart stands beside a table with the same figures.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from kb.insights.tickets import DayVolume

#: SVG units.
PLOT_WIDTH, PLOT_HEIGHT = 720, 160
INTERVAL_WIDTH = 480
_MOST_BARS = 95  # days; of a longer period, weeks are drawn
_LABELS = 6


@dataclass(frozen=True, slots=True)
class VolumeBar:
    """What was filed and what ended in one step, and the open tickets at its end."""

    day: dt.date
    filed: int
    ended: int
    backlog: int
    x: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class VolumeChart:
    """``line`` has the points of the backlog, which has a scale of its own."""

    bars: tuple[VolumeBar, ...]
    bar_width: float
    line: str
    most_filed: int
    most_open: int
    step: str  # day or week


@dataclass(frozen=True, slots=True)
class IntervalBar:
    """An interval on a symmetric scale of ``scale`` points; positions are x coordinates."""

    low: float
    high: float
    middle: float
    effect: float
    scale: int


def volume_chart(volumes: Sequence[DayVolume]) -> VolumeChart:
    by_week = len(volumes) > _MOST_BARS
    steps = (
        [volumes[start : start + 7] for start in range(0, len(volumes), 7)]
        if by_week
        else [[volume] for volume in volumes]
    )
    most_filed = max((sum(day.filed for day in step) for step in steps), default=0)
    most_open = max((step[-1].backlog for step in steps), default=0)
    width = PLOT_WIDTH / max(len(steps), 1)
    every = -(-len(steps) // _LABELS) if steps else 1

    bars, points = [], []
    for index, step in enumerate(steps):
        filed = sum(day.filed for day in step)
        first, backlog = step[0].day, step[-1].backlog
        bars.append(
            VolumeBar(
                first,
                filed,
                sum(day.ended for day in step),
                backlog,
                round(index * width, 2),
                round(PLOT_HEIGHT * filed / most_filed, 2) if most_filed else 0,
                f"{first.day}/{first.month}" if index % every == 0 else "",
            )
        )
        height = PLOT_HEIGHT * max(backlog, 0) / most_open if most_open else 0
        points.append(f"{(index + 0.5) * width:.2f},{PLOT_HEIGHT - height:.2f}")
    return VolumeChart(
        tuple(bars),
        round(width * 0.7, 2),
        " ".join(points),
        most_filed,
        most_open,
        "week" if by_week else "day",
    )


def interval_bar(effect: float, low: float, high: float) -> IntervalBar:
    """The scale is the smallest of some round numbers that shows the whole interval."""
    widest = 100 * max(abs(low), abs(high))
    scale = next((scale for scale in (5, 10, 20, 50) if widest <= scale), 100)

    def x(value: float) -> float:
        return round(INTERVAL_WIDTH * (1 + 100 * value / scale) / 2, 2)

    return IntervalBar(x(low), x(high), x(0), x(effect), scale)
