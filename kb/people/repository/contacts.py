"""Organisations and their contacts as rows.

Whether ``manager`` may manage a contact is checked in the transaction that reads or changes it,
since only the contact's row says to which organisation it belongs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from kb.database import Database
from kb.database.statements import upsert
from kb.database.usage_limits import UsageLimit, count_use
from kb.errors import Conflict, Forbidden
from kb.notifications.queue import NewNotice, add_notices
from kb.people.permissions import check_manage, contact_not_found
from kb.people.person import Person, Role
from kb.people.repository.organisations import (
    check_unclaimed,
    find_or_add_organisation,
    join_named_accounts,
    organisation_key,
    set_contact_roles,
    without_inherited,
)
from kb.people.tables import CONTACT_ROLES, INVITATIONS, LICENCES, ORGANISATIONS, PEOPLE, SESSIONS


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
    deactivated_by: str  # operator or organisation; "" while active
    invited: bool  # has not set a password yet


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who was asked to become a contact and has not answered. No account stands for it."""

    id: int
    email: str
    name: str
    roles: tuple[str, ...]
    until: dt.datetime


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


class LicenceKind(StrEnum):
    """The values are stored."""

    LICENCE = "licence"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Licence:
    """What an organisation bought or tries; ``valid_until`` is the first instant after it."""

    number: str
    kind: LicenceKind
    product: str
    order_number: str
    bought_at: dt.datetime | None
    valid_from: dt.datetime | None
    valid_until: dt.datetime | None


class ContactRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    # --- organisations

    def organisation(self, organisation_id: int) -> Organisation | None:
        query = select(ORGANISATIONS).where(ORGANISATIONS.c.id == organisation_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _organisation(row) if row else None

    def organisation_id(self, name: str) -> int | None:
        query = select(ORGANISATIONS.c.id).where(ORGANISATIONS.c.folded == organisation_key(name))
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def update_organisation(self, organisation_id: int, values: Mapping[str, Any]) -> None:
        this_organisation = update(ORGANISATIONS).where(ORGANISATIONS.c.id == organisation_id)
        with self._database.write() as connection:
            check_unclaimed(connection, organisation_id, values.get("licence_addresses", ()))
            connection.execute(this_organisation.values(**values))
            if "licence_addresses" in values:
                join_named_accounts(connection, organisation_id)

    def all_organisations(self) -> tuple[Organisation, ...]:
        query = select(ORGANISATIONS).order_by(ORGANISATIONS.c.folded)
        with self._database.read() as connection:
            return tuple(_organisation(row) for row in connection.execute(query))

    def add_organisation(self, name: str, now: dt.datetime) -> int:
        """The id of the organisation with this name, which may exist."""
        with self._database.write() as connection:
            return find_or_add_organisation(connection, name, "", now) or 0

    # --- licences

    def licences(self, organisation_id: int) -> tuple[Licence, ...]:
        query = select(LICENCES).where(LICENCES.c.organisation_id == organisation_id)
        with self._database.read() as connection:
            return tuple(
                Licence(
                    row.number,
                    LicenceKind(row.kind),
                    row.product,
                    row.order_number,
                    row.bought_at,
                    row.valid_from,
                    row.valid_until,
                )
                for row in connection.execute(query.order_by(LICENCES.c.number))
            )

    def set_licence(self, organisation_id: int, values: Mapping[str, Any]) -> None:
        row = {"organisation_id": organisation_id, **values}
        changed = [name for name in values if name != "number"]
        with self._database.write() as connection:
            upsert(connection, LICENCES, row, keys=("organisation_id", "number"), update=changed)

    def remove_licence(self, organisation_id: int, number: str) -> bool:
        this = (LICENCES.c.organisation_id == organisation_id, LICENCES.c.number == number)
        with self._database.write() as connection:
            return bool(connection.execute(delete(LICENCES).where(*this)).rowcount)

    # --- contacts

    def of_organisation(self, manager: Person, organisation_id: int) -> list[Contact]:
        """Whoever works for the help centre is listed for its administrators only."""
        condition = PEOPLE.c.organisation_id == organisation_id
        if manager.role != Role.ADMIN:
            condition &= PEOPLE.c.role == Role.CUSTOMER.value
        with self._database.read() as connection:
            return _contacts(connection, condition)

    def by_email(self, manager: Person, email: str | None) -> Contact | None:
        with self._database.read() as connection:
            contacts = _contacts(connection, PEOPLE.c.email == email)
            if not contacts:
                return None
            _check_manage(connection, manager, contacts[0].id)
            return contacts[0]

    def invite(
        self,
        organisation_id: int,
        email: str,
        values: Mapping[str, str],
        roles: Sequence[str],
        limits: Sequence[UsageLimit],
        *,
        now: dt.datetime,
        until: dt.datetime,
    ) -> Invitation:
        """Keeps the invitation, instead of an earlier one of the same address, and has it mailed.

        What comes back is the same for every address. No mail reaches who works for the help centre
        or was deactivated. Raises Conflict for a contact of this organisation, TooMany.
        """
        with self._database.write() as connection:
            account = connection.execute(
                select(PEOPLE).where(PEOPLE.c.email == email, ~PEOPLE.c.guest)
            ).first()
            is_customer = account is not None and account.role == Role.CUSTOMER
            if account is not None and is_customer and account.organisation_id == organisation_id:
                raise Conflict(f"{email} is a contact of your organisation.", field="email")
            for limit in limits:
                count_use(connection, limit, now)

            of_address = (
                INVITATIONS.c.organisation_id == organisation_id,
                INVITATIONS.c.email == email,
            )
            connection.execute(delete(INVITATIONS).where(*of_address))
            connection.execute(delete(INVITATIONS).where(INVITATIONS.c.expires_at <= now))
            row = {
                "organisation_id": organisation_id,
                "email": email,
                "roles": list(roles),
                "expires_at": until,
                **values,
            }
            new_id = connection.execute(insert(INVITATIONS).values(row)).inserted_primary_key
            invitation_id = int(new_id[0]) if new_id else 0

            if account is None or (account.active and is_customer):
                kind = "invite" if account is None else "join"
                notice = NewNotice(kind, email, {"invitation": f"{invitation_id}"})
                # A number is given again once its invitation is gone: so the time is in the cause.
                cause = f"{now.timestamp()}/{invitation_id}/{organisation_id}"
                add_notices(connection, None, cause, [notice], now)
            return Invitation(invitation_id, email, values["name"], tuple(roles), until)

    def invitations(self, organisation_id: int, *, now: dt.datetime) -> tuple[Invitation, ...]:
        """Those that can still be accepted, by address."""
        query = (
            select(INVITATIONS)
            .where(INVITATIONS.c.organisation_id == organisation_id, INVITATIONS.c.expires_at > now)
            .order_by(INVITATIONS.c.email)
        )
        with self._database.read() as connection:
            return tuple(
                Invitation(row.id, row.email, row.name, tuple(row.roles), row.expires_at)
                for row in connection.execute(query)
            )

    def withdraw(self, manager: Person, invitation_id: int) -> None:
        """Its link opens nothing from now on. Raises NotFound."""
        this_one = INVITATIONS.c.id == invitation_id
        with self._database.write() as connection:
            row = connection.execute(select(INVITATIONS).where(this_one)).first()
            if row is None:
                raise contact_not_found()
            check_manage(manager, row.organisation_id)
            connection.execute(delete(INVITATIONS).where(this_one))

    def change(
        self, manager: Person, contact_id: int, values: Mapping[str, str], roles: Sequence[str]
    ) -> Contact:
        with self._database.write() as connection:
            _check_manage(connection, manager, contact_id)
            own_values = without_inherited(connection, contact_id, values)
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == contact_id).values(own_values))
            set_contact_roles(connection, contact_id, roles)
            return _contacts(connection, PEOPLE.c.id == contact_id)[0]

    def set_roles(self, manager: Person, contact_id: int, roles: Sequence[str]) -> None:
        with self._database.write() as connection:
            _check_manage(connection, manager, contact_id)
            set_contact_roles(connection, contact_id, roles)

    def deactivate(self, manager: Person, contact_id: int, *, now: dt.datetime) -> None:
        """Ends all sessions of the contact, and remembers which side did it.

        The contact is told when the own organisation did. Changes nothing about an inactive one.
        """
        side = _side(manager)
        with self._database.write() as connection:
            contact = _check_manage(connection, manager, contact_id)
            if not contact.active and side != "operator":
                return
            values = {"active": False, "deactivated_by": side}
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == contact_id).values(values))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.person_id == contact_id))
            if side == "organisation":
                notice = NewNotice("deactivated", contact.email)
                add_notices(connection, None, f"{now.timestamp()}", [notice], now)

    def reactivate(self, manager: Person, contact_id: int) -> None:
        """Raises Forbidden for an organisation when the help centre deactivated the contact."""
        with self._database.write() as connection:
            contact = _check_manage(connection, manager, contact_id)
            if contact.active:
                return
            if contact.deactivated_by != "organisation" and _side(manager) != "operator":
                raise Forbidden(
                    "Our support team deactivated this contact. Ask them to reactivate it."
                )
            values = {"active": True, "deactivated_by": ""}
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == contact_id).values(values))


def _organisation(row: Row[Any]) -> Organisation:
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


def _side(manager: Person) -> str:
    return "operator" if manager.role == Role.ADMIN else "organisation"


def _check_manage(connection: Connection, manager: Person, contact_id: int) -> Row[Any]:
    """The contact's row. Raises NotFound."""
    query = select(PEOPLE).where(PEOPLE.c.id == contact_id, ~PEOPLE.c.guest)
    row = connection.execute(query).first()
    if row is None:
        raise contact_not_found()
    check_manage(manager, row.organisation_id, row.role)
    return row


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
            deactivated_by=row.deactivated_by,
            invited=row.password_hash is None,
        )
        for row in rows
    ]
