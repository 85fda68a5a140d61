"""Pages that caches keep, in a browser that keeps them: votes, signing in, an assistant's link."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Door, Served
from tests.browser.test_pages import LOOKS, check
from tests.browser.test_story import FILED

pytestmark = pytest.mark.browser
ARTICLE = "/help/doc/jam"
FROM_CACHE = "performance.getEntriesByType('navigation')[0].transferSize === 0"


def test_a_reader_without_a_cookie_votes_and_says_why(visit: Door) -> None:
    page = visit().go(ARTICLE)
    assert page.context.cookies() == []
    page.locator("button[name=helpful][value=no]").click()
    page.locator("#reason").fill("It does not say which cover.")
    page.locator("form[data-reason] button").click()
    expect(page.locator("[data-voted]")).to_be_visible()
    expect(page.locator("#reason")).to_have_count(0)


def test_a_page_that_the_browser_has_kept_is_not_shown_to_somebody_else(visit: Door) -> None:
    visitor = visit()
    visitor.go(ARTICLE)
    visitor.go("/docs")
    page = visitor.go(ARTICLE)
    assert page.evaluate(FROM_CACHE)
    visitor.sign_in("alice")
    page = visitor.go(ARTICLE)
    expect(page.locator(".avatar")).to_be_visible()
    page.locator("details.menu summary").click()
    page.locator("form[action$='/sign-out'] button").click()
    expect(page.locator("a.sign-in")).to_be_visible()
    page = visitor.go(ARTICLE)
    expect(page.locator("a.sign-in")).to_be_visible()
    expect(page.locator(".avatar")).to_have_count(0)


@LOOKS
def test_the_person_files_what_an_assistant_proposed(
    visit: Door, served: Served, width: int, dark: bool
) -> None:
    before = served.tickets()
    visitor = visit(width=width, dark=dark)
    proposal = {
        "title": f"The press eats paper of {width} mm",
        "description": "Since Monday.",
        "type": "problem",
        "severity": "question",
        "name": "Gina Guest",
        "email": f"gina-of-{width}@example.org",
    }
    answer = visitor.page.request.post(f"{served.address}/api/v1/proposals", data=proposal)
    link = answer.json()["url"].removeprefix(served.address)
    page = visitor.go(link)
    expect(page.locator("[data-proposed]")).to_be_visible()
    expect(page.locator("#title")).to_have_value(proposal["title"])
    check(page, "the form that an assistant filled in")
    assert served.tickets() == before
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)
    assert served.tickets() == before + 1
