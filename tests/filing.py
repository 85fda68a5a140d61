"""A process that files tickets and prints each number once it is acknowledged.

Run as `python -m tests.filing DATA NAME COUNT [ADDRESS]`; the address is that of a database on
PostgreSQL. When the database is not there, it tries again with the same key, as a browser does.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from pathlib import Path

from kb.database import open_database
from kb.errors import Unavailable
from tests.world import build, draft


def main(data: str, name: str, count: str, address: str = "") -> None:
    """``count`` tickets, each with the key ``<name>-<i>``; with the name ``same``, all processes
    share the keys.
    """
    world = build(Path(data), open_database(address) if address else None)
    for i in range(int(count)):
        now, number = dt.datetime.now(dt.UTC), ""
        while not number:
            with contextlib.suppress(Unavailable) if address else contextlib.nullcontext():
                number = world.desk.filing.file(
                    draft(f"Ticket {i} of {name}"), world.alice, key=f"{name}-{i}", now=now
                )
        print(number, flush=True)  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main(*sys.argv[1:])
