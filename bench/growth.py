"""Speed of search by the size of the help centre.

    python -m bench.growth [--sizes 1000 10000 100000 1000000] [--queries 300] [--svg
    bench/growth.svg]

For each size: BM25 alone over half-typed titles that nobody has asked before, then the same texts,
whose words are cached by then, with all candidates rescored (CPU ms p50/p99, one process); the time
to build and open the arrays, and the private memory (MB) that opening and asking adds. The table
goes to stdout, the curve into an SVG.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.lexical import find, opened, timed, typed
from kb.search.index.array_file import load_arrays, touch_arrays
from kb.search.partition import Partition

_BUILD = (
    "import sys, pathlib, bench.lexical as b; b.built(pathlib.Path(sys.argv[1]), int(sys.argv[2]))"
)
Point = tuple[int, float]
WIDTH, HEIGHT, LEFT, TOP, FOOT = 640, 360, 56, 24, 44
LINES = (
    ("lexical p50", "#0b6bcb", ""),
    ("lexical p99", "#0b6bcb", "5 4"),
    ("with a closer look p50", "#b4541a", ""),
    ("with a closer look p99", "#b4541a", "5 4"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--svg", type=Path, default=Path(__file__).parent / "growth.svg")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one, given.queries)))
        return
    print(
        f"{'documents':>10} | {'lexical':>13} {'closer look':>13} | "
        f"{'build s':>8} {'MB':>6} {'open ms':>8} {'private':>8}"
    )
    rows = []
    for size in given.sizes:
        command = [
            sys.executable,
            "-m",
            "bench.growth",
            "--one",
            str(size),
            "--queries",
            str(given.queries),
        ]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append(row)
        lexical, closer = (f"{row[n][0]:.2f}/{row[n][1]:.2f}" for n in ("lexical", "closer"))
        print(f"{size:>10} | {lexical:>13} {closer:>13} | {row['build_s']:>8.1f} {row['mb']:>6.0f} "
              f"{row['open_ms']:>8.1f} {row['private_mb']:>8.0f}", flush=True)  # fmt: skip
        given.svg.write_text(chart(rows), "utf-8")


def measured(size: int, count: int) -> dict[str, Any]:
    """One size, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-c", _BUILD, folder, str(size)]
        subprocess.run(build, check=True)
        built_s = sum(_children())
        part = Path(folder) / "part.arrays"
        texts, before = typed(count), private_mb()
        begun = time.perf_counter()
        partition = opened(part)
        open_ms = (time.perf_counter() - begun) * 1000
        touch_arrays(load_arrays(part))  # as a server does aside
        lexical = timed(lambda text: find(partition, text, prefix=True), texts)
        closer = timed(lambda text: rescore(partition, text), texts)
        return {
            "size": size,
            "lexical": _percentiles(lexical),
            "closer": _percentiles(closer),
            "build_s": built_s,
            "mb": part.stat().st_size / 1e6,
            "open_ms": open_ms,
            "private_mb": private_mb() - before,
        }


def rescore(partition: Partition, text: str) -> None:
    """Candidates and all that is compared of them: what is done before fusing and showing."""
    query = partition.expand(text, prefix=True)
    candidates = partition.candidates(query, None, deadline=math.inf)
    partition.rescorer.rescore(candidates.question, candidates.documents)


def _children() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime, used.ru_stime


def _percentiles(times: list[float]) -> list[float]:
    return [float(p) for p in np.percentile(times, [50, 99])]


def private_mb() -> float:
    """Memory of this process's own, mapped files left out; nan where the system does not tell."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return math.nan
    return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous")) / 1000


def chart(rows: list[dict[str, Any]]) -> str:
    """The curves: both axes logarithmic."""
    series = [
        [(row["size"], row[name][place]) for row in rows]
        for name in ("lexical", "closer")
        for place in (0, 1)
    ]  # in the order of LINES
    sizes = [row["size"] for row in rows]
    values = [value for points in series for _, value in points]
    x = _scale(min(sizes), max(sizes), LEFT, WIDTH - 190)
    y = _scale(
        10 ** math.floor(math.log10(min(values))),
        10 ** math.ceil(math.log10(max(values))),
        HEIGHT - FOOT,
        TOP,
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, sans-serif" '
        'font-size="12" fill="#333" role="img" aria-label="CPU time of a suggestion by number of '
        'documents">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="14">CPU ms for a half-typed title</text>',
    ]
    for size in sizes:
        parts.append(
            f'<text x="{x(size):.0f}" y="{HEIGHT - 22}" text-anchor="middle">{size:,}</text>'
        )
    parts.append(
        f'<text x="{(LEFT + WIDTH - 190) / 2:.0f}" y="{HEIGHT - 6}" '
        f'text-anchor="middle">documents</text>'
    )
    for tick in (
        10.0**n
        for n in range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    ):
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - 190}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for at, ((name, colour, dash), points) in enumerate(zip(LINES, series, strict=True)):
        parts += _line(points, x, y, colour, dash)
        parts.append(
            f'<path d="M{WIDTH - 178} {TOP + 20 * at + 4}h24" stroke="{colour}" '
            f'stroke-dasharray="{dash}"/>'
        )
        parts.append(f'<text x="{WIDTH - 148}" y="{TOP + 20 * at + 8}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _line(points: list[Point], x: Any, y: Any, colour: str, dash: str) -> list[str]:
    path = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in points)
    dots = [f'<circle cx="{x(s):.1f}" cy="{y(v):.1f}" r="3" fill="{colour}"/>' for s, v in points]
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
        f'stroke-dasharray="{dash}"/>',
        *dots,
    ]


def _scale(low: float, high: float, start: float, end: float) -> Any:
    span = math.log10(high / low) or 1
    return lambda value: start + (end - start) * math.log10(value / low) / span


if __name__ == "__main__":
    main()
