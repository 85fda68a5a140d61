"""Single-use links as rows, and what their requests and uses change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from kb.database import Database
from kb.database.usage_limits import UsageLimit, count_use
from kb.notifications.queue import NewNotice, add_notices
from kb.people.person import Person
from kb.people.repository.organisations import (
    first_roles,
    join_organisation,
    licensed_organisation,
    set_contact_roles,
)
from kb.people.repository.people import get_person, next_person_id
from kb.people.repository.sessions import save_password
from kb.people.tables import INVITATIONS, ORGANISATIONS, PEOPLE, TOKENS


@dataclass(frozen=True, slots=True)
class AccountLink:
    """A link that can still be used; ``purpose`` is register, invite, join, reset or
    address.

    ``organisation`` is the one of an invitation. Whoever has an account accepts it with a button
    (``joins``), and leaves the organisation ``leaves``.
    """

    purpose: str
    email: str
    name: str
    organisation: str = ""
    joins: bool = False
    leaves: str = ""


class AccountLinkRepository:
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

    def get(self, token_hash: bytes, *, now: dt.datetime) -> AccountLink | None:
        """A link that is still valid."""
        with self._database.read() as connection:
            link = _valid_link(connection, token_hash, now)
            if link is None or "invitation" not in link.facts:
                name = link.facts.get("name", "") if link else ""
                return AccountLink(link.purpose, link.email, name) if link else None

            invitation = _invitation(connection, link, now)
            account = _account(connection, link.email)
            if invitation is None or not _may_join(account):
                return None
            leaves = ""
            if account is not None and account.organisation_id != invitation.organisation_id:
                leaves = _organisation_name(connection, account.organisation_id)
            return AccountLink(
                link.purpose,
                link.email,
                invitation.name,
                _organisation_name(connection, invitation.organisation_id),
                joins=account is not None,
                leaves=leaves,
            )

    def join(self, token_hash: bytes, *, now: dt.datetime) -> Person | None:
        """Makes the account of the address a contact; None when it cannot become one any more."""
        with self._database.write() as connection:
            link = _valid_link(connection, token_hash, now)
            invitation = _invitation(connection, link, now) if link else None
            account = _account(connection, link.email) if link else None
            if invitation is None or account is None or not _may_join(account):
                return None
            values = {
                "organisation_id": invitation.organisation_id,
                "location": invitation.location,
                "phone": invitation.phone,
            }
            connection.execute(update(PEOPLE).where(PEOPLE.c.id == account.id).values(values))
            _accept(connection, invitation, account.id, now)
            return get_person(connection, PEOPLE.c.id == account.id)

    def confirm_address(self, token_hash: bytes, *, now: dt.datetime) -> Person | None:
        """None when the link is not valid, or the address has got an account meanwhile."""
        with self._database.write() as connection:
            link = _valid_link(connection, token_hash, now)
            if link is None or link.purpose != "address" or _account(connection, link.email):
                return None
            this = PEOPLE.c.id == int(link.facts.get("person", 0))
            account = connection.execute(
                select(PEOPLE).where(this, PEOPLE.c.active, ~PEOPLE.c.guest)
            ).first()
            if account is None:
                return None
            connection.execute(update(PEOPLE).where(this).values(email=link.email))
            if account.organisation_id is None and account.role == "customer":
                licensed_id = licensed_organisation(connection, link.email)
                if licensed_id is not None:
                    join_organisation(connection, account.id, licensed_id)
            of_either = TOKENS.c.email.in_((link.email, account.email))
            connection.execute(update(TOKENS).where(of_either).values(used_at=now))
            notice = NewNotice("address-changed", account.email)
            add_notices(connection, None, f"{now.timestamp()}", [notice], now)
            return get_person(connection, this)

    def use(
        self, token_hash: bytes, password_hash: str, name: str, *, now: dt.datetime
    ) -> Person | None:
        """Uses up the link and all others of its address; None when it is no longer valid."""
        with self._database.write() as connection:
            link = _valid_link(connection, token_hash, now)
            if link is None or link.purpose == "address":
                return None

            account = _account(connection, link.email)
            invitation = _invitation(connection, link, now)
            if "invitation" in link.facts and (invitation is None or account is not None):
                return None  # withdrawn, or to be accepted with the account

            of_address = TOKENS.c.email == link.email
            connection.execute(update(TOKENS).where(of_address).values(used_at=now))

            if account is not None:
                if not account.active:
                    return None
                save_password(connection, account.id, password_hash, but=b"", now=now)
            elif invitation is not None or link.purpose == "register":
                given = link.facts if invitation is None else {"name": invitation.name}
                person_id = next_person_id(connection)
                values = {
                    "id": person_id,
                    "email": link.email,
                    "name": name or given.get("name") or link.email,
                    "role": "customer",
                    "audience": "customers",
                    "zone": link.facts.get("zone", "UTC"),
                    "password_hash": password_hash,
                    "created_at": now,
                }
                if invitation is not None:
                    values["organisation_id"] = invitation.organisation_id
                    values |= {"location": invitation.location, "phone": invitation.phone}
                else:
                    # The mail has verified the address, which a licence may name.
                    organisation_id = licensed_organisation(connection, link.email)
                    values["organisation_id"] = organisation_id
                roles = first_roles(connection, values["organisation_id"], link.email)
                connection.execute(insert(PEOPLE).values(values))
                set_contact_roles(connection, person_id, roles)
                if invitation is not None:
                    _accept(connection, invitation, person_id, now)
            else:
                return None
            return get_person(connection, PEOPLE.c.email == link.email, PEOPLE.c.guest.is_(False))


def _account(connection: Connection, email: str) -> Row[Any] | None:
    query = select(PEOPLE).where(PEOPLE.c.email == email, PEOPLE.c.guest.is_(False))
    return connection.execute(query).first()


def _invitation(connection: Connection, link: Row[Any], now: dt.datetime) -> Row[Any] | None:
    """The invitation that a link accepts; None once it was withdrawn or has expired."""
    query = select(INVITATIONS).where(
        INVITATIONS.c.id == int(link.facts.get("invitation", 0)),
        INVITATIONS.c.email == link.email,
        INVITATIONS.c.expires_at > now,
    )
    return connection.execute(query).first()


def _may_join(account: Row[Any] | None) -> bool:
    """Whoever works for the help centre becomes nobody's contact by a link."""
    return account is None or (account.active and account.role == "customer")


def _accept(connection: Connection, invitation: Row[Any], person_id: int, now: dt.datetime) -> None:
    set_contact_roles(connection, person_id, invitation.roles)
    connection.execute(delete(INVITATIONS).where(INVITATIONS.c.id == invitation.id))
    of_address = TOKENS.c.email == invitation.email
    connection.execute(update(TOKENS).where(of_address).values(used_at=now))


def _organisation_name(connection: Connection, organisation_id: int | None) -> str:
    query = select(ORGANISATIONS.c.name).where(ORGANISATIONS.c.id == organisation_id)
    return str(connection.execute(query).scalar() or "")


def _valid_link(connection: Connection, token_hash: bytes, now: dt.datetime) -> Row[Any] | None:
    query = select(TOKENS).where(
        TOKENS.c.token_hash == token_hash, TOKENS.c.used_at.is_(None), TOKENS.c.expires_at > now
    )
    return connection.execute(query).first()
