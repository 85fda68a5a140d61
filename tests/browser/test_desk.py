"""What an agent types is kept, articles are picked, screenshots are pasted, in a real browser; and
the pages of people and releases as axe and a narrow window see them.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Door, Served, late_scripts
from tests.browser.test_pages import LOOKS, check, file_one

pytestmark = pytest.mark.browser

#: Pastes a picture, as the browser does after a screenshot was copied.
PASTE = """async (selector) => {
  const canvas = document.createElement("canvas");
  canvas.width = 60;
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([blob], "image.png", { type: "image/png" }));
  const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(event);
}"""


def test_what_an_agent_types_survives_another_action_and_a_reload(
    visit: Door, served: Served
) -> None:
    alice, bob = visit(), visit()
    number = file_one(alice.sign_in("alice"), served.address)
    bob.sign_in("bob")
    desk = bob.page
    with late_scripts(desk):
        desk.goto(f"{served.address}/desk/{number}", wait_until="commit")
        desk.fill("#reply-body", "Half a reply")
        desk.fill("#note-body", "Half a note")
    desk.get_by_role("button", name="Assign to me").click()
    expect(desk.locator("[data-assignee='Bob Baker']")).to_be_visible()
    expect(desk.locator("#reply-body")).to_have_value("Half a reply")
    desk.fill("#reply-body", "Half a reply, and more")
    # On a busy machine, the filled-in text may be saved before the last letter is typed.
    with desk.expect_response(lambda answer: "more." in (answer.request.post_data or "")):
        desk.locator("#reply-body").press("End")
        desk.locator("#reply-body").type(".")
    desk.reload()
    expect(desk.locator("#reply-body")).to_have_value("Half a reply, and more.")
    desk.locator("form[action$='/replies'] button").click()
    expect(desk.get_by_text("Half a reply, and more.")).to_be_visible()
    expect(desk.locator("#reply-body")).to_have_value("")
    expect(desk.locator("#note-body")).to_have_value("Half a note")


def test_an_article_is_picked_from_a_search(visit: Door, served: Served) -> None:
    alice, bob = visit(), visit()
    number = file_one(alice.sign_in("alice"), served.address)
    bob.sign_in("bob")
    desk = bob.go(f"/desk/{number}")
    desk.fill("#another", "reset my password")
    desk.locator("[data-picker] [role=option]").first.wait_for()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Enter")
    expect(desk.locator("[data-picked] input[value*='faq/password']")).to_be_checked()
    expect(desk.locator("#another")).to_have_value("")
    desk.locator("[data-action=link] button[type=submit]").click()
    page = alice.go(f"/tickets/{number}")
    expect(page.locator(".answer-link a[href*='/help/faq/password']")).to_be_visible()


def test_a_screenshot_is_pasted_and_shown(visit: Door, served: Served) -> None:
    alice = visit()
    number = file_one(alice.sign_in("alice"), served.address)
    page = alice.go(f"/tickets/{number}")
    page.fill("#comment-body", "See the picture.")
    page.evaluate(PASTE, "#comment-body")
    expect(page.locator(".file-names")).to_contain_text("screenshot-")
    page.locator("form[action$='/comments'] button[type=submit]").click()
    picture = page.locator(".shown-picture img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 60
    check(page, "a ticket with a picture")


@LOOKS
def test_the_pages_of_people_and_releases_are_sound(
    visit: Door, served: Served, width: int, dark: bool
) -> None:
    alice, bob, ada = visit(), visit(width=width, dark=dark), visit(width=width, dark=dark)
    number = file_one(alice.sign_in("alice"), served.address)
    bob.sign_in("bob")
    ada.sign_in("ada")
    for path in ("/desk/releases", f"/desk/{number}", f"/desk/{number}/confirm/void?why=spam"):
        check(bob.go(path), path)
    page: Page = ada.go("/people")
    check(page, "/people")
    page.locator("[data-account='alice@example.com'] a").click()
    check(page, "an account")
    page.locator(".lead a").click()
    check(page, "an organisation")
    check(alice.go("/account"), "/account")
