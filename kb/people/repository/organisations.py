"""Which organisation an address belongs to, and which contact roles a newcomer gets there.

Functions in the caller's transaction: an account and its organisation are saved together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, exists, insert, select, update

from kb.errors import Conflict
from kb.people.licences import entries_naming
from kb.people.person import ContactRole, Role
from kb.people.tables import CONTACT_ROLES, ORGANISATIONS, PEOPLE


def organisation_key(name: str) -> str:
    """The same for all spellings of an organisation's name, by case and blanks."""
    return " ".join(name.casefold().split())


def find_or_add_organisation(
    connection: Connection, name: str, category: str, now: dt.datetime
) -> int | None:
    """The organisation's id; None without a name."""
    if not name:
        return None

    key = organisation_key(name)
    organisation_id = connection.execute(
        select(ORGANISATIONS.c.id).where(ORGANISATIONS.c.folded == key)
    ).scalar()
    if organisation_id is not None:
        return int(organisation_id)

    values = {"name": name, "folded": key, "category": category, "created_at": now}
    new_id = connection.execute(insert(ORGANISATIONS).values(values)).inserted_primary_key
    return int(new_id[0]) if new_id else None


def licensed_organisation(connection: Connection, email: str) -> int | None:
    """The organisation whose licence names a verified address; None when there is none.

    An address that is named itself goes before its domain.
    """
    licences = _licences(connection)
    for entry in entries_naming(email):
        for organisation_id, _, entries in licences:
            if entry in entries:
                return organisation_id
    return None


def check_unclaimed(connection: Connection, organisation_id: int, entries: Sequence[str]) -> None:
    """Raises Conflict for an entry that the licence of another organisation has."""
    for other_id, name, claimed in _licences(connection):
        doubles = sorted(set(entries) & set(claimed))
        if other_id != organisation_id and doubles:
            raise Conflict(
                f"The licence of {name} already names {doubles[0].removeprefix('@')}. Remove it "
                "there first.",
                field="licence_addresses",
            )


def _licences(connection: Connection) -> list[tuple[int, str, list[str]]]:
    query = select(
        ORGANISATIONS.c.id, ORGANISATIONS.c.name, ORGANISATIONS.c.licence_addresses
    ).order_by(ORGANISATIONS.c.id)
    return [(row.id, row.name, row.licence_addresses) for row in connection.execute(query)]


def join_named_accounts(connection: Connection, organisation_id: int) -> None:
    """Accounts without an organisation join the one whose licence names their address now."""
    query = select(PEOPLE.c.id, PEOPLE.c.email).where(
        PEOPLE.c.organisation_id.is_(None),
        PEOPLE.c.role == Role.CUSTOMER.value,
        PEOPLE.c.active,
        ~PEOPLE.c.guest,
    )
    for person in connection.execute(query.order_by(PEOPLE.c.id)).all():
        if licensed_organisation(connection, person.email) == organisation_id:
            join_organisation(connection, person.id, organisation_id)


def join_organisation(connection: Connection, person_id: int, organisation_id: int | None) -> None:
    """Makes the account a contact; its roles elsewhere end, and so does what it inherited there.

    The first one administers the organisation, and everybody may file tickets.
    """
    set_contact_roles(connection, person_id, ())  # or who administered there would still count
    values = {"organisation_id": organisation_id, "location": "", "phone": ""}
    connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(values))
    this = select(PEOPLE.c.email).where(PEOPLE.c.id == person_id)
    email = connection.execute(this).scalar_one()
    set_contact_roles(connection, person_id, first_roles(connection, organisation_id, email))


def first_roles(
    connection: Connection, organisation_id: int | None, email: str
) -> tuple[ContactRole, ...]:
    """The contact roles of somebody who is new in an organisation; none without one.

    While nobody administers it, the buyer does, whose address the licence names itself, or the
    first user. Whoever only has an address at its domain does not get power over earlier contacts.
    """
    if organisation_id is None:
        return ()
    others = (
        PEOPLE.c.organisation_id == organisation_id,
        PEOPLE.c.role == Role.CUSTOMER.value,
        PEOPLE.c.active,
        PEOPLE.c.email != email,
        ~PEOPLE.c.guest,
    )
    administers = exists().where(
        CONTACT_ROLES.c.person_id == PEOPLE.c.id,
        CONTACT_ROLES.c.role == ContactRole.ADMINISTRATOR.value,
    )
    licence = select(ORGANISATIONS.c.licence_addresses).where(ORGANISATIONS.c.id == organisation_id)
    is_buyer = email in (connection.execute(licence).scalar() or ())
    is_first = connection.execute(select(PEOPLE.c.id).where(*others).limit(1)).first() is None
    is_administered = connection.execute(select(PEOPLE.c.id).where(*others, administers)).first()
    if is_administered is None and (is_buyer or is_first):
        return (ContactRole.ADMINISTRATOR, ContactRole.SUPPORT)
    return (ContactRole.SUPPORT,)


def set_contact_roles(connection: Connection, person_id: int, roles: Sequence[str]) -> None:
    connection.execute(delete(CONTACT_ROLES).where(CONTACT_ROLES.c.person_id == person_id))
    if roles:
        rows = [{"person_id": person_id, "role": str(role)} for role in roles]
        connection.execute(insert(CONTACT_ROLES), rows)


def without_inherited(
    connection: Connection, person_id: int, values: Mapping[str, str]
) -> dict[str, str]:
    """``values`` with "" for what the organisation has too, because a form shows what is inherited.

    An inherited value goes on following the organisation.
    """
    query = (
        select(ORGANISATIONS.c.location, ORGANISATIONS.c.phone)
        .select_from(PEOPLE.join(ORGANISATIONS, PEOPLE.c.organisation_id == ORGANISATIONS.c.id))
        .where(PEOPLE.c.id == person_id)
    )
    row = connection.execute(query).mappings().first()
    inherited = dict(row) if row else {}
    return {name: "" if value == inherited.get(name) else value for name, value in values.items()}
