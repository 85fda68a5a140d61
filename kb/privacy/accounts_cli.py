"""`kb accounts merge` and `kb accounts erase`: what concerns more of an account than its own rows.

The other commands of `kb accounts` are in ``kb.people.cli``, which knows nothing of tickets.
"""

from __future__ import annotations

import os

import click

from kb.cli_options import data_option, json_option
from kb.operations.audit import Action, AuditEntry
from kb.people.cli import accounts
from kb.privacy.cli import erase as erase_person
from kb.privacy.cli import open_personal_data
from kb.timezones import utc_now

__all__ = ["accounts"]


@accounts.command()
@click.argument("email")
@click.argument("into")
@data_option
def merge(email: str, into: str, data: str | None) -> None:
    """Merge the account EMAIL into the account INTO: its tickets, coupons and votes."""
    with open_personal_data(data) as (_, personal_data):
        entry = AuditEntry(utc_now(), Action.ACCOUNT_MERGED, facts={"uid": str(os.getuid())})
        target = personal_data.merge(email, into, entry)
    click.echo(f"Merged {email} into {target.email}.", err=True)


@accounts.command("erase")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@data_option
@json_option
@click.pass_context
def erase_account(
    context: click.Context, email: str, data: str | None, *, yes: bool, as_json: bool
) -> None:
    """Erase the account EMAIL and everything that the person wrote, as `kb person erase` does."""
    context.invoke(erase_person, address=email, data=data, yes=yes, as_json=as_json)
