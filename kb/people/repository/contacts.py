"""Organisations and their contacts as rows.

Whether ``manager`` may manage a contact is checked in the transaction that reads or changes it,
since only the contact's row says to which organisation it belongs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from kb.database import Database
from kb.errors import Conflict
from kb.notifications.queue import NewNotice, add_notices
from kb.people.permissions import check_manage, contact_not_found
from kb.people.person import Person
from kb.people.repository.people import organisation_key
from kb.people.tables import CONTACT_ROLES, ORGANISATIONS, PEOPLE, SESSIONS


@dataclass(frozen=True, slots=True)
class Contact:
    """One account of an organisation. ``location`` and ``phone`` are the organisation's unless the
    contact has its own.
    """

    id: int
    email: str
    name: str
    roles: tuple[str, ...]
    location: str
    phone: str
    active: bool
    invited: bool  # has not set a password yet


@dataclass(frozen=True, slots=True)
class Organisation:
    """``category`` counts from ``contract_from`` until ``contract_until``."""

    id: int
    name: str
    category: str
    shared_view: bool
    licence_addresses: tuple[str, ...]
    contract_from: dt.datetime | None
    contract_until: dt.datetime | None
    location: str
    phone: str


class ContactStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    # --- organisations

    def organisation(self, organisation_id: int) -> Organisation | None:
        query = select(ORGANISATIONS).where(ORGANISATIONS.c.id == organisation_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Organisation(
            id=row.id,
            name=row.name,
            category=row.category,
            shared_view=row.shared_view,
            licence_addresses=tuple(row.licence_addresses),
            contract_from=row.contract_from,
            contract_until=row.contract_until,
            location=row.location,
            phone=row.phone,
        )

    def organisation_id(self, name: str) -> int | None:
        query = select(ORGANISATIONS.c.id).where(ORGANISATIONS.c.folded == organisation_key(name))
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def update_organisation(self, organisation_id: int, values: Mapping[str, Any]) -> None:
        this_organisation = update(ORGANISATIONS).where(ORGANISATIONS.c.id == organisation_id)
        with self._database.write() as connection:
            connection.execute(this_organisation.values(**values))

    # --- contacts

    def of_organisation(self, organisation_id: int) -> list[Contact]:
        with self._database.read() as connection:
            return _contacts(connection, PEOPLE.c.organisation_id == organisation_id)

    def by_email(self, manager: Person, email: str | None) -> Contact | None:
        with self._database.read() as connection:
            contacts = _contacts(connection, PEOPLE.c.email == email)
            if not contacts:
                return None
            _check_manage(connection, manager, contacts[0].id)
            return contacts[0]

    def add(
        self,
        organisation_id: int,
        email: str,
        values: Mapping[str, str],
        roles: Sequence[str],
        *,
        now: dt.datetime,
    ) -> Contact:
        """A new contact without a password, invited by a notice. Raises Conflict."""
        with self._database.write() as connection:
            exists = select(PEOPLE.c.id).where(PEOPLE.c.email == email, ~PEOPLE.c.guest)
            if connection.execute(exists).first():
                raise Conflict(f"An account for {email} exists already.", field="email")

            new_id = connection.execute(
                insert(PEOPLE).values(
                    email=email,
                    role="customer",
                    audience="customers",
                    organisation_id=organisation_id,
                    created_at=now,
                    **values,
                )
            ).inserted_primary_key
            person_id = int(new_id[0]) if new_id else 0
            _set_roles(connection, person_id, roles)
            notice = NewNotice("invite", email)
            add_notices(connection, None, f"{now.timestamp()}", [notice], now)
            return _contacts(connection, PEOPLE.c.id == person_id)[0]

    def change(
        self, manager: Person, contact_id: int, values: Mapping[str, str], roles: Sequence[str]
    ) -> Contact:
        with self._database.write() as connection:
            _check_manage(connection, manager, contact_id)
            own_values = _without_inherited(connection, contact_id, values)
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == contact_id).values(own_values))
            _set_roles(connection, contact_id, roles)
            return _contacts(connection, PEOPLE.c.id == contact_id)[0]

    def set_roles(self, manager: Person, contact_id: int, roles: Sequence[str]) -> None:
        with self._database.write() as connection:
            _check_manage(connection, manager, contact_id)
            _set_roles(connection, contact_id, roles)

    def set_active(self, manager: Person, contact_id: int, *, active: bool) -> None:
        """Deactivating ends all sessions of the contact."""
        with self._database.write() as connection:
            _check_manage(connection, manager, contact_id)
            this_person = update(PEOPLE).where(PEOPLE.c.id == contact_id)
            connection.execute(this_person.values(active=active))
            if not active:
                connection.execute(delete(SESSIONS).where(SESSIONS.c.person_id == contact_id))


def _check_manage(connection: Connection, manager: Person, contact_id: int) -> None:
    query = select(PEOPLE.c.organisation_id).where(PEOPLE.c.id == contact_id, ~PEOPLE.c.guest)
    row = connection.execute(query).first()
    if row is None:
        raise contact_not_found()
    check_manage(manager, row.organisation_id)


def _without_inherited(
    connection: Connection, contact_id: int, values: Mapping[str, str]
) -> dict[str, str]:
    """``values`` with "" for what the organisation has too, because a form shows what is inherited.

    An inherited value goes on following the organisation.
    """
    query = (
        select(ORGANISATIONS.c.location, ORGANISATIONS.c.phone)
        .select_from(PEOPLE.join(ORGANISATIONS, PEOPLE.c.organisation_id == ORGANISATIONS.c.id))
        .where(PEOPLE.c.id == contact_id)
    )
    row = connection.execute(query).mappings().first()
    inherited = dict(row) if row else {}
    return {name: "" if value == inherited.get(name) else value for name, value in values.items()}


def _contacts(connection: Connection, condition: ColumnElement[bool]) -> list[Contact]:
    query = (
        select(
            PEOPLE,
            ORGANISATIONS.c.location.label("organisation_location"),
            ORGANISATIONS.c.phone.label("organisation_phone"),
        )
        .select_from(
            PEOPLE.outerjoin(ORGANISATIONS, PEOPLE.c.organisation_id == ORGANISATIONS.c.id)
        )
        .where(condition, ~PEOPLE.c.guest)
        .order_by(PEOPLE.c.name, PEOPLE.c.id)
    )
    rows = connection.execute(query).all()

    roles: dict[int, list[str]] = {}
    of_these = CONTACT_ROLES.c.person_id.in_([row.id for row in rows])
    for role in connection.execute(select(CONTACT_ROLES).where(of_these)):
        roles.setdefault(role.person_id, []).append(role.role)

    return [
        Contact(
            id=row.id,
            email=row.email,
            name=row.name,
            roles=tuple(sorted(roles.get(row.id, ()))),
            location=row.location or row.organisation_location or "",
            phone=row.phone or row.organisation_phone or "",
            active=row.active,
            invited=row.password_hash is None,
        )
        for row in rows
    ]


def _set_roles(connection: Connection, person_id: int, roles: Sequence[str]) -> None:
    connection.execute(delete(CONTACT_ROLES).where(CONTACT_ROLES.c.person_id == person_id))
    if roles:
        rows = [{"person_id": person_id, "role": role} for role in roles]
        connection.execute(insert(CONTACT_ROLES), rows)
