"""Signing in with the sign-in service of one's own house, at the portal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from kb.errors import Misconfigured
from tests.people.provider import CLIENT, SECRET, House, serving
from tests.webapp.factors import give_password, set_up_app
from tests.webapp.world import MONDAY, Browser, Portal, build, settings_of
from webapp import create_app


@pytest.fixture
def house() -> Iterator[House]:
    with serving(House(now=MONDAY)) as running:
        yield running


@pytest.fixture
def portal(folder: Path, house: House) -> Iterator[Portal]:
    told = {
        "oidc_issuer": house.address,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_name": "Acme",
    }
    built = build(settings_of(folder, **told))
    yield built
    built.centre.close()


def come_in(browser: Browser, house: House, target: str = "", **answer: str) -> TestResponse:
    out = browser.get(f"/sign-in/with?{urlencode({'next': target})}")
    assert out.status_code == 303
    return browser.get(
        f"/sign-in/with/back?{urlencode({**house.authorize(out.headers['Location']), **answer})}"
    )


def test_the_sign_in_page_offers_it_and_the_person_lands_where_they_wanted(
    house: House, anyone: Browser
) -> None:
    offer = anyone.page("/sign-in?next=/account")
    assert 'href="/sign-in/with?next=/account"' in offer
    assert "Acme" in offer
    back = come_in(anyone, house, "/account")
    assert (back.status_code, back.headers["Location"]) == (303, "/account")
    assert "Alice Archer" in anyone.page("/account")


def test_what_the_provider_answers_serves_once(house: House, anyone: Browser) -> None:
    out = anyone.get("/sign-in/with")
    path = f"/sign-in/with/back?{urlencode(house.authorize(out.headers['Location']))}"
    assert anyone.get(path).status_code == 303
    again = anyone.get(path)
    assert again.status_code == 403
    assert 'role="alert"' in again.get_data(as_text=True)


def test_an_answer_planted_in_another_browser_signs_nobody_in(
    portal: Portal, house: House, anyone: Browser
) -> None:
    victim = portal.browser()
    out = anyone.get("/sign-in/with")
    planted = f"/sign-in/with/back?{urlencode(house.authorize(out.headers['Location']))}"
    assert victim.get(planted).status_code == 403
    victim.get("/sign-in/with")
    assert victim.get(planted).status_code == 403
    assert victim.get("/account").status_code == 303


def test_nobody_gets_an_account_by_signing_in_nor_back_an_inactive_one(
    portal: Portal, house: House, anyone: Browser
) -> None:
    house.email = "stranger@example.org"
    refused = come_in(anyone, house)
    assert refused.status_code == 403
    assert portal.centre.accounts.by_email("stranger@example.org") is None


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_led_off_the_site(house: House, anyone: Browser, target: str) -> None:
    assert come_in(anyone, house, target).headers["Location"].startswith("/tickets")


def test_a_provider_that_is_away_leaves_the_password(house: House, anyone: Browser) -> None:
    house.broken = 500
    away = anyone.get("/sign-in/with")
    assert away.status_code == 503
    assert 'type="password"' in away.get_data(as_text=True)
    assert anyone.sign_in("alice")


def test_a_refusal_at_the_provider_is_a_sentence(house: House, anyone: Browser) -> None:
    refused = come_in(anyone, house, code="", error="access_denied")
    assert refused.status_code == 403
    assert 'role="alert"' in refused.get_data(as_text=True)


def test_a_session_from_before_does_not_survive(house: House, anyone: Browser) -> None:
    anyone.sign_in("bob")
    come_in(anyone, house)
    assert "Alice Archer" in anyone.page("/account")
    assert anyone.get("/desk").status_code == 403


@pytest.mark.parametrize("name", ["bob", "erin"])
def test_the_provider_asks_for_a_second_factor_and_the_portal_does_not(
    folder: Path, house: House, name: str
) -> None:
    """Bob has one here, Erin has none, and all staff need one."""
    told = {"oidc_issuer": house.address, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    portal = build(settings_of(folder, second_factor="staff", **told))
    if name == "bob":
        set_up_app(portal, give_password(portal, "bob"), "bob")
    house.email, browser = f"{name}@example.com", portal.browser()
    house.now = portal.clock.now
    landed = come_in(browser, house).headers["Location"]
    assert browser.get(landed).status_code == 200
    assert give_password(portal, name).get(landed).status_code == 303


def test_without_a_provider_both_doors_are_closed(folder: Path) -> None:
    portal = build(settings_of(folder))
    for path in ("/sign-in/with", "/sign-in/with/back?code=x&state=y"):
        assert portal.browser().get(path).status_code == 404
    assert 'href="/sign-in/with' not in portal.browser().page("/sign-in")
    portal.centre.close()


def test_a_half_named_provider_stops_the_start(folder: Path, portal: Portal) -> None:
    with pytest.raises(Misconfigured, match="KB_OIDC_CLIENT_ID"):
        create_app(settings_of(folder, oidc_issuer="https://login.example.com"), portal.centre)
