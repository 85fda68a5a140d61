"""Pages of e-mails: what agents decide about, what tickets show, and the link that confirms one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.mail.envelope import Became, Envelope, MailOutcome
from kb.mail.rules.retries import RetryState
from kb.notifications.channels.webhook import sign_webhook
from tests.mail.mails import SUPPORT, mail
from tests.webapp.world import Portal, build, data_values, settings_of

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjU" + "PD8ILPZIo2LaLaSw"


@pytest.fixture
def desk(folder: Path) -> Iterator[Portal]:
    settings = settings_of(folder, mail_authority="mx.vendor.example", mail_hook_secret=SECRET)
    path = settings.policies_file
    path.write_text(f'{path.read_text("utf-8")}\n[mailboxes."{SUPPORT}"]\n', "utf-8")
    built = build(settings)
    yield built
    built.centre.close()


def receive(desk: Portal, raw: bytes) -> MailOutcome:
    return desk.centre.inbox.receive(raw, Envelope(None, (SUPPORT,)), now=desk.clock.now)


def test_agents_file_or_dismiss_what_was_quarantined(desk: Portal) -> None:
    receive(desk, mail("Buy <b>now</b>.", headers={"List-Id": "<news.example>"}))
    receive(desk, mail("Again.", headers={"Auto-Submitted": "auto-generated"}))
    bob = desk.browser("bob")
    assert data_values(bob.page("/desk"), "quarantined") == ["2"]
    second, first = data_values(bob.page("/desk/mail"), "mail")
    page = bob.page(f"/desk/mail/{first}")
    assert "<b>now</b>" not in page

    filed = bob.post(f"/desk/mail/{first}/file")
    assert filed.status_code == 303
    ticket = bob.page(filed.location)
    assert "Buy" in ticket
    assert data_values(ticket, "settled") == ["Bob Baker"]
    assert data_values(bob.page(f"/desk/mail/{first}"), "settled") == ["Bob Baker"]
    assert bob.post(f"/desk/mail/{first}/file").status_code == 409
    assert bob.post(f"/desk/mail/{second}/dismiss").status_code == 303
    assert data_values(bob.page("/desk"), "quarantined") == []
    ignored = bob.page("/desk/mail?ignored=1")
    assert data_values(ignored, "mail") == [second]
    assert data_values(ignored, "settled") == ["Bob Baker"]


def test_agents_see_that_e_mails_are_being_tried_again(desk: Portal) -> None:
    bob, inbox = desk.browser("bob"), desk.centre.inbox
    assert data_values(bob.page("/desk/mail"), "delayed") == []
    name = inbox.keep(mail(), Envelope(None, (SUPPORT,)))
    inbox.spool.save_tries(name, RetryState(1))
    assert data_values(bob.page("/desk/mail"), "delayed") == ["1"]
    inbox.process(name, now=desk.clock.now)
    assert data_values(bob.page("/desk/mail"), "delayed") == []


def test_the_original_is_a_file_to_save(desk: Portal) -> None:
    raw = b"Subject: Nobody\n\n<script>alert(1)</script>"
    receive(desk, raw)
    bob = desk.browser("bob")
    (mail_id,) = data_values(bob.page("/desk/mail"), "mail")
    original = bob.get(f"/desk/mail/{mail_id}/original")
    assert original.get_data() == raw
    assert original.headers["Content-Type"] == "application/octet-stream"
    assert original.headers["Content-Disposition"].startswith("attachment")


def test_agents_see_who_has_proven_a_sender_and_customers_what_was_folded(desk: Portal) -> None:
    number = receive(desk, mail("It burns.\n\n-- \nAlice of Acme", proven=True)).ticket
    for name, path in (("bob", "/desk"), ("alice", "/tickets")):
        page = desk.browser(name).page(f"{path}/{number}")
        assert "Alice of Acme" in page
        assert data_values(page, "mail") == ["ticket"]
        assert data_values(page, "evidence") == (["pass"] if name == "bob" else [])


def test_the_page_of_a_ticket_lists_mails_without_effect_to_agents(desk: Portal) -> None:
    number = receive(desk, mail(proven=True)).ticket
    away = mail("Away", subject=f"[#{number}]", headers={"Auto-Submitted": "auto-replied"})
    assert receive(desk, away).outcome is Became.IGNORED
    assert "ignored" in data_values(desk.browser("bob").page(f"/desk/{number}"), "mail")
    assert "ignored" not in data_values(desk.browser("alice").page(f"/tickets/{number}"), "mail")


def test_the_button_of_the_link_raises_the_level_and_the_link_does_not(desk: Portal) -> None:
    outcome = receive(desk, mail(sender="vera@example.com"))
    serial = int(outcome.ticket.removeprefix("KB-"))
    guest = desk.centre.desk.queue.requester(
        outcome.ticket,
        desk.centre.accounts.administration.account("bob@example.com"),
        now=desk.clock.now,
    ).person
    path = desk.centre.mail_links.confirm_path(serial, guest.id, now=desk.clock.now)
    anyone = desk.browser()
    assert data_values(anyone.page(path), "confirmed") == ["no"]
    assert data_values(anyone.page(path), "confirmed") == ["no"]
    done = anyone.post(path).get_data(as_text=True)
    assert data_values(done, "confirmed") == ["yes"]
    shown = re.search(outcome.ticket, desk.browser("vera").page("/tickets"))
    assert shown


def test_a_provider_posts_signed_mails_and_nobody_else_does(desk: Portal) -> None:
    body, timestamp = mail("By hook."), int(desk.clock.now.timestamp())
    headers = {"webhook-id": "m1", "webhook-timestamp": str(timestamp), "mail-to": SUPPORT}
    headers["webhook-signature"] = sign_webhook([SECRET], "m1", timestamp, body)
    client = desk.browser().client
    for _ in range(2):
        taken = client.post(
            "/api/v1/mail", data=body, headers=headers, content_type="message/rfc822"
        )
        assert taken.status_code == 202
    forged = client.post("/api/v1/mail", data=b"x", headers=headers, content_type="message/rfc822")
    assert forged.status_code == 403
    assert len(desk.centre.inbox.mails.of_ticket(1001)) == 1
