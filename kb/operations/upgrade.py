"""``kb upgrade``: what a data folder needs before this version can use all of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from kb.database import DatabaseLocation, database_exists, is_up_to_date, open_database
from kb.search.generations.generation import Generations

EARLIER_INDEX = (
    "The index was written by an earlier version. It works, but fewer pages might be suggested "
    "until you run `kb index`."
)


def pending_steps(data: Path, database: DatabaseLocation) -> tuple[str, ...]:
    """A sentence for each part that an earlier version wrote; changes nothing.

    Raises Unavailable when a newer version wrote the database, or nothing can read it.
    """
    steps = []
    if database_exists(database) and not is_up_to_date(database):
        steps.append("The database needs a migration: back up, then run `kb upgrade`.")
    problem = Generations(data).problem()
    if problem:
        steps.append(f"The index has to be built again. {problem}")
    return tuple(steps)


def advice(data: Path) -> str:
    """What would improve the installation, although it works as it is; "" for nothing."""
    generation = Generations(data).current(trusted=True)
    return EARLIER_INDEX if generation is not None and generation.manifest.is_earlier else ""


def migrate_database(location: DatabaseLocation) -> bool:
    """Migrates the database if it needs that; whether it did. Raises Unavailable."""
    if not database_exists(location) or is_up_to_date(location):
        return False
    with contextlib.closing(open_database(location)):
        return True
