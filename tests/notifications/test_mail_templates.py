"""Mail templates: every kind has a text, headers keep robots from answering, ids are stable."""

from __future__ import annotations

import pytest

from kb.notifications.mail_templates import digest_mail, mail_sender, notice_mail
from kb.notifications.outbox import ClaimedMessage
from kb.people.account_links import LINK_LIFETIMES
from kb.site.mail_file import BUILT_IN_MAIL_TEXTS as TEXTS
from kb.tickets.lifecycle import VERBS, Audience, Verb
from tests.notifications.servers import text_of
from tests.world import FRIDAY

SENDER = mail_sender("Help", "https://help.example.com", "")


def notice(kind: str, facts: dict[str, str] | None = None, *, notice_id: int = 1) -> ClaimedMessage:
    key = f"{kind}/{notice_id}"
    return ClaimedMessage(notice_id, key, kind, "alice@example.com", facts or {}, 1, 0, FRIDAY)


@pytest.mark.parametrize("verb", sorted(set(Verb) - {Verb.OPEN}))
def test_a_verb_has_a_text_exactly_when_it_notifies(verb: Verb) -> None:
    notifies = VERBS[verb].audience is not Audience.NOBODY
    assert (VERBS[verb].mail is not None) == notifies


@pytest.mark.parametrize("kind", sorted({*TEXTS.notices} - {"opened"}))
def test_a_mail_says_that_a_robot_wrote_it_and_has_a_stable_id(kind: str) -> None:
    mail = notice_mail(notice(kind, {"number": "KB-1001"}), SENDER, TEXTS)
    assert (mail["Auto-Submitted"], mail["Precedence"]) == ("auto-generated", "bulk")
    assert mail["From"].addresses[0].addr_spec == "noreply@help.example.com"
    again = notice_mail(notice(kind, {"number": "KB-1001"}), SENDER, TEXTS)
    assert mail["Message-ID"] == again["Message-ID"]


def test_a_mail_about_a_ticket_is_in_its_thread_and_links_to_the_readers_page() -> None:
    for facts, path in (
        ({}, "/tickets/KB-1001"),
        ({"staff": "yes"}, "/desk/KB-1001"),
    ):
        mail = notice_mail(notice("replied", {"number": "KB-1001", **facts}), SENDER, TEXTS)
        assert mail["Subject"].startswith("[#KB-1001] ")
        assert mail["References"] == mail["In-Reply-To"] == "<KB-1001@help.example.com>"
        assert f"https://help.example.com{path}\n" in text_of(mail)


@pytest.mark.parametrize("kind", LINK_LIFETIMES)
def test_a_mail_about_an_account_has_its_single_use_link(kind: str) -> None:
    mail = notice_mail(notice(kind), SENDER, TEXTS, secret="s3cret")
    assert f"https://help.example.com/account/{kind}/s3cret\n" in text_of(mail)


def test_a_receipt_gives_the_due_time_in_the_customers_zone() -> None:
    facts = {"number": "KB-1001", "level": "Gold", "zone": "Europe/Berlin"}
    due = notice_mail(
        notice("opened", {**facts, "due": "2026-06-08T13:00:00+00:00"}), SENDER, TEXTS
    )
    assert "Mon 8 Jun 2026 15:00 (CEST)" in text_of(due)
    assert due["Auto-Submitted"] == "auto-replied"
    no_due = notice_mail(notice("opened", {**facts, "due": ""}), SENDER, TEXTS)
    assert "2026" not in text_of(no_due)


def test_a_digest_lists_alarms_by_time_in_the_readers_zone() -> None:
    facts = {
        "target": "first response",
        "threshold": "50%",
        "level": "Gold",
        "due": "2026-06-08T13:00:00+00:00",
    }
    breached = notice("breached", {**facts, "number": "KB-1", "at": "2"}, notice_id=1)
    warned = notice("warned", {**facts, "number": "KB-2", "at": "1"}, notice_id=2)
    mail = digest_mail([breached, warned], SENDER, TEXTS, "Europe/Berlin")
    lines = text_of(mail).splitlines()
    alarms = [line for line in lines if line.startswith("KB-")]
    assert [line.split()[0] for line in alarms] == ["KB-2", "KB-1"]
    assert all("15:00 (CEST)" in line for line in alarms)
    assert "  https://help.example.com/desk/KB-2" in lines
    assert "https://help.example.com/desk" in lines
