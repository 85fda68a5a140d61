"""`kb person`: what is held about a person, as a file, and its erasure; and `kb accounts merge` and
`erase`, which concern more of an account than its own rows.

The other commands of `kb accounts` are in ``kb.people.cli``, which knows nothing of tickets.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kb.cli_options import data_option, json_option
from kb.database import database_exists, open_database
from kb.errors import Conflict, NotFound, Unavailable
from kb.mail.spool import Spool
from kb.operations.audit import Action, AuditEntry
from kb.operations.backup_schedule import KeptBackup, kept_backups
from kb.operations.signing_key import signing_keys
from kb.people.cli import accounts
from kb.privacy.export import section_sizes
from kb.privacy.personal_data import PersonalData
from kb.settings import Settings, load_settings
from kb.tickets.attachments.configured import configured_attachments
from kb.timezones import utc_now

__all__ = ["accounts", "person"]


@click.group()
def person() -> None:
    """Export or erase everything that is stored about a person."""
    os.umask(0o077)


@person.command()
@click.argument("address")
@click.option(
    "--zip",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a ZIP file with the document and all attachments.",
)
@data_option
@json_option
def export(address: str, file: Path | None, data: str | None, *, as_json: bool) -> None:
    """Export what is stored about the person with ADDRESS.

    Without --json and --zip, print only the number of entries.
    """
    if file is not None and file.exists():
        raise Conflict(f"{file} already exists; choose another name.")
    with _open(data) as (_, personal_data):
        if not as_json and file is None:
            _summarise(personal_data.held(address, now=utc_now()))
            return
        document = personal_data.export(address, _entry())
        if file is not None:
            with file.open("xb") as stream:
                personal_data.write_zip(document, stream)
            click.echo(f"Wrote {file}.", err=True)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))


@person.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@data_option
@json_option
def erase(address: str, data: str | None, *, yes: bool, as_json: bool) -> None:
    """Erase the address and the words of the person with ADDRESS.

    Tickets that the person filed lose all texts, and keep their numbers, times and SLA results.
    This cannot be undone.
    """
    with _open(data) as (settings, personal_data):
        if not yes:
            _summarise(personal_data.held(address, now=utc_now()), err=True)
            click.confirm("Erase this? It cannot be undone.", abort=True, err=True)
        erasure = personal_data.erase(address, _entry())
    backups = _backups(settings)

    if as_json:
        fields = {
            "people": list(erasure.people),
            "tickets": erasure.tickets,
            "files": len(erasure.files),
            "backups": None
            if backups is None
            else [
                {"file": str(backup.file), "removed_by": backup.removed_by.isoformat()}
                for backup in backups
            ],
        }
        click.echo(json.dumps(fields, indent=2))
        return
    tickets, files = (
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((erasure.tickets, "ticket"), (len(erasure.files), "file"))
    )
    click.echo(f"Erased the person, the texts of {tickets}, and {files}.", err=True)
    for backup in backups or ():
        time = f"{backup.removed_by:%Y-%m-%d %H:%M} UTC"
        click.echo(
            f"{backup.file} still contains the person. The worker removes it by {time}.",
            err=True,
        )


# --- of accounts


@accounts.command("merge")
@click.argument("email")
@click.argument("into")
@data_option
def merge_accounts(email: str, into: str, data: str | None) -> None:
    """Merge the account EMAIL into the account INTO: its tickets, coupons and votes."""
    with _open(data) as (_, personal_data):
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
    context.invoke(erase, address=email, data=data, yes=yes, as_json=as_json)


# --- helpers


@contextlib.contextmanager
def _open(data: str | None) -> Iterator[tuple[Settings, PersonalData]]:
    settings = load_settings(data=data)
    if not database_exists(settings.database_location):
        raise NotFound(f"{settings.data} contains no tickets and no accounts.")
    with contextlib.closing(open_database(settings.database_location)) as database:
        attachments = configured_attachments(settings)
        yield (
            settings,
            PersonalData(
                database, attachments, signing_keys(settings), Spool(settings.data / "mail")
            ),
        )


def _backups(settings: Settings) -> list[KeptBackup] | None:
    """None, and a warning, when they cannot be listed: the person is erased by then."""
    try:
        return kept_backups(settings)
    except Unavailable as error:
        click.echo(f"{error.sentence} They may still contain the person.", err=True)
        return None


def _entry() -> AuditEntry:
    return AuditEntry(utc_now(), Action.PERSON_EXPORTED, facts={"uid": str(os.getuid())})


def _summarise(document: dict[str, Any], *, err: bool = False) -> None:
    for name, count in section_sizes(document).items():
        click.echo(f"{count:>7}  {name.replace('_', ' ')}", err=err)
