"""Speed of search compared with other engines.

    python -m bench.engines [--sizes 10000 100000] [--queries 300] [--engines tantivy whoosh ...]

The same documents and the same queries for all: whole titles, and titles cut within a word. CPU ms
p50/p99 of the best five, one process each, one after another. The peers are installed into
bench/.cache (pip; Xapian by apt-get download), never into the product's environment; what cannot be
installed is said and left out. Our rows: BM25 alone (the best hundred of each kind), and the whole
suggestion with everything that follows.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

from bench import corpora
from kb.search.analysis.languages import ENGLISH, STOP_WORDS
from kb.search.build.builder import IndexBuilder
from kb.search.index.array_file import load_arrays

CACHE = Path(__file__).parent / ".cache"
PEERS = ("tantivy", "bm25s+numba", "xapian", "sqlite-fts5", "whoosh")
PACKAGES = (
    "tantivy==0.27.0",
    "bm25s==0.3.16",
    "numba==0.68.1",
    "PyStemmer",
    "Whoosh==2.7.4",
    "click",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--engines", nargs="+", default=list(PEERS), choices=PEERS)
    given = parser.parse_args()
    python = _environment()
    print(f"CPU ms p50/p99, best five; {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(
        f"{'engine':<28} {'documents':>9} | {'full':>14} {'prefix':>14} | {'docs/CPU-s':>10} "
        f"{'MB':>7}"
    )
    for size in given.sizes:
        with tempfile.TemporaryDirectory(prefix="engines-") as folder:
            corpus, queries = _material(Path(folder), size, given.queries)
            for row in _ours(Path(folder), size, queries, python):
                print(row, flush=True)
            for engine in given.engines:
                print(
                    _peer(engine, size, corpus, Path(folder) / "queries.json", python), flush=True
                )


def _environment() -> Path:
    """The peers' own Python, made on first use."""
    python = CACHE / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(CACHE / "venv", with_pip=True)
    done = CACHE / "venv" / ".peers"
    if not done.exists():
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        done.touch()
    if not (CACHE / "xapian").exists():
        _xapian()
    return python


def _xapian() -> None:
    """Xapian has no wheel: Debian's two packages, unpacked beside, not installed."""
    debs = CACHE / "deb"
    debs.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            ["apt-get", "download", "-q", "python3-xapian", "libxapian30"], cwd=debs, check=True
        )
        for deb in debs.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(deb), str(CACHE / "xapian")], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"xapian is left out: {error}")


def _material(folder: Path, size: int, count: int) -> tuple[Path, dict[str, list[list[str]]]]:
    """The corpus as JSON lines, and the queries as lists of words."""
    corpus = folder / "corpus.jsonl"
    with corpus.open("w", encoding="utf-8") as lines:
        for document in corpora.documents(size):
            lines.write(
                json.dumps({"id": document.id, "title": document.title, "text": document.text()})
                + "\n"
            )
    full = [words for title in corpora.titles(count * 2) if (words := _words(title))][:count]
    prefix = [[*words[:2], words[2 % len(words)][: 1 + i % 5]] for i, words in enumerate(full)]
    queries = {"full": full, "prefix": prefix}
    (folder / "queries.json").write_text(json.dumps(queries), "utf-8")
    return corpus, queries


def _words(title: str) -> list[str]:
    return [
        word
        for word in re.findall(r"[a-z0-9]{2,}", title.lower())
        if word not in STOP_WORDS[ENGLISH]
    ][:16]


def _ours(folder: Path, size: int, queries: dict[str, list[list[str]]], python: Path) -> list[str]:
    begun = time.process_time()
    with IndexBuilder(folder / "data", operators=False) as builder:
        for document in corpora.documents(size):
            builder.add(document)
        builder.publish(ledger={}, settings={})
    built = time.process_time() - begun
    asked = {name: [" ".join(words) for words in lists] for name, lists in queries.items()}
    (part,) = (folder / "data" / "index").glob("gen-*/part-0.arrays")
    bm25 = json.loads(_run(python, "bench.lexical", str(part), json.dumps(asked)))
    arrays = load_arrays(part)
    mb = sum(arrays[name].nbytes for name in BM25_ARRAYS) / 1e6
    whole = json.loads(_run(python, "bench.suggest", str(folder / "data"), json.dumps(asked)))
    return [
        _row("askfirst BM25", size, bm25, None, mb),
        _row("askfirst suggestion", size, whole, size / built, part.stat().st_size / 1e6),
    ]


BM25_ARRAYS = (
    *("pointers", "docs", "codes", "rows", "row_of", "term_df", "peaks"),
    *("stem_text", "stem_offsets", "stem_keys"),
    *("surface_text", "surface_offsets", "surface_keys", "surface_stem"),
)


def _peer(engine: str, size: int, corpus: Path, queries: Path, python: Path) -> str:
    try:
        answer = json.loads(_run(python, "bench.peers", engine, str(corpus), str(queries)))
    except subprocess.CalledProcessError as error:
        return (
            f"{engine:<28} {size:>9} | left out: {(error.stderr or '').strip().splitlines()[-1:]}"
        )
    return _row(engine, size, answer, size / answer["build_cpu_s"], answer["mb"])


def _run(python: Path, module: str, *arguments: str) -> str:
    xapian = CACHE / "xapian" / "usr" / "lib"
    libraries = ":".join(str(p) for p in xapian.glob("*-linux-gnu"))
    path = f"{corpora.ROOT}:{xapian / 'python3' / 'dist-packages'}"
    environment = os.environ | {"PYTHONPATH": path, "LD_LIBRARY_PATH": libraries}
    done = subprocess.run(
        [python, "-W", "ignore", "-m", module, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _row(name: str, size: int, times: dict[str, Any], speed: float | None, mb: float) -> str:
    full, prefix = (
        f"{p50:.2f}/{p99:.2f}"
        for p50, p99 in (np.percentile(times[n], [50, 99]) for n in ("full", "prefix"))
    )
    return (
        f"{name:<28} {size:>9} | {full:>14} {prefix:>14} | "
        f"{f'{speed:,.0f}' if speed else '–':>10} {mb:>7.0f}"
    )


if __name__ == "__main__":
    main()
