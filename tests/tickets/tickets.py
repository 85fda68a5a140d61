"""What tests of tickets share: instants, a file, and short ways to look at a ticket."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from sqlalchemy import text

from kb.tickets.ticket import Ticket, Upload
from tests.world import DAY, FRIDAY, World, draft

MONDAY = FRIDAY + 3 * DAY  # 15:00 in Berlin, eight business hours after FRIDAY
LOG = Upload("print.log", b"Printer on fire")


def rows(world: World, query: str) -> list[Any]:
    """What the database holds, without the code under test."""
    with world.database.read() as connection:
        return [tuple(map(as_stored, row)) for row in connection.execute(text(query))]


def as_stored(value: object) -> object:
    """PostgreSQL's driver reads JSON, SQLite's gives its text."""
    return json.dumps(value) if isinstance(value, dict | list) else value


def seen(world: World, number: str, now: dt.datetime = FRIDAY) -> Ticket:
    """The ticket as an agent sees it."""
    return world.desk.ticket(number, world.bob, now=now)


def states(world: World, number: str, now: dt.datetime) -> list[tuple[str, str]]:
    """Each SLA target with its state."""
    return [(due.target, due.state) for due in seen(world, number, now).dues]


def open_community(world: World) -> str:
    """A ticket with a resolution target and no response target."""
    guest = world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    return world.desk.filing.file(draft(), guest, key="k", now=FRIDAY)
