"""Accounts: signing in and out, sessions, passwords, and the people behind them.

An unknown address and a wrong password get the same response after the same amount of work, and
attempts are limited by account and by network. Single-use links are in ``account_links``, contacts
of an organisation in ``contacts``, what only the operator changes in ``administration``, and what a
person may do to a ticket in ``kb.tickets.permissions``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace

from argon2 import PasswordHasher

from kb.database import Database
from kb.errors import Conflict, Forbidden, Invalid, NotFound
from kb.people.account_links import AccountLinks
from kb.people.administration import Administration
from kb.people.contacts import Contacts
from kb.people.credentials import (
    Passwords,
    client_network,
    digest,
    new_secret,
    password_mistake,
)
from kb.people.person import (
    INVALID_NAME,
    Person,
    Role,
    account_key,
    default_audience,
    email_address,
    invalid_email,
    is_valid_name,
    profile_values,
)
from kb.people.repository.people import PeopleRepository
from kb.people.repository.sessions import AttemptLimit, Session, SessionRepository
from kb.people.second_factor.passkeys import RelyingParty
from kb.people.second_factor.steps import (
    FactorRule,
    MissingStep,
    SecondStep,
    SignIn,
    missing_step,
)
from kb.people.second_factors import SecondFactors
from kb.text import single_line
from kb.timezones import is_time_zone, time_zone_or_utc

#: Slow enough to guess that a weak password holds, fast enough for somebody who mistypes it. Nobody
#: can lock an account: wrong passwords from elsewhere delay a sign-in by a minute at most, and not
#: at all in a browser that was signed in before (OWASP's device cookies).
SIGN_IN_LIMIT = AttemptLimit(
    per_client=5,
    per_account=20,
    per_network=20,
    window=dt.timedelta(minutes=15),
    longest_delay=dt.timedelta(minutes=1),
)
_CLIENT_LENGTH = 200  # characters


class Accounts:
    """Accounts and their sessions. Safe for many threads. Only with ``demo`` do demo people, whose
    passwords are public, sign in. ``signing_keys`` encrypt second factors: only the portal, where
    people sign in, needs them.
    """

    def __init__(
        self,
        database: Database,
        *,
        session_hours: int = 12,
        remember_days: int = 0,
        demo: bool = False,
        second_factor: FactorRule = FactorRule.OPTIONAL,
        party: RelyingParty | None = None,
        signing_keys: Callable[[], Sequence[str]] = tuple,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._people = PeopleRepository(database)
        self._sessions = SessionRepository(database)
        self._passwords = Passwords(hasher)
        self._demo = demo
        self._lifetime = dt.timedelta(hours=session_hours)
        self._remembered = dt.timedelta(days=remember_days)
        self.administration = Administration(database)
        self.contacts = Contacts(database)
        self.links = AccountLinks(database, self._passwords)
        self.second_factors = SecondFactors(database, second_factor, party, signing_keys)

    # --- signing in and out

    def sign_in(
        self,
        email: str,
        password: str,
        *,
        address: str,
        client: str = "",
        device: str = "",
        remember: bool = False,
        now: dt.datetime,
    ) -> str:
        """The token of a new session, which may need a second step (see ``session``).

        With ``remember``, customers stay signed in for longer; staff, who see the tickets of
        others, do not.

        ``address`` is the client's network address, ``client`` the browser's own name, ``device``
        names a browser that signed in to this account before: its failures and those of others do
        not count together.

        Raises Forbidden, in the same words for an unknown address and a wrong password, and
        TooMany.
        """
        account = digest(account_key(email))
        device_key = digest(f"{account_key(email)} device {device}") if device else None
        credentials = self._sessions.begin_attempt(
            email_address(email) or "",
            account=device_key or account,
            network=device_key or digest(client_network(address)),
            limit=SIGN_IN_LIMIT,
            demo=self._demo,
            now=now,
        )
        person_id, password_hash = credentials or (0, self._passwords.dummy_hash)
        if not self._passwords.verify(password_hash, password) or credentials is None:
            raise Forbidden(
                "The address or the password is wrong. Check both, including capital letters."
            )

        lifetime = self._lifetime
        if remember:
            person = self._people.by_id(person_id)
            if person is not None and person.role is Role.CUSTOMER:
                lifetime = max(lifetime, self._remembered)
        token = new_secret()
        self._sessions.begin(
            person_id,
            token_hash=digest(token),
            attempts=(account, device_key or account),
            now=now,
            until=now + lifetime,
            password_hash=self._passwords.rehash(password_hash, password),
            client=single_line(client)[:_CLIENT_LENGTH],
        )
        return token

    def sign_in_vouched(self, email: str, *, client: str = "", now: dt.datetime) -> str:
        """The token of a new session for an address that an identity provider has just verified.

        Raises Forbidden when there is no active account for it: signing in never creates one.
        """
        person = self.by_email(email)
        if person is None or (person.demo and not self._demo):
            raise Forbidden("No account exists for the address that you signed in with.")

        token = new_secret()
        self._sessions.begin(
            person.id,
            token_hash=digest(token),
            attempts=(digest(account_key(email)),),
            now=now,
            until=now + self._lifetime,
            client=single_line(client)[:_CLIENT_LENGTH],
            second_step=SecondStep.PROVIDER,
        )
        return token

    def session(self, token: str | None, *, now: dt.datetime) -> SignIn | None:
        """A session and what is missing before it opens anything; None for one that is unknown or
        expired.
        """
        if not token:
            return None
        rule = self.second_factors.rule
        return self._people.by_session(digest(token), rule, demo=self._demo, now=now)

    def person(self, token: str | None, *, now: dt.datetime) -> Person | None:
        """The person who is signed in; None without a token, and while a step is missing."""
        session = self.session(token, now=now)
        return session.person if session and session.missing is MissingStep.NONE else None

    def sign_out(self, token: str | None) -> None:
        """Ends the session at once, in every server process."""
        if token:
            self._sessions.end(digest(token))

    def sessions(
        self, person: Person, token: str | None, *, now: dt.datetime
    ) -> tuple[Session, ...]:
        """Where the person is signed in, newest first; ``token`` marks the present session."""
        rule, factors = self.second_factors.rule, self.second_factors.of(person)
        missing = missing_step(rule, person.role, has_factor=bool(factors.count), passed=False)
        present = digest(token) if token else b""
        return self._sessions.all(person.id, present, passed_only=bool(missing), now=now)

    def end_session(self, person: Person, session_id: str) -> None:
        """Ends one of the person's own sessions. Raises NotFound for any other."""
        if not self._sessions.end_of_person(person.id, session_id):
            raise NotFound("Session not found; it may already have ended.")

    def end_other_sessions(self, person: Person, token: str | None) -> int:
        """Ends all sessions of the person but the present one; returns how many."""
        return self._sessions.end_all(person.id, but=digest(token) if token else b"")

    # --- passwords

    def confirm_password(self, person: Person, password: str, *, now: dt.datetime) -> None:
        """Before a change that an open session alone must not make. Raises Forbidden, TooMany."""
        own_attempts = digest(f"own password {person.id}")  # apart from those of strangers
        credentials = self._sessions.begin_attempt(
            person.email,
            account=own_attempts,
            network=digest(f"person {person.id}"),
            limit=SIGN_IN_LIMIT,
            demo=self._demo,
            now=now,
        )
        if credentials is None or not self._passwords.verify(credentials[1], password):
            raise Forbidden("The current password is wrong; nothing was changed.")
        self._sessions.forgive(own_attempts)

    def change_password(
        self, person: Person, old: str, new: str, *, token: str | None, now: dt.datetime
    ) -> None:
        """Ends every other session and notifies the person by mail.

        Raises Forbidden for a wrong old password, Invalid for an unsuitable new one, and TooMany.
        """
        self.confirm_password(person, old, now=now)
        present_session = digest(token) if token else b""
        self._sessions.set_password(
            person.id, self._passwords.hash(new, person.email), but=present_session, now=now
        )

    def replace_password(self, person: Person, new: str, *, now: dt.datetime) -> None:
        """Sets a password without the old one, and ends every session. For operators only.

        Raises Invalid.
        """
        self._sessions.set_password(
            person.id, self._passwords.hash(new, person.email), but=b"", now=now
        )

    # --- people

    def add(
        self,
        email: str,
        name: str,
        password: str,
        *,
        role: Role | str,
        organisation: str = "",
        category: str = "",
        audience: str | None = None,
        zone: str = "UTC",
        contact_roles: Sequence[str] | None = None,
        demo: bool = False,
        now: dt.datetime,
    ) -> Person:
        """A new account. Without ``contact_roles``, the first contact of an organisation
        administers it, and the others file tickets.

        Raises Invalid with every wrong field, Conflict when the address has an account.
        """
        _check_account(email, name, password, role=role, zone=zone)
        person = Person(
            id=0,
            email=email_address(email) or "",
            name=single_line(name),
            role=Role(role),
            organisation=single_line(organisation),
            category=category,
            audience=audience or default_audience(role),
            zone=zone,
            demo=demo,
        )
        return self._people.add(
            person,
            password_hash=self._passwords.hash(password, person.email),
            contact_roles=contact_roles,
            now=now,
        )

    def guest(self, email: str, name: str, zone: str, *, now: dt.datetime) -> Person:
        """Somebody who files without an account: never the account of that address, never signed
        in.

        Raises Invalid for an address that is not valid.
        """
        address = email_address(email)
        if address is None:
            raise Invalid(invalid_email(email), field="email")

        person = Person(
            id=0,
            email=address,
            name=single_line(name)[:200] or address,
            role=Role.CUSTOMER,
            zone=time_zone_or_utc(zone),
            guest=True,
        )
        stored = self._people.find_or_add_guest(person, now=now)
        return replace(stored, name=person.name, zone=person.zone)

    def by_email(self, email: str) -> Person | None:
        """The active account of an address."""
        return self._people.by_email(email_address(email) or "")

    def all(self) -> tuple[Person, ...]:
        """Every active account, by address."""
        return self._people.all()

    def set_profile(self, person: Person, *, name: str, phone: str, location: str) -> None:
        """What people change about themselves. Raises Invalid by field."""
        self._people.set_profile(person.id, profile_values(name, location, phone))

    def set_zone(self, person: Person, zone: str) -> Person:
        """Raises Invalid for a zone that is not valid."""
        if not is_time_zone(zone):
            raise Invalid(_invalid_zone(zone), field="zone")
        self._people.set_zone(person.id, zone)
        return replace(person, zone=zone)

    # --- entitlements

    def category(self, person: Person, now: dt.datetime) -> str:
        """The customer category in force: the person's own or the organisation's under contract."""
        return self._people.entitled(person, now)[0]

    def grant_coupon(
        self, person: Person, code: str, *, rule: str, granted: int, since: dt.datetime
    ) -> None:
        """Grants ``granted`` uses of a code for one year; ``rule`` is its key in the policies.

        Raises Invalid for no uses or an unsuitable code, Conflict for a code that exists.
        """
        if granted < 1:
            raise Invalid(
                f"The policies grant no coupons to {person.email}. Set the number with --uses.",
                field="granted",
            )
        if not 3 <= len(code) <= 60 or not code.isascii() or not code.isprintable() or " " in code:
            raise Invalid(
                "A code must have 3 to 60 ASCII letters, digits or symbols and no spaces.",
                field="code",
            )

        is_new = self._people.grant_coupon(
            person.id,
            code,
            rule=rule,
            granted=granted,
            valid_from=since,
            valid_until=_one_year_after(since),
        )
        if not is_new:
            raise Conflict(f"The code {code} already exists. Choose another one.", field="code")


def _check_account(email: str, name: str, password: str, *, role: Role | str, zone: str) -> None:
    fields: dict[str, str] = {}
    if email_address(email) is None:
        fields["email"] = invalid_email(email)
    if not is_valid_name(name):
        fields["name"] = INVALID_NAME
    if mistake := password_mistake(password, email_address(email) or ""):
        fields["password"] = mistake
    if role not in tuple(Role):
        fields["role"] = f"{str(role)!r:.40} is not a valid role. Give one of {', '.join(Role)}."
    if not is_time_zone(zone):
        fields["zone"] = _invalid_zone(zone)
    if fields:
        raise Invalid(" ".join(fields.values()), fields=fields)


def _invalid_zone(zone: str) -> str:
    return f"{zone!r:.60} is not a valid time zone. Give an IANA name such as Europe/Berlin."


def _one_year_after(at: dt.datetime) -> dt.datetime:
    if (at.month, at.day) == (2, 29):
        return at.replace(year=at.year + 1, day=28)
    return at.replace(year=at.year + 1)
