"""`kb worker`: repeats rounds of the worker, and starts index runs, until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time

import click

from kb.centre import HelpCentre
from kb.cli_options import data_option
from kb.errors import Unavailable
from kb.jobs.index_runner import IndexRunner
from kb.notifications.outbox import MAIL_QUEUE, WEBHOOK_QUEUE, Outbox
from kb.operations import heartbeats, logs
from kb.operations.backup_schedule import BackupSchedule
from kb.search.generations.index_check import IndexCheck
from kb.settings import load_settings
from kb.timezones import utc_now
from kb.worker.assembly import build_backup_schedule, build_worker
from kb.worker.meanings import MeaningRunner
from kb.worker.worker import RoundResult

LOG = logging.getLogger(__name__)

#: Seconds between looks for an index run: the editor who ordered one is waiting.
_INDEX_RUN_INTERVAL = 1.0


@click.command()
@click.option(
    "--once",
    is_flag=True,
    help="Do what is due now and exit. The exit code is 1 if something could not be sent.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 3600),
    default=5,
    show_default=True,
    help="The number of seconds between rounds.",
)
@click.option(
    "--attached",
    is_flag=True,
    help="Exit when standard input ends, together with the program that started the worker.",
)
@click.option(
    "--failures", is_flag=True, help="List messages that could not be delivered, and exit."
)
@data_option
@click.pass_context
def worker(
    ctx: click.Context, once: bool, every: int, attached: bool, failures: bool, data: str | None
) -> None:
    """Watch SLA targets, send e-mails and webhooks, take backups, and index for editors."""
    os.umask(0o077)
    settings = load_settings(data=data)
    logs.set_up(settings.log_level, settings.log_format)
    centre = HelpCentre.open(settings)
    with contextlib.closing(centre):
        if failures:
            ctx.exit(_list_failures(centre))
        if not settings.smtp_host:
            click.echo("KB_SMTP_HOST is not set: e-mails stay in the outbox.", err=True)

        index_runner = IndexRunner(centre.index_runs, settings.data, clock=utc_now)
        backups = build_backup_schedule(settings)
        if once:
            index_runner.start_waiting_run()
            if backups is not None:
                backups.start_if_due(utc_now())
            result = build_worker(centre).round(utc_now())
            index_runner.wait()
            if backups is not None:
                backups.wait()
            click.echo(_summary(result))
            ctx.exit(1 if result.failed else 0)
        _run_until_stopped(centre, index_runner, backups, every, attached=attached)


def _run_until_stopped(
    centre: HelpCentre,
    index_runner: IndexRunner,
    backups: BackupSchedule | None,
    every: int,
    *,
    attached: bool,
) -> None:
    """Until Ctrl-C or SIGTERM. A busy or full database is tried again in the next round."""
    stopped = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopped.set())
    if attached:
        threading.Thread(target=_stop_at_end_of_input, args=(stopped,), daemon=True).start()

    worker = build_worker(centre)
    meaning_runner = MeaningRunner(centre)
    index_check = IndexCheck(centre.index.problem)
    next_round = next_beat = 0.0
    while not stopped.is_set():
        renewed = centre.renewed(utc_now())
        if renewed is not centre:
            LOG.info("Loaded the changed policies.")
            centre, worker = renewed, build_worker(renewed)

        try:
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + heartbeats.INTERVAL.total_seconds()
                heartbeats.beat(centre.database, heartbeats.WORKER, utc_now())
            meaning_runner.start_if_due(editors_wait=index_runner.start_waiting_run())
            if time.monotonic() >= next_round:
                next_round = time.monotonic() + every
                if backups is not None:
                    backups.start_if_due(utc_now())
                index_check.start_if_due(utc_now())
                result = worker.round(utc_now())
                if result:
                    LOG.info("%s", _summary(result))
        except Unavailable as error:
            LOG.warning("%s", error.sentence)
        stopped.wait(min(every, _INDEX_RUN_INTERVAL))

    meaning_runner.stop()
    index_runner.stop()


def _stop_at_end_of_input(stopped: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stopped.set()


def _summary(result: RoundResult) -> str:
    mails = result.sent.get(MAIL_QUEUE.name, 0)
    webhooks = result.sent.get(WEBHOOK_QUEUE.name, 0)
    summary = f"{result.alarms} SLA alarms recorded, {mails} e-mails and {webhooks} webhooks sent"
    if result.failed:
        return f"{summary}, {result.failed} not sent; see kb worker --failures."
    return f"{summary}."


def _list_failures(centre: HelpCentre) -> int:
    failures = Outbox(centre.database).failures()
    for failure in failures:
        at = f"{failure.at:%Y-%m-%d %H:%M}Z"
        click.echo(f"{at}  {failure.kind}  {failure.recipient}  {failure.error}")
    return 1 if failures else 0
