"""What people do on the portal leaves entries for administrators, with ids and nothing typed."""

from __future__ import annotations

import dataclasses
import re

from kb.operations.audit import Action, AuditEntry, AuditLog
from tests.webapp.world import MONDAY, Browser, Portal, data_values, guest, number_of
from webapp.security.access_policy import POLICY
from webapp.security.audit_trail import AUDITED


def entries(portal: Portal) -> list[AuditEntry]:
    return list(reversed(AuditLog(portal.centre.database).page()))


def id_of(portal: Portal, name: str) -> int:
    person = portal.centre.accounts.by_email(f"{name}@example.com")
    assert person
    return person.id


def test_signing_in_and_out_names_the_person_the_network_and_the_request(portal: Portal) -> None:
    browser = portal.browser("alice")
    browser.post("/sign-out")
    signed_in, signed_out = entries(portal)
    assert (signed_in.action, signed_out.action) == (Action.SIGNED_IN, Action.SIGNED_OUT)
    assert signed_in.actor_id == signed_out.actor_id == id_of(portal, "alice")
    assert (signed_in.at, signed_in.address) == (MONDAY, "127.0.0.1")
    assert re.fullmatch("[0-9a-f]{16}", signed_in.request_id)


def test_a_refused_sign_in_names_the_account_and_nothing_that_was_typed(
    portal: Portal, anyone: Browser
) -> None:
    for email in ("alice@example.com", "zephyrion@example.org"):
        anyone.post("/sign-in", {"email": email, "password": "wrong-zephyrion"})
    known, unknown = entries(portal)
    assert known.action is unknown.action is Action.SIGN_IN_REFUSED
    assert (known.actor_id, known.target) == (None, f"person:{id_of(portal, 'alice')}")
    assert (unknown.actor_id, unknown.target) == (None, "")
    assert "zephyrion" not in str([dataclasses.asdict(one) for one in (known, unknown)])


def test_a_new_password_and_a_wrong_old_one(portal: Portal, alice: Browser) -> None:
    alice.post("/account/password", {"old": "wrong-zephyrion", "new": "a-long-new-word"})
    alice.post("/account/password", {"old": "alice-demo", "new": "a-long-new-word"})
    _, refused, changed = entries(portal)
    assert (refused.action, changed.action) == (Action.PASSWORD_REFUSED, Action.PASSWORD_CHANGED)
    assert refused.actor_id == changed.actor_id == id_of(portal, "alice")
    assert "zephyrion" not in str(dataclasses.asdict(refused))


def test_an_editor_who_orders_a_publish_is_named_and_a_check_is_not_recorded(
    portal: Portal,
) -> None:
    erin = portal.browser("erin")
    erin.post("/editor/runs", {"kind": "look"})
    erin.post("/editor/runs", {"kind": "publish"})
    ordered = entries(portal)[-1]
    assert (ordered.action, ordered.actor_id) == (Action.PUBLISH_ORDERED, id_of(portal, "erin"))
    assert [one.action for one in entries(portal)].count(Action.PUBLISH_ORDERED) == 1


def test_a_request_without_its_form_token_is_no_event(portal: Portal, anyone: Browser) -> None:
    anyone.client.post("/sign-in", data={"email": "alice@example.com", "password": "x"})
    assert entries(portal) == []


def test_every_audited_route_exists() -> None:
    assert set(AUDITED) <= set(POLICY)


def test_administrators_read_the_log_in_pages_and_nobody_else_finds_it(portal: Portal) -> None:
    log = AuditLog(portal.centre.database)
    for _ in range(150):
        log.add(AuditEntry(MONDAY, Action.PUBLISHED, target="generation:000002"))
    ada = portal.browser("ada")
    page = ada.page("/audit")
    assert len(data_values(page, "entry")) == 100
    assert data_values(page, "action")[0] == "signed-in"
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    second_page = ada.page(older[1])
    assert len(data_values(second_page, "entry")) == 51
    assert 'rel="next"' not in second_page

    assert 'href="/audit"' in ada.page("/desk")
    bob = portal.browser("bob")
    assert 'href="/audit"' not in bob.page("/desk")
    assert bob.get("/audit").status_code == 403


def test_a_place_in_the_log_that_is_no_number_is_refused(portal: Portal) -> None:
    assert portal.browser("ada").get("/audit?before=x").status_code == 422


def test_who_revokes_the_links_of_a_ticket_is_named_and_other_actions_are_not(
    portal: Portal, anyone: Browser, bob: Browser
) -> None:
    number = number_of(anyone.post("/tickets", guest()))
    anyone.post(f"/tickets/{number}/revoke-links")
    bob.post(f"/desk/{number}/watch", {"on": "yes"})
    bob.post(f"/desk/{number}/revoke-links")
    revoked = [one for one in entries(portal) if one.action is Action.LINKS_REVOKED]
    assert [(one.actor_id, one.target) for one in revoked] == [
        (None, f"ticket:{number}"),
        (id_of(portal, "bob"), f"ticket:{number}"),
    ]
    assert len(entries(portal)) == 3  # with Bob's sign-in
    page = anyone.get(f"/tickets/{number}")
    assert page.status_code == 404
