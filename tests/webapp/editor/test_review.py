"""Flags of agents, and the articles that editors review first."""

from __future__ import annotations

import json

from tests.webapp.world import Browser, Portal, data_values, number_of, ticket


def flag(browser: Browser, **more: str) -> int:
    form = {"document": "doc/ink", "kind": "wrong", "sentence": "The drawer is on the left."}
    return browser.post("/desk/flags", {**form, **more}).status_code


def test_a_flag_reaches_the_editors_with_its_ticket_and_goes_when_it_is_done(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    consulted = json.dumps([{"id": "doc/ink", "outcome": "opened"}])
    number = number_of(alice.post("/tickets", ticket(consulted=consulted)))
    assert f"/desk/flags/new?document=doc/ink&amp;ticket={number}" in bob.page(f"/desk/{number}")
    assert flag(bob, ticket=number) == 303

    erin = portal.browser("erin")
    page = erin.page("/editor/review")
    assert data_values(page, "review") == ["doc/ink"]
    assert data_values(page, "flag") == ["wrong"]
    assert number in page
    assert erin.post("/editor/review/flags/1/close").status_code == 303
    assert data_values(erin.page("/editor/review"), "review") == []
    assert erin.post("/editor/review/flags/1/close").status_code == 404


def test_a_wrong_flag_comes_back_as_typed(bob: Browser) -> None:
    assert flag(bob, kind="ugly") == 422
    assert flag(bob, sentence=" ") == 422
    assert flag(bob, document="doc/none") == 404
    assert flag(bob, ticket="KB-999999") == 404


def test_only_agents_flag_and_only_editors_review(alice: Browser, bob: Browser) -> None:
    assert flag(alice) == 403
    assert alice.get("/editor/review").status_code == 403
    assert bob.get("/editor/review").status_code == 403


def test_votes_against_an_article_bring_it_to_the_editors(portal: Portal, alice: Browser) -> None:
    alice.post("/feedback", {"document": "doc/jam", "helpful": "no"})
    assert data_values(portal.browser("erin").page("/editor/review"), "review") == ["doc/jam"]
