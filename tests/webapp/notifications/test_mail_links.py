"""Articles in the mail that confirms a ticket, and the button "This solved it" behind its link."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from kb.analytics.tables import EPISODE_EVENTS, EPISODES
from kb.mail.envelope import Became, Envelope
from tests.mail.mails import SUPPORT, mail
from tests.notifications.servers import html_of, text_of
from tests.webapp.flood import Flood, flood_of
from tests.webapp.world import data_values, guest, number_of, ticket

JAM = {"title": "Clear a paper jam in the press", "episode": ""}


def solved_path(flood: Flood, address: str) -> str:
    """The path of "This solved it" in the receipt; "" if it has none."""
    (receipt,) = flood.mailbox.to(address)
    match = re.search(r"http://localhost(/mail/solved/\S+)", text_of(receipt))
    return match[1] if match else ""


def events(flood: Flood, episode: str) -> list[tuple[str, dict[str, object]]]:
    query = (
        select(EPISODE_EVENTS.c.kind, EPISODE_EVENTS.c.facts)
        .where(EPISODE_EVENTS.c.episode_id == episode)
        .order_by(EPISODE_EVENTS.c.id)
    )
    with flood.portal.centre.database.read() as connection:
        return [(row.kind, row.facts) for row in connection.execute(query)]


def test_the_receipt_suggests_articles_and_its_button_resolves_the_ticket(folder: Path) -> None:
    with flood_of(folder) as flood:
        alice = flood.portal.browser("alice")
        number = number_of(alice.post("/tickets", ticket(**JAM)))
        flood.send()
        (receipt,) = flood.mailbox.to("alice@example.com")
        assert "http://localhost/help/doc/jam" in text_of(receipt)
        assert "Clear a paper jam" in html_of(receipt)

        path, anyone = solved_path(flood, "alice@example.com"), flood.portal.browser()
        page = anyone.page(path)
        assert data_values(page, "solved") == ["open"]
        assert JAM["title"] not in page, "whoever has the link does not learn what was typed"

        refused = anyone.post(path, {"article": "doc/secret"})
        assert refused.status_code == 422
        done = anyone.post(path, {"article": "doc/jam"})
        assert data_values(done.get_data(as_text=True), "solved") == ["done"]
        assert data_values(anyone.page(path), "solved") == ["closed"]
        assert anyone.post(path, {"article": "doc/jam"}).status_code == 409

        kinds = events(flood, f"mail-{number.removeprefix('KB-')}")
        assert [kind for kind, _ in kinds] == ["query", "shown", "helped"]
        assert kinds[-1][1] == {"id": "doc/jam", "yes": True}
        query = select(EPISODES.c.form).where(EPISODES.c.id.startswith("mail-"))
        with flood.portal.centre.database.read() as connection:
            assert connection.execute(query).scalars().all() == ["mail"]


@pytest.mark.parametrize("way", ["portal", "mail"])
def test_a_ticket_that_is_reopened_takes_back_what_had_solved_it(folder: Path, way: str) -> None:
    policies = folder / "content" / "policies.toml"
    policies.write_text(policies.read_text("utf-8") + f'\n[mailboxes."{SUPPORT}"]\n', "utf-8")
    with flood_of(folder) as flood:
        alice = flood.portal.browser("alice")
        number = number_of(alice.post("/tickets", ticket(**JAM)))
        flood.send()
        path = solved_path(flood, "alice@example.com")
        flood.portal.browser().post(path, {"article": "doc/jam"})
        if way == "portal":
            reopened = alice.post(f"/tickets/{number}/reopen", {"body": "It jams again."})
            assert reopened.status_code == 303
        else:
            (receipt,) = flood.mailbox.to("alice@example.com")
            answer = mail("It jams again.", to=str(receipt["Reply-To"]))
            inbox = flood.portal.centre.inbox
            outcome = inbox.receive(answer, Envelope(), now=flood.portal.clock.now)
            assert (outcome.outcome, outcome.ticket) == (Became.COMMENT, number)
        assert events(flood, f"mail-{number.removeprefix('KB-')}")[-1] == ("reopened", {})


def test_where_nothing_is_likely_to_answer_the_receipt_suggests_nothing(folder: Path) -> None:
    with flood_of(folder) as flood:
        flood.portal.browser("alice").post("/tickets", ticket(title="Invoice of last March"))
        flood.send()
        assert solved_path(flood, "alice@example.com") == ""


def test_a_guest_is_suggested_what_everybody_may_read(folder: Path) -> None:
    with flood_of(folder) as flood:
        browser = flood.portal.browser()
        browser.post("/tickets", guest(title="Runbook for zephyrion", key="1"))
        number = number_of(browser.post("/tickets", guest(key="2", **JAM)))
        flood.send()
        mails = flood.mailbox.to("gina@example.org")
        assert all("doc/secret" not in mail.as_string() for mail in mails)

        (receipt,) = [mail for mail in mails if number in str(mail["Subject"])]
        match = re.search(r"http://localhost(/mail/solved/\S+)", text_of(receipt))
        assert match
        done = flood.portal.browser().post(match[1], {"article": "doc/jam"})
        assert data_values(done.get_data(as_text=True), "solved") == ["done"]


def test_who_sees_no_suggestions_in_the_experiment_gets_none_by_mail(folder: Path) -> None:
    with flood_of(folder, holdout="50") as flood:
        browser = flood.portal.browser()
        for key in range(8):
            form = guest(**JAM, key=str(key)) | {"email": f"guest{key}@example.org"}
            browser.post("/tickets", form)
        flood.send()
        mails = [mail for _, mail in flood.mailbox.mails if "guest" in str(mail["To"])]
        shown = [("/mail/solved/" in text_of(mail)) for mail in mails]
        assert len(shown) == 8
        assert set(shown) == {True, False}
        for key in range(8):
            counted = [kind for kind, _ in events(flood, f"mail-{1001 + key}")]
            assert counted == ["query", "shown"], "also of whoever is shown nothing"


def test_without_an_index_the_receipt_leaves_without_articles(folder: Path) -> None:
    shutil.rmtree(folder / "data" / "index")
    with flood_of(folder) as flood:
        flood.portal.browser("alice").post("/tickets", ticket(**JAM))
        flood.send()
        assert len(flood.mailbox.to("alice@example.com")) == 1
        assert solved_path(flood, "alice@example.com") == ""
