"""Tickets on PostgreSQL beside SQLite: many writers who file, then the queue, in one run.

    python -m bench.scale --postgresql postgresql://USER@HOST:PORT/EMPTY_DATABASE
        [--writers 16] [--tickets 50] [--pause 0.5]

The writers are processes, as on several portal machines. They begin together and file ``--tickets``
each: as fast as they can, or with a pause of ``--pause`` seconds on average between two tickets, as
people do, which shows what one of them waits for on a machine that is not overloaded. Prints wall
and CPU milliseconds of the writers (the server's CPU is not in it) and checks that no number is
missing and none was given twice. After each ticket, the same writer saves two rows of about as many
bytes in a separate transaction, which shows how long the machine and its disk take at this moment.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import multiprocessing
import os
import random
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import func, insert, select

from kb.database import Database, DatabaseLocation, open_database
from kb.database.metadata import USAGE
from kb.errors import Unavailable
from kb.people.accounts import Accounts
from kb.sla import policy_file
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import load_catalogue
from kb.tickets.desk import Desk
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.tables import TICKETS
from kb.tickets.ticket import Draft

CONTENT = Path(__file__).parent.parent / "content"
#: Two rows are about what the database writes to its log for a ticket. One of as many bytes would
#: be too large for an index of PostgreSQL.
_ROW_BYTES = 2_000
NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--postgresql", required=True, help="the address of an empty database")
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--tickets", type=int, default=50, help="for each writer")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds, on average")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for location in (Path(folder) / "data", arguments.postgresql):
            _measure(location, Path(folder), arguments.writers, arguments.tickets, arguments.pause)


def _measure(
    location: DatabaseLocation, folder: Path, writers: int, tickets: int, pause: float
) -> None:
    kind = "postgresql" if isinstance(location, str) else "sqlite"
    with contextlib.closing(open_database(location)) as database:
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        accounts = Accounts(database, hasher=cheap)
        for writer in range(writers):
            accounts.add(_address(writer), "Writer", "correct horse", role="customer", now=NOW)

    context = multiprocessing.get_context("spawn")
    start = context.Barrier(writers)
    with context.Pool(writers, _set_start, (start,)) as pool:
        arguments = [(location, folder, writer, tickets, pause) for writer in range(writers)]
        results = pool.starmap(_file, arguments, chunksize=1)

    lasted = max(lasted for _, _, _, _, _, lasted in results)
    walls = sorted(wall for writer_walls, _, _, _, _, _ in results for wall in writer_walls)
    bare = sorted(wall for _, writer_bare, _, _, _, _ in results for wall in writer_bare)
    cpu = sum(cpu for _, _, cpu, _, _, _ in results) / len(walls)
    numbers = [number for _, _, _, writer_numbers, _, _ in results for number in writer_numbers]
    refusals = sum(writer_refusals for _, _, _, _, writer_refusals, _ in results)
    with contextlib.closing(open_database(location)) as database, database.read() as connection:
        saved = connection.execute(select(func.count()).select_from(TICKETS)).scalar_one()
    print(
        f"{kind:<10} {writers} writers: {len(walls) / lasted:6.0f} tickets/s, wall ms "
        f"p50 {walls[len(walls) // 2]:.1f} p99 {walls[len(walls) * 99 // 100]:.1f} "
        f"max {walls[-1]:.1f}, CPU ms {cpu:.2f}; two rows p50 {bare[len(bare) // 2]:.1f} p99 "
        f"{bare[len(bare) * 99 // 100]:.1f}; saved {saved} of {len(numbers)}, "
        f"{len(numbers) - len(set(numbers))} numbers twice, {refusals} times busy; the load was "
        f"{os.getloadavg()[0]:.0f}"
    )


_START: list[Barrier] = []


def _set_start(start: Barrier) -> None:
    _START.append(start)


def _file(
    location: DatabaseLocation, folder: Path, writer: int, tickets: int, pause: float
) -> tuple[list[float], list[float], float, list[str], int, float]:
    """Wall milliseconds of each ticket and of each pair of rows, CPU milliseconds of all tickets,
    their numbers, how often the database was too busy, and the seconds that it took from the common
    start on.
    """
    pauses = random.Random(writer)
    with contextlib.closing(open_database(location)) as database:
        desk = Desk(
            TicketRepository(database),
            policy_file.load_policy(CONTENT / "policies.toml"),
            Attachments(folder / "attachments"),
            load_catalogue(CONTENT / "catalogue.toml"),
        )
        requester = Accounts(database).by_email(_address(writer))
        assert requester is not None
        walls: list[float] = []
        bare: list[float] = []
        cpu = 0.0
        numbers: list[str] = []
        refusals = 0
        _START[0].wait()
        began_at = time.perf_counter()
        for ticket in range(tickets):
            draft = Draft(f"Printer {writer} jams", "problem", "question", "It does not print.")
            if pause:
                time.sleep(pauses.expovariate(1 / pause))
            start, cpu_start = time.perf_counter(), time.process_time()
            while len(numbers) == ticket:
                try:
                    numbers.append(desk.filing.file(draft, requester, key=f"k{ticket}", now=NOW))
                except Unavailable:  # as a browser does, with the same key
                    refusals += 1
            walls.append((time.perf_counter() - start) * 1000)
            cpu += (time.process_time() - cpu_start) * 1000
            bare.append(_save_two_rows(database, _address(writer)))
        return walls, bare, cpu, numbers, refusals, time.perf_counter() - began_at


def _save_two_rows(database: Database, scope: str) -> float:
    """Wall milliseconds."""
    start = time.perf_counter()
    rows = [{"scope": scope, "key": os.urandom(_ROW_BYTES), "at": NOW} for _ in range(2)]
    with contextlib.suppress(Unavailable), database.write_beside() as connection:
        connection.execute(insert(USAGE), rows)
    return (time.perf_counter() - start) * 1000


def _address(writer: int) -> str:
    return f"writer{writer}@example.com"


if __name__ == "__main__":
    main()
