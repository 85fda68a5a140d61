"""How many module borders a keystroke, a filed ticket and an edited file cross.

``python -m bench.walks [--pairs]`` drives the real program (a suggestion and a form over HTTP, a
publish and the suggestion that it leads to) under a profiler and counts calls whose caller and
callee are different modules of this repository; ``--pairs`` lists the borders that are crossed
most, and the modules of the deepest chain. A border between the program and a library does not
count in either direction. "Deep" is the longest chain of such calls that was open at once. A file
is read in this process instead of a worker; what other threads do beside it (checksums, Whoosh) is
not counted. The keystroke is the first with any of its words; of the next letter, only the last
word is new.

These numbers describe how far a reader has to travel; they are no target for a single change.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from indexer.pipeline import IndexOptions, run_index
from indexer.readers.site_index import SiteIndex
from indexer.sources.walk import parse_sources
from indexer.worker_pool import ReadTask, TaskResult, WorkerPool, read_task
from kb.search.searcher import CHECK_EVERY, Searcher

ROOT = Path(__file__).parent.parent
PACKAGES = tuple(f"{ROOT / package}/" for package in ("kb", "indexer", "webapp"))


@dataclass
class Walk:
    """The borders that one run crossed, by pair of modules."""

    borders: Counter[tuple[str, str]] = field(default_factory=Counter)
    deepest: tuple[str, ...] = ()  # the modules of the longest chain

    def follow(self, run: Callable[[], object]) -> object:
        """Call ``run`` and count; generated code and comprehensions belong to their module."""
        # For each open frame of ours the modules on the way to it, and its own.
        stack: list[tuple[str, ...]] = []

        def profile(frame: FrameType, event: str, _argument: Any) -> None:
            file = frame.f_code.co_filename
            if event not in ("call", "return") or not file.startswith(PACKAGES):
                return
            if event == "return":
                if stack:
                    stack.pop()
                return

            # What a library calls back begins a chain of its own: a reader does not get there by
            # following calls.
            caller = frame.f_back.f_code.co_filename if frame.f_back else ""
            chain: tuple[str, ...] = (file,)
            if stack and caller == stack[-1][-1]:
                chain = stack[-1]
                if file != caller:
                    chain = (*chain, file)
                    self.borders[caller, file] += 1
            stack.append(chain)
            self.deepest = max(self.deepest, chain, key=len)

        sys.setprofile(profile)
        try:
            return run()
        finally:
            sys.setprofile(None)

    def summary(self, name: str) -> str:
        modules = {module for pair in self.borders for module in pair}
        return (
            f"{name:<36} {sum(self.borders.values()):>8,} borders"
            f" {len(modules):>4} modules {len(self.deepest) - 1:>3} deep"
        )

    def pairs(self) -> str:
        """Caller, callee and how often, most first; and the modules of the deepest chain."""
        pairs = [
            f"  {count:>4} {_short(caller)} -> {_short(callee)}"
            for (caller, callee), count in self.borders.most_common()
        ]
        return "\n".join([*pairs, "  deepest: " + " -> ".join(map(_short, self.deepest))])


def _short(module: str) -> str:
    return module[len(str(ROOT)) + 1 :]


class ReaderHere(WorkerPool):
    """Reads in this process, where the profiler is."""

    def share(self, site_index: SiteIndex) -> None:
        self.site_index = site_index

    def work(self, tasks: Iterable[ReadTask]) -> Iterator[TaskResult]:
        for task in tasks:
            yield from read_task(task, self.site_index)


def edit_a_file(folder: Path, walk: Walk) -> None:
    """Publishes two pages, then follows an edit of one until it is suggested."""
    pages, data = folder / "pages", folder / "pages-data"
    pages.mkdir()
    (pages / "jam.md").write_text("# Clear a paper jam\n\nOpen the tray and pull the sheet.\n")
    (pages / "toner.md").write_text("# Change the toner\n\nPress the lever of the cartridge.\n")
    options = IndexOptions(parse_sources([f"doc={pages}"]), data, dt.date(2026, 1, 31))
    run_index(options, pool=ReaderHere(1))
    searcher = Searcher(data, budget_ms=60_000)
    assert not searcher.suggest("drawer").hits

    (pages / "jam.md").write_text("# Clear a paper jam\n\nOpen the drawer and pull the sheet.\n")
    time.sleep(CHECK_EVERY)
    walk.follow(lambda: run_index(options, pool=ReaderHere(1)))
    walk.follow(lambda: searcher.suggest("paper jam in the drawer"))
    assert searcher.generation == "000002"


def main() -> None:
    from tests.webapp.world import build, number_of, open_centre, publish, settings_of, ticket

    folder = Path(tempfile.mkdtemp())
    settings = settings_of(folder)
    publish(settings.data)
    open_centre(settings).close()
    portal = build(settings)
    alice = portal.browser("alice")

    portal.centre.searcher.prepare()  # as servers do before they answer
    # First requests open files and fill caches of Flask; the walks are those of every day.
    alice.get("/api/v1/suggest?q=clean+the+st")
    number_of(alice.post("/tickets", ticket(key="first")))

    keystroke, next_letter, filing, editing = Walk(), Walk(), Walk(), Walk()
    keystroke.follow(lambda: alice.get("/api/v1/suggest?q=the+press+has+a+paper+ja"))
    next_letter.follow(lambda: alice.get("/api/v1/suggest?q=the+press+has+a+paper+jam"))
    form = {"csrf_token": alice.form_token(), **ticket(key="second", episode="second")}
    filing.follow(lambda: number_of(alice.client.post("/tickets", data=form)))
    portal.centre.close()
    edit_a_file(folder, editing)

    walks = {
        "a keystroke becomes suggestions": keystroke,
        "the next letter of the same title": next_letter,
        "a form becomes a ticket": filing,
        "an edited file becomes a suggestion": editing,
    }
    for name, walk in walks.items():
        print(walk.summary(name))
        if "--pairs" in sys.argv:
            print(walk.pairs())


if __name__ == "__main__":
    main()
