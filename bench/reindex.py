"""Time until a change is searchable, by the size of the help centre.

    python -m bench.reindex [--sizes 10000 100000] [--no-operators]

For each size: a full build, then one document changed (twice), then one in a hundred. Prints the
seconds in the builder, and those from its first call until a searcher that was already answering
shows the change. Latent topics are kept where little changes (see
``kb.search.index.latent_topics``).
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bench import corpora
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, Section
from kb.search.searcher import Searcher


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument(
        "--no-operators", action="store_true", help="leave the index for phrases and fields out"
    )
    options = parser.parse_args()
    print(f"{'documents':>10} {'change':>9} | {'built s':>8} {'CPU s':>7} {'searchable s':>13}")
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            measure_size(Path(folder), size, operators=not options.no_operators)


def measure_size(data: Path, size: int, *, operators: bool) -> None:
    documents = {document.id: document for document in corpora.documents(size)}
    seconds = publish(data, (), documents.values(), operators=operators)
    print_row(size, "all", *seconds, None)
    searcher = Searcher(data, budget_ms=60_000)
    words = (f"zanzibar{number}" for number in itertools.count())
    for name, count in (("one", 1), ("one", 1), ("1 %", size // 100)):
        word = next(words)
        changed = [
            edited(document, word)
            for document in itertools.islice(documents.values(), 0, None, size // count)
        ]
        searcher.suggest("warm up")
        start = time.perf_counter()
        unchanged = documents.keys() - {document.id for document in changed}
        seconds = publish(data, unchanged, changed, operators=operators)
        wait_until_found(searcher, word)
        print_row(size, name, *seconds, time.perf_counter() - start)
        documents |= {document.id: document for document in changed}


def edited(document: Document, word: str) -> Document:
    return replace(
        document,
        sections=(*document.sections, Section("new", ("New",), f"Since today also {word}.")),
    )


def publish(
    data: Path, unchanged: Iterable[str], added: Iterable[Document], *, operators: bool
) -> tuple[float, float]:
    """Wall and CPU seconds of one publish."""
    start, cpu_start = time.perf_counter(), time.process_time()
    with IndexBuilder(data, operators=operators) as builder:
        builder.carry_over(unchanged)
        for document in added:
            builder.add(document)
        builder.publish(ledger={}, settings={})
    return time.perf_counter() - start, time.process_time() - cpu_start


def wait_until_found(searcher: Searcher, word: str) -> None:
    while not searcher.search(word).hits:
        time.sleep(0.01)


def print_row(size: int, name: str, built: float, cpu: float, searchable: float | None) -> None:
    shown = "-" if searchable is None else f"{searchable:.2f}"
    print(f"{size:>10} {name:>9} | {built:>8.2f} {cpu:>7.2f} {shown:>13}", flush=True)


if __name__ == "__main__":
    main()
