"""CPU time of the parts of a suggestion.

    python -m bench.lexical [--sizes 10000 100000] [--queries 400]
    python -m bench.lexical PART.arrays QUERIES.json-text

The parts one by one over half-typed and whole titles. The second form is for bench.engines: JSON of
the BM25 candidates alone.
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
from kb.search.engines.whoosh import OperatorSearch
from kb.search.index.array_file import load_arrays, save_arrays
from kb.search.index.document_store import STORE_FILE, DocumentStore, StoreWriter
from kb.search.kernels.compilation import compiled_loops
from kb.search.partition import Partition


def opened(part: Path) -> Partition:
    """A partition without a store: it can rank, but not show anything."""
    return Partition(load_arrays(part), compiled_loops(), store(part.parent), _no_operators)


def store(folder: Path) -> DocumentStore:
    """A store without documents."""
    path = folder / STORE_FILE
    if not path.exists():
        StoreWriter(path).close()
    return DocumentStore(path)


def _no_operators() -> OperatorSearch:
    raise NotImplementedError


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


def candidates(partition: Partition, queries: dict[str, list[str]]) -> dict[str, list[float]]:
    """Text to the best hundred of each kind."""
    return {
        name: timed(functools.partial(find, partition, prefix=name != "full"), texts)
        for name, texts in queries.items()
    }


def find(partition: Partition, text: str, *, prefix: bool) -> object:
    query = partition.expand(text, prefix=prefix)
    return partition.bm25.candidates(query.terms).documents


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1].endswith(".arrays"):
        partition, queries = opened(Path(sys.argv[1])), json.loads(sys.argv[2])
        print(json.dumps(candidates(partition, queries)))
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
        compiled_loops()  # loaded once in a process, not with each index
        begun = time.perf_counter()
        partition = opened(part)
        ready = (time.perf_counter() - begun) * 1000
        print(
            f"{size} documents: arrays {size / seconds:,.0f} documents/CPU-s, "
            f"{part.stat().st_size / 1e6:.0f} MB, opens in {ready:.1f} ms"
        )
        for kind, texts, prefix in (
            ("typed", typed(count), True),
            ("whole", corpora.titles(count), False),
        ):
            print(f"  {kind}: " + ", ".join(_parts(partition, texts, prefix=prefix)), flush=True)


def _parts(partition: Partition, texts: list[str], *, prefix: bool) -> Iterable[str]:
    queries = [partition.expand(text, prefix=prefix) for text in texts]
    questions = [
        (partition.question(query), partition.bm25.candidates(query.terms).documents)
        for query in queries
    ]
    titles = [question.title for question, _ in questions if question.title is not None]
    terms = [query.terms for query in queries]
    parts: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        "expand": (lambda text: partition.expand(text, prefix=prefix), texts),
        "BM25": (partition.bm25.candidates, terms),
        "question": (partition.question, queries),
        "titles": (partition.title_ngrams.candidates, titles),
        "rescore": (lambda asked: partition.rescorer.rescore(*asked), questions),
    }
    for name, (call, arguments) in parts.items():
        p50, p99 = np.percentile(timed(call, arguments), [50, 99])
        yield f"{name} {p50:.3f}/{p99:.3f}"


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
