"""What agents do to a ticket besides replying, what customers answer, and how both pages keep
current.
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from kb.tickets.lifecycle import VERBS, Side, Status
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
from webapp.agent.canned_replies import canned_replies


@pytest.fixture
def number(alice: Browser) -> str:
    return number_of(alice.post("/tickets", ticket()))


def act(browser: Browser, number: str, verb: str, **form: Any) -> None:
    response = browser.post(f"/desk/{number}/{verb}", form)
    assert response.status_code == 303, response.get_data(as_text=True)


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


def test_watching_is_shown_and_ended(bob: Browser, number: str) -> None:
    act(bob, number, "watch", on="yes")
    assert data_values(bob.page(f"/desk/{number}"), "watchers") == ["Bob Baker"]
    act(bob, number, "watch", on="no")
    assert data_values(bob.page(f"/desk/{number}"), "watchers") == []


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
    assert "Ink for the press" not in page
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


def test_views_of_the_queue_are_kept_shared_and_forgotten(
    portal: Portal, bob: Browser, number: str
) -> None:
    saved = bob.post(
        "/desk/views", {"name": "Press", "product": "press", "shared": "1", "else": "x"}
    )
    assert saved.headers["Location"] == "/desk?product=press"
    page = bob.page("/desk?product=press")
    assert number in page
    assert '<a href="/desk?product=press" aria-current="true">Press</a>' in page
    ada = portal.browser("ada")
    assert "shared" in ada.page("/desk").split('class="views"', 1)[1].split("</ul>")[0]
    view = page.split("/desk/views/", 1)[1].split("/", 1)[0]
    assert ada.post(f"/desk/views/{view}/drop").status_code == 404
    assert bob.post(f"/desk/views/{view}/drop").status_code == 303
    assert "Press</a>" not in bob.page("/desk")
    assert bob.post("/desk/views", {"name": ""}).status_code == 422


def test_the_queue_is_narrowed_by_agent_and_day(bob: Browser, number: str) -> None:
    assert number in bob.page("/desk?assignee=nobody&since=2026-11-23&until=2026-11-23")
    for narrowed in ("assignee=me", "since=2026-11-24", "until=2026-11-22"):
        assert number not in bob.page(f"/desk?{narrowed}")
    assert bob.get("/desk?assignee=alice@example.com").status_code == 422
    assert bob.get("/desk?since=monday").status_code == 422


def test_an_agent_reopens_a_closed_ticket_with_a_reason(alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    bob.post(f"/desk/{number}/solve")
    assert data_values(bob.page(f"/desk/{number}"), "action") == ["note", "reopen"]
    refused = bob.post(f"/desk/{number}/reopen", {"body": " ", "key": "o"})
    assert refused.status_code == 422
    assert (
        bob.post(f"/desk/{number}/reopen", {"body": "One sheet is left.", "key": "o"}).status_code
        == 303
    )
    assert "One sheet is left." in alice.page(f"/tickets/{number}")


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
    assert offered == {
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
