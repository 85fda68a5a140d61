"""Single-use links by e-mail: to register, to accept an invitation, to reset a password.

A person asks for a link; the worker issues it when it writes the e-mail, so that an e-mail in the
outbox contains no valid link; using the link sets the password. The response is the same for every
address, so nobody can find out whether it has an account.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from kb.database import Database
from kb.database.usage_limits import UsageLimit
from kb.errors import Invalid, NotFound
from kb.people.credentials import Passwords, client_network, digest, new_secret
from kb.people.person import (
    INVALID_NAME,
    Person,
    account_key,
    email_address,
    invalid_email,
    is_valid_name,
)
from kb.people.repository.account_links import AccountLink, AccountLinkRepository
from kb.text import single_line
from kb.timezones import time_zone_or_utc

#: A reset is as short as OWASP's ASVS asks; nobody has asked for an invitation and waits for it.
LINK_LIFETIMES = {
    "reset": dt.timedelta(minutes=15),
    "register": dt.timedelta(minutes=15),
    "invite": dt.timedelta(days=7),
    "join": dt.timedelta(days=7),
    "address": dt.timedelta(hours=1),
}
_EXPIRED = "This link has expired or has already been used. Request a new one."


__all__ = ["LINK_LIFETIMES", "AccountLink", "AccountLinks", "mail_limit"]


class AccountLinks:
    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._repository = AccountLinkRepository(database)
        self._passwords = passwords

    def request_registration(
        self, email: str, name: str, zone: str, *, address: str, now: dt.datetime
    ) -> None:
        """Sends a link to the address, or a reminder that it has an account already.

        Raises Invalid for an address or name that is not valid, TooMany.
        """
        fields: dict[str, str] = {}
        if email_address(email) is None:
            fields["email"] = invalid_email(email)
        if not is_valid_name(name):
            fields["name"] = INVALID_NAME
        if fields:
            raise Invalid(" ".join(fields.values()), fields=fields)

        facts = {"name": single_line(name), "zone": time_zone_or_utc(zone)}
        self._request(
            email,
            facts,
            address,
            now,
            notice_without_account="register",
            notice_with_account="exists",
        )

    def request_reset(self, email: str, *, address: str, now: dt.datetime) -> None:
        """Sends a link to the account's address, and nothing to any other. Raises TooMany."""
        self._request(
            email, {}, address, now, notice_without_account="", notice_with_account="reset"
        )

    def request_address(
        self, person: Person, email: str, *, address: str, now: dt.datetime
    ) -> None:
        """Asks a new address of an account to confirm it; nothing changes before.

        Nobody learns whether the address has an account. Raises Invalid, TooMany.
        """
        new = email_address(email)
        if new is None:
            raise Invalid(invalid_email(email), field="email")
        if new == person.email:
            raise Invalid("Your account already has this address.", field="email")
        facts = {"person": str(person.id)}
        self._request(
            new, facts, address, now, notice_without_account="address", notice_with_account=""
        )

    def _request(
        self,
        email: str,
        facts: dict[str, str],
        address: str,
        now: dt.datetime,
        *,
        notice_without_account: str,
        notice_with_account: str,
    ) -> None:
        limits = (
            mail_limit(account_key(email), 3, "this address"),
            mail_limit(client_network(address), 20, "this network"),
            mail_limit("everybody", 200, "this portal"),
        )
        self._repository.request(
            email_address(email) or "",
            facts,
            limits,
            now=now,
            notice_without_account=notice_without_account,
            notice_with_account=notice_with_account,
        )

    def issue(self, purpose: str, email: str, facts: Mapping[str, str], *, now: dt.datetime) -> str:
        """The secret of a new link, of which only the hash is stored."""
        secret = new_secret()
        profile = {
            key: facts[key] for key in ("name", "zone", "invitation", "person") if key in facts
        }
        until = now + LINK_LIFETIMES[purpose]
        self._repository.add(digest(secret), purpose, email, profile, now=now, until=until)
        return secret

    def get(self, secret: str, *, now: dt.datetime) -> AccountLink:
        """What a link is for, without using it. Raises NotFound once it was used or has expired."""
        link = self._repository.get(digest(secret), now=now)
        if link is None:
            raise NotFound(_EXPIRED)
        return link

    def join(self, secret: str, *, now: dt.datetime) -> Person:
        """Accepts an invitation with the account that the address has. Nothing else changes.

        Raises NotFound once the link was used, was withdrawn or has expired.
        """
        person = self._repository.join(digest(secret), now=now)
        if person is None:
            raise NotFound(_EXPIRED)
        return person

    def confirm_address(self, secret: str, *, now: dt.datetime) -> Person:
        """Gives the account that asked the address of the link; the old one is told.

        Raises NotFound once the link was used or has expired, or the address has an account.
        """
        person = self._repository.confirm_address(digest(secret), now=now)
        if person is None:
            raise NotFound(_EXPIRED)
        return person

    def use(self, secret: str, password: str, *, name: str = "", now: dt.datetime) -> Person:
        """Sets the password: of a new account, or of the existing one, whose sessions then end.

        Raises NotFound once the link was used or has expired, Invalid for an unsuitable password.
        """
        password_hash = self._passwords.hash(password, self.get(secret, now=now).email)
        person = self._repository.use(
            digest(secret), password_hash, single_line(name)[:200], now=now
        )
        if person is None:
            raise NotFound(_EXPIRED)
        return person


def mail_limit(who: str, maximum: int, whose: str) -> UsageLimit:
    """At most ``maximum`` mails about accounts an hour that ``who`` receives or causes."""
    message = f"Too many e-mails were requested from {whose}. Try again in {{minutes}} minutes."
    return UsageLimit("account mail", digest(who), maximum, dt.timedelta(hours=1), message)
