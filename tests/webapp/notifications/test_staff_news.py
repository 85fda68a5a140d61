"""The agents' page of notifications, what they choose, and the link that stops e-mails."""

from __future__ import annotations

import re
from pathlib import Path

from tests.notifications.servers import text_of
from tests.webapp.flood import flood_of
from tests.webapp.world import Portal, build, data_values, number_of, settings_of, ticket


def portal_of(folder: Path) -> Portal:
    return build(settings_of(folder))


def test_an_agent_sees_what_happened_until_it_is_read(folder: Path) -> None:
    portal = portal_of(folder)
    alice, bob = portal.browser("alice"), portal.browser("bob")
    numbers = [number_of(alice.post("/tickets", ticket(key=key))) for key in "ab"]

    page = bob.page("/desk/notifications")
    assert data_values(page, "news") == ["new", "new"]
    assert len(data_values(page, "unread")) == 2
    assert "Notifications (2)" in page

    bob.page(f"/desk/{numbers[0]}")
    page = bob.page("/desk/notifications")
    assert len(data_values(page, "unread")) == 1

    assert bob.post("/desk/notifications/seen").status_code == 303
    assert data_values(bob.page("/desk/notifications"), "unread") == []
    assert "Notifications (" not in bob.page("/desk")


def test_an_agent_chooses_what_to_be_told_of(folder: Path) -> None:
    portal = portal_of(folder)
    bob = portal.browser("bob")
    page = bob.page("/desk/notifications/choices")
    form = {f"reach-{event}": "mine" for event in data_values(page, "event")}
    form |= {"reach-new": "all", "mail-new": "on", "product": "still"}
    assert bob.post("/desk/notifications/choices", form).status_code == 303

    portal.browser("alice").post("/tickets", ticket(product="press"))
    assert data_values(bob.page("/desk/notifications"), "news") == []


def test_an_agent_chooses_hours_for_e_mails(folder: Path) -> None:
    bob = portal_of(folder).browser("bob")
    page = bob.page("/desk/notifications/choices")
    assert data_values(page, "hours") == ["level"]
    form = {f"reach-{event}": "mine" for event in data_values(page, "event")}
    form |= {"hours": "own", "from": "07:30", "to": "16:00", "day": "2"}
    assert bob.post("/desk/notifications/choices", form).status_code == 303
    page = bob.page("/desk/notifications/choices")
    assert data_values(page, "hours") == ["own"]
    assert 'value="07:30"' in page
    assert re.findall(r'name="day" value="(\d)" checked', page) == ["2"]

    refused = bob.post("/desk/notifications/choices", {**form, "to": "07:30"})
    assert refused.status_code == 422
    bob.post("/desk/notifications/choices", {**form, "hours": "level"})
    assert data_values(bob.page("/desk/notifications/choices"), "hours") == ["level"]


def test_a_choice_that_there_is_not_is_refused_and_changes_nothing(folder: Path) -> None:
    bob = portal_of(folder).browser("bob")
    before = bob.page("/desk/notifications/choices")
    form = {f"reach-{event}": "mine" for event in data_values(before, "event")}
    for wrong in ({"reach-new": "some"}, {"reach-assigned": "all"}, {"product": "rocket"}):
        refused = bob.post("/desk/notifications/choices", {**form, **wrong})
        assert refused.status_code == 422
    after = bob.page("/desk/notifications/choices")
    assert before.count("selected") == after.count("selected")
    assert '<option value="all" selected' in after


def test_the_link_in_a_mail_stops_the_mails_of_its_kind_with_a_button_only(folder: Path) -> None:
    with flood_of(folder) as flood:
        alice = flood.portal.browser("alice")
        alice.post("/tickets", ticket())
        flood.send()
        (mail,) = flood.mailbox.to("bob@example.com")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        path = str(mail["List-Unsubscribe"]).strip("<>").removeprefix("http://localhost")
        assert path in text_of(mail)

        anyone = flood.portal.browser()
        assert data_values(anyone.page(path), "comes") == ["yes"], "opening it changes nothing"
        stopped = anyone.client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert stopped.status_code == 200
        assert data_values(anyone.page(path), "comes") == ["no"]

        alice.post("/tickets", ticket(key="other"))
        flood.send()
        assert len(flood.mailbox.to("bob@example.com")) == 1
        news = flood.portal.browser("bob").page("/desk/notifications")
        assert data_values(news, "news") == ["new", "new"], "the page still has it"
