"""How long a writer waits for its turn, in any database, and what it is told when that is over."""

from __future__ import annotations

from kb.errors import Unavailable

WRITE_DEADLINE = 2.0  # seconds


def database_busy() -> Unavailable:
    return Unavailable(
        "The database is busy; nothing was saved. Try again in a few seconds.", retry_after=2
    )
