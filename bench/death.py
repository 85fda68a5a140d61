"""Cost of queries that are known to bring search engines down.

    python -m bench.death [--size 5000]

CPU ms and peak memory of each as a search and as a suggestion; the goal is 500 ms and 64 MB. They
are tested for being answered in tests/search/test_death.py, which uses the same list.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from pathlib import Path

from bench import corpora
from kb.search.build.builder import IndexBuilder
from kb.search.searcher import Searcher
from tests.search.death import QUERIES


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=5_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with IndexBuilder(Path(folder)) as builder:
            for document in corpora.documents(given.size):
                builder.add(document)
            builder.publish(ledger={}, settings={})
        searcher = Searcher(Path(folder), budget_ms=60_000)
        searcher.search('"warm up" -title:nothing')
        print(f"{'query':<34} {'search ms':>10} {'MB':>6} {'suggest ms':>10} {'MB':>6}")
        for name, query in QUERIES.items():
            cells = (_cost(ask, query) for ask in (searcher.search, searcher.suggest))
            print(f"{name:<34} " + " ".join(f"{ms:>10.1f} {mb:>6.1f}" for ms, mb in cells))


def _cost(ask: object, query: str) -> tuple[float, float]:
    assert callable(ask)
    begun = time.process_time()
    ask(query)
    ms = (time.process_time() - begun) * 1000
    tracemalloc.start()
    ask(query)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return ms, peak


if __name__ == "__main__":
    main()
