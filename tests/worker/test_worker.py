"""The worker: alarms once and in order, mails through a real server, webhooks to a real one,
retries, giving up.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from kb.notifications import mail_templates as letters
from kb.notifications.channels.mail import DeliveryFailed, Mailer, Webhooks, signature
from kb.notifications.outbox import ATTEMPTS, LEASE, Outbox
from kb.sla.clock import PolicyVersion
from kb.tickets import policy_versions as book
from kb.tickets.attachments.files import Attachments
from kb.tickets.repository.repository import TicketStore
from kb.tickets.repository.webhook_feed import WebhookFeed
from kb.tickets.sweeper import Sweeper
from kb.tickets.ticket import Status, Upload, Verb
from kb.worker.worker import Worker
from tests.world import DAY, FRIDAY, HOUR, World, draft

MONDAY = FRIDAY + 3 * DAY
SECOND = dt.timedelta(seconds=1)


@dataclass
class Postman:
    """What an SMTP server was given; refuses recipients as it is told."""

    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802 (the name that aiosmtpd calls)
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope.mail_from, mail))
        return "250 OK"

    def subjects(self, to: str) -> list[str]:
        return [str(mail["Subject"]) for _, mail in self.mails if mail["To"] == to]

    def text(self, number: int = -1) -> str:
        return str(self.mails[number][1].get_content())


class Office(Controller):
    """Listens on a port that the system chooses, and says which."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # theirs has no types


@pytest.fixture
def postman() -> Iterator[tuple[Postman, Mailer]]:
    handler = Postman()
    controller = Office(handler, hostname="127.0.0.1", port=0, ready_timeout=60)
    controller.start()
    try:
        yield handler, Mailer("127.0.0.1", controller.port, tls="no")
    finally:
        controller.stop()


@dataclass
class Hook:
    """What a web server was sent; answers with ``status``."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    kept = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.status)
            self.send_header("location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/hook?x=1"
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


WHO = letters.sender("Help", "https://help.example.com", "")


def worker(world: World, mailer: Mailer | None = None, **more: Any) -> Worker:
    store = TicketStore(world.database)
    sweeper = Sweeper(world.database, world.policy, book.always(world.policy))
    return Worker(
        store,
        world.accounts,
        sweeper,
        Outbox(world.database),
        WebhookFeed(world.database),
        WHO,
        mailer=mailer,
        **more,
    )


def alarms(world: World, number: str, now: dt.datetime) -> list[tuple[str, dt.datetime]]:
    return [
        (alarm.threshold, alarm.at)
        for alarm in world.desk.ticket(number, world.bob, now=now).alarms
    ]


@pytest.fixture
def number(world: World) -> str:
    return world.desk.open(draft(), world.alice, key="first", now=FRIDAY)


def test_warnings_and_breaches_fall_once_at_their_instants(world: World, number: str) -> None:
    sweeper = Sweeper(world.database, world.policy, book.always(world.policy))
    warned = MONDAY - 4 * HOUR
    assert sweeper.sweep(warned - SECOND) == 0
    assert [sweeper.sweep(warned) for _ in range(3)] == [1, 0, 0]
    assert sweeper.sweep(MONDAY) == 0
    assert [sweeper.sweep(MONDAY + SECOND) for _ in range(3)] == [1, 0, 0]
    assert sweeper.sweep(MONDAY + 300 * DAY) == 0
    assert alarms(world, number, MONDAY + DAY) == [("50%", warned), ("breach", MONDAY)]


def test_after_downtime_everything_comes_in_order_at_its_computed_instant(
    world: World, number: str
) -> None:
    later = world.desk.open(draft(), world.alice, key="later", now=FRIDAY + HOUR)
    for batch in (1, 250):
        Sweeper(world.database, world.policy, book.always(world.policy)).sweep(
            MONDAY + DAY, batch=batch
        )
    with world.database.read() as connection:
        fell = connection.exec_driver_sql(
            "SELECT ticket_id, threshold, at FROM alarms ORDER BY id"
        ).all()
    assert [(row[0], row[1]) for row in fell] == [
        (1001, "50%"),
        (1002, "50%"),
        (1001, "breach"),
        (1002, "breach"),
    ]
    assert [row[2] for row in fell] == sorted(row[2] for row in fell)
    assert alarms(world, later, MONDAY + DAY)[-1] == ("breach", MONDAY + HOUR)


def test_what_was_answered_late_while_nobody_looked_is_still_a_breach_that_is_told(
    world: World, number: str
) -> None:
    world.desk.reply(number, world.bob, "Sorry.", key="r", now=MONDAY + HOUR)
    assert Sweeper(world.database, world.policy, book.always(world.policy)).sweep(MONDAY + DAY) == 1
    assert alarms(world, number, MONDAY + DAY) == [("breach", MONDAY)]


def test_no_alarm_falls_while_a_ticket_is_answered_closed_or_void(world: World) -> None:
    for i, verb in enumerate(("reply", "cancel", "void")):
        number = world.desk.open(draft(), world.alice, key=str(i), now=FRIDAY)
        more = {"reply": ("So.",), "void": ("spam",)}.get(verb, ())
        getattr(world.desk, verb)(
            number, world.alice if verb == "cancel" else world.bob, *more, key="k", now=FRIDAY
        )
    assert Sweeper(world.database, world.policy, book.always(world.policy)).sweep(MONDAY + DAY) == 0


def test_a_reminder_ends_the_wait_by_itself(world: World, number: str) -> None:
    world.desk.await_customer(number, world.bob, "Which one?", until=FRIDAY + DAY, now=FRIDAY)
    sweeper = Sweeper(world.database, world.policy, book.always(world.policy))
    sweeper.sweep(FRIDAY + DAY - SECOND)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).row.status is Status.WAITING
    for _ in range(2):
        sweeper.sweep(FRIDAY + 2 * DAY)
    ticket = world.desk.ticket(number, world.bob, now=FRIDAY)
    assert (ticket.row.status, ticket.remind_at) == (Status.OPEN, None)
    assert [(event.verb, event.at) for event in ticket.events[-1:]] == [(Verb.RESUME, FRIDAY + DAY)]


def test_a_changed_calendar_moves_what_is_open_when_the_worker_looks(
    world: World, number: str
) -> None:
    always = {key: world.policy.calendars["always"] for key in world.policy.calendars}
    changed = replace(world.policy, calendars=always, version="later")
    versions = (PolicyVersion(FRIDAY - DAY, world.policy), PolicyVersion(FRIDAY + DAY, changed))
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE tickets SET next_at = ?", (int((FRIDAY + DAY).timestamp()),)
        )
    assert Sweeper(world.database, changed, versions).sweep(FRIDAY + DAY + 3 * HOUR) == 1
    assert world.desk.ticket(number, world.bob, now=FRIDAY).dues[0].due == FRIDAY + DAY + 6 * HOUR


def test_the_receipt_says_number_level_and_due_time_and_nothing_that_was_typed(
    world: World, postman: tuple[Postman, Mailer]
) -> None:
    handler, mailer = postman
    secret = draft(
        "Buy cheap pills", description="at http://evil.example", copy_to=("boss@example.com",)
    )
    number = world.desk.open(secret, world.alice, key="k", now=FRIDAY)
    tally = worker(world, mailer).round(FRIDAY)
    assert (tally.sent, tally.failed) == (2, 0)
    assert {str(mail["To"]) for _, mail in handler.mails} == {
        "alice@example.com",
        "boss@example.com",
    }
    for bounces, mail in handler.mails:
        text = str(mail.get_content())
        assert f"Ticket {number} is accepted at the level Commercial" in text
        assert "Mon 8 Jun 2026 15:00 (CEST)" in text
        assert "pills" not in mail.as_string()
        assert "evil" not in mail.as_string()
        assert bounces in ("", None, "<>")
        assert (mail["Auto-Submitted"], mail["Precedence"]) == ("auto-replied", "bulk")
        assert mail["Subject"].startswith(f"[#{number}]")
        assert mail["References"] == f"<{number}@help.example.com>"
    assert len({mail["Message-ID"] for _, mail in handler.mails}) == 2
    assert not worker(world, mailer).round(FRIDAY + HOUR)


def test_a_guests_mail_carries_a_link_that_opens_the_ticket(
    world: World, postman: tuple[Postman, Mailer]
) -> None:
    handler, mailer = postman
    guest = world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    number = world.desk.open(draft(), guest, key="k", now=FRIDAY)
    worker(world, mailer).round(FRIDAY)
    secret = handler.text().split("?key=")[1].split()[0]
    assert world.desk.ticket_by_secret(number, secret, FRIDAY).number == number


def test_one_digest_for_each_person_in_open_time_only(
    world: World, postman: tuple[Postman, Mailer]
) -> None:
    handler, mailer = postman
    mine, other = (
        world.desk.open(draft(), world.alice, key=str(i), now=FRIDAY + i * HOUR) for i in range(2)
    )
    world.desk.assign(mine, world.bob, "bob@example.com", now=FRIDAY)
    made = worker(world, mailer)
    night = MONDAY + 8 * HOUR
    made.round(night)
    assert handler.subjects("bob@example.com") == []
    made.round(night + 10 * HOUR)
    assert handler.subjects("bob@example.com") == ["2 promises broken, 2 due soon"]
    assert handler.subjects("ada@example.com") == ["2 promises broken"]
    text = next(
        str(mail.get_content()) for _, mail in handler.mails if mail["To"] == "bob@example.com"
    )
    assert text.index(f"{mine}  first response due (50%)") < text.index(
        f"{other}  first response was due"
    )
    assert "noticed late" in text


def test_a_refusal_for_good_is_given_up_loudly_and_one_for_now_is_tried_again(
    world: World, number: str, postman: tuple[Postman, Mailer]
) -> None:
    handler, mailer = postman
    handler.refuses = {"alice@example.com": "450 later"}
    made, box = worker(world, mailer), Outbox(world.database)
    assert made.round(FRIDAY).failed == 1
    assert (made.round(FRIDAY).failed, box.failures(), box.waiting()) == (0, (), (1, 0))
    assert made.round(FRIDAY + HOUR).failed == 1
    handler.refuses = {"alice@example.com": "550 no such user"}
    assert made.round(FRIDAY + 2 * HOUR).failed == 1
    (failure,) = box.failures()
    assert (failure.recipient, failure.attempts, "550" in failure.error) == (
        "alice@example.com",
        3,
        True,
    )
    handler.refuses = {}
    assert not made.round(FRIDAY + DAY)


def test_a_mail_server_that_is_away_loses_nothing(
    world: World, number: str, postman: tuple[Postman, Mailer]
) -> None:
    handler, mailer = postman
    assert worker(world, Mailer("127.0.0.1", 1, tls="no")).round(FRIDAY).failed == 1
    assert worker(world, mailer).round(FRIDAY + HOUR).sent == 1
    assert len(handler.mails) == 1


def test_a_worker_that_dies_with_a_mail_in_hand_leaves_it_to_the_next(
    world: World, number: str
) -> None:
    box = Outbox(world.database)
    (first,) = box.claim_mails(FRIDAY)
    assert box.claim_mails(FRIDAY + LEASE - SECOND) == []
    (again,) = box.claim_mails(FRIDAY + LEASE)
    assert again == first
    one, two = (letters.mail_of(parcel, WHO)["Message-ID"] for parcel in (first, again))
    assert one == two


def test_after_many_tries_or_three_days_it_is_given_up(world: World, number: str) -> None:
    box = Outbox(world.database)
    at = FRIDAY
    for _ in range(ATTEMPTS):
        at += DAY
        box.mails_failed(box.claim_mails(at), "away", at, permanent=False)
    assert [failure.attempts for failure in box.failures()] == [ATTEMPTS]
    world.desk.open(draft(), world.alice, key="old", now=FRIDAY)
    assert worker(world, Mailer("127.0.0.1", 1, tls="no")).round(FRIDAY + 4 * DAY).failed >= 1
    assert any("three days" in failure.error for failure in box.failures())


def test_without_a_mail_server_mails_wait(world: World, number: str) -> None:
    assert worker(world).round(FRIDAY).sent == 0
    assert Outbox(world.database).waiting() == (1, 0)


KEY = "whsec_" + base64.b64encode(b"k" * 24).decode()


def test_every_event_is_told_once_by_a_signed_webhook(
    world: World, number: str, hook: Hook
) -> None:
    made = worker(world, webhooks=Webhooks((KEY,), private=True), urls=(hook.url,))
    assert made.round(FRIDAY).posted == 0  # what happened before webhooks were set is not told
    world.desk.reply(number, world.bob, "Secret words.", key="r", now=FRIDAY)
    world.desk.comment(number, world.alice, "More.", key="c", now=FRIDAY)
    assert made.round(FRIDAY + HOUR).posted == 2
    assert made.round(FRIDAY + HOUR).posted == 0
    headers, body = hook.got[0]
    told = json.loads(body)
    assert (told["type"], told["data"]["number"]) == ("ticket.replied", number)
    assert b"Secret" not in body
    at = int((FRIDAY + HOUR).timestamp())
    assert headers["webhook-timestamp"] == str(at)
    assert headers["webhook-signature"] == signature([KEY], headers["webhook-id"], at, body)
    assert len({got["webhook-id"] for got, _ in hook.got}) == 2
    made.round(MONDAY + DAY)
    assert json.loads(hook.got[-1][1])["type"] == "ticket.breached"


@pytest.mark.parametrize(("status", "failures"), [(500, 0), (302, 0), (410, 1)])
def test_a_webhook_that_fails_is_tried_again_unless_it_is_gone(
    world: World, number: str, hook: Hook, status: int, failures: int
) -> None:
    made = worker(world, webhooks=Webhooks((KEY,), private=True), urls=(hook.url,))
    made.round(FRIDAY)
    world.desk.note(number, world.bob, "x", key="n", now=FRIDAY)
    hook.status = status
    assert made.round(FRIDAY).failed == 1
    assert len(Outbox(world.database).failures()) == failures
    hook.status = 200
    assert made.round(FRIDAY + HOUR).posted == 1 - failures
    assert len({got["webhook-id"] for got, _ in hook.got}) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "169.254.169.254",
        "10.0.0.1",
    ],
)
def test_a_webhook_never_reaches_into_the_own_network(hook: Hook, host: str) -> None:
    port = hook.url.split(":")[2].split("/")[0]
    with pytest.raises(DeliveryFailed) as refused:
        Webhooks().post(f"http://{host}:{port}/", "evt_1", {}, now=FRIDAY)
    assert refused.value.permanent
    assert hook.got == []


@pytest.mark.parametrize("url", ["http://", "http://x.invalid/", "http://127.0.0.1:1/"])
def test_a_webhook_that_cannot_be_reached_is_a_sentence(url: str) -> None:
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        Webhooks(private=True).post(url, "evt_1", {}, now=FRIDAY)


def test_files_of_tickets_that_were_never_saved_go_after_a_day(world: World) -> None:
    files = Attachments(world.data / "attachments")
    world.desk.open(
        draft(attachments=(Upload("a.txt", b"kept"),)), world.alice, key="k", now=FRIDAY
    )
    (lost,) = files.put([Upload("b.txt", b"lost")])
    made = worker(world, attachments=files)
    now = dt.datetime.now(dt.UTC)
    assert made.remove_unsaved(now) == 0
    assert made.remove_unsaved(now + 2 * DAY) == 1
    assert not (world.data / "attachments" / lost.key[:2] / lost.key).exists()
    assert len(list((world.data / "attachments").glob("*/*"))) == 1
