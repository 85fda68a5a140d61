"""`kb mail`: mails in, by a pipe, a listener or a mailbox that is fetched; and the quarantine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from kb.centre import HelpCentre
from kb.cli_options import data_option, json_option
from kb.errors import KbError, Misconfigured, TooLarge
from kb.mail.envelope import Envelope, MailOutcome
from kb.mail.inbox import Inbox
from kb.mail.listeners.imap import ImapMailbox
from kb.mail.listeners.intake import MailIntake
from kb.mail.listeners.lmtp import MailListener
from kb.mail.listeners.maildir import Maildir
from kb.mail.repository import ReceivedMail
from kb.operations import logs
from kb.settings import Settings, load_settings
from kb.timezones import utc_now

_MEGABYTE = 1024 * 1024
_POLL_SECONDS = 30.0
_LONGEST_PAUSE = 600.0
_LOOK_EVERY = 0.5  # seconds between checks whether the program has to end
_GRACE = 3.0  # seconds in which a fetch that has begun may still finish
#: Seconds after which the thread that processes e-mails gives way to those that accept them. With
#: Python's default of 5 ms, a mail server waits almost three times as long for an answer.
_SWITCH_INTERVAL = 0.0005


@click.group()
def mail() -> None:
    """Receive e-mails, and list those that wait for an agent."""


class _PipeCommand(click.Command):
    """A command of a mail server, which returns the mail to its sender for most exit codes.

    A mistyped option must not do that: it is for the operator to mend.
    """

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            error.show()
            raise click.exceptions.Exit(os.EX_TEMPFAIL) from None


@mail.command("receive", cls=_PipeCommand)
@click.option("--mailbox", metavar="ADDRESS", help="The address that the e-mail was sent to.")
@click.option("--sender", metavar="ADDRESS", help="The return path; empty for the null sender.")
@data_option
@json_option
def receive_mail(
    mailbox: str | None, sender: str | None, data: str | None, *, as_json: bool
) -> None:
    """Read one e-mail that a mail server pipes to standard input.

    The exit code is 0 if the e-mail is safely stored, and 65 if it is too large. It is 75 if the
    e-mail could not be stored: the mail server then keeps it and tries again.
    """
    os.umask(0o077)
    try:
        outcome = _received(data, Envelope(sender, (mailbox,) if mailbox else (), "pipe"))
    except TooLarge as error:
        click.echo(f"kb: {error.sentence}", err=True)
        raise click.exceptions.Exit(os.EX_DATAERR) from None
    except Exception as error:  # with any other exit code, the sender would get it back
        click.echo(f"kb: {_reason(error)} The mail server keeps the e-mail.", err=True)
        raise click.exceptions.Exit(os.EX_TEMPFAIL) from None
    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        click.echo(f"{outcome.outcome}  {outcome.ticket}  {outcome.level}  {outcome.why}")


def _received(data: str | None, envelope: Envelope) -> MailOutcome:
    settings = load_settings(data=data)
    raw = sys.stdin.buffer.read(settings.mail_megabytes * _MEGABYTE + 1)
    if len(raw) > settings.mail_megabytes * _MEGABYTE:
        raise TooLarge(
            f"The e-mail is larger than {settings.mail_megabytes} MB, and was not accepted."
        )
    centre = HelpCentre.open(settings)
    with contextlib.closing(centre):
        return centre.inbox.receive(raw, envelope, now=utc_now())


def _reason(error: Exception) -> str:
    if isinstance(error, KbError):
        return error.sentence
    return f"{type(error).__name__}: {error}"


class _Renewing:
    """The present inbox, which follows changes of the policy file."""

    def __init__(self, centre: HelpCentre) -> None:
        self._centre = centre
        self._lock = threading.Lock()

    def __call__(self) -> Inbox:
        with self._lock:
            self._centre = self._centre.renewed(utc_now())
            return self._centre.inbox


@mail.command("serve")
@click.option("--lmtp", metavar="HOST:PORT", help="The address at which to listen for LMTP.")
@click.option("--smtp", metavar="HOST:PORT", help="The address at which to listen for SMTP.")
@data_option
def serve_mail(lmtp: str | None, smtp: str | None, data: str | None) -> None:
    """Accept e-mails from your own mail server, by LMTP or SMTP, until stopped.

    Without an option: LMTP on 127.0.0.1:8024. Clients are not authenticated, so listen only on an
    address to which nothing but your mail server can connect.
    """
    os.umask(0o077)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    settings = load_settings(data=data)
    logs.set_up(settings.log_level, settings.log_format)
    places = [("lmtp", lmtp or ("" if smtp else "127.0.0.1:8024")), ("smtp", smtp or "")]
    centre = HelpCentre.open(settings)
    with contextlib.closing(centre):
        intake = MailIntake(_Renewing(centre), utc_now)
        listeners = [
            MailListener(
                intake, protocol, *_place(place), most_bytes=settings.mail_megabytes * _MEGABYTE
            )
            for protocol, place in places
            if place
        ]
        stopped = _stop_signal()
        intake.start()
        for listener, (protocol, place) in zip(listeners, filter(_second, places), strict=True):
            try:
                listener.start()
            except OSError as error:
                raise Misconfigured(f"Cannot listen on {place}: {error.strerror}.") from None
            host = place.rpartition(":")[0]
            click.echo(f"Listening for {protocol.upper()} on {host}:{listener.port}.")
        stopped.wait()
        for listener in listeners:
            listener.stop()
        intake.stop()


@mail.command("poll")
@click.option("--once", is_flag=True, help="Fetch the e-mails that are there, then exit.")
@data_option
def poll_mail(once: bool, data: str | None) -> None:
    """Fetch e-mails from KB_IMAP_HOST or KB_MAILDIR, until stopped."""
    os.umask(0o077)
    settings = load_settings(data=data)
    logs.set_up(settings.log_level, settings.log_format)
    if not (settings.imap_host or settings.maildir):
        raise Misconfigured("Set KB_IMAP_HOST or KB_MAILDIR, to say where to fetch e-mails.")
    centre = HelpCentre.open(settings)
    with contextlib.closing(centre):
        intake = MailIntake(_Renewing(centre), utc_now)
        intake.start()
        stopped = _stop_signal()
        failures = 0
        try:
            while True:
                try:
                    count = _fetch_until(stopped, settings, intake, once=once)
                    failures = 0
                except Exception as error:  # what was not fetched is left where it is
                    if once:
                        raise
                    count, failures = 0, failures + 1
                    click.echo(f"kb: No e-mail was fetched. {_reason(error)}", err=True)
                if count:
                    click.echo(f"Fetched {count} e-mails.")
                if once or stopped.wait(_pause(settings, failures)):
                    return
        finally:
            intake.stop()


def _pause(settings: Settings, failures: int) -> float:
    """Seconds until the next look, longer the more often it has failed. IMAP waits by itself."""
    if failures:
        return min(_POLL_SECONDS * 2.0 ** (failures - 1), _LONGEST_PAUSE)
    return 0.0 if settings.imap_host else _POLL_SECONDS


def _fetch_until(
    stopped: threading.Event, settings: Settings, intake: MailIntake, *, once: bool
) -> int:
    """As ``_fetch``, but a server that does not answer cannot keep the program from ending.

    Mails that arrive after the end are fetched again next time: a mail is marked only when it is
    stored.
    """
    results: list[int | Exception] = []

    def fetch() -> None:
        try:
            results.append(_fetch(settings, intake, None if once else stopped))
        except Exception as error:
            results.append(error)

    fetching = threading.Thread(target=fetch, name="fetch", daemon=True)
    fetching.start()
    while fetching.is_alive() and not stopped.is_set():
        fetching.join(_LOOK_EVERY)
    fetching.join(_GRACE)
    result = results[0] if results else 0
    if isinstance(result, Exception):
        raise result
    return result


def _fetch(settings: Settings, intake: MailIntake, stopped: threading.Event | None) -> int:
    """Returns how many mails were fetched. With ``stopped``, IMAP waits for more mails.

    Raises Unavailable.
    """
    most_bytes, count = settings.mail_megabytes * _MEGABYTE, 0
    if settings.maildir:
        count += Maildir(Path(settings.maildir), intake, most_bytes=most_bytes).fetch()
    if settings.imap_host:
        mailbox = ImapMailbox(
            settings.imap_host,
            settings.imap_port,
            settings.imap_user,
            settings.imap_password,
            settings.imap_tls,
            settings.imap_folder,
            most_bytes,
        )
        if stopped is None:
            count += mailbox.fetch(intake)
        else:
            count += mailbox.follow(intake, _POLL_SECONDS, stopped)
    return count


@mail.command("quarantine")
@data_option
@json_option
def list_quarantine(data: str | None, *, as_json: bool) -> None:
    """List the e-mails that wait for an agent. The exit code is 1 if there are any."""
    centre = HelpCentre.open(load_settings(data=data))
    with contextlib.closing(centre):
        mails = centre.inbox.mails.quarantine()
    if as_json:
        click.echo(json.dumps([_mail_json(each) for each in mails], ensure_ascii=False, indent=2))
    else:
        for each in mails:
            at = f"{each.received_at:%Y-%m-%d %H:%M}Z"
            sender = each.sender or "(no single sender)"
            click.echo(f"{at}  {each.id}  {sender}  {each.subject}\n    {each.why}")
    raise click.exceptions.Exit(1 if mails else 0)


def _mail_json(mail: ReceivedMail) -> dict[str, object]:
    return {
        "id": mail.id,
        "received": mail.received_at.isoformat(),
        "sender": mail.sender,
        "subject": mail.subject,
        "mailbox": mail.mailbox,
        "ticket": mail.ticket or None,
        "evidence": dict(mail.evidence),
        "why": mail.why,
        "file": mail.file,
    }


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise Misconfigured(f"{text!r} is not a valid address. Example: 127.0.0.1:8024.")
    return host.strip("[]"), int(port)


def _second(pair: tuple[str, str]) -> str:
    return pair[1]


def _stop_signal() -> threading.Event:
    stopped = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopped.set())
    return stopped
