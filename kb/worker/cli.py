"""`kb accounts`: who can sign in? `kb worker`: what is due, and who must be told?

Each command is one call and printing; the worker repeats its call until it is told to stop.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import threading
import time

import click

from kb.centre import HelpCentre
from kb.cli_options import data_option
from kb.errors import Unavailable
from kb.jobs.index_runner import Runner
from kb.jobs.index_runs import Runs
from kb.notifications import mail_templates as letters
from kb.notifications.channels.mail import Mailer, Webhooks
from kb.notifications.outbox import Outbox
from kb.settings import load
from kb.tickets.attachments.files import Attachments
from kb.tickets.repository.repository import TicketStore
from kb.tickets.repository.webhook_feed import WebhookFeed
from kb.tickets.sweeper import Sweeper
from kb.worker.worker import Tally, Worker

_LOOK = 1.0  # seconds: somebody who ordered a run sits there and waits


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
@data_option
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
