"""`kb accounts`: who can sign in? `kb worker`: what is due, and who must be told?

Each command is one call and printing; the worker repeats its call until it is told to stop.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from kb.centre import HelpCentre
from kb.database import open_database
from kb.errors import Unavailable
from kb.jobs.index_runner import Runner
from kb.jobs.index_runs import Runs
from kb.notifications import mail_templates as letters
from kb.notifications.channels.mail import Mailer, Webhooks
from kb.notifications.outbox import Outbox
from kb.people.accounts import Accounts
from kb.people.cli import COMMANDS
from kb.people.person import Person, Role
from kb.settings import load
from kb.tickets.attachments.files import Attachments
from kb.tickets.repository.repository import TicketStore
from kb.tickets.repository.webhook_feed import WebhookFeed
from kb.tickets.sweeper import Sweeper
from kb.worker.worker import Tally, Worker

_DATA = click.option("--data", help="The data folder; default: KB_DATA.")
_LOOK = 1.0  # seconds: somebody who ordered a run sits there and waits
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def accounts() -> None:
    """Add people who can sign in, and list them."""
    os.umask(0o077)


@accounts.command()
@click.argument("email")
@click.option("--name", required=True, help="The name that others see.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default="customer",
    show_default=True,
)
@click.option("--organisation", default="", help="The company; made when it is new.")
@click.option(
    "--category", default="", help="The customer category of the policies, such as commercial."
)
@click.option(
    "--audience", help="Which documents they see; default: customers, or staff for the other roles."
)
@click.option("--zone", default="UTC", show_default=True, help="Their IANA time zone.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from standard input; default: ask for it.",
)
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
        click.echo(
            "  ".join(
                word
                for word in (person.email, person.role, person.name, person.organisation)
                if word
            )
        )


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


for _command in COMMANDS:
    accounts.add_command(_command)


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


@click.command()
@click.option(
    "--once",
    is_flag=True,
    help="Do what is due now, then end; exit 1 when something could not be sent.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 3600),
    default=5,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option(
    "--attached",
    is_flag=True,
    help="End when standard input ends: with the program that started it.",
)
@click.option("--failures", is_flag=True, help="Only list what was given up, and end.")
@_DATA
@click.pass_context
def worker(
    ctx: click.Context, once: bool, every: int, attached: bool, failures: bool, data: str | None
) -> None:
    """Watch the promises, send mails and webhooks, run the index when an editor orders it."""
    os.umask(0o077)
    settings = load(data=data)
    centre = HelpCentre.open(settings)
    with contextlib.closing(centre):
        if failures:
            ctx.exit(_list_failures(centre))
        if not settings.smtp_host:
            click.echo("KB_SMTP_HOST is not set: mails wait in the outbox.", err=True)
        runner = Runner(Runs(centre.database), settings.data, clock=_now)
        if once:
            runner.tend()
            tally = _worker(centre).round(_now())
            runner.wait()
            click.echo(_tallied(tally))
            ctx.exit(1 if tally.failed else 0)
        _work(centre, runner, every, attached=attached)


def _worker(centre: HelpCentre) -> Worker:
    s = centre.settings
    mailer = (
        Mailer(s.smtp_host, s.smtp_port, s.smtp_user, s.smtp_password, s.smtp_tls)
        if s.smtp_host
        else None
    )
    return Worker(
        TicketStore(centre.database),
        centre.accounts,
        Sweeper(centre.database, centre.policy, centre.versions),
        Outbox(centre.database),
        WebhookFeed(centre.database),
        letters.sender(s.portal_name, s.base_url, s.mail_from),
        mailer=mailer,
        webhooks=Webhooks(s.webhook_secret, s.webhook_private),
        urls=s.webhook_urls,
        attachments=Attachments(s.data / "attachments"),
    )


def _work(centre: HelpCentre, runner: Runner, every: int, *, attached: bool) -> None:
    """Until Ctrl-C or a request to end, by the policies as they are then; a database that is busy
    or full is tried again."""
    made = _worker(centre)
    ended = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: ended.set())
    if attached:
        threading.Thread(target=_until_eof, args=(ended,), daemon=True).start()
    due = 0.0
    while not ended.is_set():
        fresh = centre.renewed(_now())
        if fresh is not centre:
            click.echo("The policies have changed; they hold from now on.", err=True)
            centre, made = fresh, _worker(fresh)
        try:
            runner.tend()
            if time.monotonic() >= due:
                due = time.monotonic() + every
                tally = made.round(_now())
                if tally:
                    click.echo(_tallied(tally), err=True)
        except Unavailable as error:
            click.echo(f"kb worker: {error.sentence}", err=True)
        ended.wait(min(every, _LOOK))
    runner.stop()


def _until_eof(ended: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    ended.set()


def _tallied(tally: Tally) -> str:
    parts = f"{tally.alarms} alarms, {tally.sent} mails and {tally.posted} webhooks sent"
    return (
        f"{parts}, {tally.failed} not sent; see kb worker --failures"
        if tally.failed
        else f"{parts}."
    )


def _list_failures(centre: HelpCentre) -> int:
    found = Outbox(centre.database).failures()
    for failure in found:
        click.echo(
            f"{failure.at:%Y-%m-%d %H:%M}Z  {failure.kind}  {failure.recipient}  {failure.error}"
        )
    return 1 if found else 0
