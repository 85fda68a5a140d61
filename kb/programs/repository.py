"""API keys as rows, each with its person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, insert, select, update

from kb.database import Database
from kb.people.person import Person
from kb.people.repository.people import PERSON_ROWS, to_person
from kb.people.tables import PEOPLE
from kb.programs.scopes import Scope
from kb.programs.tables import API_KEYS


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. ``is_held`` says whether its person, if any, may still sign in."""

    id: int
    name: str
    hint: str
    scopes: frozenset[Scope]
    person: Person | None
    is_held: bool
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None
    used_at: dt.datetime | None


class ApiKeyRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        name: str,
        scopes: Collection[Scope],
        person_id: int | None,
        *,
        key_hash: bytes,
        hint: str,
        expires_at: dt.datetime,
        now: dt.datetime,
    ) -> int:
        values = {
            "name": name,
            "key_hash": key_hash,
            "hint": hint,
            "scopes": sorted(scopes),
            "person_id": person_id,
            "created_at": now,
            "expires_at": expires_at,
        }
        with self._database.write() as connection:
            query = insert(API_KEYS).values(values).returning(API_KEYS.c.id)
            return int(connection.execute(query).scalar_one())

    def by_hash(self, key_hash: bytes) -> ApiKey | None:
        keys = self._keys(_KEYS.where(API_KEYS.c.key_hash == key_hash))
        return keys[0] if keys else None

    def all(self) -> tuple[ApiKey, ...]:
        """Every key, also those that have ended, the newest first."""
        return self._keys(_KEYS.order_by(API_KEYS.c.id.desc()))

    def revoke(self, key_id: int, now: dt.datetime) -> bool:
        """Whether there was a key to revoke."""
        this = (API_KEYS.c.id == key_id, API_KEYS.c.revoked_at.is_(None))
        with self._database.write() as connection:
            revoked = connection.execute(update(API_KEYS).where(*this).values(revoked_at=now))
            return bool(revoked.rowcount)

    def note_use(self, key_id: int, now: dt.datetime) -> None:
        this = API_KEYS.c.id == key_id
        with self._database.write() as connection:
            connection.execute(update(API_KEYS).where(this).values(used_at=now))

    def _keys(self, query: Select[Any]) -> tuple[ApiKey, ...]:
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            people = {row["person_id"] for row in rows} - {None}
            owners = {}
            if people:
                named = PERSON_ROWS.where(PEOPLE.c.id.in_(people))
                owners = {row["id"]: row for row in connection.execute(named).mappings()}
        return tuple(_to_key(row, owners.get(row["person_id"])) for row in rows)


_KEYS = select(API_KEYS)


def _to_key(row: Any, owner: Any) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        hint=row["hint"],
        scopes=frozenset(Scope(name) for name in row["scopes"] if name in tuple(Scope)),
        person=to_person(owner) if owner else None,
        is_held=row["person_id"] is None or bool(owner and owner["active"] and not owner["guest"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        used_at=row["used_at"],
    )
