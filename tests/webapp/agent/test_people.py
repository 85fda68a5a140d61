"""Accounts and organisations on the administrators' pages."""

from __future__ import annotations

import pytest

from kb.operations.audit import Action, AuditLog
from kb.people.person import OPERATOR, Person
from tests.webapp.world import Browser, Portal, data_values, number_of, ticket


@pytest.fixture
def ada(portal: Portal) -> Browser:
    return portal.browser("ada")


def account(portal: Portal, name: str) -> Person:
    return portal.centre.accounts.administration.account(f"{name}@example.com")


def organisation_id(portal: Portal, name: str) -> int:
    return portal.centre.accounts.contacts.named(OPERATOR, name).id


def test_an_account_is_found_by_name_address_and_organisation(ada: Browser) -> None:
    for words in ("archer", "alice@example", "ACME alice"):
        assert data_values(ada.page(f"/people?words={words}"), "account") == ["alice@example.com"]
    assert data_values(ada.page("/people?words=nobody-here"), "account") == []
    assert "Globex" in data_values(ada.page("/people"), "organisation")


def test_an_account_is_changed_in_every_way(portal: Portal, ada: Browser) -> None:
    page = f"/people/{account(portal, 'charlie').id}"
    changes = (
        ("profile", {"name": "Charles", "phone": "+44 20 1", "location": "Leeds"}),
        ("organisation", {"organisation": "acme"}),
        ("contact-roles", {"contact_role": ["billing", "licence"]}),
        ("address", {"email": "Charles@example.com"}),
    )
    for action, form in changes:
        assert ada.post(f"{page}/{action}", form).status_code == 303
        assert action in data_values(ada.page(f"{page}?done={action}"), "done")
    charles = account(portal, "charles")
    assert charles.name == "Charles"
    assert charles.organisation == "Acme"
    assert charles.contact_roles == ("billing", "licence")
    assert ada.post(f"{page}/role", {"role": "agent"}).status_code == 303
    assert account(portal, "charles").role == "agent"
    actions = [entry.action for entry in AuditLog(portal.centre.database).page(before=0, limit=9)]
    assert actions.count(Action.ACCOUNT_CHANGED) == 5


@pytest.mark.parametrize(
    ("action", "form", "status"),
    [
        ("role", {"role": "king"}, 422),
        ("contact-roles", {"contact_role": "king"}, 422),
        ("address", {"email": "nonsense"}, 422),
        ("address", {"email": "bob@example.com"}, 409),
        ("profile", {"name": " "}, 422),
        ("organisation", {"organisation": "x" * 201}, 422),
        ("merge", {"into": "nobody@example.com"}, 404),
        ("merge", {"into": "bob@example.com"}, 409),
    ],
)
def test_what_cannot_be_is_told_beside_the_form(
    portal: Portal, ada: Browser, action: str, form: dict[str, str], status: int
) -> None:
    before = account(portal, "alice")
    response = ada.post(f"/people/{before.id}/{action}", form)
    assert response.status_code == status
    assert 'role="alert"' in response.get_data(as_text=True)
    assert account(portal, "alice") == before


def test_a_deactivated_account_signs_in_again_only_after_being_reactivated(
    portal: Portal, ada: Browser
) -> None:
    page, alice = f"/people/{account(portal, 'alice').id}", portal.browser("alice")
    assert ada.post(f"{page}/deactivate").status_code == 303
    assert data_values(ada.page(page), "inactive")
    assert alice.get("/tickets").status_code == 303
    assert ada.post(f"{page}/reactivate").status_code == 303
    assert portal.browser("alice").get("/tickets").status_code == 200


def test_merged_accounts_are_one_and_its_tickets_are_found(portal: Portal, ada: Browser) -> None:
    number = number_of(portal.browser("alice").post("/tickets", ticket()))
    page = f"/people/{account(portal, 'alice').id}"
    assert ada.post(f"{page}/merge", {"into": "vera@example.com"}).status_code == 303
    assert ada.get(page).status_code == 404
    vera = portal.browser("vera")
    assert number in vera.page("/tickets")
    assert vera.get(f"/tickets/{number}").status_code == 200
    assert portal.browser("charlie").get(f"/tickets/{number}").status_code == 404


def test_administrators_cannot_lock_themselves_out(portal: Portal, ada: Browser) -> None:
    page = f"/people/{account(portal, 'ada').id}"
    for action, form in (
        ("role", {"role": "customer"}),
        ("deactivate", {}),
        ("merge", {"into": "bob@example.com"}),
    ):
        assert ada.post(f"{page}/{action}", form).status_code == 409
    assert ada.get("/people").status_code == 200


def test_an_organisations_contract_and_licences_are_kept(portal: Portal, ada: Browser) -> None:
    assert ada.post("/people/organisations", {"name": "Initech"}).status_code == 303
    page = f"/people/organisations/{organisation_id(portal, 'Initech')}"
    contract = {
        "category": "commercial",
        "licence_addresses": "initech.example, bill@other.example",
        "contract_until": "2027-12-31",
        "phone": "+1 2",
        "shared_view": "1",
    }
    assert ada.post(page, contract).status_code == 303
    shown = ada.page(page)
    assert 'value="@initech.example, bill@other.example"' in shown
    assert 'value="2027-12-31"' in shown
    licence = {
        "number": "L-1",
        "kind": "trial",
        "product": "press",
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
    }
    assert ada.post(f"{page}/licences", licence).status_code == 303
    assert data_values(ada.page(page), "licence") == ["L-1"]
    late = {**licence, "valid_until": "2025-12-31"}
    assert ada.post(f"{page}/licences", late).status_code == 422
    assert ada.post(f"{page}/licences", {**licence, "bought_at": "soon"}).status_code == 422
    assert ada.post(f"{page}/licences", {"number": "L-1", "remove": "1"}).status_code == 303
    assert data_values(ada.page(page), "licence") == []


def test_a_domain_of_another_organisation_is_refused_and_what_was_typed_stays(
    portal: Portal, ada: Browser
) -> None:
    pages = [
        f"/people/organisations/{organisation_id(portal, name)}" for name in ("Acme", "Globex")
    ]
    assert ada.post(pages[0], {"licence_addresses": "shared.example"}).status_code == 303
    refused = ada.post(pages[1], {"licence_addresses": "shared.example", "phone": "12345"})
    assert refused.status_code == 409
    assert 'value="12345"' in refused.get_data(as_text=True)
    assert 'value="12345"' not in ada.page(pages[1])


def test_a_person_who_is_not_there_is_not_found(portal: Portal, ada: Browser) -> None:
    assert ada.get("/people/999999").status_code == 404
    assert ada.get("/people/organisations/999999").status_code == 404
