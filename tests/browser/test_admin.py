"""API keys, webhook endpoints and experiments, by keyboard alone."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Door, Served
from tests.browser.keyboard import tab_to
from tests.browser.test_pages import LOOKS, check
from tests.browser.test_publishing import reload_until

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


def test_an_experiment_is_started_counts_what_visitors_open_and_is_ended(
    visit: Door, served: Served
) -> None:
    folder = served.centre.settings.content / "experiments"
    folder.mkdir()
    (folder / "pins.toml").write_text('[[queries]]\nquery = "paper jam"\npin = ["doc/still"]\n')
    erin = visit(width=320, dark=True)
    erin.sign_in("erin")
    page = erin.go("/editor/experiment")
    check(page, "before an experiment")
    tab_to(page, "form[data-action=start] button")
    page.keyboard.press("Enter")
    expect(page.locator("[data-experiment=running]")).to_be_visible()
    check(page, "a running experiment")

    visitor = visit()
    visitor.page.set_extra_http_headers({"User-Agent": "Mozilla/5.0 Firefox/140.0"})  # no bot
    results = visitor.go("/search?q=paper+jam")
    reload_until(results, "[data-mixed]")  # the other server process looks every few seconds
    with results.expect_request("**/search/opened"):
        results.locator("[data-mixed] a[href*='/help/doc/still']").first.click()
    results.wait_for_url("**/help/doc/still*")
    reload_until(page, "[data-people='1']")

    tab_to(page, "form[data-action=end] button")
    page.keyboard.press("Enter")
    expect(page.locator("[data-experiment=ended]")).to_be_visible()
    check(page, "an experiment that has ended")
