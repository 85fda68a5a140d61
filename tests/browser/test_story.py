"""Somebody types a title: the whole story, with the mouse, with the keyboard alone, and without
JavaScript.
"""

from __future__ import annotations

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Door, Served
from tests.browser.keyboard import tab_to

pytestmark = pytest.mark.browser
FILED = re.compile(r"/tickets/KB-\d+")
PROMISED = """async () => {
  const answer = await fetch("/api/v1/promise?type=problem&severity=question&zone=Europe/Berlin");
  return (await answer.json()).due_text;
}"""


def typed(page: Page, field: str, words: str) -> None:
    """Types, and waits until what is suggested answers exactly that: an earlier answer's list would
    be replaced.
    """
    page.locator(field).press_sequentially(words)
    expect(page.locator(f'.suggest-list[data-answers="{words}"]')).to_have_count(1)


def suggest(page: Page, title: str = "paper jam in the pre") -> None:
    typed(page, "#title", title)
    expect(page.locator(".suggest-option").first).to_contain_text("Clear a paper jam")


def guest_address() -> str:
    """An address of one guest only: tickets are limited by address, and no test may use up what
    another needs.
    """
    return f"gina-{secrets.token_hex(6)}@example.org"


def fill(page: Page, *, name: str = "Gina Guest", email: str = "") -> None:
    # By the keyboard: suggestions that come during a click move what is below them.
    page.get_by_role("radio", name="Problem", exact=True).press("Space")
    page.get_by_role("radio", name="Question Nothing is broken.").press("Space")
    page.fill("#description", "It eats every second sheet.")
    if page.locator("#name").count():
        page.fill("#name", name)
        page.fill("#email", email or guest_address())


def test_an_answer_that_helps_files_no_ticket(visit: Door, served: Served) -> None:
    before = served.tickets()
    page = visit().go("/tickets/new")
    suggest(page)
    page.locator(".suggest-option").first.click()
    reader = page.get_by_role("dialog", name="Clear a paper jam")
    expect(reader).to_contain_text("Pull the jammed paper slowly")
    with page.expect_request(lambda request: '"helped"' in (request.post_data or "")) as told:
        reader.get_by_role("button", name="This solved my problem").click()
    assert '"yes":true' in (told.value.post_data or "")
    expect(page.get_by_role("heading", name="Glad that helped")).to_be_visible()
    assert served.tickets() == before


def test_who_still_needs_help_gets_a_ticket_with_its_due_time(visit: Door, served: Served) -> None:
    before, page = served.tickets(), visit().sign_in("alice")
    page.goto(served.address + "/tickets/new")
    suggest(page)
    page.locator(".suggest-option").first.click()
    page.get_by_role("button", name="I still need help").click()
    expect(page.locator("#title")).to_be_focused()
    expect(page.locator(".suggest-option").first).to_have_class(re.compile("suggest-rejected"))
    fill(page)
    line = page.locator("[data-promise-line]")
    expect(line).to_contain_text("Commercial")
    promised = (line.text_content() or "").split(" by ")[1].rstrip(".")
    zone = promised.rsplit(" ", 1)[1]
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)
    expect(page.locator(".filed")).to_contain_text("KB-")
    # The minute may turn between the two, and so may the day: then what is promised now is another
    # day.
    promised_now = page.evaluate(PROMISED)
    days = {words.rsplit(" ", 2)[0] for words in (promised, promised_now)}
    filed = page.locator(".filed").inner_text()
    assert any(day in filed for day in days), (filed, days)
    assert zone in filed
    expect(page.locator(".trail [data-outcome=rejected]")).to_be_visible()
    assert served.tickets() == before + 1
    page.goto(served.address + "/tickets/new")
    expect(page.locator("#title")).to_have_value("")  # what is filed is no draft any more


def test_the_whole_story_by_keyboard_alone(visit: Door, served: Served) -> None:
    before, page = served.tickets(), visit().go("/tickets/new")
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    tab_to(page, "#title")
    typed(page, "#title", "paper jam in the pre")
    title = page.get_by_role("combobox", name="Title")
    expect(title).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".suggest-status")).to_contain_text(re.compile(r"\d suggestions?\."))
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.keyboard.press("ArrowUp")  # opens, and wraps to the last
    expect(page.locator(".suggest-option").last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    first = page.locator(".suggest-option").first
    expect(first).to_have_attribute("aria-selected", "true")
    assert title.get_attribute("aria-activedescendant") == first.get_attribute("id")
    expect(title).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#reader-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(title).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#reader")).to_contain_text("Pull the jammed paper slowly")
    tab_to(page, "[data-rejected]")
    page.keyboard.press("Enter")
    expect(title).to_be_focused()
    tab_to(page, "input[name=type]")
    page.keyboard.press("Space")
    tab_to(page, "input[name=severity]")
    page.keyboard.press("ArrowUp")  # the last of the group
    tab_to(page, "#description")
    page.keyboard.type("It eats every second sheet.")
    tab_to(page, "#name")
    page.keyboard.type("Gina Guest")
    tab_to(page, "#email")
    page.keyboard.type(guest_address())
    tab_to(page, "#file-ticket")
    page.keyboard.press("Enter")
    page.wait_for_url(FILED)
    expect(page.locator(".filed time")).to_be_visible()
    assert served.tickets() == before + 1


def test_without_javascript_the_answer_is_shown_once_and_the_ticket_files(
    visit: Door, served: Served
) -> None:
    before, page = served.tickets(), visit(script=False).go("/tickets/new")
    page.fill("#title", "paper jam in the press")
    fill(page)
    page.select_option("#product", "press")
    page.select_option("#version", "2.0")
    page.locator("#file-ticket").click()
    expect(page.locator(".review-actions")).to_be_visible()
    expect(page.get_by_role("link", name="Clear a paper jam").first).to_be_visible()
    assert served.tickets() == before
    page.locator("[formaction='/tickets/edit']").click()
    expect(page.locator("#description")).to_have_value("It eats every second sheet.")
    page.locator("#file-ticket").click()
    page.locator(".review-actions .primary").click()
    page.wait_for_url(FILED)
    expect(page.locator(".filed")).to_contain_text("Community")
    expect(page.locator(".filed time")).to_be_visible()
    expect(page.get_by_text("Press 2.0").or_(page.get_by_text("press 2.0")).first).to_be_visible()
    assert served.tickets() == before + 1


def test_without_javascript_solved_is_solved(visit: Door, served: Served) -> None:
    before, page = served.tickets(), visit(script=False).go("/tickets/new")
    page.fill("#title", "paper jam in the press")
    fill(page)
    page.locator("#file-ticket").click()
    page.get_by_role("button", name="This solved my problem: Clear a paper jam").click()
    expect(page.get_by_role("heading", name="Glad that helped")).to_be_visible()
    assert served.tickets() == before


def test_without_javascript_every_mistake_is_told_and_nothing_is_lost(visit: Door) -> None:
    page = visit(script=False).go("/tickets/new")
    page.fill("#description", "Only this.")
    page.locator("#file-ticket").click()
    expect(page.locator("#summary")).to_be_visible()
    expect(page.locator("#title-fault")).to_be_visible()
    expect(page.locator("#description")).to_have_value("Only this.")


def test_an_agent_answers_and_the_customer_reads_it(visit: Door, served: Served) -> None:
    alice, bob = visit(), visit()
    page = alice.sign_in("alice")
    page.goto(served.address + "/tickets/new")
    page.fill("#title", "Everything is blue")
    fill(page)
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)
    number = (FILED.search(page.url) or [""])[0].rsplit("/", 1)[1]
    desk = bob.sign_in("bob")
    desk.get_by_role("link", name=number).click()
    desk.fill("#reply-body", "Turn it to green.")
    desk.locator("form[action$='/replies'] button").click()
    expect(desk.locator(".event-replied")).to_contain_text("Turn it to green.")
    page.reload()
    expect(page.locator(".event-replied")).to_contain_text("Turn it to green.")
    expect(page.locator(".promise [data-due=met]")).to_be_visible()
