"""How long the page Insights takes to read with a million visits and a million tickets.

    python -m bench.insights [--visits 1000000] [--tickets 1000000] [--data DIR]

Fills a new database with a year of made-up visits and tickets, lets the ledger and the ticket sums
count them as the worker does, and prints how long that takes. Then times the report of the page for
30, 90 and 365 days. With --data, the database is kept there and used again.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from kb.analytics.tables import EPISODE_EVENTS, EPISODES
from kb.database import Database, open_database
from kb.insights.deflection import Period
from kb.insights.ledger import DeflectionLedger
from kb.insights.report import insights_report
from kb.insights.ticket_sums import TicketSums
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.tickets.tables import EVENTS, TARGETS, TICKETS

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
YEAR = 365
PEOPLE_COUNT, ORGANISATION_COUNT, AGENT_COUNT, ARTICLE_COUNT = 20_000, 1_000, 40, 2_000
CHUNK = 20_000
RUNS = 20
HOUR = dt.timedelta(hours=1)


def fill(database: Database, visits: int, tickets: int) -> None:
    chance = random.Random(1)
    with database.write() as connection:
        names = [
            {"name": f"Company {number}", "folded": f"company {number}", "created_at": NOW}
            for number in range(ORGANISATION_COUNT)
        ]
        connection.execute(insert(ORGANISATIONS), names)
        people = [
            {
                "email": f"person-{number}@example.com",
                "name": f"Person {number}",
                "role": "agent" if number < AGENT_COUNT else "customer",
                "organisation_id": 1 + number % ORGANISATION_COUNT,
                "created_at": NOW - dt.timedelta(days=YEAR),
            }
            for number in range(PEOPLE_COUNT)
        ]
        connection.execute(insert(PEOPLE), people)
    for start in range(0, tickets, CHUNK):
        _fill_tickets(database, chance, range(start, min(start + CHUNK, tickets)), tickets)
    for start in range(0, visits, CHUNK):
        _fill_visits(database, chance, range(start, min(start + CHUNK, visits)), visits)


def _fill_tickets(database: Database, chance: random.Random, serials: range, total: int) -> None:
    rows, events, targets = [], [], []
    for serial in serials:
        at = NOW - dt.timedelta(days=YEAR) * (1 - serial / total)
        person = chance.randrange(AGENT_COUNT, PEOPLE_COUNT)
        is_open = serial > 0.99 * total
        replied = at + HOUR * chance.lognormvariate(1.5, 1)
        solved = replied + HOUR * chance.lognormvariate(2.5, 1)
        level = f"level-{serial % 5}"
        rows.append(
            {
                "id": serial + 1,
                "customer_id": person + 1,
                "organisation_id": 1 + person % ORGANISATION_COUNT,
                "assignee_id": 1 + serial % AGENT_COUNT,
                "title": f"Made-up ticket {serial % 1000}",
                "type": "question",
                "status": "open" if is_open else "solved",
                "severity": "question",
                "product": f"product-{serial % 12}",
                "level": level,
                "copy_to": [],
                "created_at": at,
                "updated_at": at,
                "closed_at": None if is_open else solved,
            }
        )
        happened = [("opened", at, person + 1, False)]
        if not is_open:
            happened += [("replied", replied, 1 + serial % AGENT_COUNT, True)]
            happened += [("solved", solved, 1 + serial % AGENT_COUNT, True)]
        events += [
            {
                "ticket_id": serial + 1,
                "at": when,
                "verb": verb,
                "actor_id": actor,
                "actor": "",
                "by_agent": by_agent,
                "public": True,
                "facts": {},
            }
            for verb, when, actor, by_agent in happened
        ]
        due = at + 24 * HOUR
        state = "running" if is_open else "met" if replied <= due else "breached"
        targets.append(
            {
                "ticket_id": serial + 1,
                "target": "first response",
                "level": level,
                "started_at": at,
                "due_at": due,
                "state": state,
            }
        )
    with database.write() as connection:
        connection.execute(insert(TICKETS), rows)
        connection.execute(insert(EVENTS), events)
        connection.execute(insert(TARGETS), targets)


def _fill_visits(database: Database, chance: random.Random, numbers: range, total: int) -> None:
    visits: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for number in numbers:
        at = NOW - dt.timedelta(days=YEAR) * (1 - number / total)
        person = chance.randrange(AGENT_COUNT, PEOPLE_COUNT) if chance.random() < 0.4 else None
        article = f"doc/article-{int(ARTICLE_COUNT * chance.random() ** 2)}"
        visits.append(
            {
                "id": f"visit-{number}",
                "started_at": at,
                "last_at": at,
                "portal": f"portal-{number % 3}.example.com",
                "form": "ticket",
                "product": f"product-{number % 12}",
                "person_id": None if person is None else person + 1,
                "organisation_id": None if person is None else 1 + person % ORGANISATION_COUNT,
                "arm": "holdout" if number % 10 == 0 else "treatment",
                "share": 10,
                "title": f"Made-up title {number % 1000}",
                "would_show": number % 4 > 0,
            }
        )
        facts = [("shown", {"ids": [article]}), ("open", {"id": article, "dwell_ms": 20_000})]
        facts += [("submit", {})] if number % 3 == 0 else []
        events += [
            {"episode_id": f"visit-{number}", "kind": kind, "at": at, "facts": payload}
            for kind, payload in facts
        ]
    with database.write() as connection:
        connection.execute(insert(EPISODES), visits)
        connection.execute(insert(EPISODE_EVENTS), events)


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - began:.1f} s", flush=True)


def milliseconds(call: Callable[[], object]) -> tuple[float, float]:
    """Median and slowest of some runs."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times), max(times)


def measure(data: Path, visits: int, tickets: int) -> None:
    with contextlib.closing(open_database(data)) as database:
        with database.read() as connection:
            is_filled = connection.execute(select(func.count()).select_from(PEOPLE)).scalar_one()
        if not is_filled:
            with timed(f"Filling {visits:,} visits and {tickets:,} tickets"):
                fill(database, visits, tickets)
        with timed("Counting visits"):
            print(f"{DeflectionLedger(database).settle(NOW):,} visits counted")
        with timed("Counting tickets"):
            print(f"{TicketSums(database).count():,} events counted")

        print("\n| days | median | slowest |\n|---|---|---|")
        for days in (30, 90, 365):
            period = Period(NOW.date() - dt.timedelta(days=days - 1), NOW.date())
            median, slowest = milliseconds(
                lambda period=period: insights_report(database, period, now=NOW)  # type: ignore[misc]
            )
            print(f"| {days} | {median:.0f} ms | {slowest:.0f} ms |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.data:
        measure(options.data, options.visits, options.tickets)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.visits, options.tickets)


if __name__ == "__main__":
    main()
