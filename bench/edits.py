"""Time from saving a file until search shows the change, in trees of thousands of files.

    python -m bench.edits [--edits 8] [KIND=PATH ...]

Copies the trees (by default the three of the bench data: PowerShell's articles, three HTML manuals,
a forum dump), indexes them, follows them with `kb index --watch` in a process of its own, and saves
one word more in one article after another. For each edit: seconds until the generation is
published, until a searcher that was already answering shows the word, and processor seconds of the
indexer (Linux).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import corpora
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher

TREES = ("doc=powershell", "doc=html", "forum=forum-stackexchange")
_PATIENCE = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=8)
    parser.add_argument("trees", nargs="*", metavar="KIND=PATH")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = [copied(word, Path(folder)) for word in arguments.trees or _trees()]
        data = Path(folder) / "data"
        subprocess.run(
            _command(data, words), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        follow(data, words, pages(words), arguments.edits)


def _trees() -> list[str]:
    data = corpora.data()
    if data is None:
        sys.exit("There is no bench data; name trees as KIND=PATH, or set KB_BENCH_DATA.")
    return [
        f"{kind}={data / 'content' / path}"
        for kind, _, path in (tree.partition("=") for tree in TREES)
    ]


def copied(word: str, folder: Path) -> str:
    kind, _, path = word.partition("=")
    shutil.copytree(path, folder / Path(path).name, symlinks=True)
    return f"{kind}={folder / Path(path).name}"


def pages(words: list[str]) -> list[Path]:
    return [page for word in words for page in sorted(Path(word.partition("=")[2]).rglob("*.md"))]


def _command(data: Path, words: list[str], *more: str) -> list[str]:
    return [str(Path(sys.executable).with_name("kb")), "index", *more, "--data", str(data), *words]


def follow(data: Path, words: list[str], articles: list[Path], edits: int) -> None:
    searcher = Searcher(data, budget_ms=60_000)
    count = sum(
        1 for word in words for file in Path(word.partition("=")[2]).rglob("*") if file.is_file()
    )
    with subprocess.Popen(
        _command(data, words, "--watch"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _warm(data, articles[0])
            print(f"{count} files; seconds after an edit")
            print(f"{'published':>10} {'searchable':>11} {'processor':>10}")
            rows = [
                _edit(data, searcher, articles[i * 37 % len(articles)], i, process.pid)
                for i in range(edits)
            ]
            print(f"{statistics.median(row[0] for row in rows):>10.2f} "
                  f"{statistics.median(row[1] for row in rows):>11.2f}  (median)")  # fmt: skip
        finally:
            process.terminate()


def _warm(data: Path, page: Path) -> None:
    """Edit a page until it is noticed: only then is the tree watched."""
    before, begun = Generations(data).published_name(), time.monotonic()
    while Generations(data).published_name() == before:
        with page.open("a", encoding="utf-8") as file:
            file.write("\nIt is watched.\n")
        time.sleep(2)
        if time.monotonic() - begun > _PATIENCE:
            sys.exit("No edit was published.")
    time.sleep(3)


def _edit(
    data: Path, searcher: Searcher, page: Path, number: int, process: int
) -> tuple[float, float]:
    word, before, used = (
        f"xylograph{number}x",
        Generations(data).published_name(),
        _processor(process),
    )
    searcher.suggest("warm up")
    text = page.read_text("utf-8")
    begun = time.perf_counter()
    page.write_text(f"{text}\nThe word {word} is new.\n", "utf-8")
    published = _until(lambda: Generations(data).published_name() != before) - begun
    searchable = _until(lambda: bool(searcher.search(word).hits)) - begun
    time.sleep(1)
    print(f"{published:>10.2f} {searchable:>11.2f} {_processor(process) - used:>10.2f}", flush=True)
    return published, searchable


def _until(true: Callable[[], bool]) -> float:
    begun = time.monotonic()
    while not true():
        time.sleep(0.005)
        if time.monotonic() - begun > _PATIENCE:
            sys.exit("The edit was not published.")
    return time.perf_counter()


def _processor(process: int) -> float:
    """Seconds of processor that a process has used; nan where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
