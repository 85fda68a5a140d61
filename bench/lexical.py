"""How long do the parts of a suggestion take, in CPU ms?

    python -m bench.lexical [--sizes 10000 100000] [--queries 400] python -m bench.lexical
    PART.arrays QUERIES.json-text      (for bench.engines: JSON of the lexical lane alone)

The parts one by one over half-typed and whole titles, by numpy, and compiled where the ``fast``
extra is installed.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench import corpora
from kb.search.analysis.passages import split_passages
from kb.search.build.forward_index import ForwardIndex
from kb.search.build.partition_writer import partition_arrays
from kb.search.index.array_file import load_arrays, save_arrays
from kb.search.kernels.dispatch import Kernels, by_numpy
from kb.search.partition import Partition


def opened(part: Path) -> Partition:
    return Partition(load_arrays(part))


def runs() -> dict[str, Kernels]:
    """The kinds of loops there are here."""
    try:
        from kb.search.kernels.numba_loops import loops
    except ImportError:
        return {"numpy": by_numpy()}
    return {"numpy": by_numpy(), "compiled": Kernels(**loops())}


def timed(call: Callable[[Any], object], arguments: Iterable[Any]) -> list[float]:
    """CPU ms of each call, after a warm-up with the first fifty."""
    asked = list(arguments)
    for argument in asked[:50]:
        call(argument)
    times = []
    for argument in asked:
        begun = time.thread_time()
        call(argument)
        times.append((time.thread_time() - begun) * 1000)
    return times


def lane(matrix: Partition, run: Kernels, queries: dict[str, list[str]]) -> dict[str, list[float]]:
    """Text to the best hundred of each kind."""
    matrix.use(run)
    return {
        name: timed(functools.partial(find, matrix, open_ended=name != "full"), texts)
        for name, texts in queries.items()
    }


def find(matrix: Partition, text: str, *, open_ended: bool) -> object:
    return matrix.pool(matrix.expand(text, open_ended=open_ended)).documents


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1].endswith(".arrays"):
        matrix, queries = opened(Path(sys.argv[1])), json.loads(sys.argv[2])
        print(json.dumps({name: lane(matrix, run, queries) for name, run in runs().items()}))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=400)
    given = parser.parse_args()
    for size in given.sizes:
        _report(size, given.queries)


def _report(size: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        part = built(Path(folder), size)
        seconds = time.process_time() - begun
        begun = time.perf_counter()
        matrix = opened(part)
        ready = (time.perf_counter() - begun) * 1000
        print(f"{size} documents: matrix {size / seconds:,.0f} documents/CPU-s, "
              f"{part.stat().st_size / 1e6:.0f} MB, "
              f"opens in {ready:.1f} ms")  # fmt: skip
        for name, run in runs().items():
            matrix.use(run)
            for kind, texts, o in (
                ("typed", typed(count), True),
                ("whole", corpora.titles(count), False),
            ):
                print(
                    f"  {name}, {kind}: " + ", ".join(_parts(matrix, texts, open_ended=o)),
                    flush=True,
                )


def _parts(matrix: Partition, texts: list[str], *, open_ended: bool) -> Iterable[str]:
    read = [matrix.expand(text, open_ended=open_ended) for text in texts]
    found = [(matrix.question(q), matrix.pool(q).documents) for q in read]
    vectors = [question.vector for question, _ in found if question.vector is not None]
    parts: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        "understand": (lambda text: matrix.expand(text, open_ended=open_ended), texts),
        "lexical": (matrix.pool, read),
        "question": (matrix.question, read),
        "letter lane": (matrix.letters.candidates, vectors),
        "look": (lambda f: matrix.look(*f), found),
    }
    for name, (call, arguments) in parts.items():
        p50, p99 = np.percentile(timed(call, arguments), [50, 99])
        yield f"{name} {p50:.2f}/{p99:.2f}"


def built(folder: Path, size: int) -> Path:
    """The arrays of a corpus, without a store."""
    corpus = ForwardIndex()
    for row, document in enumerate(corpora.documents(size)):
        corpus.add(document, row, split_passages(document))
    save_arrays(folder / "part.arrays", partition_arrays(corpus, frozenset({"public"})))
    return folder / "part.arrays"


def typed(count: int) -> list[str]:
    """Half-typed titles: of each title every third letter up to forty."""
    typed = [title[:n] for title in corpora.titles(count) for n in range(3, min(len(title), 40), 3)]
    return typed[:: max(1, len(typed) // count)][:count]


if __name__ == "__main__":
    main()
