"""`kb accounts`: who can sign in? Each command is one call of ``Accounts`` and printing."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from kb.settings import load
from kb.tickets.accounts import Accounts
from kb.tickets.database import open_database
from kb.tickets.person import Person, Role

_DATA = click.option("--data", help="The data folder; default: KB_DATA.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def accounts() -> None:
    """Add people who can sign in, and list them."""


@accounts.command()
@click.argument("email")
@click.option("--name", required=True, help="The name that others see.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="customer", show_default=True)
@click.option("--organisation", default="", help="The company; made when it is new.")
@click.option("--category", default="", help="The customer category of the policies, such as commercial.")
@click.option("--audience", help="Which documents they see; default: customers, or staff for the other roles.")
@click.option("--zone", default="UTC", show_default=True, help="Their IANA time zone.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; default: ask for it.")
@_DATA
def add(email: str, password_stdin: bool, data: str | None, **about: Any) -> None:
    """Add an account for EMAIL."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _asked()
    with _accounts(data) as known:
        person = known.add(email, about.pop("name"), password, now=_now(), **about)
    click.echo(f"{person.email} can sign in as {person.role}.", err=True)


@accounts.command("list")
@_DATA
@_JSON
def list_(data: str | None, as_json: bool) -> None:
    """List all accounts, by address."""
    with _accounts(data) as known:
        people = known.all()
    if as_json:
        click.echo(json.dumps([_shown(person) for person in people], indent=2))
        return
    for person in people:
        click.echo("  ".join(word for word in (person.email, person.role, person.name, person.organisation) if word))


@accounts.command()
@_DATA
@_JSON
def demo(data: str | None, as_json: bool) -> None:
    """Add the demo accounts and print their passwords. Never on a real portal."""
    with _accounts(data) as known:
        signs = known.demo(_now())
    if as_json:
        click.echo(json.dumps([asdict(sign) for sign in signs], indent=2))
        return
    for sign in signs:
        click.echo(f"{sign.email}  {sign.password}  {sign.what}")


@contextlib.contextmanager
def _accounts(data: str | None) -> Iterator[Accounts]:
    settings = load(data=data)
    with contextlib.closing(open_database(settings.data)) as database:
        yield Accounts(database, session_hours=settings.session_hours)


def _asked() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _shown(person: Person) -> dict[str, Any]:
    shown = asdict(person)
    del shown["guest"], shown["holds"]
    return shown


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
