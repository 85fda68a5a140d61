"""The worker: rounds that send through real servers, failures, retries, orphaned files."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator, Sequence

import pytest

from kb.mail.mail_links import MailLinks
from kb.mail.reply_addresses import ReplyAddresses
from kb.mail.ticket_mails import TicketMails
from kb.notifications.channels import Channel
from kb.notifications.channels.mail import MailChannel, MailServer
from kb.notifications.channels.webhook import WebhookChannel, sign_webhook
from kb.notifications.mail_templates import mail_sender
from kb.notifications.mail_texts import MailLanguages
from kb.notifications.outbox import Outbox
from kb.site.mail_file import BUILT_IN_MAIL_TEXTS
from kb.sla.policy import SlaPolicy
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.sweeper import Sweeper
from kb.tickets.ticket import Upload
from kb.webhooks.feed import WebhookFeed
from kb.worker.assembly import LinkSecrets, remove_orphans
from kb.worker.worker import Worker
from tests.notifications.servers import UNREACHABLE, Mailbox, Receiver, smtp_server, text_of
from tests.world import DAY, FRIDAY, HOUR, World, draft

MONDAY = FRIDAY + 3 * DAY
SENDER = mail_sender("Help", "https://help.example.com", "")
ADDRESSES, LINKS = ReplyAddresses(["k" * 48]), MailLinks(["k" * 48])
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


def mail_worker(
    world: World,
    server: MailServer,
    policy: SlaPolicy | None = None,
    languages: MailLanguages | None = None,
) -> Worker:
    tickets = TicketRepository(world.database)
    secrets = LinkSecrets(world.accounts.links, tickets)
    mails = TicketMails(tickets, policy or world.policy, ADDRESSES, LINKS, SENDER.base_url)
    channel = MailChannel(
        server,
        SENDER,
        languages or MailLanguages(BUILT_IN_MAIL_TEXTS),
        link_secret=secrets.issue,
        ticket_content=mails.content,
        time_zone=secrets.time_zone,
    )
    return worker(world, [channel])


def webhook_worker(world: World, url: str) -> Worker:
    return worker(world, [WebhookChannel((SECRET,), allow_private=True)], urls=(url,))


def worker(world: World, channels: Sequence[Channel], urls: Sequence[str] = ()) -> Worker:
    enqueue = WebhookFeed(world.database, urls).enqueue_new
    return Worker(
        Sweeper(world.database, world.policy, single_version(world.policy)),
        Outbox(world.database),
        channels,
        enqueue_events=enqueue if urls else None,
    )


@pytest.fixture
def post() -> Iterator[tuple[Mailbox, MailServer]]:
    with smtp_server() as post:
        yield post


@pytest.fixture
def number(world: World) -> str:
    return world.desk.filing.file(draft(), world.alice, key="first", now=FRIDAY)


# --- mails


def test_the_receipt_has_number_level_and_due_time_and_what_was_typed_for_its_writer_only(
    world: World, post: tuple[Mailbox, MailServer]
) -> None:
    mailbox, server = post
    spam = draft(
        "Buy cheap pills", description="at http://evil.example", copy_to=("boss@example.com",)
    )
    number = world.desk.filing.file(spam, world.alice, key="k", now=FRIDAY)
    result = mail_worker(world, server).round(FRIDAY)
    assert (result.sent, result.failed) == ({"mail": 3}, 0)
    outside = [sent for sent in mailbox.mails if sent[1]["To"] != "bob@example.com"]
    assert {str(mail["To"]) for _, mail in outside} == {"alice@example.com", "boss@example.com"}
    for bounces_to, mail in outside:
        for fact in (number, "Commercial", "Mon 8 Jun 2026 15:00 (CEST)"):
            assert fact in text_of(mail)
        assert "evil" not in mail.as_string()
        assert bounces_to in ("", None, "<>")
        assert (mail["Auto-Submitted"], mail["Precedence"]) == ("auto-replied", "bulk")
    (to_boss,), (to_alice,) = mailbox.to("boss@example.com"), mailbox.to("alice@example.com")
    assert "pills" not in to_boss.as_string()
    assert to_alice["Subject"] == f"[#{number}] Buy cheap pills"
    assert len({mail["Message-ID"] for _, mail in mailbox.mails}) == 3
    assert not mail_worker(world, server).round(FRIDAY + HOUR)


def test_the_mail_of_a_solved_ticket_invites_to_rate_it(
    world: World, post: tuple[Mailbox, MailServer]
) -> None:
    mailbox, server = post
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY + HOUR)
    mail_worker(world, server).round(FRIDAY + HOUR)
    assert any("rate" in text_of(mail).split() for mail in mailbox.to("alice@example.com"))


def test_a_guests_mail_has_a_link_that_opens_the_ticket(
    world: World, post: tuple[Mailbox, MailServer]
) -> None:
    mailbox, server = post
    guest = world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    number = world.desk.filing.file(draft(), guest, key="k", now=FRIDAY)
    mail_worker(world, server).round(FRIDAY)
    secret = text_of(mailbox.to("gina@example.com")[0]).split("?key=")[1].split()[0]
    assert (
        world.desk.ticket(
            number, world.desk.links.holder(number, secret, now=FRIDAY), now=FRIDAY
        ).number
        == number
    )


def test_the_link_of_a_reset_mail_sets_the_password(
    world: World, post: tuple[Mailbox, MailServer]
) -> None:
    mailbox, server = post
    world.accounts.links.request_reset("alice@example.com", address="192.0.2.1", now=FRIDAY)
    mail_worker(world, server).round(FRIDAY)
    secret = mailbox.text().split("/account/reset/")[1].split()[0]
    assert world.accounts.links.use(secret, "a new password", now=FRIDAY).id == world.alice.id


def test_each_agent_gets_one_digest_in_service_hours_only(
    world: World, post: tuple[Mailbox, MailServer]
) -> None:
    mailbox, server = post
    mine, other = (
        world.desk.filing.file(draft(), world.alice, key=str(i), now=FRIDAY + i * HOUR)
        for i in range(2)
    )
    world.desk.act(mine, world.bob, actions.assign(world.bob), now=FRIDAY)
    mails = mail_worker(world, server)
    night = MONDAY + 8 * HOUR
    mails.round(night)
    assert mailbox.to("bob@example.com") == []

    mails.round(night + 10 * HOUR)
    (bobs,) = mailbox.to("bob@example.com")
    lines = [line.split() for line in text_of(bobs).splitlines() if line.startswith("KB-")]
    assert [words[0] for words in lines] == [mine, other, mine, other]
    (adas,) = mailbox.to("ada@example.com")
    assert text_of(adas).count("\nKB-") + 1 == 2, "supervisors hear of breaches only"


def test_a_permanent_refusal_is_given_up_and_a_temporary_one_is_tried_again(
    world: World, number: str, post: tuple[Mailbox, MailServer]
) -> None:
    mailbox, server = post
    mailbox.refuses = {"alice@example.com": "450 later"}
    mails, outbox = mail_worker(world, server), Outbox(world.database)
    assert mails.round(FRIDAY).failed == 1
    assert mails.round(FRIDAY).failed == 0
    assert outbox.failures() == ()
    assert outbox.pending()["mail"] == 1
    assert mails.round(FRIDAY + HOUR).failed == 1

    mailbox.refuses = {"alice@example.com": "550 no such user"}
    assert mails.round(FRIDAY + 2 * HOUR).failed == 1
    (failure,) = outbox.failures()
    assert (failure.recipient, failure.attempts) == ("alice@example.com", 3)
    assert "550" in failure.error

    mailbox.refuses = {}
    assert not mails.round(FRIDAY + DAY)


def test_an_unreachable_mail_server_loses_nothing(
    world: World, number: str, post: tuple[Mailbox, MailServer]
) -> None:
    mailbox, server = post
    assert mail_worker(world, UNREACHABLE).round(FRIDAY).failed == 2
    assert mail_worker(world, server).round(FRIDAY + HOUR).sent == {"mail": 2}
    assert len(mailbox.mails) == 2


def test_after_three_days_a_mail_is_given_up(
    world: World, number: str, post: tuple[Mailbox, MailServer]
) -> None:
    mailbox, server = post
    result = mail_worker(world, server).round(FRIDAY + 4 * DAY)
    assert result.failed == 2
    assert mailbox.to("alice@example.com") == []
    assert {failure.recipient for failure in Outbox(world.database).failures()} == {
        "alice@example.com",
        "bob@example.com",
    }


def test_without_a_channel_messages_wait(world: World, number: str) -> None:
    assert worker(world, []).round(FRIDAY).sent == {}
    assert Outbox(world.database).pending() == {"mail": 2, "webhook": 0}


# --- webhooks


def test_every_event_is_posted_once_and_signed(
    world: World, number: str, receiver: Receiver
) -> None:
    webhooks = webhook_worker(world, receiver.url)
    assert webhooks.round(FRIDAY).sent == {"webhook": 0}, "events from before stay unsent"

    world.desk.act(number, world.bob, actions.reply("Secret words."), key="r", now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("More."), key="c", now=FRIDAY)
    assert webhooks.round(FRIDAY + HOUR).sent == {"webhook": 2}
    assert webhooks.round(FRIDAY + HOUR).sent == {"webhook": 0}
    headers, body = receiver.requests[0]
    event = json.loads(body)
    assert (event["type"], event["data"]["number"]) == ("ticket.replied", number)
    assert b"Secret" not in body
    at = int((FRIDAY + HOUR).timestamp())
    assert headers["webhook-timestamp"] == str(at)
    assert headers["webhook-signature"] == sign_webhook([SECRET], headers["webhook-id"], at, body)
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 2

    webhooks.round(MONDAY + DAY)
    assert json.loads(receiver.requests[-1][1])["type"] == "ticket.breached"


@pytest.mark.parametrize(("status", "failures"), [(500, 0), (302, 0), (410, 1)])
def test_a_webhook_that_fails_is_tried_again_unless_the_url_is_gone(
    world: World, number: str, receiver: Receiver, status: int, failures: int
) -> None:
    webhooks = webhook_worker(world, receiver.url)
    webhooks.round(FRIDAY)
    world.desk.act(number, world.bob, actions.note("x"), key="n", now=FRIDAY)
    receiver.status = status
    assert webhooks.round(FRIDAY).failed == 1
    assert len(Outbox(world.database).failures()) == failures

    receiver.status = 200
    assert webhooks.round(FRIDAY + HOUR).sent == {"webhook": 1 - failures}
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1


# --- files


def test_files_of_tickets_that_were_never_saved_go_after_a_day(world: World) -> None:
    files = Attachments(world.data / "attachments")
    world.desk.filing.file(
        draft(attachments=(Upload("a.txt", b"kept"),)), world.alice, key="k", now=FRIDAY
    )
    (lost,) = files.put([Upload("b.txt", b"lost")])
    now = dt.datetime.now(dt.UTC)
    store = TicketRepository(world.database)
    assert remove_orphans(files, store, DAY, now) == 0
    assert remove_orphans(files, store, DAY, now + 2 * DAY) == 1
    assert not (world.data / "attachments" / lost.key[:2] / lost.key).exists()
    assert len(list((world.data / "attachments").glob("*/*"))) == 1
