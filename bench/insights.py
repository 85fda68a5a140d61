"""How long the page Insights takes to read with a million visits and a million tickets.

    python -m bench.insights [--visits 1000000] [--tickets 1000000] [--data DIR]

Fills a new portal with a year of made-up visits, tickets, searches and votes. The worker's own code
counts the newest three weeks of visits and tickets, and the sums of the first of these weeks are
copied to all earlier weeks, so that every table of sums has its real size. Older visits and tickets
have no events, because the page does not read them. Prints how long each part of the report takes
for 30, 90 and 365 days, and the whole page as a signed-in agent gets it: the CPU time of the
process, which includes SQLite, and the elapsed time, which is longer on a busy machine. With
--data, the portal is kept in that folder and used again.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Table

from kb.analytics.query_log import QUERY_LOG_RETENTION
from kb.analytics.tables import (
    ARTICLE_ARMS,
    ARTICLE_WEEKS,
    DEFLECTION_DAYS,
    DEFLECTION_WEEKS,
    DURATION_WEEKS,
    EPISODE_EVENTS,
    EPISODES,
    FEEDBACK,
    QUERY_COUNTS,
    QUERY_WEEKS,
    TARGET_DAYS,
    TICKET_DAYS,
)
from kb.database import Database
from kb.insights.deflection import (
    Period,
    article_uses,
    deflection_sums,
    sums_by_form_and_product,
    waiting_visits,
)
from kb.insights.ledger import DeflectionLedger
from kb.insights.report import TICKET_DIMENSIONS
from kb.insights.searches import empty_queries, votes_of_articles, zero_rate
from kb.insights.ticket_sums import TicketSums
from kb.insights.tickets import (
    attainment_by_level,
    durations_of,
    groups_of,
    open_tickets,
    total_counts,
    volume_by_day,
)
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.tickets.tables import EVENTS, TARGETS, TICKETS

NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)  # a Monday
END = int(NOW.timestamp())
HOUR, DAY, WEEK, YEAR = 3600, 86_400, 604_800, 365 * 86_400
#: From this Monday on, the worker's code counts; the sums of its week are copied to those before.
COUNTED_FROM = END - END % DAY - 3 * WEEK
PEOPLE_COUNT, ORGANISATION_COUNT, AGENT_COUNT, ARTICLE_COUNT = 20_000, 1_000, 40, 2_000
FIRST_PERSON = 1_001  # after the people of the demo
QUERIES_A_WEEK, VOTES = 5_000, 50_000
CHUNK = 50_000
RUNS = 20
KEPT = int(QUERY_LOG_RETENTION.total_seconds())
DAYS = (30, 90, 365)
SUMS = (
    DEFLECTION_DAYS,
    DEFLECTION_WEEKS,
    ARTICLE_WEEKS,
    ARTICLE_ARMS,
    TICKET_DAYS,
    DURATION_WEEKS,
    TARGET_DAYS,
)

Rows = Iterator[tuple[object, ...]]


def fill(database: Database, visits: int, tickets: int) -> None:
    chance = random.Random(1)
    for table, columns, rows in (
        (ORGANISATIONS, "id name folded created_at", _organisations()),
        (PEOPLE, "id email name role organisation_id created_at", _people()),
        (EPISODES, _VISIT, _visits(chance, visits)),
        (EPISODE_EVENTS, "episode_id kind at facts", _visit_events(chance, visits)),
        (TICKETS, _TICKET, _tickets(tickets)),
        (EVENTS, "ticket_id at verb actor_id actor by_agent public facts", _events(tickets)),
        (TARGETS, "ticket_id target level started_at due_at state", _targets(tickets)),
        (QUERY_COUNTS, "query audience week times empty", _searches(chance)),
        (QUERY_WEEKS, "week times empty", _search_weeks()),
        (FEEDBACK, "document_id voter helpful at reason", _votes(chance)),
    ):
        _insert(database, table, columns.split(), rows)


def _insert(database: Database, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """Past SQLAlchemy, which takes longer than SQLite."""
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"
    while chunk := list(islice(rows, CHUNK)):
        with database.write() as connection:
            connection.exec_driver_sql(statement, chunk)


def _organisations() -> Rows:
    for number in range(ORGANISATION_COUNT):
        yield FIRST_PERSON + number, f"Company {number}", f"company {number}", END - YEAR


def _people() -> Rows:
    for number in range(PEOPLE_COUNT):
        role = "agent" if number < AGENT_COUNT else "customer"
        person, organisation = _person(number)
        address, name = f"person-{number}@example.com", f"Person {number}"
        yield person, address, name, role, organisation, END - YEAR


def _person(number: int) -> tuple[int, int]:
    """The ids of a person and of the organisation."""
    return FIRST_PERSON + number, FIRST_PERSON + number % ORGANISATION_COUNT


def _begins(serial: int, total: int) -> int:
    return END - YEAR + serial * YEAR // total


_VISIT = (
    "id started_at last_at portal form product person_id organisation_id arm share title "
    "would_show counted"
)


def _visits(chance: random.Random, total: int) -> Rows:
    for serial in range(total):
        at = _begins(serial, total)
        person, organisation = None, None
        if chance.random() < 0.4:
            person, organisation = _person(chance.randrange(AGENT_COUNT, PEOPLE_COUNT))
        yield (
            f"visit-{serial}",
            at,
            at,
            f"portal-{serial % 3}.example.com",
            "ticket",
            f"product-{serial // 3 % 12}",
            person,
            organisation,
            "holdout" if serial % 10 == 0 else "treatment",
            10,
            f"Made-up title {serial % 1000}",
            serial % 4 > 0,
            at < COUNTED_FROM,
        )


def _visit_events(chance: random.Random, total: int) -> Rows:
    for serial in range(total):
        at, visit = _begins(serial, total), f"visit-{serial}"
        if at < COUNTED_FROM:
            continue
        article = _article(chance)
        yield visit, "shown", at, f'{{"ids": ["{article}"]}}'
        yield visit, "open", at, f'{{"id": "{article}", "dwell_ms": 20000}}'
        if serial % 3 == 0:
            yield visit, "submit", at, "{}"


def _article(chance: random.Random) -> str:
    return f"doc/article-{int(ARTICLE_COUNT * chance.random() ** 2)}"


_TICKET = (
    "id customer_id organisation_id assignee_id title type status severity product level copy_to "
    "created_at updated_at closed_at"
)


def _is_open(serial: int, total: int) -> bool:
    return serial > 0.99 * total


def _times(serial: int, total: int) -> tuple[int, int, int]:
    """When a ticket was filed, answered and solved; always the same for the same ticket."""
    chance = random.Random(serial)
    filed = _begins(serial, total)
    answered = filed + int(HOUR * chance.lognormvariate(1.5, 1))
    return filed, answered, answered + int(HOUR * chance.lognormvariate(2.5, 1))


def _tickets(total: int) -> Rows:
    for serial in range(total):
        filed = _begins(serial, total)
        is_open = _is_open(serial, total)
        person, organisation = _person(AGENT_COUNT + serial * 7 % (PEOPLE_COUNT - AGENT_COUNT))
        yield (
            serial + 1,
            person,
            organisation,
            _agent(serial),
            f"Made-up ticket {serial % 1000}",
            "question",
            "open" if is_open else "solved",
            "question",
            f"product-{serial % 12}",
            f"level-{serial % 5}",
            "[]",
            filed,
            filed,
            None if is_open else filed + DAY,
        )


def _agent(serial: int) -> int:
    return FIRST_PERSON + serial % AGENT_COUNT


def _events(total: int) -> Rows:
    for serial in range(total):
        if _begins(serial, total) < COUNTED_FROM:
            continue
        filed, answered, solved = _times(serial, total)
        person, _ = _person(AGENT_COUNT + serial * 7 % (PEOPLE_COUNT - AGENT_COUNT))
        yield serial + 1, filed, "opened", person, "", False, True, "{}"
        if not _is_open(serial, total):
            yield serial + 1, answered, "replied", _agent(serial), "", True, True, "{}"
            yield serial + 1, solved, "solved", _agent(serial), "", True, True, "{}"


def _targets(total: int) -> Rows:
    for serial in range(total):
        filed, answered, _ = _times(serial, total)
        due = filed + DAY
        state = "met" if answered <= due else "breached"
        if _is_open(serial, total):
            state = "running"
        yield serial + 1, "first response", f"level-{serial % 5}", filed, due, state


def _searches(chance: random.Random) -> Rows:
    for week in range(COUNTED_FROM + 2 * WEEK, END - KEPT, -WEEK):
        for query in chance.sample(range(4 * QUERIES_A_WEEK), QUERIES_A_WEEK):
            times = 1 + int(chance.expovariate(0.5))
            yield f"made-up query {query}", "public", week, times, times * (query % 5 == 0)


def _search_weeks() -> Rows:
    for week in range(COUNTED_FROM + 2 * WEEK, END - YEAR, -WEEK):
        yield week, 3 * QUERIES_A_WEEK, QUERIES_A_WEEK // 2


def _votes(chance: random.Random) -> Rows:
    for number in range(VOTES):
        at, helpful = END - chance.randrange(YEAR), chance.random() < 0.6
        reason = "" if helpful or number % 3 else "The button has another name."
        yield _article(chance), f"visitor:{number}", helpful, at, reason


def copy_sums(connection: Connection) -> None:
    """Copies the sums of the first week that was counted to all weeks before it."""
    for table in SUMS:
        names = [column.name for column in table.columns]
        chosen = ", ".join(f"{name} - :ago" if name in ("day", "week") else name for name in names)
        day = "day" if "day" in names else "week"
        statement = (
            f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {chosen} FROM {table.name} "
            f"WHERE {day} >= :first AND {day} < :first + {WEEK}"
        )
        for weeks in range(1, (COUNTED_FROM - END + YEAR) // WEEK + 1):
            values = {"ago": weeks * WEEK, "first": COUNTED_FROM}
            connection.exec_driver_sql(statement, values)


#: What the report reads, in its order.
PARTS: dict[str, Callable[[Connection, Period], object]] = {
    "deflection by week": lambda connection, period: deflection_sums(connection, period, by="week"),
    "by form and product": sums_by_form_and_product,
    "visits that wait": lambda connection, _: waiting_visits(connection, NOW),
    "share without result": zero_rate,
    "articles": lambda connection, period: article_uses(connection, period, limit=20),
    "votes": lambda connection, period: votes_of_articles(connection, period, limit=20),
    "searches in vain": lambda connection, period: empty_queries(connection, period, limit=20),
    "volume by day": lambda connection, period: volume_by_day(connection, period, NOW.date()),
    "tickets": total_counts,
    "times": lambda connection, period: durations_of(connection, period, ""),
    "attainment": lambda connection, period: attainment_by_level(connection, period, NOW),
    "open tickets": lambda connection, _: open_tickets(connection),
    "groups of tickets": lambda connection, period: [
        groups_of(connection, period, name, {}) for name in TICKET_DIMENSIONS
    ],
}


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    began, worked = time.perf_counter(), time.process_time()
    yield
    passed, cpu = time.perf_counter() - began, time.process_time() - worked
    print(f"{what}: {cpu:.1f} s of CPU, {passed:.1f} s", flush=True)


def milliseconds(call: Callable[[], object]) -> tuple[float, float]:
    """The median of some runs: CPU time and elapsed time."""
    cpu, passed = [], []
    for _ in range(RUNS):
        began, worked = time.perf_counter(), time.process_time()
        call()
        passed.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - worked))
    return statistics.median(cpu), statistics.median(passed)


def _row(name: str, measured: Iterable[tuple[float, float]]) -> str:
    cells = [f"{cpu:.1f} ({passed:.0f})" for cpu, passed in measured]
    return f"| {' | '.join([name, *cells])} |"


def measure(folder: Path, visits: int, tickets: int) -> None:
    from tests.webapp.world import build, settings_of

    portal = build(settings_of(folder))
    portal.clock.now = NOW
    database: Database = portal.centre.database
    marker = folder / "filled"
    if not marker.exists():
        with timed(f"Filling {visits:,} visits and {tickets:,} tickets"):
            fill(database, visits, tickets)
        with timed("Counting the visits of three weeks"):
            print(f"{DeflectionLedger(database).settle(NOW):,} visits")
        with timed("Counting the tickets of three weeks"):
            print(f"{TicketSums(database).count():,} events")
        with timed("Copying the sums"), database.write() as connection:
            copy_sums(connection)
        marker.touch()

    periods = [Period(NOW.date() - dt.timedelta(days=days - 1), NOW.date()) for days in DAYS]
    print("\nMilliseconds of CPU and elapsed milliseconds, median\n")
    print(f"| | {' | '.join(f'{days} days' for days in DAYS)} |\n|---|{'---|' * len(DAYS)}")
    with database.read() as connection:
        for name, part in PARTS.items():
            runs = [milliseconds(partial(part, connection, period)) for period in periods]
            print(_row(name, runs), flush=True)
    bob = portal.browser("bob")
    pages = [f"/desk/insights?from={period.first}&to={period.last}" for period in periods]
    print(_row("**the page**", [milliseconds(partial(bob.page, path)) for path in pages]))
    portal.centre.close()


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
