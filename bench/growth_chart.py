"""The chart of the guide on sizes: measured and calculated points, up to ten million documents.

    python -m bench.growth_chart

Draws what `kb size` calculates, as an SVG with a title and a description. It has a panel for each
curve, narrow enough for a phone, and each point has its value beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kb.operations.sizing import Size, Workload, measured_sizes, required_size

CHART = Path(__file__).parent.parent / "content" / "images" / "growth.svg"
_CALCULATED = (1_000_000, 10_000_000)

_WIDTH, _MARGIN = 400, 52
_PANEL, _HEAD, _PLOT = 170, 60, 84  # heights: of a panel, above its curve, and of its curve
_LEGEND, _FOOT = 42, 58

_STYLE = (
    "text{font:17px system-ui,sans-serif;fill:#1a2024}.name{font-weight:600}"
    ".paper{fill:#fff}.axis{stroke:#8b8f8c}"
    ".line{fill:none;stroke:#0a6b5c;stroke-width:3}.calculated{stroke-dasharray:3 7}"
    ".point{fill:#0a6b5c;stroke:#0a6b5c;stroke-width:2.5}.hollow{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#e7ecec}.paper,.hollow{fill:#171d20}"
    ".axis{stroke:#77858a}.line,.point{stroke:#5fd3b8}.point:not(.hollow){fill:#5fd3b8}}"
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One panel: its name, the value of a size, and the unit."""

    name: str
    value: Callable[[Size], float]
    unit: str
    is_logarithmic: bool

    def text(self, size: Size) -> str:
        value = self.value(size)
        return f"{value:,.{0 if value >= 10 else 1}f} {self.unit}"


_CURVES = (
    Curve("CPU of a suggestion", lambda size: size.suggestion_ms, "ms", False),
    Curve("Disk for the index", lambda size: size.index_disk / 1e9, "GB", True),
    Curve("Building the whole index", lambda size: size.build_minutes, "min", True),
)


def main() -> None:
    CHART.write_text(drawn(), "utf-8")


def drawn() -> str:
    """The SVG."""
    counts = [*measured_sizes(), *_CALCULATED]
    measured = len(measured_sizes())
    sizes = [required_size(Workload(count, 100_000, 5), encoder=True) for count in counts]
    xs = [_position(count, counts, _MARGIN, _WIDTH - _MARGIN) for count in counts]
    height = _LEGEND + len(_CURVES) * _PANEL + _FOOT

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title description">',
        '<title id="title">How large it can grow</title>',
        f'<desc id="description">{_description(counts, sizes, measured)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
        *_legend(),
    ]
    for number, curve in enumerate(_CURVES):
        parts += _panel(curve, sizes, xs, measured, number)
    bottom = height - _FOOT
    for count, x in zip(counts, xs, strict=True):
        parts.append(
            f'<text x="{x:.0f}" y="{bottom + 22}" text-anchor="middle">{_short(count)}</text>'
        )
    parts.append(
        f'<text x="{_WIDTH / 2:.0f}" y="{bottom + 46}" text-anchor="middle">'
        "documents (all scales are logarithmic)</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    return [
        '<path class="line" d="M14 20h34"/><circle class="point" cx="31" cy="20" r="4.5"/>',
        '<text x="56" y="26">measured</text>',
        '<path class="line calculated" d="M164 20h34"/>'
        '<circle class="point hollow" cx="181" cy="20" r="4.5"/>',
        '<text x="206" y="26">calculated</text>',
    ]


def _panel(
    curve: Curve, sizes: list[Size], xs: list[float], measured: int, number: int
) -> list[str]:
    """The curve through all points: solid as far as they are measured, then dashed."""
    values = [curve.value(size) for size in sizes]
    top = _LEGEND + number * _PANEL
    base = top + _HEAD + _PLOT
    lowest = values if curve.is_logarithmic else [0, *values]
    ys = [
        _position(value, lowest, base - 8, top + _HEAD, is_logarithmic=curve.is_logarithmic)
        for value in values
    ]
    points = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True)]
    parts = [
        f'<text class="name" x="14" y="{top + 24}">{curve.name}</text>',
        f'<path class="axis" d="M14 {base}H{_WIDTH - 14}"/>',
        f'<path class="line" d="M{" L".join(points[:measured])}"/>',
        f'<path class="line calculated" d="M{" L".join(points[measured - 1 :])}"/>',
    ]
    for at, (x, y, size) in enumerate(zip(xs, ys, sizes, strict=True)):
        hollow = " hollow" if at >= measured else ""
        parts.append(f'<circle class="point{hollow}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{y - 12:.1f}" text-anchor="middle">{curve.text(size)}</text>'
        )
    return parts


def _description(counts: list[int], sizes: list[Size], measured: int) -> str:
    sentences = []
    for curve in _CURVES:
        values = [
            f"{curve.text(size)} for {count:,} documents"
            for count, size in zip(counts, sizes, strict=True)
        ]
        sentences.append(f"{curve.name}: {', '.join(values)}.")
    last = f"Up to {counts[measured - 1]:,} documents measured, beyond calculated."
    return " ".join([*sentences, last])


def _position(
    value: float,
    values: list[float] | list[int],
    start: float,
    end: float,
    *,
    is_logarithmic: bool = True,
) -> float:
    """Where ``value`` is between ``start`` and ``end``, which are the least and the most."""
    scale: Callable[[float], float] = math.log10 if is_logarithmic else float
    low, high = scale(min(values)), scale(max(values))
    return start + (end - start) * (scale(value) - low) / (high - low)


def _short(count: int) -> str:
    return f"{count / 1e6:.0f} M" if count >= 1_000_000 else f"{count:,}"


if __name__ == "__main__":
    main()
