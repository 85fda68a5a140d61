"""Every page, in light and dark, at 320 pixels: accessible, no sideways scrolling, nothing the
policy forbids.
"""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Door, Served
from tests.browser.test_story import FILED, fill, suggest

pytestmark = pytest.mark.browser
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
#: Each page in both colour schemes and at both widths; every pair would only take twice as long.
LOOKS = pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (320, True)], ids=["wide-light", "narrow-dark"]
)
OPEN_TO_ALL = (
    "/",
    "/search",
    "/search?q=paper",
    "/search?q=qqzzxx",
    "/search?q=paper&kind=faq&product=press",
    "/help/doc/jam",
    "/help/forum/noisy",
    "/docs",
    "/sitemap",
    "/sla",
    "/schedule",
    "/versions",
    "/contact",
    "/faq",
    "/forum",
    "/tickets/new",
    "/tickets/solved",
    "/sign-in",
    "/account/register",
    "/account/reset",
    "/privacy",
    "/nope",
)

#: How many parts of Insights begin beside the link to their CSV, rather than below it.
BESIDE_A_LINK = """[...document.querySelectorAll(".csv-link")].filter((link) =>
  link.nextElementSibling.nextElementSibling.getBoundingClientRect().top
    < link.getBoundingClientRect().bottom).length"""


def check(page: Page, what: str) -> None:
    """axe finds nothing, and nothing sticks out to the right."""
    if "axe" not in page.evaluate("Object.keys(window).includes('axe') ? ['axe'] : []"):
        page.evaluate(AXE)
        page.context.add_init_script(AXE)  # so that it is not sent for each page
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then((r) => r.violations)")
    told = [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for one in found
        for node in one["nodes"]
    ]
    assert not told, f"{what}: " + "\n".join(told)
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], f"{what} is {width[0]} wide in {width[1]}"


def file_one(page: Page, address: str) -> str:
    page.goto(address + "/tickets/new")
    page.fill(
        "#title",
        "A title with averyveryveryverylongwordthatdoesnotfitintoanynarrowcolumnofthispage in it",
    )
    fill(page)
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)
    return page.url.split("?")[0].rsplit("/", 1)[1]


@LOOKS
def test_every_public_page(visit: Door, width: int, dark: bool) -> None:
    visitor = visit(width=width, dark=dark)
    for path in OPEN_TO_ALL:
        check(visitor.go(path), f"{path} at {width}")


def test_a_slash_goes_to_the_search_field_unless_it_is_turned_off(visit: Door) -> None:
    page = visit().go("/docs")
    field, switch = page.locator("#bar-q"), page.locator("[data-shortcut]")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.press("/")
    expect(field).to_have_value("/")

    switch.uncheck()
    page.reload()
    expect(switch).not_to_be_checked()
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(field).not_to_be_focused()


@LOOKS
def test_every_page_behind_the_sign_in(visit: Door, served: Served, width: int, dark: bool) -> None:
    alice, bob = visit(width=width, dark=dark), visit(width=width, dark=dark)
    page = alice.sign_in("alice")
    number = file_one(page, served.address)
    check(page, "the ticket just filed")
    page.locator(".ledger summary").click()
    check(page, "the ledger")
    check(alice.go("/tickets"), "my tickets")
    check(alice.go("/tickets?words=nothing-at-all"), "my tickets, none")
    check(alice.go("/account"), "the account")
    check(alice.go("/desk"), "the desk, forbidden")
    desk = bob.sign_in("bob")
    check(desk, "the queue")
    check(bob.go("/desk/board"), "the board of promises")
    check(bob.go("/desk/insights"), "insights")
    assert desk.evaluate(BESIDE_A_LINK) == 0, "a table has less than the width of its card"
    desk = bob.go("/desk")
    bob.go(f"/desk/{number}")
    desk.fill("#note-body", "Between us.")
    desk.locator("form[action$='/notes'] button").click()
    expect(desk.locator(".event.internal")).to_be_visible()
    check(desk, "the desk's ticket")
    for summary in desk.locator(".folded summary").all():
        summary.click()
    check(desk, "the desk's ticket with every form open")
    desk.locator("details.menu summary").click()
    check(desk, "the open menu")
    desk.locator("form[action$='/solve'] button").dispatch_event("click")
    expect(desk.locator(".row-meta .status-solved")).to_be_visible()
    check(alice.go(f"/tickets/{number}"), "the solved ticket")


@LOOKS
def test_the_pages_of_administrators(visit: Door, served: Served, width: int, dark: bool) -> None:
    guest, ada = visit(width=width, dark=dark), visit(width=width, dark=dark)
    page = guest.go("/tickets/new")
    page.fill("#title", "Elderberries in the press")
    fill(page)
    page.fill("#name", "Gina Guest")
    page.fill("#email", f"gina-{width}@example.org")
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)
    number = page.url.split("?")[0].rsplit("/", 1)[1]
    page.locator("form[action$='/revoke-links'] button").click()
    expect(page.locator(".event")).to_have_count(2)

    ada.sign_in("ada")
    page = ada.go("/audit")
    check(page, "the audit log")
    expect(page.locator("[data-action='links-revoked'] a").first).to_have_text(number)
    times = page.locator("[data-entry] time").all()
    assert {one.bounding_box()["height"] for one in times} == {times[0].bounding_box()["height"]}  # type: ignore[index]

    page = ada.go("/personal-data")
    check(page, "personal data, before a search")
    page.fill("#email", f"gina-{width}@example.org")
    page.get_by_role("button", name="Show what is stored").click()
    expect(page.locator("[data-held=tickets]")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as ZIP").click()
    assert download.value.suggested_filename == "person.zip"
    page.locator("summary", has_text="Erase").click()
    check(page, "personal data of a guest")
    page.fill("#again", "somebody-else@example.org")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("summary", has_text="Erase").click()
    page.fill("#again", f"gina-{width}@example.org")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.locator("[data-erased='1']")).to_be_visible()
    check(page, "personal data, erased")
    page = ada.go(f"/desk/{number}")
    expect(page.locator("[data-fact=erased]")).to_be_visible()
    check(page, "an erased ticket")
    assert "Elderberries" not in page.content()


@LOOKS
def test_the_editors_page(visit: Door, width: int, dark: bool) -> None:
    visitor = visit(width=width, dark=dark)
    check(visitor.sign_in("erin"), "the editor's page")
    page = visitor.page
    page.fill("#try-q", "jammed paper")
    page.select_option("#try-mode", "search")
    page.locator("form:has(#try-q) button").click()
    expect(page.get_by_role("link", name="Clear a paper jam")).to_be_visible()
    page.locator("details:has(.meanings) summary").click()
    check(page, "a query tried out")
    check(visitor.go("/editor?q=qqzzxx"), "a query without an answer")
    for path in (
        "/editor/gaps",
        "/editor/review",
        "/editor/experiment",
        "/editor/articles/doc/jam",
    ):
        check(visitor.go(path), f"{path} at {width}")


@LOOKS
def test_the_form_in_each_of_its_states(visit: Door, width: int, dark: bool) -> None:
    page = visit(width=width, dark=dark).go("/tickets/new")
    page.locator("#file-ticket").click()
    expect(page.locator("#summary")).to_be_focused()
    check(page, "mistakes")
    suggest(page)
    page.keyboard.press("ArrowDown")
    check(page, "suggestions")
    page.get_by_role("radio", name="Production is down").check()
    expect(page.locator("[data-promise-line]")).not_to_be_empty()
    check(page, "the promise")
    page.locator(".suggest-option").first.click()
    expect(page.locator("#reader")).to_contain_text("Pull the jammed paper slowly")
    check(page, "the reader")


#: The choices of a page that are longer than the closed select shows.
CLIPPED = """() => [...document.querySelectorAll("select")].filter((select) => {
  const pen = document.createElement("canvas").getContext("2d"), style = getComputedStyle(select);
  pen.font = style.font;
  const widths = [...select.options].map((option) => pen.measureText(option.text).width);
  const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
  return Math.max(...widths) > select.clientWidth - padding - 16;
}).map((select) => select.name)"""  # 16 pixels for the arrow


def test_no_choice_is_cut_off_on_a_wide_screen(visit: Door, served: Served) -> None:
    alice, bob = visit(), visit()
    number = file_one(alice.sign_in("alice"), served.address)
    bob.sign_in("bob")
    for who, path in (
        (alice, "/tickets/new"),
        (alice, "/tickets"),
        (bob, "/desk"),
        (bob, f"/desk/{number}"),
    ):
        page = who.go(path)
        for one in page.locator(".folded summary").all():
            one.click()
        assert page.evaluate(CLIPPED) == [], page.url


def test_a_wrong_priority_code_is_told_beside_the_form_and_a_right_one_says_how_many_are_left(
    visit: Door,
) -> None:
    visitor = visit()
    visitor.sign_in("vera")
    page = visitor.go("/tickets/new")
    page.get_by_role("radio", name="Production is down").check()
    page.locator("details:has(#coupon) summary").click()
    expect(page.locator(".promise-when")).to_be_visible()
    page.fill("#coupon", "NOPE-9")
    page.locator("#coupon").blur()
    expect(page.locator(".promise-when")).to_have_count(0)
    page.fill("#coupon", "VERA-5")
    page.locator("#coupon").blur()
    expect(page.locator(".promise-when")).to_be_visible()
    expect(page.locator("[data-promise-text]")).to_contain_text("5 remaining")


def test_the_review_step(visit: Door, served: Served) -> None:
    visitor = visit(width=320)
    page = visitor.go("/tickets/new")
    page.fill("#title", "paper jam in the press")
    fill(page)
    page.evaluate("document.getElementById('ticket-form').submit()")  # as without JavaScript
    expect(page.locator(".review-actions")).to_be_visible()
    check(page, "the review step")


def test_axe_would_notice(visit: Door) -> None:
    page = visit().go("/sign-in")
    page.evaluate("document.querySelector('label[for=email]').remove()")
    with pytest.raises(AssertionError, match="label"):
        check(page, "a field without a label")
