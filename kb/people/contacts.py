"""Who are an organisation's contacts, and who may change that?

The administrator of an organisation (or ours) lists its contacts, invites, changes, deactivates and
reactivates them (capabilities B30 to B36). A stranger's organisation does not exist: NotFound.
Passwords are the business of ``kb.people.accounts``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from kb.database import Database
from kb.errors import Conflict, Invalid, NotFound
from kb.notifications.queue import NewNotice, add_notices
from kb.people.permissions import may_manage
from kb.people.person import ContactRole, Person, email_address
from kb.people.repository import folded
from kb.people.tables import CONTACT_ROLES, ORGANISATIONS, PEOPLE, SESSIONS
from kb.text import single_line

_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Contact:
    """One account of an organisation. ``location`` and ``phone`` are the organisation's unless they
    have their own.
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
    """``contract_from`` and ``contract_until`` bound the time in which ``category`` counts."""

    id: int
    name: str
    category: str
    shared_view: bool
    licence_addresses: tuple[str, ...]
    contract_from: dt.datetime | None
    contract_until: dt.datetime | None
    location: str
    phone: str


class Contacts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def organisation(self, manager: Person, organisation_id: int | None = None) -> Organisation:
        """One's own, or for an administrator of ours any. Raises NotFound."""
        wanted = _managed(manager, organisation_id)
        with self._database.read() as connection:
            row = connection.execute(
                select(ORGANISATIONS).where(ORGANISATIONS.c.id == wanted)
            ).first()
        if row is None:
            raise _absent()
        return Organisation(
            row.id,
            row.name,
            row.category,
            row.shared_view,
            tuple(row.licence_addresses),
            row.contract_from,
            row.contract_until,
            row.location,
            row.phone,
        )

    def named(self, admin: Person, name: str) -> Organisation:
        """By its name, for an administrator of ours. Raises NotFound."""
        with self._database.read() as connection:
            wanted = connection.execute(
                select(ORGANISATIONS.c.id).where(ORGANISATIONS.c.folded == folded(name))
            ).scalar()
        if wanted is None:
            raise NotFound(
                f"There is no organisation {name!r:.80}; kb accounts list shows whose accounts "
                f"there are."
            )
        return self.organisation(admin, wanted)

    def set_organisation(self, admin: Person, organisation_id: int, **values: Any) -> None:
        """Category, shared_view, licence_addresses, contract_from, contract_until, location, phone:
        what is sold is for our administrators alone; location and phone are for its own too. Raises
        NotFound, Invalid.
        """
        wanted = _managed(admin, organisation_id)
        ours = {"category", "shared_view", "licence_addresses", "contract_from", "contract_until"}
        known = {"location", "phone"} | (ours if admin.is_staff else set())
        wrong = sorted(set(values) - known)
        if wrong:
            raise Invalid(
                f"{', '.join(wrong)} cannot be set here; give {', '.join(sorted(known))}.",
                field=wrong[0],
            )
        if "licence_addresses" in values:
            values["licence_addresses"] = _addresses(values["licence_addresses"])
        with self._database.write() as connection:
            connection.execute(
                update(ORGANISATIONS).where(ORGANISATIONS.c.id == wanted).values(**values)
            )

    def all(
        self, manager: Person, organisation_id: int | None = None, *, active: bool | None = None
    ) -> tuple[Contact, ...]:
        """The organisation's contacts by name; ``active`` False: the inactive list (B32). Raises
        NotFound.
        """
        wanted = _managed(manager, organisation_id)
        with self._database.read() as connection:
            found = _contacts(connection, PEOPLE.c.organisation_id == wanted)
        return tuple(contact for contact in found if active is None or contact.active == active)

    def by_email(self, admin: Person, email: str) -> Contact:
        """Any account, active or not, for an administrator of ours. Raises NotFound."""
        address = email_address(email)
        with self._database.read() as connection:
            found = _contacts(connection, PEOPLE.c.email == address)
            if found:
                self._check(connection, admin, found[0].id)
                return found[0]
        raise NotFound(
            f"There is no account for {email!r:.80}; kb accounts list shows all that can sign in."
        )

    def set_roles(self, manager: Person, contact_id: int, roles: Sequence[str]) -> None:
        """Raises NotFound for a contact of others, Invalid."""
        chosen = _roles(roles)
        with self._database.write() as connection:
            self._check(connection, manager, contact_id)
            _set_roles(connection, contact_id, chosen)

    def invite(
        self,
        manager: Person,
        email: str,
        name: str,
        *,
        roles: Sequence[str] = (ContactRole.SUPPORT,),
        location: str = "",
        phone: str = "",
        organisation_id: int | None = None,
        now: dt.datetime,
    ) -> Contact:
        """A new contact, told by a mail whose link sets the password. Raises NotFound, Invalid,
        Conflict.
        """
        wanted = _managed(manager, organisation_id)
        address = email_address(email)
        if address is None:
            raise Invalid(
                f"{email.strip()!r:.80} is no e-mail address; write it like alice@example.com.",
                field="email",
            )
        about = _checked(name, location, phone)
        chosen = _roles(roles)
        with self._database.write() as connection:
            if connection.execute(
                select(PEOPLE.c.id).where(PEOPLE.c.email == address, ~PEOPLE.c.guest)
            ).first():
                raise Conflict(f"There is already an account for {address}.", field="email")
            values = {
                "email": address,
                "role": "customer",
                "audience": "customers",
                "organisation_id": wanted,
            }
            key = connection.execute(
                insert(PEOPLE).values(**values, **about, created_at=now)
            ).inserted_primary_key
            person_id = int(key[0]) if key else 0
            _set_roles(connection, person_id, chosen)
            add_notices(connection, None, f"{now.timestamp()}", [NewNotice("invite", address)], now)
            return _contacts(connection, PEOPLE.c.id == person_id)[0]

    def change(
        self,
        manager: Person,
        contact_id: int,
        *,
        name: str,
        roles: Sequence[str],
        location: str = "",
        phone: str = "",
    ) -> Contact:
        """Raises NotFound for a contact of others, Invalid, Conflict for taking away one's own
        administration.
        """
        about, chosen = _checked(name, location, phone), _roles(roles)
        with self._database.write() as connection:
            self._check(connection, manager, contact_id)
            if contact_id == manager.id and ContactRole.ADMINISTRATOR not in chosen:
                raise Conflict(
                    "You would lose the administration; let another administrator do it.",
                    field="roles",
                )
            own = _own(about, connection, contact_id)
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == contact_id).values(own))
            _set_roles(connection, contact_id, chosen)
            return _contacts(connection, PEOPLE.c.id == contact_id)[0]

    def deactivate(self, manager: Person, contact_id: int) -> None:
        """Signs the contact out everywhere at once; their tickets stay. Raises NotFound, Conflict
        for oneself.
        """
        if contact_id == manager.id:
            raise Conflict(
                "You cannot deactivate your own account; let another administrator do it."
            )
        with self._database.write() as connection:
            self._check(connection, manager, contact_id)
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == contact_id).values(active=False))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.person_id == contact_id))

    def reactivate(self, manager: Person, contact_id: int) -> None:
        """Raises NotFound for a contact of others."""
        with self._database.write() as connection:
            self._check(connection, manager, contact_id)
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == contact_id).values(active=True))

    def _check(self, connection: Connection, manager: Person, contact_id: int) -> None:
        query = select(PEOPLE.c.organisation_id).where(PEOPLE.c.id == contact_id, ~PEOPLE.c.guest)
        row = connection.execute(query).first()
        if row is None or not may_manage(manager, row.organisation_id):
            raise _absent()


def _own(about: Mapping[str, str], connection: Connection, contact_id: int) -> dict[str, str]:
    """``about`` without what is inherited: a form shows it, but a move of the organisation moves
    its contacts (B35).
    """
    joined = PEOPLE.join(ORGANISATIONS, PEOPLE.c.organisation_id == ORGANISATIONS.c.id)
    query = select(ORGANISATIONS.c.location, ORGANISATIONS.c.phone).select_from(joined)
    found = connection.execute(query.where(PEOPLE.c.id == contact_id)).mappings().first()
    inherited = dict(found) if found else {}
    return {name: "" if words == inherited.get(name) else words for name, words in about.items()}


def _managed(manager: Person, organisation_id: int | None) -> int:
    wanted = manager.organisation_id if organisation_id is None else organisation_id
    if wanted is None or not may_manage(manager, wanted):
        raise _absent()
    return wanted


def _absent() -> NotFound:
    return NotFound("There is no such organisation or contact, or it is not yours to look after.")


def _contacts(connection: Connection, condition: Any) -> list[Contact]:
    joined = PEOPLE.outerjoin(ORGANISATIONS, PEOPLE.c.organisation_id == ORGANISATIONS.c.id)
    query = select(
        PEOPLE,
        ORGANISATIONS.c.location.label("its_location"),
        ORGANISATIONS.c.phone.label("its_phone"),
    ).select_from(joined)
    rows = connection.execute(
        query.where(condition, ~PEOPLE.c.guest).order_by(PEOPLE.c.name, PEOPLE.c.id)
    ).all()
    held: dict[int, list[str]] = {}
    for row in connection.execute(
        select(CONTACT_ROLES).where(CONTACT_ROLES.c.person_id.in_([r.id for r in rows]))
    ):
        held.setdefault(row.person_id, []).append(row.role)
    return [
        Contact(
            row.id,
            row.email,
            row.name,
            tuple(sorted(held.get(row.id, ()))),
            row.location or row.its_location or "",
            row.phone or row.its_phone or "",
            row.active,
            row.password_hash is None,
        )
        for row in rows
    ]


def _set_roles(connection: Connection, person_id: int, roles: Sequence[str]) -> None:
    connection.execute(delete(CONTACT_ROLES).where(CONTACT_ROLES.c.person_id == person_id))
    for role in roles:
        connection.execute(insert(CONTACT_ROLES).values(person_id=person_id, role=role))


def _roles(given: Sequence[str]) -> list[str]:
    unknown = [role for role in given if role not in tuple(ContactRole)]
    if unknown:
        raise Invalid(
            f"{unknown[0]!r:.40} is no role of a contact; give {', '.join(ContactRole)}.",
            field="roles",
        )
    return sorted({str(role) for role in given})


def _checked(name: str, location: str, phone: str) -> Mapping[str, str]:
    given = {"name": name, "location": location, "phone": phone}
    found = {key: single_line(text) for key, text in given.items()}
    wrong = {
        key: f"Keep it to {_LENGTH} characters."
        for key, text in found.items()
        if len(text) > _LENGTH
    }
    if not found["name"]:
        wrong["name"] = "A name of 1 to 200 characters is missing."
    if wrong:
        raise Invalid(" ".join(wrong.values()), fields=wrong)
    return found


def _addresses(given: Sequence[str]) -> list[str]:
    found = [email_address(one) for one in given]
    if not all(found):
        raise Invalid(
            "A licence names e-mail addresses, such as alice@example.com.",
            field="licence_addresses",
        )
    return sorted({one for one in found if one})
