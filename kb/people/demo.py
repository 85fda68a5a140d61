"""Ready-made accounts for a demo portal, one for each role. Never for a real one.

Their passwords are public: the portal prints them, and shows them on the sign-in page. They are
marked in the database, so that they sign in on a demo portal only. A site names its own demo people
in ``demo.toml``; without that file there are those below.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kb.errors import Conflict, Misconfigured
from kb.people.accounts import Accounts
from kb.people.person import OPERATOR, ContactRole, Role, email_address
from kb.timezones import is_time_zone
from kb.toml_reader import TomlFile, TomlTable

DEMO_FILE = "demo.toml"


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
    coupon_rule: str = "vip"  # in the policies of the built-in help centre
    coupon_uses: int = 5
    address: str = ""  # default: the first name at example.com

    @property
    def email(self) -> str:
        return self.address or f"{self.name.split()[0].lower()}@example.com"

    @property
    def password(self) -> str:
        return f"{self.name.split()[0].lower()}-demo"


@dataclass(frozen=True, slots=True)
class DemoOrganisation:
    """What the contract of a demo organisation says."""

    name: str
    category: str = ""
    licence_addresses: tuple[str, ...] = ()
    shared_view: bool = False
    contract_from: dt.date | None = None
    contract_until: dt.date | None = None


@dataclass(frozen=True, slots=True)
class DemoCast:
    """The demo people of one site."""

    accounts: Sequence[DemoAccount]
    organisations: Sequence[DemoOrganisation] = ()


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


def load_demo_cast(folder: Path) -> DemoCast:
    """The demo people of the site in ``folder``. Raises Misconfigured with every mistake."""
    path = folder / DEMO_FILE
    if not path.exists():
        return DemoCast(DEMO_ACCOUNTS)
    try:
        file = TomlFile(str(path), path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: Cannot read the demo people: {error}.") from None
    file.top.only(("people", "organisations"))
    organisations = [_organisation(table) for table in file.top.array("organisations")]
    accounts = [_account(table) for table in file.top.array("people")]
    addresses = [account.email for account in accounts]
    for number, address in enumerate(addresses):
        if address in addresses[:number]:
            file.wrong(("people", number), f"{address} is listed twice.")
    file.refuse()
    return DemoCast(accounts, organisations)


def _account(table: TomlTable) -> DemoAccount:
    table.only(
        (
            "name",
            "email",
            "role",
            "what",
            "organisation",
            "category",
            "zone",
            "coupon",
            "coupon_rule",
            "coupon_uses",
            "contact_roles",
        )
    )
    name = table.text("name") or "Nobody"
    address, zone = table.text("email", ""), table.text("zone", "UTC")
    if address and email_address(address) is None:
        table.wrong(f"{address!r} is not an e-mail address.", "email")
    if not is_time_zone(zone):
        table.wrong(f"{zone!r} is not a time zone such as 'Europe/Berlin'.", "zone")
    roles = []
    for place, role in table.words("contact_roles"):
        if role not in tuple(ContactRole):
            table.file.wrong(place, f"{role!r} is not a role. Available: {', '.join(ContactRole)}.")
        roles.append(role)
    uses = table.data.get("coupon_uses", 5)
    if type(uses) is not int or uses < 1:
        table.wrong("'coupon_uses' must be a whole number, 1 or more.", "coupon_uses")
    return DemoAccount(
        name,
        Role(table.choice("role", tuple(Role), Role.CUSTOMER)),
        table.text("what"),
        table.text("organisation", ""),
        table.text("category", ""),
        zone,
        table.text("coupon", ""),
        tuple(roles),
        table.text("coupon_rule", "vip"),
        uses,
        address,
    )


def _organisation(table: TomlTable) -> DemoOrganisation:
    table.only(
        ("name", "category", "licence_addresses", "shared_view", "contract_from", "contract_until")
    )
    days = []
    for key in ("contract_from", "contract_until"):
        day = table.data.get(key)
        if day is not None and type(day) is not dt.date:
            table.wrong(f"{key!r} must be a date such as 2027-12-31, without quotes.", key)
            day = None
        days.append(day)
    return DemoOrganisation(
        table.text("name"),
        table.text("category", ""),
        tuple(address for _, address in table.words("licence_addresses")),
        table.flag("shared_view"),
        *days,
    )


def add_demo_accounts(
    accounts: Accounts, now: dt.datetime, cast: DemoCast | None = None
) -> tuple[DemoSignIn, ...]:
    """Adds the demo accounts that are missing, and returns how to sign in to each."""
    cast = cast or DemoCast(DEMO_ACCOUNTS)
    added = [demo for demo in cast.accounts if accounts.by_email(demo.email) is None]
    for demo in added:
        _add(accounts, demo, now)
    for company in cast.organisations:
        if any(demo.organisation == company.name for demo in added):
            _set_contract(accounts, company)
    return tuple(
        DemoSignIn(demo.email, demo.password, demo.name, demo.role, demo.what)
        for demo in cast.accounts
    )


def _set_contract(accounts: Accounts, company: DemoOrganisation) -> None:
    organisation = accounts.contacts.named(OPERATOR, company.name)
    accounts.contacts.set_organisation(
        OPERATOR,
        organisation.id,
        category=company.category,
        licence_addresses=company.licence_addresses,
        shared_view=company.shared_view,
        contract_from=_midnight(company.contract_from),
        contract_until=_midnight(company.contract_until, days=1),  # the first instant after it
    )


def _midnight(day: dt.date | None, *, days: int = 0) -> dt.datetime | None:
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC) if day else None
    return midnight + dt.timedelta(days=days) if midnight else None


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
                person, demo.coupon, rule=demo.coupon_rule, granted=demo.coupon_uses, since=now
            )
