"""The pages of administrators about programs, by keyboard alone: API keys and webhook endpoints."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Door, Served
from tests.browser.keyboard import tab_to
from tests.browser.test_pages import LOOKS, check

pytestmark = pytest.mark.browser


@LOOKS
def test_an_api_key_is_made_and_revoked(
    visit: Door, served: Served, width: int, dark: bool
) -> None:
    name = f"Warehouse-synchronisation-of-every-night-{width}"
    ada = visit(width=width, dark=dark)
    ada.sign_in("ada")
    page = ada.go("/programs/keys")
    check(page, "API keys")

    tab_to(page, "#name")
    page.keyboard.type(name)
    tab_to(page, "#days")
    page.keyboard.press("Enter")  # without a scope
    expect(page.get_by_role("alert")).to_be_visible()
    check(page, "a key without a scope")
    assert page.locator("#name").input_value() == name

    for scope in ("content:read", "desk:read"):
        tab_to(page, f"input[name=scope][value='{scope}']")
        page.keyboard.press("Space")
    tab_to(page, "form:has(#name) button[type=submit]")
    page.keyboard.press("Enter")
    secret = page.locator("[data-key]").text_content()
    check(page, "the new key")
    key = served.centre.api_keys.open(secret or "", now=dt.datetime.now(dt.UTC))
    assert sorted(key.scopes) == ["content:read", "desk:read"]

    entry = f"[data-api-key]:has-text('{name}')"
    tab_to(page, f"{entry} summary")
    page.keyboard.press("Enter")
    check(page, "before a key is revoked")
    tab_to(page, f"{entry} button")
    page.keyboard.press("Enter")
    expect(page.locator(f"{entry} [data-over]")).to_be_visible()
    check(page, "the revoked key")
    assert page.locator("[data-key]").count() == 0


@LOOKS
def test_a_webhook_endpoint_is_added_tested_paused_and_removed(
    visit: Door, width: int, dark: bool
) -> None:
    ada = visit(width=width, dark=dark)
    ada.sign_in("ada")
    page = ada.go("/programs/webhooks")
    check(page, "webhooks")
    tab_to(page, "#url")
    page.keyboard.type("ftp://hooks.example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    check(page, "an address that is refused")

    url = f"https://hooks.example.com/{width}/the-programme-that-synchronises-every-ticket-at-night"
    tab_to(page, "#url")
    page.keyboard.press("Control+a")
    page.keyboard.type(url)
    tab_to(page, "input[name=event][value='ticket.opened']")
    page.keyboard.press("Space")
    tab_to(page, "form:has(#url) button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator("[data-secret]")).to_be_visible()
    check(page, "the secret of an endpoint")

    tab_to(page, f"[data-endpoint] a:has-text('{url}')")
    page.keyboard.press("Enter")
    expect(page.locator("[data-empty]")).to_be_visible()
    assert page.locator("input[name=event]:checked").count() == 1
    check(page, "an endpoint")
    for action, shown in (("test", "[data-delivery]"), ("pause", ".note [data-paused]")):
        tab_to(page, f"form[action$='/{action}'] button")
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-done={action}]")).to_be_visible()
        expect(page.locator(shown)).to_be_visible()
        check(page, f"an endpoint after {action}")

    tab_to(page, "details:has(form[action$='/remove']) summary")
    page.keyboard.press("Enter")
    check(page, "before an endpoint is removed")
    tab_to(page, "form[action$='/remove'] button")
    page.keyboard.press("Enter")
    expect(page.locator("[data-done=removed]")).to_be_visible()
    expect(page.get_by_text(url)).to_have_count(0)
    check(page, "webhooks after one was removed")
