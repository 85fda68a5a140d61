"""`kb accounts organisation`, `contact`, `coupon` and `password`: what is sold to whom, and who
looks after it?

The part of `kb accounts` for whoever operates the place: each command is one call and printing.
What a customer's own administrator may do is on the portal's pages (``kb.people.contacts``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from kb.database import open_database
from kb.errors import Invalid, NotFound
from kb.people.accounts import Accounts
from kb.people.contacts import Contact, Organisation
from kb.people.person import OPERATOR, ContactRole
from kb.settings import Settings, load
from kb.sla import policy_file

_DATA = click.option("--data", help="The data folder; default: KB_DATA.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_DAY = click.DateTime(["%Y-%m-%d"])
_ROLES = click.Choice([role.value for role in ContactRole])


@click.command()
@click.argument("name")
@click.option(
    "--category",
    help="What is sold, as policies.toml names customer categories; empty for nothing.",
)
@click.option(
    "--shared-view/--own-view", default=None, help="Whether contacts see each other's tickets."
)
@click.option(
    "--licence",
    "licences",
    multiple=True,
    help="An address that the licence names; again for more.",
)
@click.option("--contract-from", type=_DAY, help="The first day of the contract (UTC).")
@click.option("--contract-until", type=_DAY, help="The last day of the contract (UTC).")
@click.option("--location", help="Where it is; contacts inherit it.")
@click.option("--phone", help="Its number; contacts inherit it.")
@_DATA
@_JSON
def organisation(name: str, data: str | None, as_json: bool, **given: Any) -> None:
    """Show the organisation NAME, after changing what is given."""
    values = {key: value for key, value in given.items() if value is not None and value != ()}
    if "licences" in values:
        values["licence_addresses"] = values.pop("licences")
    for key, later in (("contract_from", 0), ("contract_until", 1)):
        if key in values:
            values[key] = values[key].replace(tzinfo=dt.UTC) + dt.timedelta(days=later)
    with _accounts(data) as (_, known):
        contacts = known.contacts
        found = contacts.named(OPERATOR, name)
        if values:
            contacts.set_organisation(OPERATOR, found.id, **values)
            found = contacts.organisation(OPERATOR, found.id)
        people = contacts.all(OPERATOR, found.id)
    click.echo(
        json.dumps(_as_json(found, people), indent=2)
        if as_json
        else "\n".join(_as_text(found, people))
    )


@click.command()
@click.argument("email")
@click.option(
    "--role",
    "roles",
    type=_ROLES,
    multiple=True,
    help="What the contact looks after; again for more.",
)
@click.option(
    "--deactivate", "active", flag_value="no", help="Sign out everywhere, and let nobody sign in."
)
@click.option("--reactivate", "active", flag_value="yes", help="Let the account sign in again.")
@_DATA
def contact(email: str, roles: Sequence[str], active: str | None, data: str | None) -> None:
    """Give the account EMAIL other contact roles (they replace the old ones), or deactivate or
    reactivate it.
    """
    if not roles and active is None:
        raise click.UsageError("Give --role, --deactivate or --reactivate.")
    with _accounts(data) as (_, known):
        found = known.contacts.by_email(OPERATOR, email)
        if roles:
            known.contacts.set_roles(OPERATOR, found.id, roles)
        if active == "no":
            known.contacts.deactivate(OPERATOR, found.id)
        elif active == "yes":
            known.contacts.reactivate(OPERATOR, found.id)
        found = known.contacts.by_email(OPERATOR, email)
    click.echo(_line(found), err=True)


@click.command()
@click.argument("email")
@click.argument("code")
@click.option(
    "--rule",
    default="",
    help="Which [coupons] of policies.toml; may be left out when there is one.",
)
@click.option(
    "--uses",
    type=click.IntRange(1, 1000),
    help="How many; default: what the policies give the category.",
)
@click.option(
    "--from", "since", type=_DAY, help="The first day of the contract year (UTC); default: today."
)
@_DATA
def coupon(
    email: str, code: str, rule: str, uses: int | None, since: dt.datetime | None, data: str | None
) -> None:
    """Give the account EMAIL the coupon CODE for a contract year."""
    begin = since.replace(tzinfo=dt.UTC) if since else _now()
    with _accounts(data) as (settings, known):
        person = known.by_email(email)
        if person is None:
            raise NotFound(f"There is no account for {email!r:.80} that can sign in.")
        rules = policy_file.load(settings.policies_file).coupons
        key = rule or (next(iter(rules)) if len(rules) == 1 else "")
        if key not in rules:
            raise Invalid(
                f"{rule!r:.40} is no coupon of the policies; give --rule "
                f"{', '.join(rules) or '(none)'}."
            )
        granted = uses or rules[key].per_year.get(known.category(person, _now()), 0)
        known.grant_coupon(person, code, rule=key, granted=granted, since=begin)
    click.echo(
        f"{person.email} may use {code} {granted} times from {begin:%Y-%m-%d} on, for a year.",
        err=True,
    )


@click.command()
@click.argument("email")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from standard input; default: ask for it.",
)
@_DATA
def password(email: str, password_stdin: bool, data: str | None) -> None:
    """Set the password of the account EMAIL; every sign-in of it ends."""
    new = sys.stdin.readline().rstrip("\r\n") if password_stdin else _asked()
    with _accounts(data) as (_, known):
        person = known.by_email(email)
        if person is None:
            raise NotFound(f"There is no account for {email!r:.80} that can sign in.")
        known.replace_password(person, new, now=_now())
    click.echo(f"{person.email} signs in with the new password from now on.", err=True)


COMMANDS: tuple[click.Command, ...] = (organisation, contact, coupon, password)


@contextlib.contextmanager
def _accounts(data: str | None) -> Iterator[tuple[Settings, Accounts]]:
    settings = load(data=data)
    with contextlib.closing(open_database(settings.data)) as database:
        yield settings, Accounts(database, session_hours=settings.session_hours)


def _asked() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _as_json(found: Organisation, people: Sequence[Contact]) -> dict[str, Any]:
    shown = {**asdict(found), "contacts": [asdict(one) for one in people]}
    return {
        key: value.isoformat() if isinstance(value, dt.datetime) else value
        for key, value in shown.items()
    }


def _as_text(found: Organisation, people: Sequence[Contact]) -> Iterator[str]:
    yield found.name
    about = {
        "category": found.category or "none",
        "view": "all contacts see all tickets"
        if found.shared_view
        else "each contact sees their own tickets",
        "licence": ", ".join(found.licence_addresses) or "names no address",
        "contract": _bounds(found),
        "location": found.location,
        "phone": found.phone,
    }
    yield from (f"  {key:<9} {words}" for key, words in about.items() if words)
    yield from (f"  contact   {_line(one)}" for one in people)


def _bounds(found: Organisation) -> str:
    last = found.contract_until - dt.timedelta(days=1) if found.contract_until else None
    since = f"from {found.contract_from:%Y-%m-%d}" if found.contract_from else ""
    until = f"until {last:%Y-%m-%d}" if last else ""
    return " ".join(word for word in (since, until) if word) or "without end"


def _line(one: Contact) -> str:
    state = "" if one.active else "inactive"
    return "  ".join(word for word in (one.email, one.name, ", ".join(one.roles), state) if word)
