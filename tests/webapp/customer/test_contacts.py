"""The page of an organisation's administrator."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from kb.people.person import ContactRole
from kb.people.tables import CONTACT_ROLES
from tests.webapp.world import Browser, Portal, data_values, part_of


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
    assert "nora@acme.example · billing" in page
    assert data_values(part_of(page, "contact", "nora@acme.example"), "invited") == [""]
    assert "Charlie" not in page
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
