"""Tickets for programs: lists, one ticket, and every action, by keys of Alice, Bob and Charlie."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from kb.tickets.lifecycle import VERBS, Side
from tests.webapp.security.test_keys import PERSONAL, key_of, program
from tests.webapp.world import Browser, Portal, ticket


@pytest.fixture
def keys(portal: Portal) -> dict[str, Browser]:
    return {
        name: program(portal, key_of(portal, name, *PERSONAL))
        for name in ("alice", "bob", "charlie")
    }


def filed(browser: Browser, **more: Any) -> str:
    response = browser.client.post("/api/v1/tickets", json=ticket(**more))
    assert response.status_code == 201, response.get_data(as_text=True)
    return str((response.json or {})["number"])


def act(browser: Browser, number: str, action: str, body: Any = None, **headers: str) -> Any:
    return browser.client.post(
        f"/api/v1/tickets/{number}/actions/{action}",
        json=body or {},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def read(browser: Browser, number: str) -> dict[str, Any]:
    answer = browser.get(f"/api/v1/tickets/{number}")
    assert answer.status_code == 200
    return dict(answer.json or {})


def done(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 200, response.get_data(as_text=True)
    return dict(response.json or {})


def test_a_ticket_lives_through_the_api_alone(keys: dict[str, Browser]) -> None:
    alice, bob, charlie = keys["alice"], keys["bob"], keys["charlie"]
    number = filed(alice)
    queued = bob.get("/api/v1/queue").json or {}
    assert [row["number"] for row in queued["tickets"]] == [number]

    done(act(bob, number, "assign", {"agent": "bob@example.com"}))
    done(act(bob, number, "note", {"body": "canary"}))
    assert done(act(bob, number, "reply", {"body": "Try again."}))["status"] == "waiting"
    assert done(act(alice, number, "comment", {"body": "No."}))["status"] == "open"
    linked = done(act(bob, number, "link", {"documents": ["doc/jam"], "body": "This."}))
    assert linked["events"][-1]["links"][0]["title"] == "Clear a paper jam"
    assert done(act(bob, number, "solve"))["status"] == "solved"
    assert done(act(alice, number, "rate", {"score": 4, "body": "Good"}))["rating"]["score"] == 4
    assert done(act(alice, number, "reopen", {"body": "Again."}))["status"] == "open"
    assert done(act(alice, number, "cancel"))["status"] == "cancelled"

    shown = read(alice, number)
    assert shown["assignee"] == "Bob Baker"
    assert "canary" not in json.dumps(shown)
    assert "canary" in json.dumps(read(bob, number))
    for answer in (charlie.get(f"/api/v1/tickets/{number}"), act(charlie, number, "comment")):
        assert answer.status_code == 404


def test_a_ticket_offers_what_its_viewer_can_do(keys: dict[str, Browser]) -> None:
    number = filed(keys["alice"])
    for name, side in (("alice", Side.OWNER), ("bob", Side.STAFF)):
        offered = {action["name"] for action in read(keys[name], number)["actions"]}
        possible = {form.name for row in VERBS.values() if (form := row.form_for(side))}
        others = {"assign", "watch", "undo"} if side is Side.STAFF else set()
        assert offered <= possible | others
        assert {"copies", "cancel" if side is Side.OWNER else "reply"} <= offered


def test_files_are_sent_and_read_with_a_key(portal: Portal, keys: dict[str, Browser]) -> None:
    alice, form = keys["alice"], ticket(attachments=(io.BytesIO(b"first\n"), "a.log"))
    number = str((alice.client.post("/api/v1/tickets", data=form).json or {})["number"])
    more = {"body": "See the file.", "attachments": (io.BytesIO(b"second\n"), "b.log")}
    answer = alice.client.post(f"/api/v1/tickets/{number}/actions/comment", data=more)
    files = [file for event in done(answer)["events"] for file in event["attachments"]]
    assert [file["name"] for file in files] == ["a.log", "b.log"]
    assert alice.get(files[1]["url"]).data == b"second\n"
    assert "attachment" in alice.get(files[1]["url"]).headers["Content-Disposition"]
    assert keys["charlie"].get(files[1]["url"]).status_code == 404
    # A browser with a session, which a foreign form could use, sends none.
    session = portal.browser("alice").client.post("/api/v1/tickets", data=ticket(key="other"))
    assert session.status_code == 415


def test_an_action_happens_once_for_each_key(keys: dict[str, Browser]) -> None:
    number = filed(keys["alice"])
    for _ in range(2):
        done(act(keys["bob"], number, "reply", {"body": "Once."}, Idempotency_Key="a"))
    events = read(keys["alice"], number)["events"]
    assert [event["verb"] for event in events] == ["opened", "replied"]


def test_an_action_can_depend_on_what_was_read(keys: dict[str, Browser]) -> None:
    alice, number = keys["alice"], filed(keys["alice"])
    tag = alice.get(f"/api/v1/tickets/{number}").headers["ETag"]
    assert alice.get(f"/api/v1/tickets/{number}", headers={"If-None-Match": tag}).status_code == 304
    changed = act(alice, number, "comment", {"body": "More."}, If_Match=tag)
    newer = changed.headers["ETag"]
    assert changed.status_code == 200
    refused = act(alice, number, "comment", {"body": "More."}, If_Match=tag)
    assert (refused.status_code, refused.json["code"]) == (412, "precondition-failed")
    assert act(alice, number, "comment", {"body": "More."}, If_Match=newer).status_code == 200


def test_a_request_that_is_repeated_has_not_changed_under_itself(keys: dict[str, Browser]) -> None:
    alice, number = keys["alice"], filed(keys["alice"])
    tag = alice.get(f"/api/v1/tickets/{number}").headers["ETag"]
    for _ in range(2):
        done(act(alice, number, "comment", {"body": "More."}, If_Match=tag, Idempotency_Key="a"))
    other = act(alice, number, "comment", {"body": "More."}, If_Match=tag, Idempotency_Key="b")
    assert other.status_code == 412
    assert len(read(alice, number)["events"]) == 2


def test_of_many_who_have_read_the_same_ticket_one_can_act(
    portal: Portal, keys: dict[str, Browser]
) -> None:
    number = filed(keys["alice"])
    tag = keys["bob"].get(f"/api/v1/tickets/{number}").headers["ETag"]
    agents = [program(portal, key_of(portal, "bob", *PERSONAL)) for _ in range(6)]
    with ThreadPoolExecutor(len(agents)) as pool:
        answers = pool.map(
            lambda agent: act(agent, number, "reply", {"body": "Mine."}, If_Match=tag), agents
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5


@pytest.mark.parametrize(
    ("action", "body", "status", "field"),
    [
        ("comment", {}, 422, "body"),
        ("comment", {"body": {"a": 1}}, 422, "body"),
        ("comment", {"body": "\ud800"}, 422, "body"),
        ("copies", {"copy_to": ["nobody"]}, 422, "copy_to"),
        ("rate", {"score": 9}, 409, None),
        ("reopen", {"body": "x"}, 409, None),
        ("reply", {"body": "x"}, 404, None),
        ("nothing", {}, 404, None),
        ("assign", {"agent": "bob@example.com"}, 404, None),
    ],
)
def test_a_refused_action_says_why(
    keys: dict[str, Browser], action: str, body: Any, status: int, field: str | None
) -> None:
    refused = act(keys["alice"], filed(keys["alice"]), action, body)
    assert refused.status_code == status, refused.get_data(as_text=True)
    assert refused.mimetype == "application/problem+json"
    assert set(refused.json.get("fields", {})) == ({field} if field else set())


def test_own_tickets_are_read_page_by_page(portal: Portal, keys: dict[str, Browser]) -> None:
    alice = portal.centre.accounts.by_email("alice@example.com")
    assert alice
    numbers = [filed(keys["alice"], key=f"k{n}", title=f"Ticket {n}") for n in range(27)]
    first = keys["alice"].get("/api/v1/tickets").json or {}
    numbers.append(filed(keys["alice"], key="later", title="One more meanwhile"))
    second = keys["alice"].get(f"/api/v1/tickets?cursor={first['next']}").json or {}
    listed = [row["number"] for page in (first, second) for row in page["tickets"]]
    assert listed == numbers[:27][::-1]
    assert second["next"] is None
    assert (keys["charlie"].get("/api/v1/tickets").json or {})["tickets"] == []


def test_the_queue_is_for_agents(portal: Portal, keys: dict[str, Browser]) -> None:
    assert keys["alice"].get("/api/v1/queue").status_code == 403
    assert keys["alice"].get("/api/v1/agents").status_code == 403
    assert portal.browser().get("/api/v1/queue").status_code == 401
    agents = (keys["bob"].get("/api/v1/agents").json or {})["agents"]
    assert "bob@example.com" in {agent["email"] for agent in agents}
    for wrong in ("status=none", "assignee=nobody@example.com", "since=x", "cursor=x"):
        assert keys["bob"].get(f"/api/v1/queue?{wrong}").status_code == 422, wrong


def test_a_key_without_a_person_reads_the_desk_and_changes_nothing(
    portal: Portal, keys: dict[str, Browser]
) -> None:
    number = filed(keys["alice"])
    done(act(keys["bob"], number, "note", {"body": "canary"}))
    crm = program(portal, key_of(portal, "", "desk:read"))
    assert "canary" in json.dumps(read(crm, number))
    assert read(crm, number)["actions"] == []
    assert len((crm.get("/api/v1/queue").json or {})["tickets"]) == 1
    assert act(crm, number, "reply", {"body": "x"}).status_code == 403
    assert crm.get("/api/v1/queue?assignee=me").status_code == 422
