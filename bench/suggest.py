"""Latency of suggestions, in process and over HTTP.

    python -m bench.suggest [--sizes 1000 10000 100000] [--queries 500]
    python -m bench.suggest DATA QUERIES.json-text

Types real titles letter by letter (every third letter) against corpora of each size; prints p50 and
p99 in milliseconds: in process, wall and CPU time of one thread; over HTTP by one client with a
kept-alive connection against `kb serve` with two workers, for texts that nobody asked before, for
the same again, and for a no-op route of the same server (/healthz) in the same run. The second form
is for bench.engines: JSON of the CPU times of whole suggestions.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import json
import math
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bench import corpora
from bench.lexical import timed
from kb.search.build.builder import IndexBuilder
from kb.search.documents import PUBLIC
from kb.search.embedded import EmbeddedEngine
from kb.search.snapshot import Snapshot
from kb.search.standpoint import ANYWHERE


def main() -> None:
    if len(sys.argv) == 3 and Path(sys.argv[1]).is_dir():
        asked = json.loads(sys.argv[2])
        data = Path(sys.argv[1])
        print(json.dumps({name: timed(asking(data), texts) for name, texts in asked.items()}))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--queries", type=int, default=500)
    given = parser.parse_args()
    source = "labelled sets" if corpora.data() else "content/"
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"corpus from {source}"
    )
    print("p50/p99 in ms")
    columns = ("in process", "CPU", "HTTP", "HTTP again", "HTTP no-op")
    print(f"{'documents':>10} {'build s':>8} | " + " ".join(f"{name:>13}" for name in columns))
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            print(_row(Path(folder), size, _typed(given.queries)), flush=True)


def _typed(count: int, seed: int = 2) -> list[str]:
    """Half-typed titles: of each title every third letter up to forty."""
    typed = [
        title[:n]
        for title in corpora.titles(count, seed=seed)
        for n in range(3, min(len(title), 40), 3)
    ]
    return typed[:: max(1, len(typed) // count)][:count]


def _row(data: Path, size: int, typed: list[str]) -> str:
    begun = time.perf_counter()
    with IndexBuilder(data, operators=False, meaning=True, read=0) as builder:
        for document in corpora.documents(size):
            builder.add(document)
        builder.publish(ledger={}, settings={})
    built = time.perf_counter() - begun
    cells = [*_in_process(data, typed)]
    with _server(data) as get:
        _timed(get, [_route(q) for q in _typed(200, seed=3)], time.perf_counter)
        routes = list(map(_route, typed))
        cells += [
            _pair(_timed(get, paths, time.perf_counter))
            for paths in (routes, routes, ["/healthz"] * len(typed))
        ]
    return f"{size:>10} {built:>8.1f} | " + " ".join(f"{cell:>13}" for cell in cells)


def _in_process(data: Path, typed: list[str]) -> Iterator[str]:
    """Wall and CPU time of texts that were not asked before, by a snapshot that has been asked
    others.
    """
    for clock in (time.perf_counter, time.thread_time):
        yield _pair(_timed(asking(data), typed, clock))


def asking(data: Path) -> Callable[[str], object]:
    """Whole suggestions from a snapshot of its own that nobody else has asked."""
    engine = EmbeddedEngine(data)
    generation = engine.generations.current()
    assert generation is not None
    index = engine.open(generation)
    index.warm()  # as a server does aside
    snapshot = Snapshot(generation, index)
    ask = functools.partial(
        snapshot.suggest,
        audience=PUBLIC,
        limit=5,
        deadline=math.inf,
        explain=False,
        doubt=None,
        standpoint=ANYWHERE,
    )
    _timed(
        ask, _typed(100, seed=3), time.perf_counter
    )  # what it remembers of words, somebody has always asked
    return ask


def _route(typed: str) -> str:
    return f"/api/v1/suggest?q={urllib.parse.quote(typed)}"


def _timed(
    call: Callable[[str], object], arguments: list[str], clock: Callable[[], float]
) -> list[float]:
    times = []
    for argument in arguments:
        begun = clock()
        call(argument)
        times.append((clock() - begun) * 1000)
    return times


def _pair(times: list[float]) -> str:
    p50, p99 = np.percentile(times, [50, 99])
    return f"{p50:.2f}/{p99:.2f}"


@contextmanager
def _server(data: Path) -> Iterator[Callable[[str], None]]:
    """`kb serve` on a free port; yields a function that gets a path over one kept connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "KB_PORT": str(port),
        "KB_BASE_URL": f"http://127.0.0.1:{port}",
        "KB_SUGGEST_PER_MINUTE": "100000",
    }
    kb = Path(sys.executable).with_name("kb")
    command = [str(kb), "serve", "--without-worker", "--data", str(data)]
    server = subprocess.Popen(
        command, env=os.environ | settings, cwd=corpora.ROOT, stderr=subprocess.DEVNULL
    )
    try:
        connection = _connected(port)

        def get(path: str) -> None:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} answered {answer.status}")

        yield get
        connection.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


def _connected(port: int) -> http.client.HTTPConnection:
    give_up = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return connection
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    main()
