"""Signing in and out."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.guard import safe_next

from .world import Browser, Portal, build, settings_of

TRICKS = (
    "//evil.example",
    "///evil.example",
    "https://evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "evil.example",
    "@evil.example",
    "",
    None,
)


def test_a_customer_lands_on_my_tickets_and_an_agent_on_the_queue(portal: Portal) -> None:
    for name, place in (("alice", "/tickets"), ("bob", "/desk")):
        response = portal.browser().post("/sign-in", {"email": f"{name}@example.com", "password": f"{name}-demo"})
        assert response.headers["Location"] == place


def test_signing_in_leads_back_to_where_the_person_was(portal: Portal) -> None:
    browser = portal.browser()
    asked = browser.get("/tickets?words=ink").headers["Location"]
    assert "next=/tickets?words%3Dink" in asked
    about = {"email": "alice@example.com", "password": "alice-demo", "next": "/tickets?words=ink"}
    assert browser.post("/sign-in", about).headers["Location"] == "/tickets?words=ink"


@pytest.mark.parametrize("trick", TRICKS)
def test_no_address_of_another_site_is_gone_to(trick: str | None) -> None:
    assert safe_next(trick) == "/"


def test_a_wrong_password_and_an_unknown_address_are_told_alike(portal: Portal) -> None:
    pages = []
    for email in ("alice@example.com", "nobody@example.com"):
        response = portal.browser().post("/sign-in", {"email": email, "password": "wrong-wrong"})
        assert response.status_code == 403
        text = response.get_data(as_text=True)
        pages.append(text.split('role="alert">')[1].split("</p>")[0])
    assert pages[0] == pages[1]


def test_after_five_failures_even_the_right_password_waits(portal: Portal) -> None:
    browser = portal.browser()
    for _ in range(5):
        browser.post("/sign-in", {"email": "alice@example.com", "password": "wrong-wrong"})
    response = browser.post("/sign-in", {"email": "alice@example.com", "password": "alice-demo"})
    assert response.status_code == 429


def test_signing_in_starts_a_new_session_and_signing_out_ends_it_everywhere(portal: Portal) -> None:
    browser = portal.browser()
    browser.page("/tickets/new")
    with browser.client.session_transaction() as session:
        session["receipts"] = {"KB-1": "planted"}
    browser.sign_in("alice")
    with browser.client.session_transaction() as session:
        assert "receipts" not in session
        token = session["token"]
    assert browser.post("/sign-out").status_code == 303
    assert portal.centre.accounts.person(token, now=portal.clock.now) is None
    assert browser.get("/tickets").status_code == 303


def test_somebody_signed_in_is_not_asked_again(alice: Browser) -> None:
    assert alice.get("/sign-in?next=/docs").headers["Location"] == "/docs"


def test_demo_people_are_shown_on_a_demo_portal_only(folder: Path, anyone: Browser) -> None:
    assert "Demo sign-ins" not in anyone.page("/sign-in")
    demo = build(settings_of(folder, demo="yes")).browser()
    assert "Alice Archer" in demo.page("/sign-in")
