"""`kb mail`: mails in, by a pipe, a listener or a mailbox that is fetched; and the quarantine."""

from __future__ import annotations

import contextlib
import json
import os
import sys

import click

from kb.centre import HelpCentre
from kb.cli_options import data_option, json_option
from kb.errors import Misconfigured, TooLarge, Unavailable
from kb.mail.envelope import Envelope, MailOutcome
from kb.settings import load_settings
from kb.timezones import utc_now


@click.group()
def mail() -> None:
    """Receive e-mails, and list those that wait for an agent."""


@mail.command("receive")
@click.option("--mailbox", metavar="ADDRESS", help="The address that the e-mail was sent to.")
@click.option("--sender", metavar="ADDRESS", help="The return path; empty for the null one.")
@data_option
@json_option
def receive_mail(
    mailbox: str | None, sender: str | None, data: str | None, *, as_json: bool
) -> None:
    """Read one e-mail from standard input, as a mail server pipes it.

    The exit code is 0 when the e-mail is safely stored, and 75 when it is not: then the mail server
    keeps it and tries again.
    """
    os.umask(0o077)
    try:
        settings = load_settings(data=data)
        raw = sys.stdin.buffer.read(settings.mail_megabytes * 1024 * 1024 + 1)
        if len(raw) > settings.mail_megabytes * 1024 * 1024:
            raise TooLarge(
                f"The e-mail is larger than {settings.mail_megabytes} MB, and was not accepted."
            )
        envelope = Envelope(sender, (mailbox,) if mailbox else (), "pipe")
        centre = HelpCentre.open(settings)
        with contextlib.closing(centre):
            outcome = _received(centre, raw, envelope)
    except (Unavailable, Misconfigured) as error:
        click.echo(f"kb: {error.sentence}", err=True)
        raise click.exceptions.Exit(os.EX_TEMPFAIL) from None
    except TooLarge as error:
        click.echo(f"kb: {error.sentence}", err=True)
        raise click.exceptions.Exit(os.EX_DATAERR) from None
    except OSError as error:
        click.echo(f"kb: The e-mail could not be stored: {error.strerror}.", err=True)
        raise click.exceptions.Exit(os.EX_TEMPFAIL) from None
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        click.echo(f"{outcome.outcome}  {outcome.ticket}  {outcome.level}  {outcome.why}")


def _received(centre: HelpCentre, raw: bytes, envelope: Envelope) -> MailOutcome:
    name = centre.inbox.keep(raw, envelope)
    return centre.inbox.process(name, now=utc_now())
