"""A ticket's page for agents: its forms, what helps to answer, and how it stays current."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import pytest

from kb.tickets.lifecycle import VERBS, Side, Status
from tests.webapp.world import (
    Browser,
    Portal,
    data_values,
    number_of,
    part_of,
    settings_of,
    ticket,
)
from webapp.agent.canned_replies import canned_replies


@pytest.fixture
def number(alice: Browser) -> str:
    return number_of(alice.post("/tickets", ticket()))


def test_a_suggested_article_says_what_the_customer_did_with_it(
    alice: Browser, bob: Browser
) -> None:
    trail = '[{"id": "doc/jam", "outcome": "shown"}]'
    number = number_of(
        alice.post("/tickets", ticket(title="Paper jam in the press", consulted=trail))
    )
    choice = bob.page(f"/desk/{number}").split('value="doc/jam"')[1].split("</label>")[0]
    assert data_values(choice, "outcome") == ["shown"]


@pytest.mark.parametrize("outcome", ["opened", "rejected"])
def test_an_article_that_the_customer_has_read_is_not_suggested_but_can_be_sent(
    alice: Browser, bob: Browser, outcome: str
) -> None:
    title = "Paper jam in the press"
    trail = f'[{{"id": "doc/jam", "outcome": "{outcome}"}}]'
    number = number_of(alice.post("/tickets", ticket(title=title, consulted=trail)))
    other = number_of(alice.post("/tickets", ticket(title=title, key="other")))
    assert 'name="document" value="doc/jam"' in bob.page(f"/desk/{other}")
    page = bob.page(f"/desk/{number}")
    assert 'name="document" value="doc/jam"' not in page
    assert data_values(page, "document") == ["doc/jam"]  # among the consulted articles
    form = {"another": "doc/jam", "body": "Step 3 is the one."}
    assert bob.post(f"/desk/{number}/link", form).status_code == 303
    assert '<a href="/help/doc/jam">' in alice.page(f"/tickets/{number}")


def test_the_live_part_is_sent_again_only_when_it_differs(
    alice: Browser, bob: Browser, number: str
) -> None:
    first = alice.get(f"/tickets/{number}/live")
    assert first.headers["Cache-Control"] == "no-store"
    same = alice.get(f"/tickets/{number}/live", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    bob.post(f"/desk/{number}/notes", {"body": "Between us", "key": "n"})
    assert (
        alice.get(
            f"/tickets/{number}/live", headers={"If-None-Match": first.headers["ETag"]}
        ).status_code
        == 304
    )
    bob.post(f"/desk/{number}/replies", {"body": "Oil it.", "key": "r"})
    changed = alice.get(f"/tickets/{number}/live", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert "Oil it." in changed.get_data(as_text=True)
    assert "<html" not in changed.get_data(as_text=True)


def test_a_colleague_at_the_same_ticket_is_noticed_until_they_leave(
    portal: Portal, bob: Browser, number: str
) -> None:
    ada = portal.browser("ada")
    assert data_values(bob.page(f"/desk/{number}"), "present") == []
    page = ada.page(f"/desk/{number}")
    assert data_values(page, "present") == ["viewing"]
    assert "Bob Baker" in part_of(page, "present", "viewing")
    ada.get(f"/desk/{number}/live?answering=1")
    page = bob.page(f"/desk/{number}")
    assert data_values(page, "present") == ["replying"]
    assert "Ada Adler" in part_of(page, "present", "replying")
    portal.clock.now += dt.timedelta(minutes=5)
    assert data_values(bob.page(f"/desk/{number}"), "present") == []


def test_tickets_like_it_that_were_solved_are_offered(
    alice: Browser, bob: Browser, number: str
) -> None:
    bob.post(f"/desk/{number}/solve")
    second = number_of(
        alice.post("/tickets", ticket(key="k2", title="The press eats paper every day"))
    )
    assert number in part_of(bob.page(f"/desk/{second}"), "list", "similar")


def test_open_tickets_of_the_same_problem_are_shown_and_that_of_the_customer_can_be_merged(
    alice: Browser, charlie: Browser, bob: Browser, number: str
) -> None:
    title = "The press eats paper"
    others = [
        number_of(someone.post("/tickets", ticket(key=f"k{key}", title=words)))
        for key, (someone, words) in enumerate(
            (
                (charlie, "The press is eating paper"),
                (alice, f"{title} again"),
                (alice, "Ink for the press"),
            )
        )
    ]
    page = bob.page(f"/desk/{number}")
    twins = part_of(page, "list", "duplicates")
    assert data_values(twins, "ticket") == [others[1], others[0]]  # the customer's own first
    assert data_values(twins, "mergeable") == [""]
    assert "Ink for the press" not in twins
    assert re.search(rf'<input [^>]*name="into"[^>]* value="{others[1]}"', page)
    bob.post(f"/desk/{others[1]}/solve")
    twins = part_of(bob.page(f"/desk/{number}"), "list", "duplicates")
    assert data_values(twins, "ticket") == [others[0]]


def test_without_an_index_similar_tickets_are_shown_all_the_same(
    folder: Path, alice: Browser, bob: Browser, number: str
) -> None:
    bob.post(f"/desk/{number}/solve")
    second = number_of(
        alice.post("/tickets", ticket(key="k2", title="The press eats paper every day"))
    )
    shutil.rmtree(settings_of(folder).data / "index")
    assert f'href="/desk/{number}"' in bob.page(f"/desk/{second}")


def test_canned_replies_are_files_and_filled_in_without_a_script(
    folder: Path, bob: Browser, number: str
) -> None:
    replies = folder / "content" / "replies"
    replies.mkdir()
    (replies / "oil.md").write_text(
        "# Oil it\n\nDear {customer}, oil it. {number} {x} <b>\n{agent}\n", "utf-8"
    )
    (replies / "plain.md").write_text("Just words", "utf-8")
    (replies / "binary.md").write_bytes(b"\xff\xfe\xfa")
    page = bob.page(f"/desk/{number}?canned=oil")
    assert ">Oil it</option>" in page
    assert ">plain</option>" in page
    assert "binary" not in page
    assert f"Dear Alice Archer, oil it. {number} {{x}} &lt;b&gt;\nBob Baker</textarea>" in page
    assert canned_replies(folder / "nowhere", {}) == ()


@pytest.mark.parametrize("status", ["open", "waiting", "paused", "solved", "void"])
def test_the_page_offers_the_forms_of_the_verbs_that_the_status_allows(
    alice: Browser, bob: Browser, number: str, status: str
) -> None:
    leads_there: dict[str, tuple[str, dict[str, str]]] = {
        "waiting": ("wait", {"reason": "customer", "body": "Which version is it?"}),
        "paused": ("pause", {"reason": "hosting"}),
        "solved": ("solve", {}),
        "void": ("void", {"why": "spam"}),
    }
    if status in leads_there:
        verb, fields = leads_there[status]
        assert bob.post(f"/desk/{number}/{verb}", fields).status_code == 303
    offered = set(data_values(bob.page(f"/desk/{number}"), "action")) - {"watch"}
    assert ("undo" in offered) is (status == "void")
    assert offered - {"undo"} == {
        form.name
        for row in VERBS.values()
        if (form := row.form_for(Side.STAFF)) and Status(status) in row.transitions
    }


@pytest.mark.parametrize("status", ["open", "waiting", "solved", "void"])
def test_the_requesters_page_offers_the_forms_of_the_same_table(
    alice: Browser, bob: Browser, number: str, status: str
) -> None:
    leads_there: dict[str, tuple[str, dict[str, str]]] = {
        "waiting": ("replies", {"body": "Oil it."}),
        "solved": ("solve", {}),
        "void": ("void", {"why": "spam"}),
    }
    if status in leads_there:
        verb, fields = leads_there[status]
        assert bob.post(f"/desk/{number}/{verb}", fields).status_code == 303
    assert set(data_values(alice.page(f"/tickets/{number}"), "action")) == {
        form.name
        for row in VERBS.values()
        if (form := row.form_for(Side.OWNER))
        and Status(status) in row.transitions
        and not row.needs_proposal
    }


def test_an_agent_who_opens_the_requesters_page_is_led_to_their_own(
    bob: Browser, number: str
) -> None:
    page = bob.page(f"/tickets/{number}")
    assert data_values(page, "action") == []
    assert f'href="/desk/{number}"' in page


# --- unsent replies


def test_what_an_agent_types_survives_every_action_reload_and_sign_out(
    portal: Portal, bob: Browser, number: str
) -> None:
    typed = "  Half a **reply**,\n\nwith lines  "
    assert bob.post(f"/desk/{number}/draft", {"form": "reply", "body": typed}).status_code == 204
    assert bob.post(f"/desk/{number}/draft", {"form": "note", "body": "a note"}).status_code == 204
    assert bob.post(f"/desk/{number}/assign", {"agent": "bob@example.com"}).status_code == 303
    note = {"body": "a note", "key": "n"}
    assert bob.post(f"/desk/{number}/notes", note).status_code == 303
    assert bob.post("/sign-out").status_code == 303
    page = portal.browser("bob").page(f"/desk/{number}")
    assert f">{typed}</textarea>" in page
    assert ">a note</textarea>" not in page, "it was saved as a note"
    assert typed not in portal.browser("ada").page(f"/desk/{number}")
    assert bob.sign_in("bob").post(f"/desk/{number}/replies", {"body": "Done"}).status_code == 303
    assert typed not in bob.page(f"/desk/{number}")


def test_a_draft_is_kept_for_agents_only_and_for_forms_that_exist(
    portal: Portal, alice: Browser, bob: Browser, number: str
) -> None:
    draft = {"form": "reply", "body": "words"}
    assert alice.post(f"/desk/{number}/draft", draft).status_code == 403
    assert bob.post("/desk/KB-9999/draft", draft).status_code == 404
    assert bob.post(f"/desk/{number}/draft", {**draft, "form": "assign"}).status_code == 422
    assert bob.post(f"/desk/{number}/draft", {**draft, "body": "x" * 100_001}).status_code == 422
    assert bob.post(f"/desk/{number}/draft", draft).status_code == 204
    assert bob.post(f"/desk/{number}/draft", {**draft, "body": ""}).status_code == 204
    assert "words" not in part_of(bob.page(f"/desk/{number}"), "action", "reply")


# --- the requester


def test_the_requester_stands_beside_the_ticket(
    portal: Portal, alice: Browser, bob: Browser, number: str
) -> None:
    alice.post("/account/profile", {"name": "Alice Archer", "phone": "+49 30 1234"})
    other = number_of(alice.post("/tickets", ticket(title="Another matter", key="other")))
    bob.post(f"/desk/{other}/solve", {"reason": ""})
    alice.post(f"/tickets/{other}/rate", {"score": "4", "body": ""})
    card = part_of(bob.page(f"/desk/{number}"), "requester", "alice@example.com")
    assert "tel:+49301234" in card
    assert "Acme" in card
    page = bob.page(f"/desk/{number}")
    assert data_values(page, "mean-rating") == ["4.0"]
    assert other in data_values(part_of(page, "list", "others"), "ticket")


@pytest.mark.parametrize("words", ["alice@example.com", "archer", "acme", "Alice acme", "30 1234"])
def test_the_queue_finds_tickets_by_person_address_phone_and_organisation(
    alice: Browser, bob: Browser, number: str, words: str
) -> None:
    alice.post("/account/profile", {"name": "Alice Archer", "phone": "+49 30 1234"})
    assert number in bob.page(f"/desk?words={words.replace(' ', '+')}")
    assert number not in bob.page("/desk?words=charlie@example.com")
    assert number not in alice.page("/tickets?words=bob@example.com")


def test_a_number_that_is_typed_into_a_list_opens_the_ticket(
    portal: Portal, alice: Browser, bob: Browser, number: str
) -> None:
    digits = number.removeprefix("KB-")
    for words in (number, number.lower(), digits):
        assert bob.get(f"/desk?words={words}").headers["Location"] == f"/desk/{number}"
        assert alice.get(f"/tickets?words={words}").headers["Location"] == f"/tickets/{number}"
    assert portal.browser("charlie").get(f"/tickets?words={number}").status_code == 200
    assert bob.get("/desk?words=KB-9999").status_code == 200


def test_products_and_types_are_called_by_their_titles(
    alice: Browser, bob: Browser, number: str
) -> None:
    for page in (alice.page(f"/tickets/{number}"), bob.page(f"/desk/{number}")):
        assert "Press 2.0" in part_of(page, "fact", "product")
    assert ">Press</span>" in bob.page("/desk")


# --- articles


def test_an_agent_sends_a_section_and_a_page_elsewhere(
    alice: Browser, bob: Browser, number: str
) -> None:
    form = {"document": "/help/doc/jam#pull", "another": "https://example.net/a?b=1&c=2 doc/ink"}
    assert bob.post(f"/desk/{number}/link", form).status_code == 303
    page = alice.page(f"/tickets/{number}")
    assert 'href="/help/doc/jam#pull"' in page
    assert 'href="https://example.net/a?b=1&amp;c=2" rel="nofollow noopener ugc"' in page
    assert 'href="/help/doc/ink"' in page


@pytest.mark.parametrize(
    "another", ["doc/jam#nowhere", "doc/secret", "javascript://alert(1)", "doc/none"]
)
def test_what_the_requester_could_not_open_is_not_sent(
    bob: Browser, number: str, another: str
) -> None:
    refused = bob.post(f"/desk/{number}/link", {"another": another, "body": "My typed words"})
    assert refused.status_code == 422
    assert "My typed words" in refused.get_data(as_text=True)


def test_words_are_searched_for_without_a_script(bob: Browser, number: str) -> None:
    refused = bob.post(f"/desk/{number}/link", {"another": "reset my password"})
    assert refused.status_code == 422
    assert 'name="document" value="faq/password"' in refused.get_data(as_text=True)
