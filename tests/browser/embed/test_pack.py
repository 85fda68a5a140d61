"""Answers without a round trip: at once, while the help centre is down, and in its order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from kb.operations.signing_key import kept_key
from tests.browser.conftest import Door, Served, Site
from tests.browser.embed import foreign_pages
from tests.browser.embed.conftest import EMBED
from tests.browser.embed.test_foreign_pages import TITLE, foreign, list_of, type_title
from tests.content.conftest import Centre, centre
from tests.content.test_golden import ANSWERED
from webapp.api.embed_pack import public_pack_key, signed_pack

__all__ = ["centre", "foreign"]  # fixtures
pytestmark = pytest.mark.browser

#: Sets the text and looks for the answer before the browser does anything else.
AT_ONCE = """(field) => {
  field.value = "change the ink";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return document.querySelector(".suggest-title")?.textContent;
}"""


def body(key: str) -> str:
    return foreign_pages.page(tag=foreign_pages.TAG.replace(" async", f' data-pack="{key}" async'))


def test_it_answers_in_the_same_frame_and_while_the_help_centre_is_down(
    visit: Door, foreign: Site, served: Served
) -> None:
    shop = visit().page
    key = public_pack_key(kept_key(served.centre.settings.data))
    shop.goto(foreign.put("/pack", body(key)))
    with shop.expect_response("**/embed-pack.txt"):
        type_title(shop)
    shop.route("**/api/v1/**", lambda route: route.abort())  # the help centre goes down
    field = shop.locator("#subject")
    field.fill("")
    shop.wait_for_function(
        f"(field) => ({AT_ONCE})(document.querySelector('#subject')) === 'Change the ink'"
    )
    assert field.evaluate(AT_ONCE) == "Change the ink"
    expect(shop.locator('.suggest-list[data-answers="change the ink"]')).to_be_visible()
    field.press("Escape")
    field.press("Enter")
    shop.wait_for_url("**/sent?subject=change+the+ink")


@pytest.mark.parametrize("key", ["Escape", "ArrowDown"])
def test_a_list_that_is_in_use_or_closed_stays_so_when_the_help_centre_answers(
    visit: Door, foreign: Site, served: Served, key: str
) -> None:
    shop = visit().page
    pack_key = public_pack_key(kept_key(served.centre.settings.data))
    shop.goto(foreign.put("/in-use", body(pack_key)))
    with shop.expect_response("**/embed-pack.txt"):
        type_title(shop)
    field = shop.locator("#subject")
    field.fill("")
    shop.wait_for_function(
        f"(field) => ({AT_ONCE})(document.querySelector('#subject')) === 'Change the ink'"
    )

    # Another text: requests for the first one may still be on their way.
    asked, waiting = re.compile(r"suggest\?q=change\+ink&"), list[Route]()
    shop.route(asked, lambda route: waiting.append(route))
    with shop.expect_request(asked):
        assert field.evaluate(AT_ONCE.replace("change the ink", "change ink")) == "Change the ink"
    field.press(key)
    with shop.expect_response(asked):
        waiting[0].continue_()
    shop.evaluate("() => new Promise(requestAnimationFrame)")
    selected = shop.locator(".suggest-option[aria-selected=true]")
    expect(selected).to_have_count(1 if key == "ArrowDown" else 0)
    expect(shop.locator(".suggest-list")).to_be_visible(visible=key == "ArrowDown")


def test_a_pack_that_another_key_has_signed_is_not_used(
    visit: Door, foreign: Site, served: Served
) -> None:
    shop = visit().page
    lines: list[str] = []
    shop.on("console", lambda message: lines.append(message.text))
    shop.goto(foreign.put("/forged", body(public_pack_key("another key"))))
    type_title(shop)  # the server answers
    expect(list_of(shop)).to_be_visible()
    while not lines:
        shop.locator("#subject").press("Shift")
    assert "not signed" in lines[0]
    assert shop.locator("#subject").input_value() == TITLE
    assert shop.locator("#subject").evaluate(AT_ONCE) != "Change the ink"


def test_nine_of_ten_settled_first_hits_are_those_of_the_server(
    visit: Door, site: Site, centre: Centre
) -> None:
    titles = [found.title for found in centre.documents.values() if found.audience == "public"]
    settled = [*titles, *(query["query"] for query in ANSWERED)]
    text = signed_pack(centre.searcher, "a key").partition("\n")[2]
    reader = (EMBED.parent / "webapp" / "static" / "embed" / "pack.js").read_text("utf-8")
    site.put("/pack.js", reader, "text/javascript")
    page = visit().page
    page.goto(site.put("/ranking", foreign_pages.page(tag="")))
    answers: list[Any] = page.evaluate(
        """async ([text, queries]) => {
          const { Pack } = await import("/pack.js");
          const pack = new Pack(text);
          return queries.map((query) => pack.search(query, 5)[0]?.id ?? null);
        }""",
        [text, settled],
    )
    pairs = [
        (mine, hits[0].id if (hits := centre.searcher.suggest(query).hits) else "")
        for query, mine in zip(settled, answers, strict=True)
        if mine
    ]
    assert len(pairs) >= 0.7 * len(settled)
    assert sum(mine == theirs for mine, theirs in pairs) >= 0.9 * len(pairs)
