"""An open ticket keeps itself current, notices colleagues, and takes canned replies, in a real
browser.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Door, Served
from tests.browser.test_pages import check, file_one

pytestmark = pytest.mark.browser


def look(page: Page) -> None:
    """As when the tab comes to the front, so that the test need not wait for the next look."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_an_answer_appears_on_the_open_page(visit: Door, served: Served) -> None:
    alice, bob = visit(), visit()
    number = file_one(alice.sign_in("alice"), served.address)
    bob.sign_in("bob")
    desk = bob.go(f"/desk/{number}")
    page = alice.go(f"/tickets/{number}")
    page.fill("#comment-body", "Half a word")
    page.locator("h1").click()
    desk.fill("#reply-body", "Oil it, please.")
    desk.locator("form[action$='/replies'] button").click()
    expect(desk.get_by_text("Oil it, please.")).to_be_visible()
    look(page)
    expect(page.get_by_text("Oil it, please.")).to_be_visible()
    expect(page.locator("[data-live-status]")).to_contain_text("New: Bob Baker")
    expect(page.locator("#comment-body")).to_have_value("Half a word")
    check(page, "the page after an answer came in")


def test_a_colleague_who_writes_is_noticed(visit: Door, served: Served) -> None:
    alice, bob, ada = visit(), visit(), visit()
    number = file_one(alice.sign_in("alice"), served.address)
    bob.sign_in("bob")
    ada.sign_in("ada")
    desk, other = bob.go(f"/desk/{number}"), ada.go(f"/desk/{number}")
    other.fill("#reply-body", "I am")
    with other.expect_response(lambda answer: "answering=1" in answer.url):
        look(other)
    expect(other.locator("[data-present=viewing]")).to_contain_text("Bob Baker")
    look(desk)
    expect(desk.locator("[data-present=replying]")).to_contain_text("Ada Adler")


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_a_canned_reply_is_put_into_the_answer(visit: Door, served: Served, script: bool) -> None:
    replies = served.centre.settings.content / "replies"
    replies.mkdir(exist_ok=True)
    (replies / "oil.md").write_text("# Oil\n\nOil it, {customer}.\n", "utf-8")
    alice, bob = visit(), visit(script=script)
    number = file_one(alice.sign_in("alice"), served.address)
    bob.sign_in("bob")
    desk = bob.go(f"/desk/{number}")
    if script:
        desk.fill("#reply-body", "Hello. ")
    desk.locator("form[data-canned] button").click()
    expect(desk.locator("#reply-body")).to_have_value(
        f"{'Hello. ' if script else ''}Oil it, Alice Archer."
    )
