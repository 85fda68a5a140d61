"""The page of an organisation's administrator."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import insert

from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.people.person import OPERATOR, ContactRole
from kb.people.tables import CONTACT_ROLES
from tests.webapp.world import Browser, Portal, data_values


@pytest.fixture
def manager(portal: Portal) -> Browser:
    """Alice, who administrates Acme."""
    alice = portal.centre.accounts.by_email("alice@example.com")
    assert alice
    with portal.centre.database.write() as connection:
        connection.execute(
            insert(CONTACT_ROLES).values(person_id=alice.id, role=ContactRole.ADMINISTRATOR)
        )
    return portal.browser("alice")


def test_only_an_administrator_of_the_organisation_finds_the_page(
    alice: Browser, charlie: Browser, bob: Browser, anyone: Browser
) -> None:
    for browser in (alice, charlie, bob):
        assert browser.get("/account/contacts").status_code == 404
        assert (
            browser.post("/account/contacts", {"email": "x@example.com", "name": "X"}).status_code
            == 404
        )
        assert 'href="/account/contacts"' not in browser.page("/account")
    assert anyone.get("/account/contacts").status_code == 303


def test_a_contact_is_invited_changed_deactivated_and_back(
    portal: Portal, manager: Browser
) -> None:
    assert 'href="/account/contacts"' in manager.page("/account")
    invited = {"email": "nora@acme.example", "name": "Nora", "role": "billing"}
    assert manager.post("/account/contacts", invited).status_code == 303
    page = manager.page("/account/contacts")
    assert data_values(page, "invitation") == ["nora@acme.example"]
    assert "Charlie" not in page
    assert portal.centre.accounts.by_email("nora@acme.example") is None

    secret = invitation_secret(portal)
    someone = portal.browser()
    assert "Acme" in someone.page(f"/account/invite/{secret}")
    given = {"password": "a good password", "name": "Nora"}
    assert someone.post(f"/account/invite/{secret}", given).status_code == 303
    page = manager.page("/account/contacts")
    assert data_values(page, "invitation") == []
    assert "nora@acme.example · billing" in page
    nora = portal.centre.accounts.by_email("nora@acme.example")
    assert nora
    changed = {"name": "Nora Nilsson", "role": ["support", "licence"], "location": "Oslo"}
    assert manager.post(f"/account/contacts/{nora.id}", changed).status_code == 303
    assert "nora@acme.example · licence, support" in manager.page("/account/contacts")
    assert manager.post(f"/account/contacts/{nora.id}/deactivate").status_code == 303
    page = manager.page("/account/contacts")
    assert f'action="/account/contacts/{nora.id}/reactivate"' in page
    assert f'action="/account/contacts/{nora.id}/deactivate"' not in page
    assert manager.post(f"/account/contacts/{nora.id}/reactivate").status_code == 303
    page = manager.page("/account/contacts")
    assert f'action="/account/contacts/{nora.id}/deactivate"' in page
    assert data_values(page, "inactive") == []


def invitation_secret(portal: Portal) -> str:
    """What the worker puts into the one mail that waits."""
    batches = Outbox(portal.centre.database).claim(MAIL_QUEUE, portal.clock.now)
    (notice,) = [notice for batch in batches for notice in batch]
    links = portal.centre.accounts.links
    return links.issue(notice.kind, notice.recipient, notice.facts, now=portal.clock.now)


def test_somebody_with_an_account_joins_by_a_button(
    portal: Portal, manager: Browser, charlie: Browser
) -> None:
    known = manager.post("/account/contacts", {"email": "charlie@example.com", "name": "C"})
    unknown = manager.post("/account/contacts", {"email": "nobody@example.com", "name": "C"})
    assert (known.status_code, known.data) == (unknown.status_code, unknown.data)
    batches = Outbox(portal.centre.database).claim(MAIL_QUEUE, portal.clock.now)
    join = next(notice for batch in batches for notice in batch if notice.kind == "join")
    links = portal.centre.accounts.links
    secret = links.issue(join.kind, join.recipient, join.facts, now=portal.clock.now)

    page = charlie.page(f"/account/join/{secret}")
    assert data_values(page, "join") == [""]
    assert 'type="password"' not in page
    joined = charlie.post(f"/account/join/{secret}")
    assert joined.status_code == 303
    person = portal.centre.accounts.by_email("charlie@example.com")
    assert person
    assert person.organisation == "Acme"
    assert charlie.post(f"/account/join/{secret}").status_code == 404


def test_an_invitation_is_withdrawn(portal: Portal, manager: Browser, charlie: Browser) -> None:
    manager.post("/account/contacts", {"email": "nora@acme.example", "name": "Nora"})
    secret = invitation_secret(portal)
    path = re.search(r'action="(/account/contacts/invitations/\d+/withdraw)"',
                     manager.page("/account/contacts"))  # fmt: skip
    assert path
    assert charlie.post(path[1]).status_code == 404
    assert manager.post(path[1]).status_code == 303
    assert data_values(manager.page("/account/contacts"), "invitation") == []
    assert portal.browser().get(f"/account/invite/{secret}").status_code == 404


def test_whom_support_deactivated_support_reactivates(portal: Portal, manager: Browser) -> None:
    accounts = portal.centre.accounts
    nora = accounts.add(
        "nora@acme.example", "Nora", "nora-secret", role="customer", organisation="Acme",
        now=portal.clock.now,
    )  # fmt: skip
    accounts.contacts.deactivate(OPERATOR, nora.id, now=portal.clock.now)
    page = manager.page("/account/contacts")
    assert data_values(page, "inactive") == [""]
    assert f"/account/contacts/{nora.id}/reactivate" not in page
    assert manager.post(f"/account/contacts/{nora.id}/reactivate").status_code == 403
    assert accounts.by_email("nora@acme.example") is None


def test_mistakes_are_told_and_keep_what_was_typed(manager: Browser) -> None:
    twice = manager.post("/account/contacts", {"email": "alice@example.com", "name": "Alice again"})
    assert twice.status_code == 409
    assert 'value="Alice again"' in twice.get_data(as_text=True)
    assert manager.post("/account/contacts", {"email": "nora", "name": "Nora"}).status_code == 422


def test_somebody_elses_contact_does_not_exist(portal: Portal, manager: Browser) -> None:
    charlie = portal.centre.accounts.by_email("charlie@example.com")
    assert charlie
    for path in ("", "/deactivate", "/reactivate"):
        assert (
            manager.post(f"/account/contacts/{charlie.id}{path}", {"name": "Mine"}).status_code
            == 404
        )
