"""Second factors as staff use them: an app by keyboard without scripts, a passkey of the browser,
and how the pages look.
"""

from __future__ import annotations

import base64
import datetime as dt
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from kb.people.second_factor.totp import code_at, step_at
from tests.browser.conftest import Door, Served, Visitor
from tests.browser.keyboard import tab_to
from tests.browser.test_pages import LOOKS, check

pytestmark = pytest.mark.browser
PAGE = "/account/second-factor"
NUMBERS = itertools.count(1)
#: A platform authenticator, as in a laptop, whose owner always agrees.
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def name(served: Served) -> str:
    """An agent of this test alone: the portal is shared by all tests."""
    name = f"fay{next(NUMBERS)}"
    now = dt.datetime.now(dt.UTC)
    served.centre.accounts.add(
        f"{name}@example.com", f"Fay {name}", f"{name}-demo", role="agent", now=now
    )
    return name


def secret_on(page: Page) -> bytes:
    return base64.b32decode(page.locator("[data-key]").get_attribute("data-key") or "")


def step_now() -> int:
    return step_at(dt.datetime.now(dt.UTC))


def give_password(visitor: Visitor, name: str) -> Page:
    page = visitor.go("/sign-in")
    page.fill("#email", f"{name}@example.com")
    page.fill("#password", f"{name}-demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in/second-step")
    return page


def set_up_app(visitor: Visitor, name: str) -> tuple[bytes, int]:
    """The secret, and the step whose code was used."""
    page = visitor.go(f"{PAGE}/app")
    secret, step = secret_on(page), step_now()
    page.fill("#code", code_at(secret, step))
    page.fill("#password", f"{name}-demo")
    page.get_by_role("button", name="Add the app").click()
    page.wait_for_url(f"**{PAGE}/codes")
    return secret, step


@contextmanager
def authenticator(page: Page) -> Iterator[dict[str, bool]]:
    """Chromium's virtual authenticator; ``agrees`` says what its owner does."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield added
    session.detach()


def test_an_app_is_set_up_and_used_by_keyboard_without_scripts(visit: Door, name: str) -> None:
    first = visit(script=False)
    page = first.sign_in(name)
    first.go("/account")
    tab_to(page, f"a[href='{PAGE}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PAGE}")
    tab_to(page, f"a[href='{PAGE}/app']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PAGE}/app")

    secret, step = secret_on(page), step_now()
    tab_to(page, "#code")
    page.keyboard.type(code_at(secret, step))
    page.keyboard.press("Tab")
    page.keyboard.type(f"{name}-demo")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PAGE}/codes")
    code = page.locator("[data-code]").first.text_content() or ""
    tab_to(page, "form[action$='/kept'] button")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PAGE}")
    expect(page.locator("[data-codes='10']")).to_be_visible()

    page = give_password(visit(script=False), name)
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.keyboard.type(code_at(secret, step + 1))
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk")

    page = give_password(visit(script=False), name)
    tab_to(page, "details.more summary")
    page.keyboard.press("Enter")
    tab_to(page, "#recovery")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk")


def test_a_passkey_is_added_and_signs_in(visit: Door, name: str) -> None:
    visitor = visit()
    page = visitor.sign_in(name)
    with authenticator(page):
        visitor.go(PAGE)
        page.get_by_label("Name of the passkey").fill("Laptop")
        page.locator("#passkey-password").fill(f"{name}-demo")
        page.get_by_role("button", name="Add a passkey").click()
        page.wait_for_url(f"**{PAGE}/codes")
        visitor.go(PAGE)
        expect(page.locator("[data-passkey-name=Laptop]")).to_be_visible()

        visitor.context.clear_cookies()
        give_password(visitor, name)
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url("**/desk")

        # The same authenticator is not registered twice.
        visitor.go(PAGE)
        page.get_by_label("Name of the passkey").fill("Again")
        page.locator("#passkey-password").fill(f"{name}-demo")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.locator("[data-passkey-fault]")).to_be_visible()
        expect(page.get_by_role("button", name="Add a passkey")).to_be_enabled()


def test_without_scripts_a_passkey_is_offered_and_explained_but_not_asked_for(
    visit: Door, name: str
) -> None:
    visitor = visit(script=False)
    visitor.sign_in(name)
    page = visitor.go(PAGE)
    expect(page.get_by_role("button", name="Add a passkey")).to_be_disabled()
    expect(page.locator("[data-passkey-help]")).to_be_visible()


@LOOKS
def test_every_page_of_it(visit: Door, name: str, width: int, dark: bool) -> None:
    visitor = visit(width=width, dark=dark)
    page = visitor.sign_in(name)
    with authenticator(page):
        check(visitor.go(PAGE), "no second factor")
        check(visitor.go(f"{PAGE}/app"), "an app to set up")
        page.fill("#code", "000000")
        page.fill("#password", f"{name}-demo")
        page.get_by_role("button", name="Add the app").click()
        expect(page.get_by_role("alert")).to_be_visible()
        check(page, "a wrong code")
        set_up_app(visitor, name)
        check(page, "the recovery codes")
        visitor.go(PAGE)
        page.get_by_label("Name of the passkey").fill("Averyveryveryverylongnameofapasskeythatfits")
        page.locator("#passkey-password").fill(f"{name}-demo")
        page.get_by_role("button", name="Add a passkey").click()
        page.wait_for_url("**done=passkeys**")
        for summary in page.locator("main details summary").all():
            summary.click()
        check(page, "both factors, with every form open")

        visitor.context.clear_cookies()
        give_password(visitor, name)
        page.locator("details summary").last.click()
        check(page, "the second step")
        page.fill("#code", "000000")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_be_visible()
        check(page, "the second step, refused")

    ada = visit(width=width, dark=dark)
    staff = ada.sign_in("ada")
    ada.go("/staff")
    staff.locator(f"[data-member='{name}@example.com'] summary").click()
    check(staff, "the staff")
    staff.get_by_role("button", name=f"Reset second factor of Fay {name}").click()
    expect(staff.locator("[data-done=reset]")).to_be_visible()
    check(staff, "a second factor reset")
