"""Known problems as agents publish and resolve them."""

from __future__ import annotations

import pytest

from tests.webapp.status.test_problems import PROBLEM, publish
from tests.webapp.world import Browser, Portal, data_values, number_of, ticket


def test_nothing_of_a_ticket_becomes_public_by_itself(alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    form = bob.page(f"/desk/problems/new?ticket={number}")
    assert "eats every second sheet" not in form
    assert "The press eats paper" not in form
    refused = bob.post("/desk/problems", {**PROBLEM, "ticket": number, "confirmed": ""})
    assert refused.status_code == 422
    assert PROBLEM["workaround"] in refused.get_data(as_text=True)
    assert data_values(bob.page("/problems"), "problem") == []


def test_resolving_answers_every_linked_ticket_once(
    portal: Portal, alice: Browser, charlie: Browser, bob: Browser
) -> None:
    mine = number_of(alice.post("/tickets", ticket()))
    theirs = number_of(charlie.post("/tickets", ticket(key="c")))
    problem = publish(portal, bob, ticket=mine)
    bob.post("/desk/problems/links", {"ticket": theirs, "problem": problem})
    assert data_values(bob.page(f"/desk/problems/{problem}"), "tickets") == ["2"]

    update = {"status": "resolved", "body": "Install version 2.1.", "confirmed": "yes"}
    assert bob.post(f"/desk/problems/{problem}/updates", update).status_code == 303
    for browser, number in ((alice, mine), (charlie, theirs)):
        page = browser.page(f"/tickets/{number}")
        assert page.count("Install version 2.1.") == 1
        assert data_values(page, "status") == ["solved"]
        assert "met" in data_values(page, "due")
    assert bob.post(f"/desk/problems/{problem}/updates", update).status_code == 409


def test_a_text_can_be_corrected_without_telling_anybody(portal: Portal, bob: Browser) -> None:
    problem = publish(portal, bob)
    assert PROBLEM["workaround"] in bob.page(f"/desk/problems/{problem}/texts")
    corrected = {**PROBLEM, "title": "Printing ends after one page", "status": "resolved"}
    assert bob.post(f"/desk/problems/{problem}/texts", corrected).status_code == 303
    page = bob.page(f"/problems/{problem}")
    assert "Printing ends after one page" in page
    assert data_values(page, "status") == ["identified"]  # a correction is no update
    refused = bob.post(f"/desk/problems/{problem}/texts", {**corrected, "title": ""})
    assert refused.status_code == 422


def test_a_ticket_can_be_unlinked(portal: Portal, alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    publish(portal, bob, ticket=number)
    assert bob.post("/desk/problems/links", {"ticket": number}).status_code == 303
    assert data_values(bob.page(f"/desk/{number}"), "problem") == [""]


@pytest.mark.parametrize("path", ["/desk/problems", "/desk/problems/new", "/desk/problems/1"])
def test_customers_and_editors_have_no_part_in_it(
    portal: Portal, alice: Browser, path: str
) -> None:
    assert alice.get(path).status_code == 403
    assert portal.browser().get(path).status_code in (302, 303, 401, 403)


def test_many_alike_tickets_are_proposed_in_the_queue(alice: Browser, bob: Browser) -> None:
    for i, title in enumerate(("cannot log in", "unable to log in", "log in fails", "login fails")):
        alice.post("/tickets", ticket(title=title, key=str(i)))
    assert data_values(bob.page("/desk"), "burst") == ["4"]
    assert data_values(bob.page("/desk/problems"), "burst") == ["4"]
