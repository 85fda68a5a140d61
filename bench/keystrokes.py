"""Suggestions as people type: whole titles letter by letter, with slips and backspaces.

    python -m bench.keystrokes [--sizes 10000 100000] [--titles 60]
    python -m bench.keystrokes --data DIR [--titles 60]

Prints the CPU time of one suggestion for each state of the title field, in process and in
milliseconds: p50, p99 and the longest; of the first one after opening an index, and of the longest
one while a publish is followed, with the time until the new generation answers. With ``--data``,
over a published index instead of one that is built of recombined sections; nothing is published
there.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench import corpora
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, DocumentKind, Section
from kb.search.searcher import Searcher

_SLIPS = 0.03  # of the letters are typed in the wrong order
_LONGEST = 60  # letters of a title


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000])
    parser.add_argument("--titles", type=int, default=60)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    texts = list(typed(given.titles))
    print(f"{len(texts)} states of a title field; CPU ms")
    if given.data is not None:
        _report("", given.data, texts)
        return
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            with IndexBuilder(data, operators=False, meaning=True, read=0) as builder:
                for document in corpora.documents(size):
                    builder.add(document)
                builder.publish(ledger={}, settings={})
            searcher = _report(f"{size} documents: ", data, texts)
            _publish_and_follow(data, searcher, texts)


def typed(titles: int, *, seed: int = 7) -> Iterator[str]:
    """The states of the field while people type so many titles: after a slip of two neighbours
    comes a letter or none, and then backspaces.
    """
    dice = random.Random(seed)
    for title in corpora.titles(titles, seed=seed):
        title = title[:_LONGEST]
        end = 0
        while end < len(title):
            if end + 2 < len(title) and dice.random() < _SLIPS:
                wrong = title[:end] + title[end + 1] + title[end]
                yield from (wrong[:-1], wrong)
                if dice.random() < 0.5:
                    yield wrong + title[end + 2]
                    yield wrong
                yield from (wrong[:-1], title[:end])
            end += 1
            yield title[:end]


def _report(name: str, data: Path, texts: list[str]) -> Searcher:
    searcher = Searcher(data, budget_ms=60_000)
    searcher.prepare()
    assert searcher.ready()
    first = _cpu_ms(searcher, texts[len(texts) // 2])
    times = [_cpu_ms(searcher, text) for text in texts]
    p50, p99 = np.percentile(times, [50, 99])
    print(
        f"{name}{p50:.2f}/{p99:.2f}/{max(times):.2f}, first after opening {first:.1f}", flush=True
    )
    return searcher


def _publish_and_follow(data: Path, searcher: Searcher, texts: list[str]) -> None:
    """Publishes one more page while somebody types."""
    before = searcher.generation
    with IndexBuilder(data, operators=False, meaning=True, read=0) as builder:
        assert builder.previous is not None
        builder.carry_over_all_but(())
        page = Section("", (), "A page that was published while somebody typed.")
        builder.add(Document("doc/added", DocumentKind.DOC, "Added while typing", (page,)))
        builder.publish(ledger={}, settings={})
    published = time.perf_counter()
    longest = 0.0
    for text in texts * 100:
        longest = max(longest, _cpu_ms(searcher, text))
        if searcher.generation != before:
            break
    followed = (time.perf_counter() - published) * 1000
    times = [_cpu_ms(searcher, text) for text in texts[:20]]
    print(
        f"  after a publish: longest {max(longest, *times):.1f},"
        f" the new generation answers after {followed:.0f} ms"
    )


def _cpu_ms(searcher: Searcher, text: str) -> float:
    begun = time.thread_time()
    searcher.suggest(text)
    return (time.thread_time() - begun) * 1000


if __name__ == "__main__":
    main()
