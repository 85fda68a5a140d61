"""People and organisations as rows: accounts, guests, entitlements, coupons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from kb.database import Database
from kb.database.metadata import COUNTERS
from kb.database.statements import upsert
from kb.errors import Conflict
from kb.people.licences import licence_names
from kb.people.person import Person, Role
from kb.people.repository.organisations import (
    find_or_add_organisation,
    first_roles,
    licensed_organisation,
    set_contact_roles,
    without_inherited,
)
from kb.people.second_factor.steps import STEP_LIFETIME, FactorRule, SignIn, missing_step
from kb.people.tables import (
    AUTHENTICATOR_APPS,
    CONTACT_ROLES,
    COUPONS,
    ORGANISATIONS,
    PASSKEYS,
    PEOPLE,
    SESSIONS,
)

_CONTACT_ROLES = (
    select(func.aggregate_strings(CONTACT_ROLES.c.role, " "))
    .where(CONTACT_ROLES.c.person_id == PEOPLE.c.id)
    .correlate(PEOPLE)
    .scalar_subquery()
)
PERSON_ROWS = select(
    PEOPLE,
    ORGANISATIONS.c.name.label("organisation"),
    ORGANISATIONS.c.category.label("organisation_category"),
    ORGANISATIONS.c.phone.label("organisation_phone"),
    ORGANISATIONS.c.location.label("organisation_location"),
    _CONTACT_ROLES.label("contact_roles"),
).select_from(PEOPLE.outerjoin(ORGANISATIONS))
_ACTIVE_PERSON = PERSON_ROWS.where(PEOPLE.c.active)
# Building a statement takes as long as executing it, and many requests need these.
_BY_ID = _ACTIVE_PERSON.where(PEOPLE.c.id == bindparam("person_id"))
_BY_EMAIL = _ACTIVE_PERSON.where(
    PEOPLE.c.email == bindparam("email"), PEOPLE.c.guest == bindparam("guest")
)
_ADD = insert(PEOPLE)
_HIGHEST_ID = select(
    func.max(PEOPLE.c.id),
    select(COUNTERS.c.value).where(COUNTERS.c.name == "person").scalar_subquery(),
)
HAS_SECOND_FACTOR = or_(
    exists().where(AUTHENTICATOR_APPS.c.person_id == PEOPLE.c.id).correlate(PEOPLE),
    exists().where(PASSKEYS.c.person_id == PEOPLE.c.id).correlate(PEOPLE),
)
_OPEN_SESSION = (
    _ACTIVE_PERSON.add_columns(
        SESSIONS.c.created_at.label("since"),
        SESSIONS.c.second_step,
        HAS_SECOND_FACTOR.label("has_factor"),
    )
    .join(SESSIONS, SESSIONS.c.person_id == PEOPLE.c.id)
    .where(
        SESSIONS.c.token_hash == bindparam("token_hash"),
        SESSIONS.c.expires_at > bindparam("now"),
    )
)
_ENTITLEMENT = select(
    PEOPLE.c.email,
    PEOPLE.c.category.label("own_category"),
    ORGANISATIONS.c.category.label("organisation_category"),
    ORGANISATIONS.c.licence_addresses,
    ORGANISATIONS.c.contract_from,
    ORGANISATIONS.c.contract_until,
).select_from(PEOPLE.outerjoin(ORGANISATIONS))


@dataclass(frozen=True, slots=True)
class PersonEntitlement:
    """The customer category in force, that of a licence with the address, and the organisation."""

    category: str = ""
    licence: str = ""
    organisation: str = ""


def entitled(row: Any, email: str, at: dt.datetime) -> tuple[str, str]:
    """The customer category in force, and the category of a licence that names the address.

    An organisation's category counts while its contract runs. ``row`` has the columns of
    ``_ENTITLEMENT``, perhaps without the address.
    """
    has_begun = not row.contract_from or at >= row.contract_from
    has_ended = row.contract_until and at >= row.contract_until
    organisation_category = row.organisation_category or ""
    if not has_begun or has_ended:
        organisation_category = ""

    is_licensed = licence_names(row.licence_addresses or (), email)
    return row.own_category or organisation_category, organisation_category if is_licensed else ""


def person_matches(word: str) -> ColumnElement[bool]:
    """Whether a folded word is in the name, the address, the phone or the organisation of a row of
    people outer joined to organisations.
    """
    columns = (
        PEOPLE.c.name,
        PEOPLE.c.email,
        PEOPLE.c.phone,
        ORGANISATIONS.c.folded,
        ORGANISATIONS.c.phone,
    )
    return or_(*(column.icontains(word, autoescape=True) for column in columns))


class PeopleRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def by_id(self, person_id: int) -> Person | None:
        return self._first(_BY_ID, person_id=person_id)

    def by_email(self, email: str, *, guest: bool = False) -> Person | None:
        return self._first(_BY_EMAIL, email=email, guest=guest)

    def by_session(
        self, token_hash: bytes, rule: FactorRule, *, demo: bool, now: dt.datetime
    ) -> SignIn | None:
        """An open session and its person; of a demo person only with ``demo``.

        One that waits for its second step is open for ``STEP_LIFETIME`` only.
        """
        values = {"token_hash": token_hash, "now": now}
        with self._database.read() as connection:
            row = connection.execute(_OPEN_SESSION, values).mappings().first()
        if row is None or (row["demo"] and not demo):
            return None

        person = to_person(row)
        missing = missing_step(
            rule, person.role, has_factor=row["has_factor"], passed=bool(row["second_step"])
        )
        if missing and row["since"] + STEP_LIFETIME <= now:
            return None
        return SignIn(person, missing)

    def all(self) -> tuple[Person, ...]:
        """Every active account, by address; a guest is not an account."""
        query = _ACTIVE_PERSON.where(PEOPLE.c.guest.is_(False)).order_by(PEOPLE.c.email)
        with self._database.read() as connection:
            return tuple(to_person(row) for row in connection.execute(query).mappings())

    def staff(self) -> tuple[Person, ...]:
        """Active agents and administrators, by name."""
        query = _ACTIVE_PERSON.where(
            PEOPLE.c.role.in_(("agent", "admin")), PEOPLE.c.guest.is_(False)
        ).order_by(PEOPLE.c.name)
        with self._database.read() as connection:
            return tuple(to_person(row) for row in connection.execute(query).mappings())

    def entitled(self, person: Person, now: dt.datetime) -> tuple[str, str]:
        """``entitled`` of a person; nothing for a guest, who may have typed anybody's address."""
        if person.guest:
            return "", ""
        with self._database.read() as connection:
            row = connection.execute(_ENTITLEMENT.where(PEOPLE.c.id == person.id)).first()
        return entitled(row, row.email, now) if row else (person.category, "")

    def entitlement(self, person: Person, now: dt.datetime) -> PersonEntitlement:
        """What a person is entitled to by account; a guest by the licence that names the address,
        which must be proven to be the guest's.
        """
        if not person.guest:
            category, licence = self.entitled(person, now)
            return PersonEntitlement(category, licence, person.organisation)
        with self._database.read() as connection:
            organisation_id = licensed_organisation(connection, person.email)
            if organisation_id is None:
                return PersonEntitlement()
            query = select(
                ORGANISATIONS.c.name,
                literal("").label("own_category"),
                ORGANISATIONS.c.category.label("organisation_category"),
                ORGANISATIONS.c.licence_addresses,
                ORGANISATIONS.c.contract_from,
                ORGANISATIONS.c.contract_until,
            ).where(ORGANISATIONS.c.id == organisation_id)
            row = connection.execute(query).one()
        return PersonEntitlement(*entitled(row, person.email, now), row.name)

    def customer_since(self, person: Person) -> dt.datetime | None:
        """When the contract of the organisation began, else when the account was made."""
        if person.guest:
            return None
        query = select(
            func.coalesce(ORGANISATIONS.c.contract_from, PEOPLE.c.created_at)
        ).select_from(PEOPLE.outerjoin(ORGANISATIONS))
        with self._database.read() as connection:
            return connection.execute(query.where(PEOPLE.c.id == person.id)).scalar()

    def shares(self, organisation_id: int | None) -> bool:
        """Whether the organisation's contacts see each other's tickets."""
        query = select(ORGANISATIONS.c.shared_view).where(ORGANISATIONS.c.id == organisation_id)
        with self._database.read() as connection:
            return bool(connection.execute(query).scalar())

    def add(
        self,
        person: Person,
        *,
        password_hash: str | None,
        now: dt.datetime,
        organisation_category: str = "",
        contact_roles: Sequence[str] | None = (),
    ) -> Person:
        """Stores a new person, and the organisation when it is new.

        Without ``contact_roles`` (None), those of somebody who is new in the organisation.
        Raises Conflict when the address has an account.
        """
        with self._database.write("people") as connection:
            organisation_id = find_or_add_organisation(
                connection, person.organisation, organisation_category, now
            )
            person_id = next_person_id(connection)
            values = {
                "id": person_id,
                "email": person.email,
                "guest": person.guest,
                "demo": person.demo,
                "name": person.name,
                "role": person.role.value,
                "organisation_id": organisation_id,
                "category": person.category,
                "audience": person.audience,
                "zone": person.zone,
                "password_hash": password_hash,
                "created_at": now,
            }
            try:
                connection.execute(_ADD, values)
            except IntegrityError:
                message = f"An account for {person.email} already exists. Sign in with it."
                raise Conflict(message, field="email") from None
            if contact_roles is None:
                contact_roles = first_roles(connection, organisation_id, person.email)
            if contact_roles:
                set_contact_roles(connection, person_id, contact_roles)
            return to_person(connection.execute(_BY_ID, {"person_id": person_id}).mappings().one())

    def find_or_add_guest(self, person: Person, *, now: dt.datetime) -> Person:
        guest = self.by_email(person.email, guest=True)
        if guest is not None:
            return guest
        try:
            return self.add(person, password_hash=None, now=now)
        except Conflict:  # another request was faster
            with self._database.read() as connection:
                return get_person(connection, PEOPLE.c.email == person.email, PEOPLE.c.guest)

    def set_profile(self, person_id: int, values: Mapping[str, str]) -> None:
        """Sets name, phone and location; an inherited value goes on following the organisation."""
        with self._database.write() as connection:
            own_values = without_inherited(connection, person_id, values)
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(own_values))

    def set_zone(self, person_id: int, zone: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(zone=zone))

    def grant_coupon(
        self,
        person_id: int,
        code: str,
        *,
        rule: str,
        granted: int,
        valid_from: dt.datetime,
        valid_until: dt.datetime,
    ) -> bool:
        """Grants uses of a new code; False, and nothing changes, when the code exists.

        ``rule`` is the key of the coupon in the policies.
        """
        exists = select(COUPONS.c.id).where(COUPONS.c.code == code)
        values = {
            "code": code,
            "rule": rule,
            "person_id": person_id,
            "granted": granted,
            "valid_from": valid_from,
            "valid_until": valid_until,
        }
        with self._database.write() as connection:
            if connection.execute(exists).first() is not None:
                return False
            connection.execute(insert(COUPONS), values)
            return True

    def _first(self, query: Select[Any], **values: object) -> Person | None:
        with self._database.read() as connection:
            row = connection.execute(query, values).mappings().first()
            return to_person(row) if row else None


def next_person_id(connection: Connection) -> int:
    """A number that nobody has had: the audit log names people by number, also removed ones."""
    newest, last = connection.execute(_HIGHEST_ID).one()
    person_id: int = max(newest or 0, last or 0) + 1
    row = {"name": "person", "value": person_id}
    upsert(connection, COUNTERS, row, keys=("name",), update=("value",))
    return person_id


def get_person(connection: Connection, *conditions: ColumnElement[bool]) -> Person:
    """The one person whom the conditions select."""
    return to_person(connection.execute(_ACTIVE_PERSON.where(*conditions)).mappings().one())


def to_person(row: Any) -> Person:
    return Person(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        organisation_id=row["organisation_id"],
        organisation=row["organisation"] or "",
        category=row["category"] or row["organisation_category"] or "",
        audience=row["audience"],
        zone=row["zone"],
        guest=row["guest"],
        demo=row["demo"],
        contact_roles=tuple(sorted((row["contact_roles"] or "").split())),
        phone=row["phone"] or row["organisation_phone"] or "",
        location=row["location"] or row["organisation_location"] or "",
    )
