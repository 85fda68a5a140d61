"""Who is signed in, and how does one become so?

``Accounts`` checks passwords (argon2id), limits guessing, gives out sessions and keeps people. An
unknown address and a wrong password get the same sentence after the same work. What a person may do
is decided in ``access``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kb.database import Database
from kb.database.usage_limits import UsageLimit
from kb.errors import Conflict, Forbidden, Invalid, NotFound
from kb.people.contacts import Contacts
from kb.people.person import (
    OPERATOR,
    ContactRole,
    Person,
    Role,
    account_key,
    email_address,
)
from kb.people.repository import Guesses, PeopleStore, Session
from kb.text import has_visible_text, single_line
from kb.timezones import is_time_zone, time_zone_or_utc

__all__ = ["DEMO", "Accounts", "DemoSignIn", "Person", "Role"]

#: Goal S7: five failures in a quarter of an hour for an account, twenty from one address.
LIMIT = Guesses(failures=5, per_address=20, window=dt.timedelta(minutes=15))
PASSWORD_LENGTHS = (8, 1000)  # characters (ASVS 6.2.1 and a bound for the work of hashing)
#: How long a link lives: a reset as short as ASVS asks, what was not asked for longer.
LINKS = {
    "reset": dt.timedelta(minutes=15),
    "register": dt.timedelta(minutes=15),
    "invite": dt.timedelta(days=7),
}
_DEAD_LINK = "This link was used already or is over; ask for a new one."
_WRONG = "The address or the password is not right; check both, and mind capital letters."


@dataclass(frozen=True, slots=True)
class Link:
    """A single-use link: for register, invite or reset, of this address."""

    purpose: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    """One ready-made account of a demo portal, as the server prints it."""

    email: str
    password: str
    name: str
    role: Role
    what: str


@dataclass(frozen=True, slots=True)
class _Demo:
    name: str
    role: Role
    what: str
    organisation: str = ""
    category: str = ""
    zone: str = "Europe/Berlin"
    coupon: str = ""
    looks_after: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        return f"{self.name.split()[0].lower()}@example.com"

    @property
    def password(self) -> str:
        return f"{self.name.split()[0].lower()}-demo"


DEMO_COUPON = "vip"  # its key in the policies of the built-in help centre
DEMO: tuple[_Demo, ...] = (
    _Demo("Alice Archer", Role.CUSTOMER, "a commercial customer of Acme", "Acme", "commercial"),
    _Demo(
        "Vera Vogel",
        Role.CUSTOMER,
        "a VIP customer of Vantage with five coupons, code VERA-5, who looks after its contacts",
        "Vantage",
        "ultimate",
        "America/New_York",
        "VERA-5",
        (ContactRole.ADMINISTRATOR, ContactRole.SUPPORT),
    ),
    _Demo(
        "Charlie Chu",
        Role.CUSTOMER,
        "a customer of Globex, who sees no ticket of Acme",
        "Globex",
        "commercial",
    ),
    _Demo("Bob Baker", Role.AGENT, "an agent who answers tickets"),
    _Demo("Erin Engel", Role.EDITOR, "an editor who reads what only staff may"),
    _Demo("Ada Adler", Role.ADMIN, "the administrator"),
)


class Accounts:
    """People and their sessions. Safe for many threads; ``hasher`` is an argument so that tests can
    be quick.
    """

    def __init__(
        self, database: Database, *, session_hours: int = 12, hasher: PasswordHasher | None = None
    ) -> None:
        self._store = PeopleStore(database)
        self._lifetime = dt.timedelta(hours=session_hours)
        # OWASP's second choice for argon2id: 19 MiB, two passes, one lane; about 40 ms on a small
        # server.
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        costs = (
            f"m={self._hasher.memory_cost},t={self._hasher.time_cost},p={self._hasher.parallelism}"
        )
        self.contacts = Contacts(database)
        self._nobody = f"$argon2id$v=19${costs}${'A' * 22}${'A' * 43}"

    def sign_in(
        self, email: str, password: str, *, address: str, client: str = "", now: dt.datetime
    ) -> str:
        """A new session's token. ``address`` is the client's network address, ``client`` what it
        calls itself.

        Raises Forbidden, in the same words for an unknown address and a wrong password, and
        TooMany.
        """
        account = _digest(account_key(email))
        known = self._store.begin_attempt(
            email_address(email) or "",
            account=account,
            address=_digest(_network(address)),
            limit=LIMIT,
            now=now,
        )
        person_id, stored = known or (0, self._nobody)
        if not self._matches(stored, password) or not known:
            raise Forbidden(_WRONG)
        token = secrets.token_urlsafe(32)
        renewed = self._hasher.hash(password) if self._hasher.check_needs_rehash(stored) else None
        self._store.begin_session(
            person_id,
            token_hash=_digest(token),
            account=account,
            now=now,
            until=now + self._lifetime,
            password_hash=renewed,
            client=single_line(client)[:200],
        )
        return token

    def person(self, token: str | None, *, now: dt.datetime) -> Person | None:
        """Whose session it is; None for none, an unknown one and one that is over."""
        return self._store.by_session(_digest(token), now=now) if token else None

    def sign_in_vouched(self, email: str, *, client: str = "", now: dt.datetime) -> str:
        """A new session's token for an address that another sign-in service has verified just now.

        Raises Forbidden when there is no active account for it: nobody gets one by signing in.
        """
        person = self.by_email(email)
        if person is None:
            raise Forbidden(
                "There is no account here for the address that you signed in with; ask us for one."
            )
        token = secrets.token_urlsafe(32)
        self._store.begin_session(
            person.id,
            token_hash=_digest(token),
            account=_digest(account_key(email)),
            now=now,
            until=now + self._lifetime,
            client=client,
        )
        return token

    def sign_out(self, token: str | None) -> None:
        """Ends the session at once, on every server process."""
        if token:
            self._store.end_session(_digest(token))

    def sessions(
        self, person: Person, token: str | None, *, now: dt.datetime
    ) -> tuple[Session, ...]:
        """Where the person is signed in, newest first; ``token`` marks the session that asks."""
        return self._store.sessions(person.id, _digest(token) if token else b"", now=now)

    def end_session(self, person: Person, session_id: str) -> None:
        """Ends one of one's own sessions, at once. Raises NotFound for another."""
        if not self._store.end_session_of(person.id, session_id):
            raise NotFound("There is no such sign-in of yours; it may have ended already.")

    def end_other_sessions(self, person: Person, token: str | None) -> int:
        """Ends all but the one that asks; how many."""
        return self._store.end_sessions(person.id, but=_digest(token) if token else b"")

    def change_password(
        self, person: Person, old: str, new: str, *, token: str | None, now: dt.datetime
    ) -> None:
        """Ends every other session, and tells by mail. Raises Forbidden for a wrong old one,
        Invalid, TooMany.
        """
        known = self._store.begin_attempt(
            person.email, account=_digest(account_key(person.email)), address=_digest(f"person {person.id}"),
            limit=LIMIT, now=now,
        )  # fmt: skip
        if known is None or not self._matches(known[1], old):
            raise Forbidden("The old password is not right; nothing was changed.")
        self._store.set_password(
            person.id, self._new_hash(new), but=_digest(token) if token else b"", now=now
        )

    def ask_registration(
        self, email: str, name: str, zone: str, *, address: str, now: dt.datetime
    ) -> None:
        """Sends a link to the address, whoever it belongs to: the answer is the same for everybody
        (goal S8).

        Raises Invalid for what is no address or name, TooMany.
        """
        called = single_line(name)
        if email_address(email) is None or not has_visible_text(called) or len(called) > 200:
            _check_account(email, name, "x" * PASSWORD_LENGTHS[0], role=Role.CUSTOMER, zone="UTC")
        facts = {"name": called, "zone": time_zone_or_utc(zone)}
        self._ask(email, ("register", "exists"), facts, address, now)

    def ask_reset(self, email: str, *, address: str, now: dt.datetime) -> None:
        """Sends a link to the account's address, nothing to any other; the answer is the same.
        Raises TooMany.
        """
        self._ask(email, ("", "reset"), {}, address, now)

    def _ask(
        self,
        email: str,
        kinds: tuple[str, str],
        facts: dict[str, str],
        address: str,
        now: dt.datetime,
    ) -> None:
        """``kinds``: the notice for an address without an account, and for one with one."""
        limits = (
            _mails(_digest(account_key(email)), 3, "this address"),
            _mails(_digest(_network(address)), 20, "this network"),
            _mails(b"everybody", 200, "here"),
        )
        self._store.ask(email_address(email) or "", kinds, facts, limits, now=now)

    def mint(self, purpose: str, email: str, facts: Mapping[str, str], *, now: dt.datetime) -> str:
        """The secret of a single-use link; only its hash is kept. For the worker, when it writes
        the mail.
        """
        secret = secrets.token_urlsafe(32)
        kept = {key: facts[key] for key in ("name", "zone") if key in facts}
        self._store.add_token(
            _digest(secret), purpose, email, kept, now=now, until=now + LINKS[purpose]
        )
        return secret

    def link(self, secret: str, *, now: dt.datetime) -> Link:
        """What a link is for, without using it. Raises NotFound for one that is unknown, used or
        over.
        """
        found = self._store.token(_digest(secret), now=now)
        if found is None:
            raise NotFound(_DEAD_LINK)
        return Link(found[0], found[1], found[2].get("name", ""))

    def use_link(self, secret: str, password: str, *, name: str = "", now: dt.datetime) -> Person:
        """Sets the password behind a link: the account is made, or gets its new one and loses its
        sessions.

        Raises NotFound for a link that is unknown, used or over, Invalid for a password that is
        none.
        """
        hashed = self._new_hash(password)
        person = self._store.use_token(_digest(secret), hashed, single_line(name)[:200], now=now)
        if person is None:
            raise NotFound(_DEAD_LINK)
        return person

    def _new_hash(self, password: str) -> str:
        if not _acceptable(password):
            low, high = PASSWORD_LENGTHS
            raise Invalid(f"A password has {low} to {high} characters.", field="password")
        return self._hasher.hash(password)

    def guest(self, email: str, name: str, zone: str, *, now: dt.datetime) -> Person:
        """Somebody who files without an account. Never the account of the same address, and never
        signed in.

        Raises Invalid for an address that is none.
        """
        address = email_address(email)
        if address is None:
            raise Invalid(_not_an_address(email), field="email")
        called = single_line(name)[:200] or address
        person = Person(0, address, called, Role.CUSTOMER, zone=time_zone_or_utc(zone), guest=True)
        kept = self._store.find_or_add_guest(person, now=now)
        return replace(kept, name=called, zone=person.zone)

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
        now: dt.datetime,
    ) -> Person:
        """A new account. Raises Invalid with every field at fault, Conflict when the address has
        one.
        """
        _check_account(email, name, password, role=role, zone=zone)
        person = Person(
            id=0,
            email=email_address(email) or "",
            name=single_line(name),
            role=Role(role),
            organisation=single_line(organisation),
            category=category,
            audience=audience or ("customers" if role == Role.CUSTOMER else "staff"),
            zone=zone,
        )
        return self._store.add(person, password_hash=self._hasher.hash(password), now=now)

    def by_email(self, email: str) -> Person | None:
        return self._store.by_email(email_address(email) or "")

    def all(self) -> tuple[Person, ...]:
        """Every account, by address."""
        return self._store.all()

    def category(self, person: Person, now: dt.datetime) -> str:
        """The customer category that counts now: the person's own, or the organisation's while its
        contract holds.
        """
        return self._store.entitled(person, now)[0]

    def grant_coupon(
        self, person: Person, code: str, *, rule: str, granted: int, since: dt.datetime
    ) -> None:
        """Gives ``granted`` uses of a code for a year (``rule``: its key in the policies).

        Raises Invalid for no uses or an unfit code, Conflict for a code that was given before.
        """
        if granted < 1:
            raise Invalid(
                f"The policies give {person.email} no coupons; say how many with --uses.",
                field="granted",
            )
        if not 3 <= len(code) <= 60 or not code.isascii() or not code.isprintable() or " " in code:
            raise Invalid(
                "A code has 3 to 60 letters, digits or signs, and no blank.", field="code"
            )
        until = _year_later(since)
        if not self._store.grant_coupon(
            person.id, code, rule=rule, granted=granted, valid_from=since, valid_until=until
        ):
            raise Conflict(f"The code {code} was given before; choose another.", field="code")

    def replace_password(self, person: Person, new: str, *, now: dt.datetime) -> None:
        """For whoever operates the place: another password, and every sign-in ends. Raises Invalid."""
        if not _acceptable(new):
            low, high = PASSWORD_LENGTHS
            raise Invalid(f"A password has {low} to {high} characters.", field="password")
        self._store.set_password(person.id, self._hasher.hash(new), but=b"", now=now)

    def set_zone(self, person: Person, zone: str) -> Person:
        """Raises Invalid for a zone that is none."""
        if not is_time_zone(zone):
            raise Invalid(_not_a_zone(zone), field="zone")
        self._store.set_zone(person.id, zone)
        return replace(person, zone=zone)

    def demo(self, now: dt.datetime) -> tuple[DemoSignIn, ...]:
        """Creates the demo accounts that are missing and returns all of them. Never for a real
        portal.
        """
        missing = tuple(demo for demo in DEMO if self._store.by_email(demo.email) is None)
        for demo in missing:
            self._add_demo(demo, now)
        return tuple(
            DemoSignIn(demo.email, demo.password, demo.name, demo.role, demo.what) for demo in DEMO
        )

    def _add_demo(self, demo: _Demo, now: dt.datetime) -> None:
        with contextlib.suppress(Conflict):  # another server process was faster
            self.add(
                demo.email,
                demo.name,
                demo.password,
                role=demo.role,
                organisation=demo.organisation,
                category=demo.category,
                zone=demo.zone,
                now=now,
            )
        person = self._store.by_email(demo.email)
        if demo.looks_after and person is not None:
            self.contacts.set_roles(OPERATOR, person.id, demo.looks_after)
        if demo.coupon and person is not None:
            until = now + dt.timedelta(days=365)
            self._store.grant_coupon(
                person.id,
                demo.coupon,
                rule=DEMO_COUPON,
                granted=5,
                valid_from=now,
                valid_until=until,
            )

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password[: PASSWORD_LENGTHS[1] + 1])
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False


def _check_account(email: str, name: str, password: str, *, role: Role | str, zone: str) -> None:
    fields: dict[str, str] = {}
    if email_address(email) is None:
        fields["email"] = _not_an_address(email)
    if not has_visible_text(single_line(name)) or len(name) > 200:
        fields["name"] = "A name of 1 to 200 characters is missing."
    low, high = PASSWORD_LENGTHS
    if not _acceptable(password):
        fields["password"] = f"A password has {low} to {high} characters."
    if role not in tuple(Role):
        fields["role"] = f"{str(role)!r:.40} is no role; give {', '.join(Role)}."
    if not is_time_zone(zone):
        fields["zone"] = _not_a_zone(zone)
    if fields:
        raise Invalid(" ".join(fields.values()), fields=fields)


def _not_an_address(email: str) -> str:
    return f"{email.strip()!r:.80} is no e-mail address; write it like alice@example.com."


def _not_a_zone(zone: str) -> str:
    return f"{zone!r:.60} is no time zone; give an IANA name such as Europe/Berlin."


def _acceptable(password: str) -> bool:
    low, high = PASSWORD_LENGTHS
    return low <= len(password) <= high and not any("\ud800" <= c <= "\udfff" for c in password)


def _year_later(at: dt.datetime) -> dt.datetime:
    return (
        at.replace(year=at.year + 1, day=28)
        if (at.month, at.day) == (2, 29)
        else at.replace(year=at.year + 1)
    )


def _mails(key: bytes, most: int, where: str) -> UsageLimit:
    sentence = f"Too many mails were asked for from {where}; try again in {{minutes}} minutes."
    return UsageLimit("account mail", key, most, dt.timedelta(hours=1), sentence)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _network(address: str) -> str:
    """An IPv6 client owns its /64, so that is what is counted."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
