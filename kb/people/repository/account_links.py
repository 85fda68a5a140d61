"""Single-use links as rows, and what their requests and uses change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from kb.database import Database
from kb.database.usage_limits import UsageLimit, count_use
from kb.notifications.queue import NewNotice, add_notices
from kb.people.person import Person
from kb.people.repository.people import get_person
from kb.people.repository.sessions import save_password
from kb.people.tables import PEOPLE, TOKENS


class AccountLinkStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def request(
        self,
        email: str,
        facts: dict[str, str],
        limits: Sequence[UsageLimit],
        *,
        now: dt.datetime,
        notice_without_account: str,
        notice_with_account: str,
    ) -> None:
        """Adds the notice whose kind fits the address; an empty kind stands for no notice.

        Nobody is notified about a deactivated account. Raises TooMany.
        """
        with self._database.write() as connection:
            for limit in limits:
                count_use(connection, limit, now)

            account = _account(connection, email)
            kind = ""
            if account is None:
                kind = notice_without_account
            elif account.active:
                kind = notice_with_account
            if kind and email:
                notice = NewNotice(kind, email, facts)
                add_notices(connection, None, f"{now.timestamp()}", [notice], now)

    def add(
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
            connection.execute(
                insert(TOKENS).values(
                    token_hash=token_hash,
                    purpose=purpose,
                    email=email,
                    facts=facts,
                    created_at=now,
                    expires_at=until,
                )
            )

    def get(self, token_hash: bytes, *, now: dt.datetime) -> Row[Any] | None:
        """The row of a link that is still valid."""
        with self._database.read() as connection:
            return _valid_link(connection, token_hash, now)

    def use(
        self, token_hash: bytes, password_hash: str, name: str, *, now: dt.datetime
    ) -> Person | None:
        """Uses up the link and all others of its address; None when it is no longer valid."""
        with self._database.write() as connection:
            link = _valid_link(connection, token_hash, now)
            if link is None:
                return None

            of_address = TOKENS.c.email == link.email
            connection.execute(update(TOKENS).where(of_address).values(used_at=now))

            account = _account(connection, link.email)
            if account is not None:
                if not account.active:
                    return None
                save_password(connection, account.id, password_hash, but=b"", now=now)
            elif link.purpose == "register":
                connection.execute(
                    insert(PEOPLE).values(
                        email=link.email,
                        name=name or link.facts.get("name") or link.email,
                        role="customer",
                        audience="customers",
                        zone=link.facts.get("zone", "UTC"),
                        password_hash=password_hash,
                        created_at=now,
                    )
                )
            else:
                return None
            return get_person(connection, PEOPLE.c.email == link.email, PEOPLE.c.guest.is_(False))


def _account(connection: Connection, email: str) -> Row[Any] | None:
    query = select(PEOPLE).where(PEOPLE.c.email == email, PEOPLE.c.guest.is_(False))
    return connection.execute(query).first()


def _valid_link(connection: Connection, token_hash: bytes, now: dt.datetime) -> Row[Any] | None:
    query = select(TOKENS).where(
        TOKENS.c.token_hash == token_hash, TOKENS.c.used_at.is_(None), TOKENS.c.expires_at > now
    )
    return connection.execute(query).first()
