"""What another machine fetches for a changed page, and the time until it serves the change.

    python -m bench.replicas [--sizes 10000 100000] [--rounds 1] [--folder KEPT]

Writes a tree of Markdown pages, and publishes it with `kb index` and `kb index push` into a store,
from which another data folder follows with `kb index pull --every 1`. Then it edits, adds, renames
and removes a page, one after the other. For each: the bytes that were pushed and pulled, the
seconds from the end of `kb index` until a searcher on the other folder answers accordingly, and the
bytes, as they are and compressed, of each file that differs from the last generation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import corpora
from kb.search.generations.generation import LEDGER_FILE, Generations
from kb.search.searcher import Searcher

_KB = str(Path(sys.executable).with_name("kb"))
_PATIENCE = 120.0
IsServed = Callable[[], bool]
Change = Callable[[Path, Searcher, int], IsServed]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", help="where to keep the trees and indexes for the next run")
    given = parser.parse_args()
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as temporary:
            _measure(Path(given.folder or temporary) / str(size), size, given.rounds)


def _measure(folder: Path, size: int, rounds: int) -> None:
    tree, here, there, store = (folder / name for name in ("tree", "here", "there", "store"))
    if not tree.exists():
        _write_tree(tree, size)
    _publish(here, tree)
    push = _kb("push", str(store), here)
    pull = _kb("pull", str(store), there)
    print(f"{size} pages: {push['bytes']:,} bytes pushed, {pull['bytes']:,} pulled at first")
    searcher = Searcher(there, budget_ms=60_000)
    searcher.suggest("warm up")
    with _follower(store, there):
        for number in range(rounds):
            for change in (_edited, _added, _renamed, _removed):
                _follow(change, here, tree, store, searcher, number)


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


def _follow(
    change: Change, here: Path, tree: Path, store: Path, searcher: Searcher, number: int
) -> None:
    before = _files(here)
    is_served = change(tree, searcher, number)
    published = _publish(here, tree)
    begun = time.perf_counter()
    push = _kb("push", str(store), here)
    pushed = time.perf_counter() - begun
    while not is_served():
        time.sleep(0.02)
        if time.perf_counter() - begun > _PATIENCE:
            sys.exit("The change was not served.")
    print(
        f"{change.__name__.strip('_')}: kb index {published:.1f} s; pushed {push['bytes']:,} bytes "
        f"in {push['files']} files; on the other machine {time.perf_counter() - begun:.1f} s "
        f"later, of which the push took {pushed:.1f}; load {os.getloadavg()[0]:.0f}"
    )
    then = {digest for _, digest in before.values()}
    folder = here / "index" / f"gen-{Generations(here).published_name()}"
    for name, (size, digest) in sorted(_files(here).items(), key=lambda item: -item[1][0]):
        if digest not in then and name != LEDGER_FILE:
            packed = len(zlib.compress((folder / name).read_bytes(), 6))
            print(f"  {size:>12,} {packed:>12,} {name}", flush=True)


def _edited(tree: Path, searcher: Searcher, number: int) -> IsServed:
    page, word = _page(tree, 0.1), _word("edited", number)
    page.write_text(f"{page.read_text('utf-8')}\nThe word {word} is new.\n", "utf-8")
    return lambda: bool(searcher.search(word).hits)


def _added(tree: Path, searcher: Searcher, number: int) -> IsServed:
    word = _word("added", number)
    (tree / "000" / f"{word}.md").write_text(f"# About {word}\n\nThis page is new.\n", "utf-8")
    return lambda: bool(searcher.search(word).hits)


def _renamed(tree: Path, searcher: Searcher, number: int) -> IsServed:
    page, word = _page(tree, 0.5), _word("renamed", number)
    _, _, text = page.read_text("utf-8").partition("\n")
    page.write_text(f"# Now called {word}\n{text}", "utf-8")
    return lambda: bool(searcher.search(word).hits)


def _removed(tree: Path, searcher: Searcher, _number: int) -> IsServed:
    pages = searcher.counts()
    _page(tree, 0.9).unlink()
    return lambda: searcher.counts() != pages


def _page(tree: Path, share: float) -> Path:
    """One after this share of all pages."""
    pages = sorted(tree.rglob("*.md"))
    return pages[int(share * len(pages))]


def _word(change: str, number: int) -> str:
    """One that no page has, also if the tree was kept."""
    return f"xylo{change}{number}x{time.time_ns():x}"


def _files(data: Path) -> dict[str, tuple[int, str]]:
    generation = Generations(data).current(trusted=True)
    return dict(generation.manifest.files) if generation is not None else {}


if __name__ == "__main__":
    main()
