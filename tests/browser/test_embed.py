"""The one tag on the form of another site, with that site's own strict policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Door, Served, Site
from tests.browser.test_story import typed
from tests.webapp.test_cli import free_port

pytestmark = pytest.mark.browser


def test_suggestions_come_to_the_form_of_another_site(
    visit: Door, served: Served, site: Site
) -> None:
    site.portal = served.address
    page = visit().page
    page.goto(site.address)
    typed(page, "#subject", "paper jam")
    option = page.locator(".suggest-option").first
    expect(option).to_contain_text("Clear a paper jam")
    with page.expect_popup() as opened:
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    opened.value.wait_for_url(f"{site.portal}/help/doc/jam*")
    assert page.context.cookies(site.address) == []
    page.locator("#subject").press("Escape")
    page.locator("#subject").press("Enter")
    page.wait_for_url("**/sent?subject=paper+jam")


def test_when_the_portal_is_away_the_form_is_what_it_was(
    visit: Door, served: Served, site: Site
) -> None:
    site.portal = f"http://127.0.0.1:{free_port()}"
    page = visit().page
    page.goto(site.address)
    page.locator("#subject").press_sequentially("paper jam")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/sent?subject=paper+jam")
