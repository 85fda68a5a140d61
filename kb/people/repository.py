"""How are people, their sessions and their failed sign-ins kept?

Rows in, ``Person`` values out; one transaction per verb. Which password is right and who may sign
in is decided in ``kb.people.accounts``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kb.database import Database
from kb.database.usage_limits import UsageLimit, count_use
from kb.errors import Conflict, TooMany
from kb.notifications.queue import NewNotice, add_notices
from kb.people.person import Person, Role, account_key
from kb.people.tables import (
    CONTACT_ROLES,
    COUPONS,
    ORGANISATIONS,
    PEOPLE,
    SESSIONS,
    SIGN_IN_ATTEMPTS,
    TOKENS,
)


@dataclass(frozen=True, slots=True)
class Guesses:
    """At most ``failures`` within ``window`` for one account, and ``per_address`` from one network
    address.
    """

    failures: int
    per_address: int
    window: dt.timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """One place where a person is signed in. ``id`` ends it and opens nothing."""

    id: str
    since: dt.datetime
    until: dt.datetime
    client: str
    this: bool


_ROLES = (
    select(func.group_concat(CONTACT_ROLES.c.role, " "))
    .where(CONTACT_ROLES.c.person_id == PEOPLE.c.id)
    .correlate(PEOPLE)
    .scalar_subquery()
)
_PERSON = (
    select(
        PEOPLE,
        ORGANISATIONS.c.name.label("organisation"),
        ORGANISATIONS.c.category.label("organisation_category"),
        _ROLES.label("contact_roles"),
    )
    .select_from(PEOPLE.outerjoin(ORGANISATIONS))
    .where(PEOPLE.c.active)
)


_ENTITLED = select(
    PEOPLE.c.email,
    PEOPLE.c.category.label("own_category"),
    ORGANISATIONS.c.category.label("organisation_category"),
    ORGANISATIONS.c.licence_addresses,
    ORGANISATIONS.c.contract_from,
    ORGANISATIONS.c.contract_until,
).select_from(PEOPLE.outerjoin(ORGANISATIONS))


def entitled(row: Any, email: str, at: dt.datetime) -> tuple[str, str]:
    """Customer category, and category by licence address, while the contract holds (capabilities
    V20, X26).

    ``row`` has the columns that ``_ENTITLED`` names but for the address.
    """
    held = row.organisation_category or ""
    if (row.contract_from and at < row.contract_from) or (
        row.contract_until and at >= row.contract_until
    ):
        held = ""
    return row.own_category or held, held if email in (row.licence_addresses or ()) else ""


def _entitled(row: Any, now: dt.datetime) -> tuple[str, str]:
    return entitled(row, row.email, now)


class PeopleStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def by_id(self, person_id: int) -> Person | None:
        return self._one(PEOPLE.c.id == person_id)

    def by_email(self, email: str, *, guest: bool = False) -> Person | None:
        return self._one(PEOPLE.c.email == email, PEOPLE.c.guest == guest)

    def by_session(self, token_hash: bytes, *, now: dt.datetime) -> Person | None:
        open_session = (
            select(SESSIONS.c.person_id)
            .where(SESSIONS.c.token_hash == token_hash, SESSIONS.c.expires_at > now)
            .scalar_subquery()
        )
        return self._one(PEOPLE.c.id == open_session)

    def all(self) -> tuple[Person, ...]:
        """Every account, by address; guests are no accounts."""
        with self._database.read() as connection:
            rows = connection.execute(
                _PERSON.where(PEOPLE.c.guest.is_(False)).order_by(PEOPLE.c.email)
            )
            return tuple(_person(row) for row in rows.mappings())

    def staff(self) -> tuple[Person, ...]:
        """Agents and administrators who are active, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                _PERSON.where(
                    PEOPLE.c.role.in_(("agent", "admin")), PEOPLE.c.guest.is_(False)
                ).order_by(PEOPLE.c.name)
            )
            return tuple(_person(row) for row in rows.mappings())

    def entitled(self, person: Person, now: dt.datetime) -> tuple[str, str]:
        """The customer category now, and the category of a licence that names the very address
        (X26).

        Neither for a guest: anybody can type an address.
        """
        if person.guest:
            return "", ""
        with self._database.read() as connection:
            row = connection.execute(_ENTITLED.where(PEOPLE.c.id == person.id)).first()
        return _entitled(row, now) if row else (person.category, "")

    def shares(self, organisation_id: int | None) -> bool:
        """Whether the organisation's contacts see each other's tickets (B34)."""
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
    ) -> Person:
        """Keeps a new person, and the organisation when it is new. Raises Conflict when the address
        has an account.
        """
        with self._database.write() as connection:
            organisation_id = _organisation(
                connection, person.organisation, organisation_category, now
            )
            values = {
                "email": person.email,
                "guest": person.guest,
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
                connection.execute(insert(PEOPLE).values(values))
            except IntegrityError:
                sentence = f"There is already an account for {person.email}; sign in with it."
                raise Conflict(sentence, field="email") from None
            return _found(
                connection, PEOPLE.c.email == person.email, PEOPLE.c.guest == person.guest
            )

    def find_or_add_guest(self, person: Person, *, now: dt.datetime) -> Person:
        found = self.by_email(person.email, guest=True)
        if found is not None:
            return found
        try:
            return self.add(person, password_hash=None, now=now)
        except Conflict:  # somebody was faster
            with self._database.read() as connection:
                return _found(connection, PEOPLE.c.email == person.email, PEOPLE.c.guest)

    def set_zone(self, person_id: int, zone: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(zone=zone))

    def begin_attempt(
        self, email: str, *, account: bytes, address: bytes, limit: Guesses, now: dt.datetime
    ) -> tuple[int, str] | None:
        """Counts a sign-in as failed before the password is looked at, so that many at once cannot
        slip through.

        Returns the account's id and password hash, None when there is no such account. Raises
        TooMany.
        """
        with self._database.write() as connection:
            connection.execute(
                delete(SIGN_IN_ATTEMPTS).where(SIGN_IN_ATTEMPTS.c.at <= now - limit.window)
            )
            _refuse_many(
                connection, SIGN_IN_ATTEMPTS.c.account == account, limit.failures, limit, now
            )
            _refuse_many(
                connection, SIGN_IN_ATTEMPTS.c.address == address, limit.per_address, limit, now
            )
            connection.execute(
                insert(SIGN_IN_ATTEMPTS).values(account=account, address=address, at=now)
            )
            row = connection.execute(
                select(PEOPLE.c.id, PEOPLE.c.password_hash).where(
                    PEOPLE.c.email == email,
                    PEOPLE.c.guest.is_(False),
                    PEOPLE.c.active,
                    PEOPLE.c.password_hash.is_not(None),
                )
            ).first()
            return (row.id, row.password_hash) if row else None

    def begin_session(
        self,
        person_id: int,
        *,
        token_hash: bytes,
        account: bytes,
        now: dt.datetime,
        until: dt.datetime,
        password_hash: str | None = None,
        client: str = "",
    ) -> None:
        """Signs in: the account's failures are forgotten; ``password_hash`` replaces one made with
        older costs.
        """
        with self._database.write() as connection:
            connection.execute(
                delete(SIGN_IN_ATTEMPTS).where(SIGN_IN_ATTEMPTS.c.account == account)
            )
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at <= now))
            connection.execute(
                insert(SESSIONS).values(
                    token_hash=token_hash,
                    person_id=person_id,
                    created_at=now,
                    expires_at=until,
                    client=client,
                )
            )
            if password_hash is not None:
                change = (
                    update(PEOPLE)
                    .where(PEOPLE.c.id == person_id)
                    .values(password_hash=password_hash)
                )
                connection.execute(change)

    def end_session(self, token_hash: bytes) -> None:
        with self._database.write() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.token_hash == token_hash))

    def sessions(self, person_id: int, this: bytes, *, now: dt.datetime) -> tuple[Session, ...]:
        query = select(SESSIONS).where(
            SESSIONS.c.person_id == person_id, SESSIONS.c.expires_at > now
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(SESSIONS.c.created_at.desc())).all()
        return tuple(
            Session(
                _handle(row.token_hash),
                row.created_at,
                row.expires_at,
                row.client,
                row.token_hash == this,
            )
            for row in rows
        )

    def end_session_of(self, person_id: int, handle: str) -> bool:
        with self._database.write() as connection:
            hashes = connection.execute(
                select(SESSIONS.c.token_hash).where(SESSIONS.c.person_id == person_id)
            ).scalars()
            gone = [one for one in hashes if _handle(one) == handle]
            connection.execute(delete(SESSIONS).where(SESSIONS.c.token_hash.in_(gone)))
            return bool(gone)

    def end_sessions(self, person_id: int, *, but: bytes) -> int:
        with self._database.write() as connection:
            return _end_sessions(connection, person_id, but)

    def set_password(
        self, person_id: int, password_hash: str, *, but: bytes, now: dt.datetime
    ) -> None:
        """Ends every session ``but`` one, forgets failed sign-ins, and tells the person."""
        with self._database.write() as connection:
            _set_password(connection, person_id, password_hash, but, now)

    def ask(
        self,
        email: str,
        kinds: tuple[str, str],
        facts: dict[str, str],
        limits: Sequence[UsageLimit],
        *,
        now: dt.datetime,
    ) -> None:
        """One notice, of a kind for addresses without an account or with one; an empty kind tells
        nobody.
        """
        with self._database.write() as connection:
            for limit in limits:
                count_use(connection, limit, now)
            mine = (PEOPLE.c.email == email, PEOPLE.c.guest.is_(False))
            row = connection.execute(select(PEOPLE.c.active).where(*mine)).first()
            kind = kinds[0] if row is None else kinds[1] if row.active else ""
            if kind and email:
                cause = f"{now.timestamp()}"
                add_notices(connection, None, cause, [NewNotice(kind, email, facts)], now)

    def add_token(
        self,
        token_hash: bytes,
        purpose: str,
        email: str,
        facts: dict[str, str],
        *,
        now: dt.datetime,
        until: dt.datetime,
    ) -> None:
        with self._database.write() as connection:
            connection.execute(delete(TOKENS).where(TOKENS.c.expires_at <= now))
            values = {"token_hash": token_hash, "purpose": purpose, "email": email, "facts": facts}
            connection.execute(insert(TOKENS).values(**values, created_at=now, expires_at=until))

    def token(
        self, token_hash: bytes, *, now: dt.datetime
    ) -> tuple[str, str, dict[str, str]] | None:
        """Purpose, address and facts of a link that is still good."""
        with self._database.read() as connection:
            row = connection.execute(_good(token_hash, now)).first()
            return (row.purpose, row.email, row.facts) if row else None

    def use_token(
        self, token_hash: bytes, password_hash: str, name: str, *, now: dt.datetime
    ) -> Person | None:
        """Uses up a link, and every other of the same address; None when it is not good any more."""
        with self._database.write() as connection:
            row = connection.execute(_good(token_hash, now)).first()
            if row is None:
                return None
            connection.execute(
                update(TOKENS).where(TOKENS.c.email == row.email).values(used_at=now)
            )
            mine = (PEOPLE.c.email == row.email, PEOPLE.c.guest.is_(False))
            known = connection.execute(select(PEOPLE.c.id, PEOPLE.c.active).where(*mine)).first()
            if known is not None and not known.active:
                return None
            if known is None and row.purpose != "register":
                return None
            if known is None:
                values = {
                    "email": row.email,
                    "name": name or row.facts.get("name") or row.email,
                    "role": "customer",
                }
                values |= {"zone": row.facts.get("zone", "UTC"), "audience": "customers"}
                connection.execute(
                    insert(PEOPLE).values(**values, password_hash=password_hash, created_at=now)
                )
            else:
                _set_password(connection, known.id, password_hash, b"", now)
            return _found(connection, *mine)

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
        """Gives a person ``granted`` uses of a code; False, and nothing changes, for a code that
        was given before.

        ``rule`` is the key of the coupon in the policy.
        """
        values = {"code": code, "rule": rule, "person_id": person_id, "granted": granted}
        with self._database.write() as connection:
            if (
                connection.execute(select(COUPONS.c.id).where(COUPONS.c.code == code)).first()
                is not None
            ):
                return False
            connection.execute(
                insert(COUPONS), {**values, "valid_from": valid_from, "valid_until": valid_until}
            )
            return True

    def _one(self, *conditions: ColumnElement[bool]) -> Person | None:
        with self._database.read() as connection:
            row = connection.execute(_PERSON.where(*conditions)).mappings().first()
            return _person(row) if row else None


def _handle(token_hash: bytes) -> str:
    return hashlib.sha256(b"session " + token_hash).hexdigest()[:16]


def _good(token_hash: bytes, now: dt.datetime) -> Select[Any]:
    good = (
        TOKENS.c.token_hash == token_hash,
        TOKENS.c.used_at.is_(None),
        TOKENS.c.expires_at > now,
    )
    return select(TOKENS).where(*good)


def _end_sessions(connection: Connection, person_id: int, but: bytes) -> int:
    others = (SESSIONS.c.person_id == person_id, SESSIONS.c.token_hash != but)
    return connection.execute(delete(SESSIONS).where(*others)).rowcount


def _set_password(
    connection: Connection, person_id: int, password_hash: str, but: bytes, now: dt.datetime
) -> None:
    mine = PEOPLE.c.id == person_id
    first = connection.execute(
        select(PEOPLE.c.password_hash.is_(None), PEOPLE.c.email).where(mine)
    ).one()
    connection.execute(update(PEOPLE).where(mine).values(password_hash=password_hash))
    _end_sessions(connection, person_id, but)
    key = hashlib.sha256(account_key(first.email).encode()).digest()
    connection.execute(delete(SIGN_IN_ATTEMPTS).where(SIGN_IN_ATTEMPTS.c.account == key))
    if not first[0]:
        add_notices(
            connection, None, f"{now.timestamp()}", [NewNotice("changed", first.email)], now
        )


def _found(connection: Connection, *conditions: ColumnElement[bool]) -> Person:
    return _person(connection.execute(_PERSON.where(*conditions)).mappings().one())


def _person(row: Any) -> Person:
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
        contact_roles=tuple(sorted((row["contact_roles"] or "").split())),
    )


def folded(name: str) -> str:
    """An organisation by any spelling of its name."""
    return " ".join(name.casefold().split())


def _organisation(connection: Connection, name: str, category: str, now: dt.datetime) -> int | None:
    if not name:
        return None
    found = connection.execute(
        select(ORGANISATIONS.c.id).where(ORGANISATIONS.c.folded == folded(name))
    ).scalar()
    if found is not None:
        return int(found)
    values = {"name": name, "folded": folded(name), "category": category, "created_at": now}
    key = connection.execute(insert(ORGANISATIONS).values(values)).inserted_primary_key
    return int(key[0]) if key else None


def _refuse_many(
    connection: Connection, whose: ColumnElement[bool], most: int, limit: Guesses, now: dt.datetime
) -> None:
    count, oldest = connection.execute(
        select(func.count(), func.min(SIGN_IN_ATTEMPTS.c.at)).where(whose)
    ).one()
    if count < most:
        return
    wait = max(1, int((oldest + limit.window - now).total_seconds()))
    raise TooMany(
        f"Too many sign-ins failed; try again in {-(-wait // 60)} minutes.", retry_after=wait
    )
