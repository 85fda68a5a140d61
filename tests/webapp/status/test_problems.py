"""Known problems as customers meet them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.webapp.world import Browser, Portal, data_values, guest, number_of, ticket

PROBLEM = {
    "title": "Printing stops after one page",
    "status": "identified",
    "symptoms": "The press stops after the first page.",
    "workaround": "Print pages one by one.",
    "product": "press",
    "versions": "2.0",
    "audience": "public",
    "confirmed": "yes",
}
LATER = dt.timedelta(seconds=2)


def publish(portal: Portal, bob: Browser, **more: Any) -> str:
    response = bob.post("/desk/problems", {**PROBLEM, **more})
    assert response.status_code == 303, response.get_data(as_text=True)
    portal.clock.now += LATER
    return str(response.headers["Location"].rpartition("/")[2])


@pytest.fixture
def problem(portal: Portal, bob: Browser) -> str:
    return publish(portal, bob)


def test_it_stands_on_the_home_page_the_form_the_list_and_in_the_feed(
    problem: str, anyone: Browser
) -> None:
    for path in ("/", "/tickets/new", "/problems"):
        assert problem in data_values(anyone.page(path), "problem"), path
    feed = ElementTree.fromstring(anyone.get("/problems/feed.atom").data)
    titles = [entry.findtext("{*}title") for entry in feed.findall("{*}entry")]
    assert titles == ["Identified: Printing stops after one page"]


def test_it_is_the_first_suggestion_for_titles_about_it_and_for_no_others(
    problem: str, anyone: Browser
) -> None:
    def problems(typed: str) -> list[str]:
        answer = anyone.get(f"/api/v1/suggest?q={typed}").get_json()
        return [str(each["id"]) for each in answer["problems"]]

    assert problems("press stops after the first page") == [problem]
    assert problems("how do I reset my password") == []
    (listed,) = anyone.get("/api/v1/problems").get_json()["problems"]
    assert (listed["url"], listed["status"]) == (f"/problems/{problem}", "identified")
    assert listed["workaround"] == PROBLEM["workaround"]


def test_who_may_not_see_its_audience_never_learns_of_it(
    portal: Portal, anyone: Browser, alice: Browser, bob: Browser
) -> None:
    problem = publish(portal, bob, audience="customers")
    assert problem in data_values(alice.page("/"), "problem")
    assert anyone.get(f"/problems/{problem}").status_code == 404
    assert anyone.post(f"/problems/{problem}/join").status_code == 404
    for path in ("/", "/tickets/new", "/problems", "/problems/feed.atom", "/api/v1/problems"):
        assert "Printing stops" not in anyone.get(path).get_data(as_text=True), path
    answer = anyone.get("/api/v1/suggest?q=press stops after the first page").get_json()
    assert answer["problems"] == []


def test_i_have_this_too_counts_once_and_a_strangers_address_is_asked(
    problem: str, anyone: Browser, alice: Browser, bob: Browser
) -> None:
    for _ in range(2):
        response = anyone.post(f"/problems/{problem}/join", {"email": ""})
        assert response.headers["Location"].endswith("joined=counted")
    asked = anyone.post(f"/problems/{problem}/join", {"email": "gina@example.org"})
    assert asked.headers["Location"].endswith("joined=asked")
    own = alice.post(f"/problems/{problem}/join", {"email": "alice@example.com"})
    assert own.headers["Location"].endswith("joined=following")
    assert data_values(bob.page(f"/desk/problems/{problem}"), "reports") == ["2"]


def test_a_wrong_address_comes_back_as_typed(problem: str, anyone: Browser) -> None:
    response = anyone.post(f"/problems/{problem}/join", {"email": "gina at home"})
    assert response.status_code == 422
    assert "gina at home" in response.get_data(as_text=True)


def test_without_a_script_the_review_step_names_it(problem: str, anyone: Browser) -> None:
    page = anyone.post("/tickets/review", guest(title="printing stops after one page"))
    assert problem in data_values(page.get_data(as_text=True), "problem")


def test_a_customer_is_reminded_of_their_own_open_ticket_and_of_nobody_elses(
    alice: Browser, charlie: Browser, anyone: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    query = "/api/v1/tickets/alike?q=the press eats my paper"
    assert [each["number"] for each in alice.get(query).get_json()["tickets"]] == [number]
    assert charlie.get(query).get_json() == anyone.get(query).get_json() == {"tickets": []}
    review = alice.post("/tickets/review", ticket(key="k2")).get_data(as_text=True)
    assert data_values(review, "own-ticket") == [number]


def test_a_ticket_names_the_problem_that_it_waits_for(
    problem: str, alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    bob.post("/desk/problems/links", {"ticket": number, "problem": problem})
    assert problem in data_values(alice.page(f"/tickets/{number}"), "problem")
    assert problem in data_values(bob.page(f"/desk/{number}"), "problem")


def test_the_link_of_a_subscription_changes_nothing_until_it_is_used(
    portal: Portal, problem: str, anyone: Browser
) -> None:
    anyone.post(f"/problems/{problem}/join", {"email": "gina@example.org"})
    from kb.subscriptions.tables import SUBSCRIPTIONS

    with portal.centre.database.read() as connection:
        token = connection.execute(SUBSCRIPTIONS.select()).one().token
    page = f"/subscriptions/{token}"
    assert data_values(anyone.page(page), "subscription") == [""]
    assert portal.centre.subscriptions.followed("problem") == ()
    chosen = anyone.client.post(page, data={"choice": "confirmed"})  # no form token
    assert data_values(chosen.get_data(as_text=True), "subscription") == ["confirmed"]
    left = anyone.client.post(page, data={"List-Unsubscribe": "One-Click"})
    assert data_values(left.get_data(as_text=True), "subscription") == ["left"]
    assert anyone.get("/subscriptions/no-such-token").status_code == 404
