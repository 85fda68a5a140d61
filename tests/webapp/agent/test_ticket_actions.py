"""What agents do to a ticket, and what requesters answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.webapp.world import (
    Browser,
    Portal,
    build,
    data_values,
    guest,
    number_of,
    part_of,
    settings_of,
    ticket,
)


@pytest.fixture
def number(alice: Browser) -> str:
    return number_of(alice.post("/tickets", ticket()))


def act(browser: Browser, number: str, verb: str, **form: Any) -> None:
    response = browser.post(f"/desk/{number}/{verb}", form)
    assert response.status_code == 303, response.get_data(as_text=True)


def test_a_public_reply_stops_the_clock_and_is_read_by_the_customer(
    alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    for _ in range(2):
        assert (
            bob.post(f"/desk/{number}/replies", {"body": "Oil it.", "key": "same"}).status_code
            == 303
        )
    page = alice.page(f"/tickets/{number}")
    assert page.count("Oil it.") == 1
    assert "met" in data_values(page, "due")
    assert data_values(page, "status") == ["waiting"]


def test_an_internal_note_is_never_seen_by_the_customer_and_stops_no_clock(
    alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    assert (
        bob.post(f"/desk/{number}/notes", {"body": "Difficult one", "key": "k"}).status_code == 303
    )
    assert "Difficult one" in bob.page(f"/desk/{number}")
    page = alice.page(f"/tickets/{number}")
    assert "Difficult one" not in page
    assert "met" not in data_values(page, "due")


def test_a_ticket_is_taken_given_and_solved(alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    assert bob.post(f"/desk/{number}/assign", {"agent": "bob@example.com"}).status_code == 303
    assert data_values(bob.page(f"/desk/{number}"), "assignee") == ["Bob Baker"]
    assert bob.post(f"/desk/{number}/assign", {"agent": "alice@example.com"}).status_code == 422
    assert data_values(bob.page(f"/desk/{number}"), "assignee") == ["Bob Baker"]
    assert bob.post(f"/desk/{number}/solve").status_code == 303
    assert data_values(alice.page(f"/tickets/{number}"), "status") == ["solved"]
    late = bob.post(f"/desk/{number}/replies", {"body": "One more thing", "key": "k"})
    assert late.status_code == 409


def test_a_refused_reply_keeps_the_words(alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    long = "word " * 5000
    response = bob.post(f"/desk/{number}/replies", {"body": long, "key": "k"})
    assert response.status_code == 422
    assert long.strip() in response.get_data(as_text=True)


def test_a_ticket_is_set_to_pending_put_on_hold_and_resumed(
    alice: Browser, bob: Browser, number: str
) -> None:
    refused = bob.post(f"/desk/{number}/wait", {"reason": "customer"})
    assert refused.status_code == 409
    act(bob, number, "wait", reason="customer", body="Which version is it?", until="2026-11-30")
    page = alice.page(f"/tickets/{number}")
    assert data_values(page, "status") == ["waiting"]
    assert data_values(page, "verb")[-1] == "awaited"
    assert "Mon 30 Nov 00:00 CET" in page
    act(bob, number, "pause", reason="hosting", key="p")
    page = alice.page(f"/tickets/{number}")
    assert data_values(page, "status") == ["paused"]
    assert "Waiting for the hosting company" in page  # the reason's title in the policies
    act(bob, number, "resume")
    page = bob.page(f"/desk/{number}")
    assert data_values(page, "status") == ["open"]
    assert data_values(page, "verb")[-1] == "resumed"
    assert bob.post(f"/desk/{number}/pause", {"reason": "holiday"}).status_code == 422
    assert (
        bob.post(f"/desk/{number}/pause", {"reason": "hosting", "until": "soon"}).status_code == 422
    )


def test_another_level_is_told_with_its_reason(alice: Browser, bob: Browser, number: str) -> None:
    act(
        bob,
        number,
        "move",
        level="community",
        body="This is a question for the community.",
        change="from_change",
    )
    page = alice.page(f"/tickets/{number}")
    assert "Community" in part_of(page, "verb", "moved")
    assert "This is a question for the community." in page
    refused = bob.post(f"/desk/{number}/move", {"level": "commercial", "body": ""})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("word", "severity", "title"),
    [("agree", "down", "Production is down"), ("decline", "question", "Question")],
)
def test_a_severity_is_proposed_and_the_customer_decides(
    alice: Browser, bob: Browser, number: str, word: str, severity: str, title: str
) -> None:
    act(bob, number, "severity", severity="down", body="Nobody can print.")
    page = alice.page(f"/tickets/{number}")
    assert data_values(page, "proposal") == ["down"]
    assert data_values(bob.page(f"/desk/{number}"), "proposal") == ["down"]
    assert alice.post(f"/tickets/{number}/{word}").status_code == 303
    page = alice.page(f"/tickets/{number}")
    assert data_values(page, "proposal") == []
    assert data_values(page, "severity") == [severity]
    assert title in part_of(page, "fact", "severity")
    assert alice.post(f"/tickets/{number}/agree", {"key": "again"}).status_code == 409


def test_an_answer_is_a_link_to_articles_that_customers_may_read(
    alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket(title="Clear a paper jam")))
    assert 'value="doc/jam"' in bob.page(f"/desk/{number}")
    act(
        bob,
        number,
        "link",
        document="doc/jam",
        another="/help/doc/paper-jam doc/ink",
        body="Read these.",
    )
    page = alice.page(f"/tickets/{number}")
    assert '<a href="/help/doc/jam">' in page
    assert '<a href="/help/doc/ink">' in page
    assert "Read these." in page
    assert data_values(page, "status") == ["waiting"]
    refused = bob.post(f"/desk/{number}/link", {"another": "doc/secret", "body": "Keep my words"})
    assert refused.status_code == 422
    assert "Keep my words" in refused.get_data(as_text=True)


def test_tickets_are_merged_split_and_voided(alice: Browser, bob: Browser, number: str) -> None:
    second = number_of(alice.post("/tickets", ticket(key="k2", title="The press eats paper again")))
    act(bob, second, "merge", into=number.lower())
    page = alice.page(f"/tickets/{second}")
    assert data_values(page, "status") == ["merged"]
    assert f'href="/tickets/{number}" data-merged-into' in page
    assert second in part_of(alice.page(f"/tickets/{number}"), "verb", "absorbed")
    act(
        bob,
        number,
        "split",
        title="The ink is green",
        body="It was asked beside the rest.",
        key="s",
    )
    assert "The ink is green" in alice.page("/tickets")
    third = number_of(alice.post("/tickets", ticket(key="k3")))
    act(bob, third, "void", why="duplicate")
    assert data_values(alice.page(f"/tickets/{third}"), "status") == ["void"]
    assert bob.post(f"/desk/{number}/merge", {"into": number}).status_code == 409


def test_a_thank_you_needs_no_answer(alice: Browser, bob: Browser, number: str) -> None:
    assert bob.post(f"/desk/{number}/no-answer").status_code == 409
    bob.post(f"/desk/{number}/replies", {"body": "Oil it.", "key": "r"})
    alice.post(f"/tickets/{number}/comments", {"body": "Thank you!", "key": "c"})
    act(bob, number, "no-answer", key="n")
    assert "dismissed" in data_values(bob.page(f"/desk/{number}"), "verb")
    assert "dismissed" not in data_values(alice.page(f"/tickets/{number}"), "verb")


def test_a_closed_ticket_is_rated_and_the_reason_of_closing_is_kept(
    alice: Browser, bob: Browser, number: str
) -> None:
    assert bob.post(f"/desk/{number}/solve", {"reason": "out-of-scope"}).status_code == 303
    for page in (alice.page(f"/tickets/{number}"), bob.page(f"/desk/{number}")):
        assert data_values(page, "closed-for") == ["Out of scope"]
    assert "Out of scope" in part_of(alice.page(f"/tickets/{number}"), "verb", "solved")
    assert data_values(alice.page("/tickets"), "closed-for") == ["Out of scope"]
    assert alice.post(f"/tickets/{number}/rate", {"score": "x"}).status_code == 422
    assert alice.post(f"/tickets/{number}/rate", {"score": "4", "body": "Quick"}).status_code == 303
    assert data_values(alice.page(f"/tickets/{number}"), "rating") == ["4"]
    assert "Quick" in part_of(bob.page(f"/desk/{number}"), "rating", "4")
    assert bob.post(f"/tickets/{number}/rate", {"score": "5"}).status_code == 403


def test_a_word_to_the_supervisor_marks_the_ticket(
    alice: Browser, bob: Browser, number: str
) -> None:
    assert alice.post(f"/tickets/{number}/escalate", {"body": "Nobody answers."}).status_code == 303
    assert data_values(bob.page(f"/desk/{number}"), "escalated") == [""]
    assert "escalated" in data_values(alice.page(f"/tickets/{number}"), "verb")


def test_a_guest_answers_with_the_link_and_a_stranger_never(
    portal: Portal, charlie: Browser
) -> None:
    gina = portal.browser()
    number = number_of(gina.post("/tickets", guest()))
    assert gina.post(f"/tickets/{number}/escalate", {"body": "Please."}).status_code == 303
    for word in ("agree", "decline", "escalate", "rate"):
        assert (
            charlie.post(f"/tickets/{number}/{word}", {"body": "x", "score": "1"}).status_code
            == 404
        )
        assert portal.browser().post(f"/tickets/{number}/{word}", {"body": "x"}).status_code == 403
    assert charlie.get(f"/tickets/{number}/live").status_code == 404


def test_an_unknown_verb_is_no_page(bob: Browser, alice: Browser, number: str) -> None:
    assert bob.post(f"/desk/{number}/destroy").status_code == 404
    assert alice.post(f"/desk/{number}/void", {"why": "spam"}).status_code == 403


def test_watching_is_shown_and_ended(bob: Browser, number: str) -> None:
    act(bob, number, "watch", on="yes")
    assert data_values(bob.page(f"/desk/{number}"), "watchers") == ["Bob Baker"]
    act(bob, number, "watch", on="no")
    assert data_values(bob.page(f"/desk/{number}"), "watchers") == []


def test_an_agent_reopens_a_closed_ticket_with_a_reason(alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    bob.post(f"/desk/{number}/solve")
    assert data_values(bob.page(f"/desk/{number}"), "action") == ["note", "plan", "reopen"]
    refused = bob.post(f"/desk/{number}/reopen", {"body": " ", "key": "o"})
    assert refused.status_code == 422
    assert (
        bob.post(f"/desk/{number}/reopen", {"body": "One sheet is left.", "key": "o"}).status_code
        == 303
    )
    assert "One sheet is left." in alice.page(f"/tickets/{number}")


def test_every_choice_of_a_refused_form_comes_back(bob: Browser, number: str) -> None:
    form = {"level": "community", "change": "from_change", "body": ""}
    page = bob.post(f"/desk/{number}/move", form).get_data(as_text=True)
    sent = part_of(page, "action", "move")
    assert '<option value="community" selected>' in sent
    assert '<option value="from_change" selected>' in sent
    assert 'role="alert"' in sent


def test_an_agents_verbs_have_a_rate_and_what_was_typed_comes_back(folder: Path) -> None:
    portal = build(settings_of(folder))
    number = number_of(portal.browser("alice").post("/tickets", ticket()))
    bob = portal.browser("bob")
    for _ in range(600):  # without a form token: refused, but counted
        bob.client.post(f"/desk/{number}/assign")
    refused = bob.post(f"/desk/{number}/notes", {"body": "A long note"})
    assert refused.status_code == 429
    assert ">A long note</textarea>" in refused.get_data(as_text=True)
    assert int(refused.headers["Retry-After"]) > 0


def test_a_release_ships_and_its_customers_are_told(
    alice: Browser, bob: Browser, charlie: Browser, number: str
) -> None:
    plan = {"release": "2.1", "planned": "2026-12-24", "body": ""}
    assert bob.post(f"/desk/{number}/plan", plan).status_code == 303
    assert data_values(alice.page(f"/tickets/{number}"), "planned-release") == ["2.1"]
    assert "24 December 2026" in alice.page(f"/tickets/{number}")
    page = bob.page("/desk/releases")
    assert data_values(page, "release") == ["2.1"]
    address = re.search(r'action="(/desk/releases/\d+)/ship"', page)
    assert address
    moved = bob.post(f"{address[1]}/plan", {"planned": "2027-01-31"})
    assert moved.status_code == 303
    assert "31 January 2027" in alice.page(f"/tickets/{number}")
    assert bob.post(f"{address[1]}/plan", {"planned": "soon"}).status_code == 422
    for stranger in (alice, charlie):
        assert stranger.post(f"{address[1]}/ship").status_code == 403
    assert bob.post(f"{address[1]}/ship").headers["Location"].endswith("told=1")
    assert "shipped" in data_values(alice.page(f"/tickets/{number}"), "verb")


def test_a_merge_says_what_it_does_asks_once_and_is_undone(
    alice: Browser, bob: Browser, charlie: Browser, number: str
) -> None:
    other = number_of(alice.post("/tickets", ticket(title="The same again", key="other")))
    asked = f"/desk/{number}/confirm/merge?into={other}&key=m"
    page = bob.page(asked)
    assert data_values(page, "ticket") == [number, other]
    assert data_values(bob.page(f"/desk/{number}"), "undo") == [], "nothing has happened yet"
    assert charlie.get(asked).status_code == 403
    assert bob.post(f"/desk/{number}/merge", {"into": other, "key": "m"}).status_code == 303
    assert data_values(bob.page(f"/desk/{number}"), "undo") == [""]
    assert alice.post(f"/desk/{number}/undo").status_code == 403
    assert bob.post(f"/desk/{number}/undo").status_code == 303
    assert data_values(alice.page(f"/tickets/{number}"), "merged-into") == []
    assert bob.post(f"/desk/{number}/undo").status_code == 409


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("merge?into=KB-9999", 404),
        ("merge?into={number}", 409),
        ("merge?into={charlies}", 409),
        ("merge?into=nonsense", 404),
        ("void?why=boring", 422),
        ("void?why=spam", 200),
    ],
)
def test_a_preview_of_what_cannot_be_is_refused_at_its_form(
    bob: Browser, charlie: Browser, number: str, asked: str, status: int
) -> None:
    charlies = number_of(charlie.post("/tickets", ticket(key="c")))
    address = f"/desk/{number}/confirm/{asked.format(number=number, charlies=charlies)}"
    response = bob.get(address)
    assert response.status_code == status
    if status != 200:
        assert 'role="alert"' in response.get_data(as_text=True)
