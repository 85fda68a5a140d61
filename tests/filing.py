"""A process that files tickets and prints each number once it is acknowledged.

Run as `python -m tests.filing DATA NAME COUNT`.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from tests.world import build, draft


def main(data: str, name: str, count: str) -> None:
    """``count`` tickets, each with the key ``<name>-<i>``; with the name ``same``, all processes
    share the keys.
    """
    world = build(Path(data))
    for i in range(int(count)):
        now = dt.datetime.now(dt.UTC)
        number = world.desk.filing.file(
            draft(f"Ticket {i} of {name}"), world.alice, key=f"{name}-{i}", now=now
        )
        print(number, flush=True)  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main(*sys.argv[1:])
