"""Signing in and out."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from kb.people.person import OPERATOR
from tests.webapp.world import (
    Browser,
    Portal,
    build,
    data_values,
    guest,
    number_of,
    settings_of,
    ticket,
)
from webapp.security.guard import safe_next

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
        response = portal.browser().post(
            "/sign-in", {"email": f"{name}@example.com", "password": f"{name}-demo"}
        )
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
    right = {"email": "alice@example.com", "password": "alice-demo"}
    response = browser.post("/sign-in", right)
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) <= 60


def test_a_browser_that_signed_in_before_is_not_delayed_by_others(portal: Portal) -> None:
    hers, theirs = portal.browser("alice"), portal.browser()
    hers.post("/sign-out")
    wrong = {"email": "alice@example.com", "password": "wrong-wrong"}
    right = {"email": "alice@example.com", "password": "alice-demo"}
    assert [theirs.post("/sign-in", wrong).status_code for _ in range(6)] == [403] * 5 + [429]
    assert theirs.post("/sign-in", right).status_code == 429
    assert hers.post("/sign-in", right).status_code == 303


def test_the_device_cookie_is_signed_and_good_for_its_own_account_only(portal: Portal) -> None:
    browser = portal.browser("charlie")
    browser.post("/sign-out")
    cookie = browser.client.get_cookie("askfirst-device")
    assert cookie
    assert cookie.http_only
    forged = portal.browser()
    forged.client.set_cookie("askfirst-device", cookie.value[:-1] + "A")
    wrong = {"email": "alice@example.com", "password": "wrong-wrong"}
    right = {"email": "alice@example.com", "password": "alice-demo"}
    for _ in range(6):
        portal.browser().post("/sign-in", wrong)
    for other in (browser, forged):
        assert other.post("/sign-in", right).status_code == 429


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
    assert "Alice Archer" not in anyone.page("/sign-in")
    demo = build(settings_of(folder, demo="yes")).browser()
    assert "Alice Archer" in demo.page("/sign-in")


def secret_for(portal: Portal, purpose: str, email: str) -> str:
    """The secret of a link, as the worker mints it when it writes the mail."""
    return portal.centre.accounts.links.issue(
        purpose, email, {"name": "Nora", "zone": "UTC"}, now=portal.clock.now
    )


def test_a_time_zone_is_chosen_and_used_at_once(alice: Browser) -> None:
    assert (
        alice.post("/account/zone", {"zone": "Asia/Tokyo"}).headers["Location"]
        == "/account?done=zone#zone"
    )
    page = alice.page("/account?done=zone")
    assert data_values(page, "done") == ["zone"]
    assert "19:00 JST" in page
    refused = alice.post("/account/zone", {"zone": "Moon/Tranquility"})
    assert refused.status_code == 422
    assert 'role="alert"' in refused.get_data(as_text=True)


def test_a_password_is_changed_and_every_other_sign_in_ends(portal: Portal, alice: Browser) -> None:
    other = portal.browser("alice")
    wrong = alice.post("/account/password", {"old": "not this one", "new": "a whole new sentence"})
    assert wrong.status_code == 403
    assert 'role="alert"' in wrong.get_data(as_text=True)
    assert alice.post("/account/password", {"old": "alice-demo", "new": "short"}).status_code == 422
    assert other.get("/tickets").status_code == 200
    assert (
        alice.post(
            "/account/password", {"old": "alice-demo", "new": "a whole new sentence"}
        ).status_code
        == 303
    )
    assert other.get("/tickets").status_code == 303
    assert data_values(alice.page("/account?done=password"), "done") == ["password"]
    about = {"email": "alice@example.com", "password": "a whole new sentence"}
    assert portal.browser().post("/sign-in", about).status_code == 303


def test_sign_ins_are_listed_and_ended_one_by_one_or_all(
    portal: Portal, alice: Browser, charlie: Browser
) -> None:
    others = [portal.browser("alice") for _ in range(2)]
    page = alice.page("/account")
    assert len(data_values(page, "current")) == 1
    named = page.split('name="session" value="', 1)[1].split('"', 1)[0]
    assert charlie.post("/account/sessions", {"session": named}).status_code == 404
    assert [one.get("/tickets").status_code for one in others] == [200, 200]
    assert alice.post("/account/sessions", {"session": named}).status_code == 303
    assert sorted(one.get("/tickets").status_code for one in others) == [200, 303]
    assert alice.post("/account/sessions").status_code == 303
    assert [one.get("/tickets").status_code for one in others] == [303, 303]
    assert alice.get("/tickets").status_code == 200


def test_asking_for_a_link_never_says_whether_there_is_an_account(anyone: Browser) -> None:
    for purpose in ("register", "reset"):
        pages = []
        for email in ("alice@example.com", "nobody@example.com"):
            response = anyone.post(f"/account/{purpose}", {"email": email, "name": "Somebody"})
            assert response.status_code == 200
            pages.append(response.get_data(as_text=True).replace(email, "").split("<main", 1)[1])
        assert pages[0] == pages[1]
        assert data_values(anyone.page(f"/account/{purpose}"), "no-mail") == [""]
    assert anyone.post("/account/register", {"email": "nora", "name": "Nora"}).status_code == 422


def test_too_many_links_are_refused_and_what_was_typed_comes_back(anyone: Browser) -> None:
    statuses = [
        anyone.post("/account/reset", {"email": "alice@example.com"}).status_code for _ in range(4)
    ]
    assert statuses == [200, 200, 200, 429]
    refused = anyone.post("/account/reset", {"email": "alice@example.com"})
    assert 'value="alice@example.com"' in refused.get_data(as_text=True)


def test_a_link_sets_the_password_once_and_opens_no_session_by_itself(
    portal: Portal, anyone: Browser
) -> None:
    path = f"/account/register/{secret_for(portal, 'register', 'nora@example.org')}"
    assert 'value="Nora"' in anyone.page(path)
    short = anyone.post(path, {"password": "short", "name": "Nora"})
    assert short.status_code == 422
    assert 'role="alert"' in short.get_data(as_text=True)
    done = anyone.post(path, {"password": "nora likes long words", "name": "Nora Nilsson"})
    assert done.headers["Location"] == "/sign-in?done=register"
    assert 'role="status"' in anyone.page("/sign-in?done=register")
    assert anyone.get("/tickets").status_code == 303
    assert anyone.post(path, {"password": "nora likes long words"}).status_code == 404
    assert anyone.get(path).status_code == 404
    about = {"email": "nora@example.org", "password": "nora likes long words"}
    assert anyone.post("/sign-in", about).headers["Location"] == "/tickets"


def test_a_link_that_is_over_leads_to_a_new_one(anyone: Browser) -> None:
    for purpose in ("register", "reset"):
        answer = anyone.get(f"/account/{purpose}/gone")
        assert answer.status_code == 404
        assert f'href="/account/{purpose}"' in answer.get_data(as_text=True)
    gone = anyone.get("/account/invite/gone").get_data(as_text=True)
    assert not re.search(r'href="/account/(invite|register|reset)"', gone)


def test_a_reset_ends_every_sign_in_and_a_link_is_good_for_its_own_purpose_only(
    portal: Portal, alice: Browser
) -> None:
    secret = secret_for(portal, "reset", "alice@example.com")
    anyone = portal.browser()
    assert anyone.get(f"/account/invite/{secret}").status_code == 404
    assert (
        anyone.post(f"/account/reset/{secret}", {"password": "alice begins anew"}).status_code
        == 303
    )
    assert alice.get("/tickets").status_code == 303
    late = secret_for(portal, "reset", "alice@example.com")
    portal.clock.now += dt.timedelta(minutes=16)
    assert anyone.get(f"/account/reset/{late}").status_code == 404


def test_a_customer_changes_name_phone_and_location(portal: Portal) -> None:
    alice = portal.browser("alice")
    form = {"name": "Alice A.", "phone": "+49 30 1", "location": "Berlin"}
    assert alice.post("/account/profile", form).status_code == 303
    page = alice.page("/account?done=profile")
    assert data_values(page, "done") == ["profile"]
    assert all(f'value="{value}"' in page for value in form.values())
    refused = alice.post("/account/profile", {**form, "name": " ", "phone": "999"})
    assert refused.status_code == 422
    assert 'value="999"' in refused.get_data(as_text=True)
    assert 'value="+49 30 1"' in alice.page("/account")


def test_a_new_address_needs_the_password_and_its_own_link(portal: Portal) -> None:
    alice = portal.browser("alice")
    form = {"email": "al@acme.example", "password": "wrong-wrong"}
    assert alice.post("/account/address", form).status_code == 403
    assert alice.post("/account/address", {**form, "password": "alice-demo"}).status_code == 303
    person = portal.centre.accounts.by_email("alice@example.com")
    assert person is not None
    secret = portal.centre.accounts.links.issue(
        "address", "al@acme.example", {"person": str(person.id)}, now=portal.clock.now
    )
    link = f"/account/address/{secret}"
    assert "al@acme.example" in portal.browser().page(link)
    assert portal.browser().post(link).status_code == 303
    assert portal.browser().get(link).status_code == 404
    renamed = portal.centre.accounts.by_email("al@acme.example")
    assert renamed is not None
    assert renamed.id == person.id


def test_a_guests_tickets_are_in_the_list_after_registering(portal: Portal) -> None:
    stranger = portal.browser()
    number = number_of(stranger.post("/tickets", guest()))
    link = portal.centre.accounts.links.issue(
        "register", "gina@example.org", {"name": "Gina"}, now=portal.clock.now
    )
    form = {"name": "Gina", "password": "a good password"}
    assert portal.browser().post(f"/account/register/{link}", form).status_code == 303
    assert stranger.get(f"/tickets/{number}").status_code == 404, "the private link has ended"
    gina = portal.browser()
    gina.post("/sign-in", {"email": "gina@example.org", "password": "a good password"})
    assert number in gina.page("/tickets")
    assert number not in portal.browser("charlie").page("/tickets")


def test_a_contact_for_billing_files_no_ticket_and_sees_purchases(portal: Portal) -> None:
    contacts = portal.centre.accounts.contacts
    alice = contacts.by_email(OPERATOR, "alice@example.com")
    contacts.set_roles(OPERATOR, alice.id, ["billing"])
    acme = contacts.named(OPERATOR, "Acme")
    contacts.set_licence(OPERATOR, acme.id, "L-1", order_number="4711")
    browser = portal.browser("alice")
    page = browser.page("/account/licences")
    assert data_values(page, "licences") == ["purchases", "licences"]
    assert "4711" in page
    refused = browser.post("/tickets", ticket(title="My typed title"))
    assert refused.status_code == 403
    assert "My typed title" in refused.get_data(as_text=True)
    assert 'role="alert"' in browser.page("/tickets/new")
    for name in ("charlie", "bob", "erin"):
        assert portal.browser(name).get("/account/licences").status_code == 404
