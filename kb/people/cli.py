"""`kb accounts`: the people who can sign in, their organisations, contact roles and coupons.

For the operator of the help centre: each command is one call and printing. A customer's own
administrator manages contacts on the portal's pages (``kb.people.contacts``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from kb.cli_options import data_option, json_option
from kb.database import open_database
from kb.errors import Invalid, NotFound
from kb.operations.audit import Action, record_command
from kb.people.accounts import Accounts
from kb.people.administration import Administration
from kb.people.contacts import Contact, LicenceKind, Organisation
from kb.people.demo import add_demo_accounts, load_demo_cast
from kb.people.person import OPERATOR, ContactRole, Person, Role
from kb.settings import Settings, load_settings
from kb.sla import policy_file
from kb.timezones import utc_now

_DAY = click.DateTime(["%Y-%m-%d"])
_password_option = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from standard input. Default: prompt for it.",
)


@click.group()
def accounts() -> None:
    """Manage accounts, organisations, contact roles and coupons."""
    os.umask(0o077)


# --- accounts


@accounts.command()
@click.argument("email")
@click.option("--name", required=True, help="The name that others see.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default="customer",
    show_default=True,
    help="What the person may do.",
)
@click.option("--organisation", default="", help="The company. Created if it does not exist.")
@click.option(
    "--category", default="", help="The customer category in policies.toml, such as commercial."
)
@click.option(
    "--audience",
    help="The documents that the person may read. Default: customers for customers, staff for "
    "all other roles.",
)
@click.option("--zone", default="UTC", show_default=True, help="The person's IANA time zone.")
@_password_option
@data_option
def add(email: str, password_stdin: bool, data: str | None, **profile: Any) -> None:
    """Add an account for EMAIL."""
    password = _read_password(password_stdin)
    with _open_accounts(data) as (_, accounts):
        person = accounts.add(email, profile.pop("name"), password, now=utc_now(), **profile)
    _record(data, Action.ACCOUNT_ADDED, person.id, role=person.role)
    click.echo(f"Added {person.email} with the role {person.role}.", err=True)


@accounts.command("list")
@data_option
@json_option
def list_(data: str | None, as_json: bool) -> None:
    """List all accounts that can sign in, ordered by address."""
    with _open_accounts(data) as (_, accounts):
        people = accounts.all()

    if as_json:
        click.echo(json.dumps([_person_as_json(person) for person in people], indent=2))
        return

    for person in people:
        columns = (person.email, person.role, person.name, person.organisation)
        click.echo("  ".join(column for column in columns if column))


@accounts.command()
@data_option
@json_option
def demo(data: str | None, as_json: bool) -> None:
    """Add the demo accounts and print their passwords. They sign in on a demo portal only."""
    with _open_accounts(data) as (settings, accounts):
        cast = load_demo_cast(settings.content)
        sign_ins = add_demo_accounts(accounts, utc_now(), cast)

    if as_json:
        click.echo(json.dumps([asdict(sign_in) for sign_in in sign_ins], indent=2))
        return

    for sign_in in sign_ins:
        click.echo(f"{sign_in.email}  {sign_in.password}  {sign_in.what}")
    click.echo("These people can sign in only where `kb serve --demo` runs.", err=True)


@accounts.command()
@click.argument("email")
@_password_option
@data_option
def password(email: str, password_stdin: bool, data: str | None) -> None:
    """Set the password of the account EMAIL and sign it out everywhere."""
    new_password = _read_password(password_stdin)
    with _open_accounts(data) as (_, accounts):
        person = _account(accounts, email)
        accounts.replace_password(person, new_password, now=utc_now())
    _record(data, Action.PASSWORD_CHANGED, person.id)
    click.echo(f"{person.email} has a new password and is signed out everywhere.", err=True)


@accounts.command("reset-factor")
@click.argument("email")
@data_option
def reset_factor(email: str, data: str | None) -> None:
    """Remove the second factor of the account EMAIL and sign it out everywhere."""
    with _open_accounts(data) as (_, accounts):
        person = accounts.administration.account(email)
        accounts.second_factors.reset(person, now=utc_now())
    _record(data, Action.SECOND_FACTOR_RESET, person.id)
    click.echo(f"{person.email} has no second factor and is signed out everywhere.", err=True)


@accounts.command()
@click.argument("email", required=False)
@click.option("--demo", is_flag=True, help="Remove all demo accounts.")
@data_option
def remove(email: str | None, demo: bool, data: str | None) -> None:
    """Remove the account EMAIL. Tickets keep the name of the person, but not the address."""
    if bool(email) == demo:
        raise click.UsageError("Give EMAIL or --demo.")
    with _open_accounts(data) as (_, accounts):
        admin = accounts.administration
        people = admin.demo_people() if demo else (admin.account(email or ""),)
        for person in people:
            is_gone = admin.remove(person)
            _record(data, Action.ACCOUNT_REMOVED, person.id)
            rest = "" if is_gone else " The name stays on tickets."
            click.echo(f"Removed {person.email}.{rest}", err=True)
        _warn_without_administrator(admin, people)
    if not people:
        click.echo("There are no demo accounts.", err=True)


def _warn_without_administrator(admin: Administration, before: Iterable[Person]) -> None:
    """Said once one of the administrators among ``before`` was the last."""
    was_administrator = any(person.role is Role.ADMIN for person in before)
    if was_administrator and not admin.has_administrator():
        click.echo(
            "Nobody can administer this portal now. Add an administrator with "
            "`kb accounts add ADDRESS --name NAME --role admin`.",
            err=True,
        )


@accounts.command()
@click.argument("email")
@click.option("--name", default="", help="The new name that others see.")
@click.option("--address", default="", help="The new address to sign in with.")
@data_option
def rename(email: str, name: str, address: str, data: str | None) -> None:
    """Change the name or the address of the account EMAIL."""
    if not name and not address:
        raise click.UsageError("Give --name or --address.")
    with _open_accounts(data) as (_, accounts):
        admin = accounts.administration
        person = admin.rename(admin.account(email), name=name, email=address)
    _record(data, Action.ACCOUNT_CHANGED, person.id, change="name or address")
    click.echo(f"{person.email}  {person.name}", err=True)


@accounts.command()
@click.argument("email")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.option(
    "--audience",
    help="The documents that the person may read. Default: customers for customers, staff for "
    "all other roles.",
)
@data_option
def role(email: str, role: str, audience: str | None, data: str | None) -> None:
    """Change the role of the account EMAIL to ROLE, from the person's next request on."""
    with _open_accounts(data) as (_, accounts):
        admin = accounts.administration
        before = admin.account(email)
        person = admin.set_role(before, role, audience)
        _record(data, Action.ACCOUNT_CHANGED, person.id, role=person.role)
        click.echo(f"{person.email} has the role {person.role}.", err=True)
        _warn_without_administrator(admin, (before,))


@accounts.command()
@click.argument("email")
@click.argument("organisation")
@data_option
def move(email: str, organisation: str, data: str | None) -> None:
    """Put the account EMAIL into ORGANISATION; an empty name removes it from its own."""
    with _open_accounts(data) as (_, accounts):
        admin = accounts.administration
        person = admin.move(admin.account(email), organisation, now=utc_now())
    _record(data, Action.ACCOUNT_CHANGED, person.id, change="organisation")
    where = person.organisation or "no organisation"
    click.echo(f"{person.email} belongs to {where}.", err=True)


@accounts.command()
@click.argument("email")
@data_option
def deactivate(email: str, data: str | None) -> None:
    """Sign the account EMAIL out everywhere and block new sign-ins. Its tickets stay."""
    with _open_accounts(data) as (_, accounts):
        admin = accounts.administration
        person = admin.account(email)
        accounts.contacts.deactivate(OPERATOR, person.id, now=utc_now())
        _record(data, Action.ACCOUNT_DEACTIVATED, person.id)
        click.echo(f"{person.email} can no longer sign in.", err=True)
        _warn_without_administrator(admin, (person,))


@accounts.command()
@click.argument("email")
@data_option
def reactivate(email: str, data: str | None) -> None:
    """Allow the account EMAIL to sign in again."""
    with _open_accounts(data) as (_, accounts):
        person = accounts.administration.account(email)
        accounts.contacts.reactivate(OPERATOR, person.id)
    _record(data, Action.ACCOUNT_REACTIVATED, person.id)
    click.echo(f"{person.email} can sign in again.", err=True)


# --- organisations, contact roles, licences, coupons


@accounts.command()
@click.argument("name")
@click.option("--category", help="The customer category in policies.toml. Empty: none.")
@click.option(
    "--shared-view/--own-view", default=None, help="Whether contacts see each other's tickets."
)
@click.option(
    "--licence",
    "licences",
    multiple=True,
    help="An address that the licence names. Repeat it for more.",
)
@click.option("--contract-from", type=_DAY, help="The first day of the contract (UTC).")
@click.option("--contract-until", type=_DAY, help="The last day of the contract (UTC).")
@click.option("--location", help="The location. Contacts inherit it.")
@click.option("--phone", help="The phone number. Contacts inherit it.")
@data_option
@json_option
def organisation(name: str, data: str | None, as_json: bool, **options: Any) -> None:
    """Show the organisation NAME, or change it with the options and show the result."""
    changes = {key: value for key, value in options.items() if value is not None and value != ()}
    if "licences" in changes:
        changes["licence_addresses"] = changes.pop("licences")
    if "contract_from" in changes:
        changes["contract_from"] = changes["contract_from"].replace(tzinfo=dt.UTC)
    if "contract_until" in changes:  # stored as the first instant after the last day
        last_day = changes["contract_until"].replace(tzinfo=dt.UTC)
        changes["contract_until"] = last_day + dt.timedelta(days=1)

    with _open_accounts(data) as (_, accounts):
        contacts = accounts.contacts
        company = contacts.named(OPERATOR, name)
        if changes:
            contacts.set_organisation(OPERATOR, company.id, **changes)
            target, fields = f"organisation:{company.id}", " ".join(sorted(changes))
            _record(data, Action.ORGANISATION_CHANGED, target, fields=fields)
            company = contacts.organisation(OPERATOR, company.id)
        people = contacts.all(OPERATOR, company.id)

    if as_json:
        click.echo(json.dumps(_organisation_as_json(company, people), indent=2))
    else:
        click.echo("\n".join(_organisation_as_text(company, people)))


@accounts.command()
@click.argument("email")
@click.option(
    "--role",
    "roles",
    type=click.Choice([role.value for role in ContactRole]),
    multiple=True,
    help="A contact role. Repeat it for more. The given roles replace all current ones.",
)
@click.option(
    "--deactivate", "active", flag_value="no", help="Sign the contact out and block new sign-ins."
)
@click.option("--reactivate", "active", flag_value="yes", help="Allow sign-ins again.")
@data_option
def contact(email: str, roles: Sequence[str], active: str | None, data: str | None) -> None:
    """Change the contact roles of the account EMAIL, or deactivate or reactivate it."""
    if not roles and active is None:
        raise click.UsageError("Give --role, --deactivate or --reactivate.")

    with _open_accounts(data) as (_, accounts):
        contacts = accounts.contacts
        contact = contacts.by_email(OPERATOR, email)
        if roles:
            contacts.set_roles(OPERATOR, contact.id, roles)
            _record(data, Action.ACCOUNT_CHANGED, contact.id, roles=" ".join(roles))
        if active == "no":
            contacts.deactivate(OPERATOR, contact.id, now=utc_now())
            _record(data, Action.ACCOUNT_DEACTIVATED, contact.id)
        elif active == "yes":
            contacts.reactivate(OPERATOR, contact.id)
            _record(data, Action.ACCOUNT_REACTIVATED, contact.id)
        contact = contacts.by_email(OPERATOR, email)

    click.echo(_contact_line(contact), err=True)


@accounts.command()
@click.argument("organisation")
@click.argument("number")
@click.option("--product", default="", help="What it is for.")
@click.option("--trial", is_flag=True, help="A trial licence, which nobody bought.")
@click.option("--order", "order_number", default="", help="The number of the order.")
@click.option("--bought", "bought_at", type=_DAY, help="The day of the purchase (UTC).")
@click.option("--from", "valid_from", type=_DAY, help="The first day on which it is valid (UTC).")
@click.option("--until", "valid_until", type=_DAY, help="The last day on which it is valid (UTC).")
@click.option("--remove", is_flag=True, help="Remove the licence.")
@data_option
def licence(
    organisation: str, number: str, data: str | None, *, trial: bool, remove: bool, **values: Any
) -> None:
    """Add the licence NUMBER to ORGANISATION, or change or remove it."""
    days = {
        key: value.replace(tzinfo=dt.UTC)
        for key in ("bought_at", "valid_from", "valid_until")
        if (value := values.pop(key))
    }
    if "valid_until" in days:  # stored as the first instant after the last day
        days["valid_until"] += dt.timedelta(days=1)
    with _open_accounts(data) as (_, accounts):
        contacts = accounts.contacts
        company = contacts.named(OPERATOR, organisation)
        if remove:
            contacts.remove_licence(OPERATOR, company.id, number)
        else:
            kind = LicenceKind.TRIAL if trial else LicenceKind.LICENCE
            contacts.set_licence(OPERATOR, company.id, number, kind=kind, **values, **days)
        licences = contacts.licences(OPERATOR, company.id)
    target = f"organisation:{company.id}"
    _record(data, Action.ORGANISATION_CHANGED, target, fields="licences")
    for row in (*licences.licences, *licences.trials):
        click.echo("  ".join(filter(None, (row.number, row.kind, row.product, row.order_number))))


@accounts.command()
@click.argument("email")
@click.argument("code")
@click.option(
    "--rule",
    default="",
    help="The key in [coupons] of policies.toml. Not needed when there is only one.",
)
@click.option(
    "--uses",
    type=click.IntRange(1, 1000),
    help="How many uses to grant. Default: what the policies give the customer's category.",
)
@click.option(
    "--from", "since", type=_DAY, help="The first day of the contract year (UTC). Default: today."
)
@data_option
def coupon(
    email: str, code: str, rule: str, uses: int | None, since: dt.datetime | None, data: str | None
) -> None:
    """Grant the account EMAIL the coupon CODE for one contract year."""
    start = since.replace(tzinfo=dt.UTC) if since else utc_now()
    with _open_accounts(data) as (settings, accounts):
        person = _account(accounts, email)
        coupons = policy_file.load_policy(settings.policies_file).coupons
        key = rule or (next(iter(coupons)) if len(coupons) == 1 else "")
        if key not in coupons:
            keys = ", ".join(coupons) or "(none)"
            raise Invalid(f"{rule!r:.40} is not a coupon in policies.toml. Give --rule {keys}.")
        granted = uses or coupons[key].per_year.get(accounts.category(person, utc_now()), 0)
        accounts.grant_coupon(person, code, rule=key, granted=granted, since=start)
    _record(data, Action.COUPON_GRANTED, person.id, rule=key, granted=str(granted))

    click.echo(
        f"Granted {person.email} {granted} uses of {code}, valid for one year from "
        f"{start:%Y-%m-%d}.",
        err=True,
    )


# --- helpers


@contextlib.contextmanager
def _open_accounts(data: str | None) -> Iterator[tuple[Settings, Accounts]]:
    settings = load_settings(data=data)
    with contextlib.closing(open_database(settings.database_location)) as database:
        yield settings, Accounts(database, session_hours=settings.session_hours)


def _record(data: str | None, action: Action, target: int | str, **facts: str) -> None:
    """Adds an entry to the audit log; a number is a person's id."""
    name = target if isinstance(target, str) else f"person:{target}"
    record_command(load_settings(data=data).database_location, action, name, now=utc_now(), **facts)


def _account(accounts: Accounts, email: str) -> Person:
    person = accounts.by_email(email)
    if person is None:
        raise NotFound(f"No active account exists for {email!r:.80}.")
    return person


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _person_as_json(person: Person) -> dict[str, Any]:
    fields = asdict(person)
    del fields["guest"], fields["holds"]  # never set for an account
    return fields


def _organisation_as_json(company: Organisation, people: Sequence[Contact]) -> dict[str, Any]:
    fields = {**asdict(company), "contacts": [asdict(contact) for contact in people]}
    return {
        key: value.isoformat() if isinstance(value, dt.datetime) else value
        for key, value in fields.items()
    }


def _organisation_as_text(company: Organisation, people: Sequence[Contact]) -> Iterator[str]:
    yield company.name
    view = "all tickets of the organisation" if company.shared_view else "own tickets only"
    fields = {
        "category": company.category or "none",
        "view": view,
        "licence": ", ".join(company.licence_addresses) or "no addresses",
        "contract": _contract_dates(company),
        "location": company.location,
        "phone": company.phone,
    }
    yield from (f"  {label:<9} {value}" for label, value in fields.items() if value)
    yield from (f"  contact   {_contact_line(contact)}" for contact in people)


def _contract_dates(company: Organisation) -> str:
    first, end = company.contract_from, company.contract_until
    since = f"from {first:%Y-%m-%d}" if first else ""
    until = f"until {end - dt.timedelta(days=1):%Y-%m-%d}" if end else ""
    return f"{since} {until}".strip() or "unlimited"


def _contact_line(contact: Contact) -> str:
    state = "" if contact.active else "inactive"
    columns = (contact.email, contact.name, ", ".join(contact.roles), state)
    return "  ".join(column for column in columns if column)
