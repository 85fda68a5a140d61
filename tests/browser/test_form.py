"""The form when things go wrong: double clicks, lost connections, slow or missing suggestions,
reloads.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from kb.tickets.actions.filing import UNVERIFIED_PER_HOUR
from tests.browser.conftest import Door, Served, late_scripts
from tests.browser.test_story import FILED, fill, guest_address, suggest, typed
from tests.world import draft

pytestmark = pytest.mark.browser

#: What is asked at the pause after the whole title; a slow machine also pauses before.
AT_THE_END = re.compile(r"suggest\?q=paper\+jam\+in\+the\+pre&.*settled=1")


def test_a_double_click_files_one_ticket(visit: Door, served: Served) -> None:
    before, page = served.tickets(), visit().go("/tickets/new")
    page.fill("#title", "Twice is too often")
    fill(page)
    page.locator("#file-ticket").dblclick()
    page.wait_for_url(FILED)
    assert served.tickets() == before + 1


def test_a_double_click_without_javascript_files_one_ticket(visit: Door, served: Served) -> None:
    before, page = served.tickets(), visit(script=False).go("/tickets/new")
    page.fill("#title", "xyzzy plugh")
    fill(page)
    page.locator("#file-ticket").dblclick()
    page.wait_for_url(FILED)
    assert served.tickets() == before + 1


def test_a_lost_connection_loses_nothing_and_files_once(visit: Door, served: Served) -> None:
    before, page = served.tickets(), visit().go("/tickets/new")
    page.fill("#title", "The line went dead")
    fill(page)

    def answer_is_lost(route: Route) -> None:
        route.fetch()  # it reaches the server ...
        route.abort()  # ... but the answer does not come back

    page.route("**/tickets", answer_is_lost)
    page.locator("#file-ticket").click()
    expect(page.locator("#refusal")).to_be_focused()
    expect(page.locator("#title")).to_have_value("The line went dead")
    page.unroute("**/tickets")
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)
    assert served.tickets() == before + 1


def test_what_was_typed_and_chosen_before_the_scripts_ran_counts(visit: Door) -> None:
    visitor = visit()
    page = visitor.page
    with late_scripts(page):
        page.goto(visitor.address + "/tickets/new", wait_until="commit")
        page.fill("#title", "paper jam in the press")
        page.set_input_files(
            "#attachments", FilePayload(name="press.log", mimeType="text/plain", buffer=b"jam")
        )
    expect(page.locator(".suggest-option").first).to_be_visible()
    expect(page.locator("[data-chosen] li")).to_have_count(1)
    with late_scripts(page):
        page.goto(visitor.address + "/docs", wait_until="commit")
        page.fill("#bar-q", "paper jam")
    expect(page.locator(".suggest-option").first).to_be_visible()


def use_up(served: Served, email: str) -> None:
    """Files as many tickets of this address as it may file in an hour."""
    now = dt.datetime.now(dt.UTC)
    gina = served.centre.accounts.guest(email, "Gina Guest", "UTC", now=now)
    for number in range(UNVERIFIED_PER_HOUR):
        served.centre.desk.filing.file(
            draft(f"Number {number}"), gina, key=secrets.token_urlsafe(18), now=now
        )


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_a_ticket_too_many_is_told_at_the_button_and_nothing_is_lost(
    visit: Door, served: Served, script: bool
) -> None:
    email = guest_address()
    use_up(served, email)
    before, page = served.tickets(), visit(script=script).go("/tickets/new")
    page.fill("#title", "xyzzy plugh")
    fill(page, email=email)
    page.locator("#file-ticket").press("Enter")
    refusal = page.locator("#refusal")
    expect(refusal).to_be_focused()
    expect(refusal).to_be_in_viewport()
    expect(refusal).to_have_attribute("role", "alert")
    assert refusal.inner_text().strip()
    expect(page.locator("#file-ticket")).to_be_in_viewport()
    expect(page.locator("#summary")).to_be_hidden()
    expect(page.locator("#title")).to_have_value("xyzzy plugh")
    expect(page.locator("#description")).to_have_value("It eats every second sheet.")
    expect(page.locator("#email")).to_have_value(email)
    page.fill("#email", guest_address())  # an address that is free files at once
    page.locator("#file-ticket").press("Enter")
    page.wait_for_url(FILED)
    assert served.tickets() == before + 1


def read_first(page: Page) -> None:
    suggest(page)
    page.locator(".suggest-option").first.click()
    expect(page.locator("#reader")).to_contain_text("Pull the jammed paper slowly")


def after_closing(page: Page, act: str) -> None:
    """Acts at once after the reader has closed, before the browser says so, as somebody who types
    quickly does.
    """
    page.evaluate(
        """act => new Promise((done) => {
          const reader = document.querySelector("#reader");
          reader.addEventListener("close", () => requestAnimationFrame(done), { once: true });
          reader.querySelector("[data-rejected]").click();
          document.querySelector(act).focus();
          document.querySelector(act).click();
        })""",
        act,
    )


def test_who_goes_on_at_once_after_reading_stays_in_the_field(visit: Door) -> None:
    page = visit().go("/tickets/new")
    read_first(page)
    after_closing(page, "#description")
    expect(page.locator("#description")).to_be_focused()
    expect(page.locator(".suggest-option").first).to_have_class(re.compile("suggest-rejected"))


def test_who_reads_again_at_once_gets_the_document_again(visit: Door) -> None:
    page = visit().go("/tickets/new")
    read_first(page)
    page.route(
        "**/help/doc/jam?fragment=1",
        lambda route: route.fulfill(content_type="text/html", body="<p>Once more.</p>"),
    )
    after_closing(page, ".suggest-option")
    expect(page.locator("#reader")).to_contain_text("Once more.")
    page.keyboard.press("Escape")
    expect(page.locator("#title")).to_be_focused()


def test_a_reload_keeps_what_was_typed(visit: Door) -> None:
    page = visit().go("/tickets/new")
    page.fill("#title", "The press is loud")
    page.select_option("#product", "press")
    page.select_option("#module", "fold")
    page.fill("#description", "Very loud.")
    key = page.locator("input[name=key]").input_value()
    page.reload()
    expect(page.locator("#title")).to_have_value("The press is loud")
    expect(page.locator("#module")).to_have_value("fold")
    expect(page.locator("#description")).to_have_value("Very loud.")
    expect(page.locator("input[name=key]")).to_have_value(key)


def test_signing_out_forgets_what_was_typed(visit: Door) -> None:
    visitor = visit()
    page = visitor.sign_in("alice")
    visitor.go("/tickets/new")
    page.fill("#title", "Not for the next person")
    visitor.go("/")
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    visitor.go("/tickets/new")
    expect(page.locator("#title")).to_have_value("")


def test_mistakes_are_told_at_their_fields_and_files_stay_chosen(
    visit: Door, served: Served
) -> None:
    before, page = served.tickets(), visit().go("/tickets/new")
    page.locator("#attachments").set_input_files(
        FilePayload(name="a.txt", mimeType="text/plain", buffer=b"hello")
    )
    page.locator("#file-ticket").click()
    expect(page.locator("#summary")).to_be_focused()
    expect(page.locator("#title")).to_have_attribute("aria-invalid", "true")
    page.locator('#summary a[href="#title"]').click()
    expect(page.locator("#title")).to_be_focused()
    page.fill("#title", "Now with a title")
    fill(page)
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)
    expect(page.get_by_role("link", name="a.txt")).to_be_visible()
    assert served.tickets() == before + 1


@pytest.mark.parametrize("trouble", ["refused", "broken", "silent"])
def test_without_suggestions_a_ticket_files(visit: Door, served: Served, trouble: str) -> None:
    before, page = served.tickets(), visit().go("/tickets/new")

    def spoil(route: Route) -> None:
        if trouble == "refused":
            route.fulfill(status=503, body="{}")
        elif trouble == "broken":
            route.fulfill(status=200, body="<html>")
        # silent: never answered

    for address in ("**/api/v1/suggest*", "**/api/v1/promise*", "**/api/v1/episodes"):
        page.route(address, spoil)
    page.locator("#title").press_sequentially("paper jam")
    fill(page)
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)
    assert served.tickets() == before + 1


def test_an_older_answer_never_replaces_a_newer_one(visit: Door) -> None:
    page = visit().go("/tickets/new")
    delayed: list[Route] = []
    page.route("**/api/v1/suggest?q=ink*", lambda route: delayed.append(route))
    with page.expect_request("**/api/v1/suggest?q=ink*"):
        page.locator("#title").press_sequentially("ink")
    with page.expect_event("requestfailed", lambda request: "q=ink" in request.url):
        page.locator("#title").fill("paper jam")
    expect(page.locator(".suggest-option").first).to_contain_text("Clear a paper jam")
    assert delayed


def at_a_pause(route: Route, title: str) -> None:
    """Answers as the encoder might that has read the title as a whole."""
    response = route.fetch(url=route.request.url.replace("settled=1", "settled=0"))
    answer = response.json()
    answer["suggestions"] = answer["suggestions"][:1]
    answer["suggestions"][0]["title"] = title
    answer["suggestions"][0]["url"] += "-read"
    route.fulfill(response=response, json=answer)


def test_what_was_typed_is_read_at_a_pause(visit: Door) -> None:
    page = visit().go("/tickets/new")
    page.route("**/api/v1/suggest?*settled=1*", lambda route: at_a_pause(route, "Read at leisure"))
    page.locator("#title").press_sequentially("paper jam in the pre")
    expect(page.locator(".suggest-option")).to_have_count(1)
    expect(page.locator(".suggest-title")).to_have_text("Read at leisure")


def test_whoever_is_shown_nothing_finds_all_results_one_click_away(visit: Door) -> None:
    page = visit().go("/tickets/new")
    link = page.locator(".suggest-results")
    expect(link).to_be_hidden()
    typed(page, "#title", "the cover of my umbrella")
    expect(page.locator(".suggest-option")).to_have_count(0)
    with page.expect_popup() as results:
        link.click()
    expect(results.value).to_have_url(re.compile(r"/search\?q=the\+cover\+of\+my\+umbrella$"))
    expect(page.locator("#title")).to_have_value("the cover of my umbrella")


def test_signs_in_a_title_are_no_operators_among_all_results(visit: Door) -> None:
    page = visit().go("/tickets/new")
    page.locator("#title").press_sequentially('"jam -paper')
    link = page.locator(".suggest-results")
    expect(link).to_have_attribute("href", re.compile(r"q=%22jam\+-paper&"))
    with page.expect_popup() as results:
        link.click()
    expect(results.value.locator(".results")).not_to_have_attribute("data-total", "0")
    expect(results.value.locator(".hits")).to_contain_text("Clear a paper jam")
    expect(results.value.locator(".note")).to_have_count(0)


def test_a_list_that_somebody_chooses_from_stays(visit: Door) -> None:
    page = visit().go("/tickets/new")
    waiting: list[Route] = []
    page.route(AT_THE_END, lambda route: waiting.append(route))
    with page.expect_request(AT_THE_END):
        suggest(page)
    page.keyboard.press("ArrowDown")
    with page.expect_response(AT_THE_END):
        at_a_pause(waiting[0], "Read at leisure")
    expect(page.locator(".suggest-option[aria-selected=true]")).to_contain_text("Clear a paper jam")


def test_a_list_that_was_closed_stays_closed_until_somebody_opens_it(visit: Door) -> None:
    page = visit().go("/tickets/new")
    waiting: list[Route] = []
    page.route(AT_THE_END, lambda route: waiting.append(route))
    with page.expect_request(AT_THE_END):
        suggest(page)
    page.keyboard.press("Escape")
    at_a_pause(waiting[0], "Read at leisure")
    expect(page.locator(".suggest-title")).to_have_text("Read at leisure")
    expect(page.locator(".suggest-list")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".suggest-option[aria-selected=true]")).to_contain_text("Read at leisure")


def test_suggestions_stay_when_the_second_answer_is_lost(visit: Door) -> None:
    page = visit().go("/tickets/new")
    page.route("**/api/v1/suggest?*settled=1*", lambda route: route.abort())
    with page.expect_event("requestfailed", lambda request: "settled=1" in request.url):
        suggest(page)
    expect(page.locator(".suggest-option").first).to_contain_text("Clear a paper jam")


def test_a_first_answer_that_comes_late_is_shown_if_the_second_is_lost(visit: Door) -> None:
    page = visit().go("/tickets/new")
    first_answers: list[Route] = []
    page.route("**/api/v1/suggest?*", lambda route: first_answers.append(route))
    page.route("**/api/v1/suggest?*settled=1*", lambda route: route.abort())
    with page.expect_event("requestfailed", lambda request: "settled=1" in request.url):
        page.fill("#title", "paper jam")
    for route in first_answers:
        route.continue_()
    expect(page.locator(".suggest-option").first).to_contain_text("Clear a paper jam")


def test_the_version_follows_the_product(visit: Door) -> None:
    page = visit().go("/tickets/new")
    expect(page.locator("#version")).to_be_disabled()
    page.select_option("#product", "press")
    assert page.locator("#version option").all_text_contents()[1:] == [
        "2.0 (supported until 31 December 2027)",
        "1.0 (support ended on 31 December 2025)",
    ]
    page.select_option("#version", "2.0")
    page.select_option("#product", "still")
    expect(page.locator("#version")).to_have_value("")
    expect(page.locator("#module")).to_be_disabled()


def test_text_of_documents_is_never_markup(visit: Door) -> None:
    page = visit().go("/tickets/new")
    answer = {
        "query": "x",
        "generation": "1",
        "partial": False,
        "suggestions": [
            {
                "id": "doc/x",
                "title": "<img src=x onerror=alert(1)> 😀",
                "url": "/help/doc/jam",
                "kind": "doc",
                "score": 1,
                "passage": {"text": "😀 <b>bold</b> word", "spans": [[2, 5]]},
            }
        ],
    }
    page.route("**/api/v1/suggest*", lambda route: route.fulfill(json=answer))
    page.locator("#title").press_sequentially("anything")
    option = page.locator(".suggest-option").first
    expect(option).to_contain_text("<img src=x onerror=alert(1)> 😀")
    expect(option.locator("mark")).to_have_text("<b>")  # spans count characters, not UTF-16 units
    assert option.locator("img, b").count() == 0


def test_the_reader_takes_long_text_and_links_leave_the_form_alone(visit: Door) -> None:
    page = visit().go("/tickets/new")
    suggest(page)
    page.route(
        "**/help/doc/jam?fragment=1",
        lambda route: route.fulfill(
            content_type="text/html",
            body='<article><a id="title" href="/docs">more</a><script>window.ran = '
            "1</script></article>",
        ),
    )
    page.locator(".suggest-option").first.click()
    link = page.locator("#reader a", has_text="more")
    expect(link).to_have_attribute("target", "_blank")
    assert page.locator("[id=title]").count() == 1
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize("title", ["paper jam", "reset my password", "noisy when folding"])
def test_a_suggestion_is_read_at_its_passage_which_is_marked(visit: Door, title: str) -> None:
    page = visit().go("/tickets/new")
    typed(page, "#title", title)
    shown = page.locator(".suggest-option").first.locator(".suggest-text").inner_text()
    page.locator(".suggest-option").first.click()
    marked = page.locator("#reader .reader-passage")
    expect(marked.first).to_be_in_viewport()
    words = " ".join(marked.all_inner_texts()).split()
    assert words == shown.strip("… ").split()


def test_a_result_opens_at_its_passage(visit: Door) -> None:
    page = visit().go("/search?q=paper+jam")
    link = page.locator(".hit-title a").first
    assert ":~:text=" in (link.get_attribute("href") or "")
    link.click()
    page.wait_for_url(re.compile("/help/doc/jam"))
    expect(page.locator("h1")).to_contain_text("Clear a paper jam")


def test_the_search_box_suggests_and_enter_opens_or_searches(visit: Door) -> None:
    visitor = visit()
    page = visitor.go("/")
    typed(page, "#q", "paper jam")
    expect(page.locator(".suggest-option").first).to_contain_text("Clear a paper jam")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/search\?q=paper\+jam"))
    page = visitor.go("/")
    typed(page, "#q", "paper jam")
    expect(page.locator(".suggest-option").first).to_contain_text("Clear a paper jam")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/help/doc/jam"))


LOG = "INFO Starting\nINFO Downloading part 1\nERROR: paper jam in the press\nINFO Bye"


def test_a_log_in_the_description_gets_suggestions_for_its_error(visit: Door) -> None:
    page = visit().go("/tickets/new")
    page.fill("#title", "Help")
    page.fill("#description", LOG)
    box = page.locator("[data-description-suggestions]")
    expect(box).to_be_visible()
    expect(box.locator("[data-looked-for]")).to_contain_text("paper jam in the press")
    box.get_by_role("button", name="Clear a paper jam").click()
    expect(page.locator("#reader")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#description")).to_have_value(LOG)


@pytest.mark.parametrize("lines", [30, 60_000])  # a kilobyte and more than a megabyte
def test_a_log_pasted_into_the_title_is_searched_for_its_error(visit: Door, lines: int) -> None:
    page = visit().go("/tickets/new")
    page.locator("#title").focus()
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          const paste = new ClipboardEvent("paste", { clipboardData: data, cancelable: true });
          document.querySelector("#title").dispatchEvent(paste);
        }""",
        "INFO Downloading part 1\n" * lines + LOG,
    )
    expect(page.locator(".suggest-option").first).to_contain_text("Clear a paper jam")
    expect(page.locator(".suggest-status")).to_contain_text("paper jam in the press”. ")
