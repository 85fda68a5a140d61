"""Accounts as rows, by the operator: found and changed whether or not they are active."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import IntegrityError

from kb.database import Database
from kb.errors import Conflict
from kb.notifications.queue import NO_DOMAIN
from kb.people.person import Person, Role
from kb.people.repository.organisations import find_or_add_organisation, join_organisation
from kb.people.repository.people import PERSON_ROWS, person_matches, to_person
from kb.people.tables import (
    AUTHENTICATOR_APPS,
    CONTACT_ROLES,
    COUPONS,
    PASSKEYS,
    PEOPLE,
    RECOVERY_CODES,
    SESSIONS,
    TOKENS,
)

#: What belongs to a person's second factor.
FACTOR_TABLES = (AUTHENTICATOR_APPS, PASSKEYS, RECOVERY_CODES)
_ADMINISTRATORS = select(PEOPLE.c.id).where(
    PEOPLE.c.role == Role.ADMIN.value,
    PEOPLE.c.active,
    PEOPLE.c.guest.is_(False),
    PEOPLE.c.demo.is_(False),
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account as administrators see it."""

    person: Person
    active: bool


class AccountRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, email: str) -> Person | None:
        """The account of an address, active or not."""
        query = PERSON_ROWS.where(PEOPLE.c.email == email, PEOPLE.c.guest.is_(False))
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
            return to_person(row) if row else None

    def demo(self) -> tuple[Person, ...]:
        """Every demo person, active or not, by address."""
        query = PERSON_ROWS.where(PEOPLE.c.demo, PEOPLE.c.password_hash.is_not(None))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(PEOPLE.c.email)).mappings()
            return tuple(to_person(row) for row in rows)

    def move(self, person_id: int, organisation: str, now: dt.datetime) -> None:
        """Into another organisation, which is added when it is new, or with "" out of any."""
        with self._database.write() as connection:
            organisation_id = find_or_add_organisation(connection, organisation, "", now)
            former = connection.execute(
                select(PEOPLE.c.organisation_id).where(PEOPLE.c.id == person_id)
            ).scalar()
            if former != organisation_id:
                join_organisation(connection, person_id, organisation_id)

    def search(self, words: str, limit: int) -> tuple[Account, ...]:
        """Accounts whose name, address, phone or organisation has every word, by address."""
        query = PERSON_ROWS.where(PEOPLE.c.guest.is_(False), PEOPLE.c.merged_into.is_(None))
        for word in words.casefold().split():
            query = query.where(person_matches(word))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(PEOPLE.c.email).limit(limit)).mappings()
            return tuple(Account(to_person(row), row["active"]) for row in rows)

    def account_by_id(self, person_id: int) -> Account | None:
        """An account, active or not; None for a guest and for one that was removed."""
        query = PERSON_ROWS.where(
            PEOPLE.c.id == person_id, PEOPLE.c.guest.is_(False), PEOPLE.c.merged_into.is_(None)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
            return Account(to_person(row), row["active"]) if row else None

    def set_role(self, person_id: int, role: Role, audience: str) -> None:
        with self._database.write() as connection:
            values = {"role": role.value, "audience": audience}
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(values))

    def rename(self, person: Person, *, name: str, email: str) -> None:
        """Links that were mailed to an earlier address open nothing more. Raises Conflict."""
        this_person = update(PEOPLE).where(PEOPLE.c.id == person.id)
        with self._database.write() as connection:
            try:
                connection.execute(this_person.values(name=name, email=email))
            except IntegrityError:
                raise Conflict(f"An account for {email} already exists.", field="email") from None
            if email != person.email:
                connection.execute(delete(TOKENS).where(TOKENS.c.email == person.email))

    def administrators(self) -> frozenset[int]:
        """See ``active_administrators``."""
        with self._database.read() as connection:
            return active_administrators(connection)

    def remove(self, person: Person) -> bool:
        """See ``remove_account``."""
        with self._database.write() as connection:
            return remove_account(connection, person)


def active_administrators(connection: Connection) -> frozenset[int]:
    """The ids of those who can administer this portal; demo accounts do not count."""
    return frozenset(connection.execute(_ADMINISTRATORS).scalars())


def remove_account(connection: Connection, person: Person) -> bool:
    """Removes the account and whatever opens it; False when tickets still name the person.

    Of such a person the name stays, and an address that nobody has: the former one is free.
    """
    for table in (*FACTOR_TABLES, SESSIONS, CONTACT_ROLES):
        connection.execute(delete(table).where(table.c.person_id == person.id))
    connection.execute(delete(TOKENS).where(TOKENS.c.email == person.email))
    try:
        with connection.begin_nested():
            connection.execute(delete(COUPONS).where(COUPONS.c.person_id == person.id))
            connection.execute(delete(PEOPLE).where(PEOPLE.c.id == person.id))
    except IntegrityError:
        values = {
            "email": f"removed-{person.id}@{NO_DOMAIN}",
            "password_hash": None,
            "active": False,
            "deactivated_by": "operator",
            "role": Role.CUSTOMER.value,
            "audience": "public",
            "organisation_id": None,
            "location": "",
            "phone": "",
        }
        connection.execute(update(PEOPLE).where(PEOPLE.c.id == person.id).values(values))
        return False
    return True
