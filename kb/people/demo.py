"""Ready-made accounts for a demo portal, one for each role. Never for a real one.

Their passwords are public: the portal prints them, and shows them on the sign-in page. They are
marked in the database, so that they sign in on a demo portal only.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass

from kb.errors import Conflict
from kb.people.accounts import Accounts
from kb.people.person import ContactRole, Role


@dataclass(frozen=True, slots=True)
class DemoSignIn:
    """What somebody needs to sign in as one of the demo accounts. ``what`` describes the person."""

    email: str
    password: str
    name: str
    role: Role
    what: str


@dataclass(frozen=True, slots=True)
class DemoAccount:
    name: str
    role: Role
    what: str
    organisation: str = ""
    category: str = ""
    zone: str = "Europe/Berlin"
    coupon: str = ""
    contact_roles: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        return f"{self.name.split()[0].lower()}@example.com"

    @property
    def password(self) -> str:
        return f"{self.name.split()[0].lower()}-demo"


DEMO_COUPON_KEY = "vip"  # in the policies of the built-in help centre
_DEMO_COUPON_USES = 5
DEMO_ACCOUNTS: tuple[DemoAccount, ...] = (
    DemoAccount(
        "Alice Archer", Role.CUSTOMER, "a commercial customer of Acme", "Acme", "commercial"
    ),
    DemoAccount(
        "Vera Vogel",
        Role.CUSTOMER,
        "a VIP customer of Vantage, who manages its contacts and has five coupons (code VERA-5)",
        "Vantage",
        "ultimate",
        "America/New_York",
        "VERA-5",
        (ContactRole.ADMINISTRATOR, ContactRole.SUPPORT),
    ),
    DemoAccount(
        "Charlie Chu",
        Role.CUSTOMER,
        "a customer of Globex, who cannot see Acme's tickets",
        "Globex",
        "commercial",
    ),
    DemoAccount("Bob Baker", Role.AGENT, "an agent, who answers tickets"),
    DemoAccount("Erin Engel", Role.EDITOR, "an editor, who can read staff-only articles"),
    DemoAccount("Ada Adler", Role.ADMIN, "the administrator"),
)


def add_demo_accounts(accounts: Accounts, now: dt.datetime) -> tuple[DemoSignIn, ...]:
    """Adds the demo accounts that are missing, and returns how to sign in to each."""
    for demo in DEMO_ACCOUNTS:
        if accounts.by_email(demo.email) is None:
            _add(accounts, demo, now)
    return tuple(
        DemoSignIn(demo.email, demo.password, demo.name, demo.role, demo.what)
        for demo in DEMO_ACCOUNTS
    )


def _add(accounts: Accounts, demo: DemoAccount, now: dt.datetime) -> None:
    with contextlib.suppress(Conflict):  # another server process was faster
        accounts.add(
            demo.email,
            demo.name,
            demo.password,
            role=demo.role,
            organisation=demo.organisation,
            category=demo.category,
            zone=demo.zone,
            contact_roles=demo.contact_roles,
            demo=True,
            now=now,
        )

    person = accounts.by_email(demo.email)
    if person is None:  # deactivated meanwhile
        return
    if demo.coupon:
        with contextlib.suppress(Conflict):
            accounts.grant_coupon(
                person, demo.coupon, rule=DEMO_COUPON_KEY, granted=_DEMO_COUPON_USES, since=now
            )
