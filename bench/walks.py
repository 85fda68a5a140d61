"""How many module borders a keystroke and a filed ticket cross.

``python -m bench.walks [--pairs]`` drives the real program (a suggestion and a form, over HTTP)
under a profiler and counts calls whose caller and callee are different modules of this repository;
``--pairs`` lists the borders that are crossed most. A border between the program and a library does
not count, in neither direction. "Deep" is the longest chain of such
calls that was open at once.

These numbers describe how far a reader has to travel; they are no target for a single change.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGES = tuple(f"{ROOT / package}/" for package in ("kb", "indexer", "webapp"))


@dataclass
class Walk:
    """The borders that one run crossed, by pair of modules."""

    borders: Counter[tuple[str, str]] = field(default_factory=Counter)
    deepest: int = 0

    def follow(self, run: Callable[[], object]) -> object:
        """Call ``run`` and count; generated code and comprehensions belong to their module."""
        # Module of each open frame of ours, and how many borders were crossed on the way to it.
        stack: list[tuple[str, int]] = []

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
            depth = 0
            if stack and caller == stack[-1][0]:
                depth = stack[-1][1]
                if file != caller:
                    depth += 1
                    self.borders[caller, file] += 1
            stack.append((file, depth))
            self.deepest = max(self.deepest, depth)

        sys.setprofile(profile)
        try:
            return run()
        finally:
            sys.setprofile(None)

    def summary(self, name: str) -> str:
        modules = {module for pair in self.borders for module in pair}
        return (
            f"{name:<34} {sum(self.borders.values()):>8,} borders"
            f" {len(modules):>4} modules {self.deepest:>3} deep"
        )

    def pairs(self) -> str:
        """Caller, callee and how often, most first."""
        return "\n".join(
            f"  {count:>4} {caller[len(str(ROOT)) + 1 :]} -> {callee[len(str(ROOT)) + 1 :]}"
            for (caller, callee), count in self.borders.most_common()
        )


def main() -> None:
    from tests.webapp.world import build, number_of, open_centre, publish, settings_of, ticket

    folder = Path(tempfile.mkdtemp())
    settings = settings_of(folder)
    publish(settings.data)
    open_centre(settings).close()
    portal = build(settings)
    alice = portal.browser("alice")

    # First requests open files and fill caches of Flask; the walks are those of every day.
    alice.get("/api/v1/suggest?q=clean+the+st")
    number_of(alice.post("/tickets", ticket(key="first")))

    keystroke, filing = Walk(), Walk()
    keystroke.follow(lambda: alice.get("/api/v1/suggest?q=the+press+has+a+paper+ja"))
    form = {"csrf_token": alice.form_token(), **ticket(key="second", episode="second")}
    filing.follow(lambda: number_of(alice.client.post("/tickets", data=form)))
    portal.centre.close()

    walks = {"a keystroke becomes suggestions": keystroke, "a form becomes a ticket": filing}
    for name, walk in walks.items():
        print(walk.summary(name))
        if "--pairs" in sys.argv:
            print(walk.pairs())


if __name__ == "__main__":
    main()
