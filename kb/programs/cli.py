"""`kb token`: the API keys of programs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import click

from kb.cli_options import data_option, json_option
from kb.database import open_database
from kb.errors import Invalid
from kb.operations.audit import Action, record_command
from kb.people.accounts import Accounts
from kb.programs.api_keys import DEFAULT_KEY_DAYS, ApiKey, ApiKeys
from kb.programs.scopes import SCOPES, Scope
from kb.settings import Settings, load_settings
from kb.timezones import utc_now


@click.group()
def token() -> None:
    """Manage the API keys of programs."""
    os.umask(0o077)


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the key allows. Can be given several times; kb token scopes lists all scopes.",
)
@click.option(
    "--person", default="", help="The e-mail address of the account in whose name the key acts."
)
@click.option(
    "--days",
    default=DEFAULT_KEY_DAYS,
    show_default=True,
    help="The number of days for which the key is valid.",
)
@data_option
@json_option
def create(
    name: str, scopes: tuple[str, ...], person: str, days: int, data: str | None, *, as_json: bool
) -> None:
    """Create an API key called NAME and print it. It is shown only once."""
    with _open(data) as (settings, keys, accounts):
        owner = accounts.by_email(person) if person else None
        if person and owner is None:
            raise Invalid(f"No active account exists for {person!r:.80}.", field="person")
        made = keys.create(name, scopes, owner, days=days, now=utc_now())
        target, facts = f"api-key:{made.key.id}", {"scopes": " ".join(sorted(scopes))}
        record_command(
            settings.database_location, Action.API_KEY_ADDED, target, now=utc_now(), **facts
        )
    if as_json:
        click.echo(json.dumps({**key_json(made.key), "key": made.secret}, indent=2))
        return
    click.echo(made.secret)
    click.echo(f"Key {made.key.id}, valid until {made.key.expires_at:%Y-%m-%d}.", err=True)


@token.command("list")
@data_option
@json_option
def list_keys(data: str | None, *, as_json: bool) -> None:
    """List all API keys, the newest first. The keys themselves are not stored."""
    with _open(data) as (_, keys, _accounts):
        listed = keys.all()
    if as_json:
        click.echo(json.dumps([key_json(key) for key in listed], indent=2))
        return
    for key in listed:
        used = f"used {key.used_at:%Y-%m-%d %H:%M}Z" if key.used_at else "never used"
        state = "revoked" if key.revoked_at else f"expires {key.expires_at:%Y-%m-%d}"
        owner = key.person.email if key.person else "no person"
        columns = (str(key.id), key.name, f"…{key.hint}", owner, state, used)
        click.echo("  ".join((*columns, " ".join(sorted(key.scopes)))))


@token.command()
@click.argument("number", type=int)
@data_option
def revoke(number: int, data: str | None) -> None:
    """Revoke the API key NUMBER, as listed by kb token list. It takes effect at once."""
    with _open(data) as (settings, keys, _accounts):
        keys.revoke(number, now=utc_now())
        target = f"api-key:{number}"
        record_command(settings.database_location, Action.API_KEY_REVOKED, target, now=utc_now())
    click.echo(f"Key {number} no longer works.", err=True)


@token.command()
def scopes() -> None:
    """List what API keys can allow."""
    for scope, row in SCOPES.items():
        alone = "" if row.stands_in else " Needs a person."
        click.echo(f"{scope}: {row.opens}.{alone}")


def key_json(key: ApiKey) -> dict[str, Any]:
    """A key as programs read it, without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "person": key.person.email if key.person else None,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "used_at": key.used_at.isoformat() if key.used_at else None,
    }


@contextlib.contextmanager
def _open(data: str | None) -> Iterator[tuple[Settings, ApiKeys, Accounts]]:
    settings = load_settings(data=data)
    with contextlib.closing(open_database(settings.database_location)) as database:
        yield settings, ApiKeys(database), Accounts(database)
