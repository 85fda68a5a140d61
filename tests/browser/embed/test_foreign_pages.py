"""The embed on the forms of other sites: suggestions come, nothing moves, nothing breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Frame, Page, expect

from tests.browser.conftest import Door, Served, Site
from tests.browser.embed import foreign_pages
from tests.browser.embed.conftest import Bundle
from tests.browser.test_pages import check

pytestmark = pytest.mark.browser

#: The places of everything that belongs to the page, inside of shadow roots, too.
PLACES = """() => {
  const places = [];
  const walk = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.closest(".askfirst, .askfirst-reader, head, script, [type=hidden]")) continue;
      const { x, y, width, height } = element.getBoundingClientRect();
      places.push([element.localName, x, y, width, height]);
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  const { scrollHeight, scrollWidth } = document.documentElement;
  return [...places, scrollX, scrollY, scrollHeight, scrollWidth];
}"""
TITLE = "paper jam"


@pytest.fixture
def foreign(site: Site, served: Served) -> Site:
    site.portal = served.address
    site.sent.clear()
    return site


def list_of(page: Page | Frame) -> Any:
    return page.locator(f'.suggest-list[data-answers="{TITLE}"]')


def type_title(page: Page | Frame, field: str = "#subject") -> None:
    page.locator(field).press_sequentially(TITLE)
    expect(list_of(page)).to_be_visible()
    expect(page.locator(".suggest-option").first).to_contain_text("Clear a paper jam")


def drive(page: Page, form: Page | Frame, foreign: Site, what: str) -> None:
    """As a visitor does: types, looks, reads, decides, sends."""
    expect(form.locator("#subject")).to_be_visible()
    before = json.dumps(form.evaluate(PLACES))
    type_title(form)
    assert json.dumps(form.evaluate(PLACES)) == before, what
    check(page, what)

    field = form.locator("#subject")
    page.keyboard.press("ArrowDown")
    chosen = form.locator('[role="option"][aria-selected="true"]')
    expect(chosen).to_have_attribute("id", field.get_attribute("aria-activedescendant") or "none")
    page.keyboard.press("Enter")
    panel = form.locator(".askfirst-reader dialog")
    expect(panel).to_contain_text("never backwards")
    check(page, f"{what}, reading")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(list_of(form)).to_be_hidden()
    assert json.dumps(form.evaluate(PLACES)) == before, what

    form.locator("form:has(#subject) button:not([type])").click()
    form.wait_for_url("**/sent?**")
    [sent] = foreign.sent
    assert sent["subject"] == [TITLE], what


@pytest.mark.parametrize("name", foreign_pages.PAGES)
def test_a_form_of_another_site(visit: Door, foreign: Site, name: str) -> None:
    page = visit(dark="dark" not in name).page
    path = "/" + name.replace(" ", "-")
    page.goto(foreign.put(path, foreign_pages.PAGES[name]))
    page.wait_for_function("Boolean(window.askfirst)")
    if name == "in a modal":
        page.locator("#show").click()
    drive(page, page, foreign, name)


def test_a_form_with_a_strict_policy(visit: Door, foreign: Site) -> None:
    page = visit().page
    policy = {"Content_Security_Policy": foreign_pages.STRICT}
    page.goto(foreign.put("/strict", foreign_pages.STRICT_PAGE, **policy))
    drive(page, page, foreign, "strict")


def test_a_form_whose_shadow_root_is_closed(visit: Door, foreign: Site) -> None:
    page = visit().page
    page.goto(foreign.put("/closed", foreign_pages.CLOSED_SHADOW))
    page.wait_for_function("Boolean(window.askfirst)")
    places = PLACES.replace("walk(document);", "walk(document); walk(secret);")
    before = json.dumps(page.evaluate(places))
    page.evaluate("secret.getElementById('subject').focus()")
    page.keyboard.type(TITLE)
    page.wait_for_function("secret.querySelector('.suggest-option')?.checkVisibility()")
    assert json.dumps(page.evaluate(places)) == before
    check(page, "closed")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sent?subject=paper+jam")


@pytest.mark.parametrize("order", foreign_pages.REACT_ORDERS)
def test_a_form_of_react(visit: Door, foreign: Site, bundle: Bundle, order: str) -> None:
    source = foreign_pages.REACT_FORM + foreign_pages.REACT_ORDERS[order]
    foreign.put("/bundle.js", bundle(source, "form.jsx"), "text/javascript")
    page = visit().page
    page.goto(foreign.put("/react", foreign_pages.REACT_PAGE))
    page.wait_for_function("Boolean(window.askfirst)")
    page.locator("#again").click()
    type_title(page)
    page.keyboard.press("Escape")
    page.locator("#again").click()  # mounts the field again
    page.locator("#subject").fill("")
    drive(page, page, foreign, order)


def test_a_form_in_a_frame_of_the_same_site(visit: Door, foreign: Site) -> None:
    page = visit().page
    foreign.put("/framed", foreign_pages.FRAME)
    page.goto(foreign.put("/frames", foreign_pages.FRAMED))
    page.wait_for_function("Boolean(window.askfirst)")
    [frame] = [frame for frame in page.frames if frame.url.endswith("/framed")]
    drive(page, frame, foreign, "frame")


def test_the_list_does_not_lie_over_the_send_button_where_there_is_room_above(
    visit: Door, foreign: Site
) -> None:
    page = visit().page
    form = foreign_pages.FORM.replace(" <button>", "<p><button>").replace(
        "</button>", "</button></p>"
    )
    space = '<div style="height:400px"></div>'
    page.goto(foreign.put("/send-below", foreign_pages.page(space + form)))
    type_title(page)
    page.get_by_role("button", name="Send").click()  # which anything above it would take
    page.wait_for_url("**/sent?subject=paper+jam")
