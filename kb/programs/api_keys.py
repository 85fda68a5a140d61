"""API keys: made, found by their secret, listed and revoked.

A key is 256 random bits; only its hash is stored, so that it is shown once. Each request looks it
up again, so that a revoked key is refused from the next request on.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection
from typing import NamedTuple

from kb.database import Database
from kb.errors import Invalid, NotFound, Unauthorized, Unavailable
from kb.people.credentials import digest, new_secret
from kb.people.person import Person
from kb.programs.repository import ApiKey, ApiKeyRepository
from kb.programs.scopes import checked_scopes
from kb.text import has_visible_text, single_line

__all__ = ["ApiKey", "ApiKeys", "NewKey"]

LOG = logging.getLogger(__name__)

#: Recognisable wherever it leaks to, by people and by scanners for secrets.
KEY_PREFIX = "askfirst_"
DEFAULT_KEY_DAYS, MAX_KEY_DAYS = 365, 730
_MAX_KEY_NAME = 80
_HINT = 4  # characters
#: The last use is noted this often, so that reading with a key seldom writes.
_NOTED_AFTER = dt.timedelta(minutes=1)


class NewKey(NamedTuple):
    """A key and its secret, which is never shown again."""

    key: ApiKey
    secret: str


class ApiKeys:
    """The keys of one database. Safe for many threads. Only with ``demo`` do keys of demo people
    open anything.
    """

    def __init__(self, database: Database, *, demo: bool = False) -> None:
        self._repository = ApiKeyRepository(database)
        self._demo = demo

    def create(
        self,
        name: str,
        scopes: Collection[str],
        person: Person | None = None,
        *,
        days: int = DEFAULT_KEY_DAYS,
        now: dt.datetime,
    ) -> NewKey:
        """Raises Invalid, by field."""
        name = single_line(name)
        if not has_visible_text(name) or len(name) > _MAX_KEY_NAME:
            raise Invalid(f"Enter a name of 1 to {_MAX_KEY_NAME} characters.", field="name")
        if not 1 <= days <= MAX_KEY_DAYS:
            raise Invalid(f"A key is valid for 1 to {MAX_KEY_DAYS} days.", field="days")
        secret = KEY_PREFIX + new_secret()
        key_id = self._repository.add(
            name,
            checked_scopes(scopes, person),
            person.id if person else None,
            key_hash=digest(secret),
            hint=secret[-_HINT:],
            expires_at=now + dt.timedelta(days=days),
            now=now,
        )
        return NewKey(next(key for key in self.all() if key.id == key_id), secret)

    def open(self, secret: str, *, now: dt.datetime) -> ApiKey:
        """The key of a secret; records its use. Raises Unauthorized for a key that is not valid."""
        key = self._repository.by_hash(digest(secret))
        if key is None:
            raise Unauthorized("This API key does not exist. Check it, or ask for a new one.")
        if key.revoked_at is not None:
            raise Unauthorized("This API key was revoked. Ask an administrator for a new one.")
        if key.expires_at <= now:
            raise Unauthorized("This API key has expired. Ask an administrator for a new one.")
        if not key.is_held or (key.person is not None and key.person.demo and not self._demo):
            raise Unauthorized("The person of this API key has no active account.")

        if key.used_at is None or now - key.used_at >= _NOTED_AFTER:
            try:
                self._repository.note_use(key.id, now)
            except Unavailable as error:  # reading must not depend on writing
                LOG.warning("The use of an API key was not recorded: %s", error.sentence)
        return key

    def all(self) -> tuple[ApiKey, ...]:
        """Every key, also those that have ended, the newest first."""
        return self._repository.all()

    def revoke(self, key_id: int, *, now: dt.datetime) -> None:
        """Raises NotFound for a key that does not exist or was revoked before."""
        if not self._repository.revoke(key_id, now):
            raise NotFound("This API key does not exist or is already revoked.")
