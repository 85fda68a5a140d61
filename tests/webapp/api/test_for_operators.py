"""Changes, organisations, generations and index runs for programs."""

from __future__ import annotations

import pytest

from kb.operations.audit import Action, AuditLog
from tests.webapp.api.test_tickets import act, filed
from tests.webapp.security.test_keys import PERSONAL, key_of, program
from tests.webapp.world import Portal


def test_changes_are_followed_without_a_gap(portal: Portal) -> None:
    alice, bob, charlie = (
        program(portal, key_of(portal, name, *PERSONAL)) for name in ("alice", "bob", "charlie")
    )
    now = (alice.get("/api/v1/changes").json or {})["next"]
    number = filed(alice)
    act(bob, number, "note", {"body": "hidden"})
    act(bob, number, "reply", {"body": "Seen"})

    seen, cursor = [], now
    while True:
        answer = alice.get(f"/api/v1/changes?since={cursor}&limit=1").json or {}
        seen += [change["type"] for change in answer["changes"]]
        cursor = answer["next"]
        if not answer["more"]:
            break
    assert seen == ["ticket.opened", "ticket.replied"]
    every = bob.get(f"/api/v1/changes?since={now}").json or {}
    assert [change["type"] for change in every["changes"]] == [
        "ticket.opened",
        "ticket.noted",
        "ticket.replied",
    ]
    assert every["changes"][0]["url"] == f"/api/v1/tickets/{number}"
    assert every["generation"] == "000001"
    assert (charlie.get("/api/v1/changes?since=start").json or {})["changes"] == []
    # Nothing new: the cursor stays where it is.
    assert (alice.get(f"/api/v1/changes?since={cursor}").json or {})["next"] == cursor


def test_colleagues_follow_the_tickets_that_their_organisation_shares(portal: Portal) -> None:
    accounts = portal.centre.accounts
    accounts.add(
        "anton@example.com",
        "Anton",
        "correct horse battery",
        role="customer",
        organisation="ACME",
        now=portal.clock.now,
    )
    filed(program(portal, key_of(portal, "alice", *PERSONAL)))
    anton = program(portal, key_of(portal, "anton", *PERSONAL))
    assert (anton.get("/api/v1/changes?since=start").json or {})["changes"] == []
    alice = accounts.by_email("alice@example.com")
    ada = accounts.by_email("ada@example.com")
    assert alice
    assert ada
    accounts.contacts.set_organisation(ada, alice.organisation_id or 0, shared_view=True)
    assert len((anton.get("/api/v1/changes?since=start").json or {})["changes"]) == 1


@pytest.mark.parametrize("since", ["x", "-1", "9" * 15, "9" * 16, "start2", "%EF%BC%91"])
def test_what_is_no_cursor_of_changes_is_told(portal: Portal, since: str) -> None:
    bob = program(portal, key_of(portal, "bob", *PERSONAL))
    refused = bob.get(f"/api/v1/changes?since={since}")
    assert (refused.status_code, set((refused.json or {})["fields"])) == (422, {"since"})


def test_organisations_and_contacts_are_for_administrators(portal: Portal) -> None:
    crm = program(portal, key_of(portal, "", "people:read"))
    listed = (crm.get("/api/v1/organisations").json or {})["organisations"]
    alice = portal.centre.accounts.by_email("alice@example.com")
    acme = next(each for each in listed if alice and each["id"] == alice.organisation_id)
    shown = crm.get(f"/api/v1/organisations/{acme['id']}").json or {}
    assert "alice@example.com" in {contact["email"] for contact in shown["contacts"]}
    assert crm.get("/api/v1/organisations/700").status_code == 404
    for name in ("alice", "bob", "erin"):
        other = program(portal, key_of(portal, name, *PERSONAL))
        assert other.get("/api/v1/organisations").status_code == 403, name


def test_generations_and_runs_are_for_editors(portal: Portal) -> None:
    erin = program(portal, key_of(portal, "erin", *PERSONAL))
    [generation] = (erin.get("/api/v1/generations").json or {})["generations"]
    assert (generation["name"], generation["serves"]) == ("000001", True)

    started = erin.client.post("/api/v1/index-runs", json={"kind": "publish"})
    assert started.status_code == 202
    run = erin.get(started.headers["Location"]).json or {}
    assert (run["state"], run["kind"], run["report"]) == ("waiting", "publish", {})
    assert len((erin.get("/api/v1/index-runs").json or {})["runs"]) == 1
    assert erin.get("/api/v1/index-runs/700").status_code == 404
    [entry] = AuditLog(portal.centre.database).page(limit=1)
    assert entry.action is Action.PUBLISH_ORDERED

    for body in ({"kind": "x"}, {"kind": ["look"]}, {}, {"kind": "look", "whole": "yes"}):
        assert erin.client.post("/api/v1/index-runs", json=body).status_code == 422, body
    alice = program(portal, key_of(portal, "alice", *PERSONAL))
    assert alice.client.post("/api/v1/index-runs", json={"kind": "look"}).status_code == 403
