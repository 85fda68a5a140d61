"""What another machine fetches for one edited page, and the time until it serves the page.

    python -m bench.replicas [--sizes 10000 100000] [--edits 3] [--folder KEPT]

Writes a tree of Markdown pages, and publishes it with `kb index` and `kb index push` into a store,
from which another data folder follows with `kb index pull --every 1`. Then it edits one page after
another. For each edit: the bytes of each file that differs from the last generation, the bytes that
were pushed and pulled, and the seconds from the end of `kb index` until a searcher on the other
folder finds the new word.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import corpora
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher

_KB = str(Path(sys.executable).with_name("kb"))
_PATIENCE = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--edits", type=int, default=3)
    parser.add_argument("--folder", help="where to keep the trees and indexes for the next run")
    given = parser.parse_args()
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as temporary:
            _measure(Path(given.folder or temporary) / str(size), size, given.edits)


def _measure(folder: Path, size: int, edits: int) -> None:
    tree, here, there, store = (folder / name for name in ("tree", "here", "there", "store"))
    if not tree.exists():
        _write_tree(tree, size)
    _publish(here, tree)
    push = _kb("push", str(store), here)
    pull = _kb("pull", str(store), there)
    print(f"{size} pages: {push['bytes']:,} bytes pushed, {pull['bytes']:,} pulled at first")
    pages = sorted(tree.rglob("*.md"))
    searcher = Searcher(there, budget_ms=60_000)
    with _follower(store, there):
        for edit in range(edits):
            _edit(here, tree, store, searcher, pages[(edit * 37 + 1) % size], f"xylograph{edit}x")


def _write_tree(tree: Path, size: int) -> None:
    for number, document in enumerate(corpora.documents(size)):
        folder = tree / f"{number // 500:03}"
        folder.mkdir(parents=True, exist_ok=True)
        text = "\n\n".join(section.text for section in document.sections)
        (folder / f"{number:06}.md").write_text(f"# {document.title}\n\n{text}\n", "utf-8")


def _publish(data: Path, tree: Path) -> float:
    """Wall seconds of `kb index`."""
    begun = time.perf_counter()
    command = [_KB, "index", "--data", str(data), f"doc={tree}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _kb(verb: str, store: str, data: Path) -> dict[str, Any]:
    command = [_KB, "index", verb, store, "--json", "--data", str(data)]
    transfer: dict[str, Any] = json.loads(subprocess.check_output(command))
    return transfer


@contextmanager
def _follower(store: Path, data: Path) -> Iterator[None]:
    command = [_KB, "index", "pull", str(store), "--every", "1", "--json", "--data", str(data)]
    with (data / "pulls.json").open("w") as pulls, subprocess.Popen(command, stdout=pulls) as pull:
        try:
            time.sleep(3)
            yield
        finally:
            pull.terminate()


def _edit(here: Path, tree: Path, store: Path, searcher: Searcher, page: Path, word: str) -> None:
    searcher.suggest("warm up")
    before = _files(here)
    page.write_text(f"{page.read_text('utf-8')}\nThe word {word} is new.\n", "utf-8")
    published = _publish(here, tree)
    begun = time.perf_counter()
    push = _kb("push", str(store), here)
    pushed = time.perf_counter() - begun
    while not searcher.search(word).hits:
        time.sleep(0.02)
        if time.perf_counter() - begun > _PATIENCE:
            sys.exit("The edit was not served.")
    print(
        f"kb index {published:.1f} s; pushed {push['bytes']:,} bytes in {push['files']} files; on "
        f"the other machine {time.perf_counter() - begun:.1f} s later, of which the push took "
        f"{pushed:.1f}; load {os.getloadavg()[0]:.0f}"
    )
    for name, (size, digest) in sorted(_files(here).items(), key=lambda item: -item[1][0]):
        if digest not in {known for _, known in before.values()}:
            print(f"  {size:>12,} {name}", flush=True)


def _files(data: Path) -> dict[str, tuple[int, str]]:
    generation = Generations(data).current(trusted=True)
    return dict(generation.manifest.files) if generation is not None else {}


if __name__ == "__main__":
    main()
