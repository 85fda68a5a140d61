"""Ways in, each against a real server or client of its protocol."""

from __future__ import annotations

import datetime as dt
import smtplib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kb.errors import Misconfigured, Unavailable
from kb.mail.envelope import Became, Envelope
from kb.mail.inbox import Inbox
from kb.mail.listeners.imap import ImapMailbox
from kb.mail.listeners.intake import MailIntake
from kb.mail.listeners.lmtp import MailListener
from kb.mail.listeners.maildir import Maildir
from tests.mail.imap import ImapServer, imap_server
from tests.mail.mails import SUPPORT, inbox, mail
from tests.world import FRIDAY, World

__all__ = ["imap_server"]  # the fixture
_MEGABYTE = 1024 * 1024


@pytest.fixture
def box(world: World) -> Inbox:
    return inbox(world)


@pytest.fixture
def intake(box: Inbox) -> MailIntake:
    """Started by the test, which ends it to wait for what was taken."""
    return MailIntake(lambda: box, lambda: FRIDAY)


def outcomes(box: Inbox) -> list[Became]:
    rows = [*box.mails.of_ticket(1001), *box.mails.quarantine(), *box.mails.ignored()]
    return [row.outcome for row in rows]


def answers_to_two_recipients(listener: MailListener) -> list[int]:
    """What LMTP answers about a mail to two addresses; the connection stays usable."""
    with smtplib.LMTP("127.0.0.1", listener.port) as server:
        server.ehlo()
        server.mail("alice@example.com")
        for address in (SUPPORT, "sales@vendor.example"):
            server.rcpt(address)
        answers = [server.data(mail())[0], server.getreply()[0]]
        assert server.noop()[0] == 250
    return answers


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_a_mail_server_delivers_by_lmtp_or_smtp(
    box: Inbox, intake: MailIntake, protocol: str
) -> None:
    listener = MailListener(intake, protocol, "127.0.0.1", 0, most_bytes=_MEGABYTE)
    intake.start()
    listener.start()
    client = smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP
    with client("127.0.0.1", listener.port) as server:
        server.sendmail("alice@example.com", [SUPPORT], mail())
        server.sendmail("alice@example.com", [SUPPORT], mail())
        server.sendmail("", [SUPPORT], mail("Away"))
    listener.stop()
    intake.stop()
    (filed,) = box.mails.of_ticket(1001)
    assert (filed.outcome, filed.way) == (Became.TICKET, protocol)
    assert len(box.mails.quarantine()) == 1


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_a_line_may_be_longer_than_the_standard_allows(
    box: Inbox, intake: MailIntake, protocol: str
) -> None:
    raw = f"From: a@example.com\r\nSubject: Log\r\n\r\n{'It failed. ' * 2_000}\r\n".encode()
    listener = MailListener(intake, protocol, "127.0.0.1", 0, most_bytes=_MEGABYTE)
    intake.start()
    listener.start()
    client = smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP
    with client("127.0.0.1", listener.port) as server:
        server.sendmail("a@example.com", [SUPPORT], raw)
    listener.stop()
    intake.stop()
    (row,) = box.mails.of_ticket(1001)
    assert len(box.text(row)) > 20_000


def test_each_recipient_of_lmtp_gets_an_answer(box: Inbox, intake: MailIntake) -> None:
    listener = MailListener(intake, "lmtp", "127.0.0.1", 0, most_bytes=_MEGABYTE)
    intake.start()
    listener.start()
    assert answers_to_two_recipients(listener) == [250, 250]
    listener.stop()
    intake.stop()
    assert outcomes(box) == [Became.TICKET]


def test_a_mail_that_is_too_large_is_refused_at_once(intake: MailIntake) -> None:
    listener = MailListener(intake, "lmtp", "127.0.0.1", 0, most_bytes=10_000)
    listener.start()
    client = smtplib.LMTP("127.0.0.1", listener.port)
    with client as server, pytest.raises(smtplib.SMTPException):
        server.sendmail("alice@example.com", [SUPPORT], mail("x" * 20_000))
    listener.stop()


def test_a_mail_that_cannot_be_stored_is_left_to_the_mail_server(
    world: World, intake: MailIntake
) -> None:
    (world.data / "mail").write_text("in the way")
    listener = MailListener(intake, "lmtp", "127.0.0.1", 0, most_bytes=_MEGABYTE)
    listener.start()
    client = smtplib.LMTP("127.0.0.1", listener.port)
    with client as server, pytest.raises(smtplib.SMTPDataError) as refused:
        server.sendmail("alice@example.com", [SUPPORT], mail())
    listener.stop()
    assert refused.value.smtp_code == 451


def test_what_was_taken_and_not_read_is_read_at_the_next_start(box: Inbox) -> None:
    box.keep(mail(), Envelope("alice@example.com", (SUPPORT,), "lmtp"))
    intake = MailIntake(lambda: box, lambda: FRIDAY)
    intake.start()
    intake.stop()
    assert outcomes(box) == [Became.TICKET]


def test_a_maildir_is_emptied_into_cur(tmp_path: Path, box: Inbox, intake: MailIntake) -> None:
    folder = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "new" / "1.a").write_bytes(mail())
    maildir = Maildir(folder, intake, most_bytes=_MEGABYTE)
    assert maildir.fetch() == 1
    assert maildir.fetch() == 0
    assert [path.name for path in (folder / "cur").iterdir()] == ["1.a:2,S"]
    intake.start()
    intake.stop()
    assert outcomes(box) == [Became.TICKET]


def large_mail() -> bytes:
    return mail(subject="Huge logs", proven=True, files={"log.bin": b"x" * _MEGABYTE})


def assert_only_its_content_is_missing(box: Inbox) -> None:
    (row,) = box.mails.of_ticket(1001)
    assert (row.subject, row.sender) == ("Huge logs", "alice@example.com")
    assert row.evidence["verdict"] == "pass"
    assert "too large" in box.text(row)
    assert len(box.original(row)) < 2_000


def test_a_mail_of_a_maildir_that_is_too_large_becomes_a_ticket_without_its_content(
    tmp_path: Path, box: Inbox, intake: MailIntake
) -> None:
    folder = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "new" / "1.a").write_bytes(large_mail())
    assert Maildir(folder, intake, most_bytes=_MEGABYTE).fetch() == 1
    intake.start()
    intake.stop()
    assert_only_its_content_is_missing(box)
    assert (folder / "cur" / "1.a:2,S").stat().st_size > _MEGABYTE


def test_a_mail_of_imap_that_is_too_large_becomes_a_ticket_without_its_content(
    imap_server: ImapServer, box: Inbox, intake: MailIntake
) -> None:
    pytest.importorskip("imap_tools", reason="needs the extra mail")
    imap_server.deliver(large_mail())
    assert imap_server.mailbox().fetch(intake) == 1
    assert imap_server.mailbox().fetch(intake) == 0
    intake.start()
    intake.stop()
    assert_only_its_content_is_missing(box)


def test_a_folder_that_is_no_maildir_is_named(tmp_path: Path, intake: MailIntake) -> None:
    with pytest.raises(Misconfigured):
        Maildir(tmp_path, intake, most_bytes=1)


def test_an_imap_server_that_is_not_there_is_tried_again_later(intake: MailIntake) -> None:
    pytest.importorskip("imap_tools", reason="needs the extra mail")
    mailbox = ImapMailbox("127.0.0.1", 1, "a", "b", "no", "INBOX", _MEGABYTE)
    with pytest.raises(Unavailable):
        mailbox.fetch(intake)


def test_mails_are_fetched_by_imap_once_and_told_at_once(
    imap_server: ImapServer, box: Inbox, intake: MailIntake
) -> None:
    pytest.importorskip("imap_tools", reason="needs the extra mail")
    imap_server.deliver(mail())
    assert imap_server.mailbox().fetch(intake) == 1
    assert imap_server.mailbox().fetch(intake) == 0
    later = threading.Thread(target=lambda: imap_server.deliver(mail("Later")))
    later.start()
    count, stopped = 0, threading.Event()
    while not count:
        count = imap_server.mailbox().follow(intake, 20, stopped)
    later.join()
    assert count == 1
    threading.Timer(0.1, stopped.set).start()
    assert (
        imap_server.mailbox().follow(intake, 1e9, stopped) == 0
    )  # for as long as the program runs
    intake.start()
    intake.stop()
    assert len(box.mails.of_ticket(1001)) == 1
    assert len(box.mails.of_ticket(1002)) == 1


def test_a_wrong_password_of_imap_says_so(imap_server: ImapServer, intake: MailIntake) -> None:
    pytest.importorskip("imap_tools", reason="needs the extra mail")
    with pytest.raises(Unavailable, match="password"):
        replace(imap_server.mailbox(), password="wrong").fetch(intake)


def _no_inbox() -> Inbox:
    raise ZeroDivisionError


def test_an_unexpected_error_leaves_the_mail_to_the_mail_server() -> None:
    listener = MailListener(
        MailIntake(_no_inbox, lambda: FRIDAY), "lmtp", "127.0.0.1", 0, most_bytes=_MEGABYTE
    )
    listener.start()
    assert answers_to_two_recipients(listener) == [451, 451]
    listener.stop()


def test_reading_goes_on_after_an_unexpected_error(box: Inbox) -> None:
    failures = iter(range(2))  # the first look at what was left over, and the first mail

    def clock() -> dt.datetime:
        assert next(failures, None) is None
        return FRIDAY

    intake = MailIntake(lambda: box, clock)
    intake.start()
    intake.take(mail(), Envelope())
    intake.take(mail("Another"), Envelope())
    intake.stop()
    assert len(box.spool.waiting()) == 1
    assert box.read_waiting(now=FRIDAY) == 1


def test_a_mail_that_cannot_be_stored_stays_in_the_maildir(
    tmp_path: Path, world: World, intake: MailIntake
) -> None:
    folder = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "new" / "1.a").write_bytes(mail())
    (world.data / "mail").write_text("in the way")
    maildir = Maildir(folder, intake, most_bytes=_MEGABYTE)
    with pytest.raises(Unavailable):
        maildir.fetch()
    assert (folder / "new" / "1.a").exists()
    (world.data / "mail").unlink()
    assert maildir.fetch() == 1
