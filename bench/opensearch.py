"""OpenSearch beside the embedded engine: the same generation, queries and keystrokes, in one run.

    python -m bench.opensearch URL [--documents 10000] [--titles 20] [--judged SET ...]

Prints for each engine the wall milliseconds of a suggestion, its CPU in this process, and the CPU
of the whole cluster for each, which should do nothing else meanwhile. Everything is asked three
times, because Java compiles what runs often; restart the cluster to measure it cold. Then it
prints how many suggestions are the same. For each judged set of ``KB_BENCH_DATA`` it prints the
nDCG@10 of both, of whole and of half-typed queries.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np

from bench import corpora
from bench.keystrokes import typed
from kb.search import evaluation
from kb.search.documents import Document
from kb.search.engines.opensearch.engine import OpenSearchEngine
from kb.search.searcher import Searcher

_HALF_TYPED = 15  # characters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url", help="a cluster of one node, without a path")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--titles", type=int, default=20, help="typed letter by letter")
    parser.add_argument("--judged", nargs="*", default=[], metavar="SET")
    given = parser.parse_args()
    if given.documents:
        with _both(given.url, corpora.documents(given.documents)) as searchers:
            _compare_speed(given.url, searchers, list(typed(given.titles)))
    for name in given.judged:
        folder = Path(os.environ["KB_BENCH_DATA"]) / "labelled" / name
        judged = evaluation.read_judged_set(folder)
        with _both(given.url, judged.documents) as searchers:
            for change in (None, evaluation.first_characters(_HALF_TYPED)):
                reports = [
                    evaluation.evaluate_searcher(each, judged, mode="suggest", change=change)
                    for each in searchers.values()
                ]
                embedded, cluster = (report.metrics["nDCG@10"] for report in reports)
                what = f"{_HALF_TYPED} characters" if change else "whole"
                print(
                    f"{name}, {what}: nDCG@10 embedded {embedded:.4f}, OpenSearch {cluster:.4f} "
                    f"({100 * (cluster / max(embedded, 1e-9) - 1):+.2f} %)",
                    flush=True,
                )


@contextlib.contextmanager
def _both(url: str, documents: Iterable[Document]) -> Iterator[dict[str, Searcher]]:
    """One generation, answered by either engine."""
    address = f"{url}/bench-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        engine = OpenSearchEngine(data, address)
        started, server = time.process_time(), _server_ms(url)
        try:
            with engine.writer(operators=False, meaning=True, read=0) as writer:
                for document in documents:
                    writer.add(document)
                writer.publish(ledger={}, settings={})
            print(
                f"publishing: {time.process_time() - started:.1f} CPU s here, "
                f"{(_server_ms(url) - server) / 1000:.1f} on the cluster",
                flush=True,
            )
            yield {
                "embedded": Searcher(data, budget_ms=60_000),
                "OpenSearch": Searcher(data, engine=engine, budget_ms=60_000),
            }
        finally:
            engine.cluster.delete([f"{engine.cluster.address.prefix}-*"])


def _compare_speed(url: str, searchers: dict[str, Searcher], texts: list[str]) -> None:
    answers = {}
    for name, searcher in searchers.items():
        for text in texts[:20]:
            searcher.suggest(text)
        for time_asked in ("first", "second", "third"):
            walls, server, here = [], _server_ms(url), time.process_time()
            found = []
            for text in texts:
                start = time.perf_counter()
                suggestions = searcher.suggest(text)
                walls.append((time.perf_counter() - start) * 1000)
                found.append([hit.id for hit in suggestions.hits])
            here_ms = (time.process_time() - here) * 1000 / len(texts)
            server_ms = (_server_ms(url) - server) / len(texts)
            p50, p99 = np.percentile(walls, [50, 99])
            print(
                f"{name}, {time_asked} time: {len(texts)} suggestions, "
                f"wall p50 {p50:.2f} p99 {p99:.2f} ms; "
                f"CPU {here_ms:.2f} ms here, {server_ms:.2f} on the cluster",
                flush=True,
            )
        answers[name] = found
    same = sum(one == other for one, other in zip(*answers.values(), strict=True))
    print(f"the same suggestions for {same} of {len(texts)}")


def _server_ms(url: str) -> int:
    with urlopen(f"{url}/_nodes/stats/process", timeout=30) as answer:
        nodes = json.load(answer)["nodes"]
    return sum(int(node["process"]["cpu"]["total_in_millis"]) for node in nodes.values())


if __name__ == "__main__":
    main()
