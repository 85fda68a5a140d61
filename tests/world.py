"""The parts of the ticket side, put together over a real folder, and the people of the tests."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from kb.analytics.deflection import Deflection
from kb.database import Database
from kb.database.sqlite.engine import SqliteDatabase
from kb.errors import Conflict
from kb.people.accounts import Accounts
from kb.people.demo import add_demo_accounts
from kb.people.person import Person
from kb.sla import policy_file
from kb.sla.policy import SlaPolicy
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import Catalogue, Product, ProductVersion
from kb.tickets.desk import Desk
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.ticket import Draft
from tests.databases import open_test_database

#: A Friday at 15:00 in Berlin: eight open hours later is Monday at 15:00.
FRIDAY = dt.datetime(2026, 6, 5, 13, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
POLICIES = Path(__file__).with_name("policies.toml")
CATALOGUE = Catalogue(
    (
        Product(
            "press",
            "Press",
            ("print", "fold"),
            (ProductVersion("2.0", dt.date(2027, 12, 31)), ProductVersion("1.0")),
        ),
        Product("still", "Still"),
    )
)


@dataclass(frozen=True, slots=True)
class World:
    data: Path
    database: Database
    accounts: Accounts
    desk: Desk
    deflection: Deflection
    policy: SlaPolicy
    alice: Person  # a customer of Acme
    anton: Person  # her colleague
    bob: Person  # an agent
    charlie: Person  # another company's customer
    erin: Person  # an editor
    vera: Person  # a customer with coupons

    @property
    def sqlite(self) -> SqliteDatabase:
        """For tests of the file; they are skipped on PostgreSQL."""
        if not isinstance(self.database, SqliteDatabase):
            pytest.skip("about the file of SQLite")
        return self.database


def build(data: Path, database: Database | None = None) -> World:
    """Cheap hashing; everything else as it is served."""
    data.mkdir(parents=True, exist_ok=True)
    database = database or open_test_database(data)
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(database, session_hours=12, demo=True, hasher=hasher)
    add_demo_accounts(accounts, FRIDAY)
    with contextlib.suppress(Conflict):  # two processes of a test may build at once
        accounts.add(
            "anton@example.com",
            "Anton",
            "anton-demo",
            role="customer",
            organisation="ACME",
            contact_roles=(),
            now=FRIDAY,
        )
    policy = policy_file.load_policy(POLICIES)
    desk = Desk(TicketRepository(database), policy, Attachments(data / "attachments"), CATALOGUE)
    people = {
        name: person_of(accounts, name)
        for name in ("alice", "anton", "bob", "charlie", "erin", "vera")
    }
    return World(data, database, accounts, desk, Deflection(database), policy, **people)


def person_of(accounts: Accounts, name: str) -> Person:
    person = accounts.by_email(f"{name}@example.com")
    assert person is not None
    return person


def draft(title: str = "Cannot print", **about: object) -> Draft:
    values = {
        "type": "problem",
        "severity": "question",
        "description": "It does not print.",
        **about,
    }
    return Draft(title, **values)  # type: ignore[arg-type]  # the values of the tests
