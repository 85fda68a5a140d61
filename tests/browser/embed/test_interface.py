"""What a page can ask of the embed, what it is told, and what travels with its form."""

from __future__ import annotations

import json
import re
import socket

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.conftest import Door, Served, Site
from tests.browser.embed import foreign_pages
from tests.browser.embed.conftest import Bundle
from tests.browser.embed.foreign_pages import FORM, page, script
from tests.browser.embed.test_foreign_pages import TITLE, foreign, list_of, type_title
from tests.browser.test_form import at_a_pause
from tests.browser.test_pages import check
from tests.webapp.test_cli import free_port
from webapp.embed_cli import embed

__all__ = ["foreign"]  # the fixture
pytestmark = pytest.mark.browser

#: Tells every event of the embed to the test.
LISTEN = script("""window.told = [];
for (const kind of ["shown", "opened", "solved", "unsolved", "error"]) {
  document.addEventListener("askfirst:" + kind, (event) => window.told.push([kind, event.detail]));
}""")
NO_TAG = '<script src="{portal}/embed.js" async></script>'


def tag(attributes: str) -> str:
    return foreign_pages.TAG.replace(" async", f" {attributes} async")


def told(page: Page) -> list[str]:
    """The kinds of events in order, and "shown" once: on a busy machine the keys come slowly, and a
    list is shown for half of a title, too; at a pause, what is no longer in use is shown anew.
    """
    kinds: list[str] = page.evaluate("told.map(([kind]) => kind)")
    first_list = kinds.index("shown") if "shown" in kinds else 0
    return [kind for n, kind in enumerate(kinds) if kind != "shown" or n == first_list]


def read_first(page: Page) -> None:
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".askfirst-reader dialog")).to_contain_text("never backwards")


def test_it_stores_nothing_and_says_what_happens(visit: Door, foreign: Site) -> None:
    shop = visit().page
    shop.goto(foreign.put("/events", page(LISTEN + FORM)))
    type_title(shop)
    read_first(shop)
    assert shop.locator(".passage").count() == 1
    shop.get_by_role("button", name="Still need help").click()
    expect(shop.locator("#subject")).to_be_focused()
    expect(shop.locator(".suggest-rejected")).to_have_count(1)
    read_first(shop)
    shop.get_by_role("button", name="This solved it").click()
    expect(list_of(shop)).to_be_hidden()
    assert told(shop) == ["shown", "opened", "unsolved", "opened", "solved"]
    detail = shop.evaluate("told.at(-1)[1]")
    assert set(detail) == {"id", "title", "kind", "url", "query"}
    assert detail["id"] == "doc/jam"
    assert detail["query"] == TITLE
    assert detail["url"].startswith(f"{foreign.portal}/help/doc/jam")
    assert shop.context.cookies() == []
    assert shop.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    shop.locator("#subject").press("Enter")
    shop.wait_for_url("**/sent?subject=paper+jam")


def test_the_trail_travels_with_the_form(visit: Door, foreign: Site, served: Served) -> None:
    shop = visit().page
    shop.goto(foreign.put("/trail", page(tag=tag('data-trail="consulted" data-product="press"'))))
    type_title(shop)
    read_first(shop)
    shop.get_by_role("button", name="Still need help").click()
    shop.locator("#subject").press("Escape")
    shop.locator("#subject").press("Enter")
    shop.wait_for_url("**/sent?**")
    [sent] = foreign.sent
    _heading, first, *others = sent["consulted"][0].split("\r\n")
    # Of a half-typed title, which may still be listed, another passage may come first.
    article = re.escape(f"rejected: Clear a paper jam <{foreign.portal}/help/doc/jam")
    assert re.fullmatch(rf"{article}#(pull|open)>", first)
    link = others[-1]
    assert link.startswith(f"{foreign.portal}/desk/insights/visits/")

    agent = visit()
    agent.sign_in("bob")
    desk = agent.go(link.removeprefix(served.address))
    for _ in range(100):  # the browser tells of the form after it has left the page
        if desk.locator('[data-step="submit"]').count():
            break
        desk.reload()
    expect(desk.locator('[data-step="helped"]')).to_contain_text("Clear a paper jam")
    check(desk, "visit")
    record = served.centre.deflection.visit(link.rpartition("/")[2])
    assert record
    assert (record.portal, record.form, record.product) == ("127.0.0.1", "embed", "press")
    kinds = {step.kind for step in record.steps}
    assert kinds >= {"form_open", "query", "shown", "open", "helped", "submit"}


def test_a_field_that_is_there_already_takes_the_trail(visit: Door, foreign: Site) -> None:
    field = '<input type="hidden" name="request[custom_fields][7]"><button>'
    body = page(FORM.replace("<button>", field), tag=tag('data-trail="request[custom_fields][7]"'))
    shop = visit().page
    shop.goto(foreign.put("/filled", body))
    type_title(shop)
    shop.keyboard.press("Escape")
    shop.keyboard.press("Enter")
    shop.wait_for_url("**/sent?**")
    [sent] = foreign.sent
    [value] = sent["request[custom_fields][7]"]
    assert "shown: Clear a paper jam" in value


def test_a_field_of_react_takes_the_trail_and_what_people_write_stays(
    visit: Door, foreign: Site, bundle: Bundle
) -> None:
    form = """
import { useState } from "react";
import { createRoot } from "react-dom/client";
function Form() {
  const [notes, setNotes] = useState("");
  return <form action="/sent"><input id="subject" name="subject" aria-label="Subject" />
    <textarea name="notes" aria-label="Notes" value={notes}
      onChange={(event) => setNotes(event.target.value)} /><p>{notes.length}</p></form>;
}
createRoot(document.getElementById("root")).render(<Form />);
"""
    foreign.put("/bundle.js", bundle(form, "notes.jsx"), "text/javascript")
    root = '<div id="root"></div><script src="/bundle.js"></script>'
    shop = visit().page
    shop.goto(foreign.put("/notes", page(root, tag=tag('data-trail="notes"'))))
    type_title(shop)
    notes = shop.locator("textarea")
    expect(notes).to_have_value(re.compile("shown: Clear a paper jam"))
    expect(shop.locator("form p")).not_to_have_text("0")
    notes.fill("Please call me.")
    shop.locator("#subject").press("End")
    shop.locator("#subject").press_sequentially(" in")
    expect(shop.locator('.suggest-list[data-answers="paper jam in"]')).to_be_visible()
    expect(notes).to_have_value("Please call me.")


def test_pages_attach_and_detach_fields(visit: Door, foreign: Site) -> None:
    attach = script(
        "document.addEventListener('askfirst:ready', () => { window.box = askfirst.attach("
        "document.getElementById('subject'), {limit: 1, labels: {list: 'Vorschläge'}}) })"
    )
    shop = visit().page
    shop.goto(foreign.put("/attach", page(attach + FORM, tag=NO_TAG)))
    shop.wait_for_function("window.box")
    before = shop.locator("#subject").evaluate("(field) => field.outerHTML")
    type_title(shop)
    expect(shop.locator(".suggest-option")).to_have_count(1)
    assert list_of(shop).get_attribute("aria-label") == "Vorschläge"
    assert "Clear a paper jam" in shop.evaluate("box.trail()")
    assert shop.evaluate("[typeof box.submitted, typeof box.detach]") == ["function"] * 2
    shop.evaluate("askfirst.detach(document.getElementById('subject'))")
    assert shop.locator("#subject").evaluate("(field) => field.outerHTML") == before
    expect(shop.locator(".askfirst")).to_have_count(0)
    shop.keyboard.type(" again")
    expect(shop.locator(".askfirst")).to_have_count(0)


def test_a_textarea_stays_one(visit: Door, foreign: Site) -> None:
    shop = visit().page
    shop.goto(foreign.put("/textarea", foreign_pages.PAGES["textarea"]))
    type_title(shop)
    field = shop.locator("#subject")
    assert field.get_attribute("role") is None
    field.press("Home")
    field.press("ArrowDown")  # from the middle of the text it moves the cursor
    expect(shop.locator('[role="option"][aria-selected="true"]')).to_have_count(0)
    field.press("End")
    field.press("ArrowDown")
    expect(shop.locator('[role="option"][aria-selected="true"]')).to_have_count(1)
    field.press("Escape")
    field.press("Enter")
    field.press("x")
    assert field.input_value() == f"{TITLE}\nx"


def test_a_token_goes_with_questions_and_nowhere_else(visit: Door, foreign: Site) -> None:
    shop = visit().page
    headers: dict[str, str] = {}

    def answer(route: Route, request: Request) -> None:
        headers[request.url] = request.headers.get("authorization", "")
        body = json.dumps({"suggestions": [], "problems": [], "generation": "1"})
        route.fulfill(body=body, headers={"Access-Control-Allow-Origin": "*"})

    shop.route("**/api/v1/suggest?**", answer)
    shop.goto(foreign.put("/token", page(tag=tag('data-token="a.b.c"'))))
    with shop.expect_response("**/api/v1/suggest?**"):
        shop.locator("#subject").press_sequentially(TITLE)
    assert set(headers.values()) == {"Bearer a.b.c"}
    assert "a.b.c" not in "".join(headers)


def test_a_token_that_nobody_has_signed_gets_what_is_public(visit: Door, foreign: Site) -> None:
    shop = visit().page
    attributes = 'data-token="a.b.c" data-form="shop"'
    shop.goto(foreign.put("/forged", page(LISTEN + FORM, tag=tag(attributes))))
    type_title(shop)
    read_first(shop)
    assert told(shop) == ["shown", "opened"]


def test_a_known_problem_comes_first_and_is_read_in_place(visit: Door, foreign: Site) -> None:
    shop = visit().page
    problem = {
        "id": 7,
        "title": "Printing is slow",
        "symptoms": "Pages take a minute.",
        "workaround": "Use the second tray.",
        "url": "/status/7",
    }
    body = json.dumps({"suggestions": [], "problems": [problem], "generation": "1"})
    headers = {"Access-Control-Allow-Origin": "*"}
    shop.route("**/api/v1/suggest?**", lambda route: route.fulfill(body=body, headers=headers))
    shop.goto(foreign.put("/problem", page(LISTEN + FORM)))
    shop.locator("#subject").press_sequentially(TITLE)
    expect(shop.locator(".suggest-option")).to_contain_text("Use the second tray.")
    shop.keyboard.press("ArrowDown")
    shop.keyboard.press("Enter")
    panel = shop.locator(".askfirst-reader dialog")
    expect(panel).to_contain_text("Pages take a minute.")
    shop.get_by_role("button", name="This solved it").click()
    expect(panel).to_have_count(0)
    assert told(shop) == ["shown", "opened", "solved"]


def test_an_older_answer_never_replaces_a_newer_one(visit: Door, foreign: Site) -> None:
    shop = visit().page
    held: list[Route] = []

    def answer(route: Route, request: Request) -> None:
        if "settled=1" in request.url:
            return route.abort()
        # Answers the first question after the second, whatever the browser thinks of it.
        held.append(route)
        if len(held) == 2:
            for number, waiting in ((1, held[1]), (0, held[0])):
                hit = {
                    "id": f"doc/{number}",
                    "title": f"Answer {number}",
                    "kind": "doc",
                    "url": "/",
                }
                body = json.dumps({"suggestions": [hit], "problems": [], "generation": "1"})
                headers = {"Access-Control-Allow-Origin": "*"}
                waiting.fulfill(body=body, headers=headers)
        return None

    # The embed aborts what it no longer needs; here the network is as slow as to deliver it.
    shop.add_init_script("AbortController.prototype.abort = () => {};")
    shop.route("**/api/v1/suggest?**", answer)
    shop.goto(foreign.put("/older", foreign_pages.PAGES["plain"]))
    with shop.expect_request("**/api/v1/suggest?**"):
        shop.locator("#subject").press_sequentially("paper")
    shop.locator("#subject").press_sequentially(" jam")
    option = shop.locator(".suggest-option")
    expect(option).to_contain_text("Answer 1")
    shop.wait_for_load_state("networkidle")
    expect(option).to_contain_text("Answer 1")


def test_what_was_typed_is_read_at_a_pause_and_a_closed_list_stays_closed(
    visit: Door, foreign: Site
) -> None:
    shop = visit().page
    at_pauses = "**/api/v1/suggest?*settled=1*"
    shop.route(at_pauses, lambda route: at_a_pause(route, "Read at leisure"))
    shop.goto(foreign.put("/pause", page(LISTEN + FORM)))
    shop.locator("#subject").press_sequentially(TITLE)
    expect(shop.locator(".suggest-title")).to_have_text("Read at leisure")
    assert told(shop) == ["shown"]
    assert shop.evaluate("told.at(-1)[1].suggestions[0].title") == "Read at leisure"

    waiting: list[Route] = []
    shop.route(at_pauses, lambda route: waiting.append(route))
    with shop.expect_request(at_pauses):
        shop.keyboard.type(" ")
    shop.keyboard.press("Escape")
    with shop.expect_response(at_pauses):
        at_a_pause(waiting[0], "Too late")
    expect(shop.locator(".suggest-title").first).to_have_text("Clear a paper jam")
    expect(list_of(shop)).to_be_hidden()


@pytest.mark.parametrize("answer", ["500", "html", "refused"])
def test_a_broken_help_centre_is_told_to_the_page_only(
    visit: Door, foreign: Site, answer: str
) -> None:
    visitor = visit()
    shop = visitor.page
    shop.route(
        "**/api/v1/suggest?**",
        lambda route: (
            route.abort()
            if answer == "refused"
            else route.fulfill(
                status=500 if answer == "500" else 200,
                body="<h1>Maintenance</h1>",
                headers={"Access-Control-Allow-Origin": "*", "Content-Type": "text/html"},
            )
        ),
    )
    shop.goto(foreign.put("/broken", page(LISTEN + FORM)))
    shop.locator("#subject").press_sequentially(TITLE)
    shop.wait_for_function("told.length")
    assert set(told(shop)) == {"error"}
    expect(list_of(shop)).to_have_count(0)
    shop.locator("#subject").press("Enter")
    shop.wait_for_url("**/sent?subject=paper+jam")


@pytest.mark.parametrize(
    "answer",
    [
        "7",
        "null",
        '"none"',
        "[]",
        '{"suggestions":7}',
        '{"problems":{"a":1}}',
        '{"suggestions":[null]}',
        '{"suggestions":[{}],"generation":"1"}',
        '{"suggestions":[{"kind":"doc","passage":{"text":"a","spans":7}}]}',
        '{"suggestions":[{"kind":"doc","path":7,"versions":{}}],"answer":[]}',
    ],
)
def test_json_that_is_no_answer_is_no_error_of_the_page(
    visit: Door, foreign: Site, answer: str
) -> None:
    shop = visit().page
    headers = {"Access-Control-Allow-Origin": "*"}
    shop.route("**/api/v1/suggest?**", lambda route: route.fulfill(body=answer, headers=headers))
    shop.goto(foreign.put("/shape", page(LISTEN + FORM)))
    with shop.expect_response("**/api/v1/suggest?**"):
        shop.locator("#subject").press_sequentially(TITLE)
    # "null" and its like say that there is nothing; what cannot be shown is told.
    if answer[0] == "{":
        shop.wait_for_function("told.length")
        assert set(told(shop)) == {"error"}
    expect(shop.locator(".suggest-option")).to_have_count(0)
    shop.unroute("**/api/v1/suggest?**")
    shop.locator("#subject").fill("")
    type_title(shop)
    shop.keyboard.press("Escape")
    shop.locator("#subject").press("Enter")
    shop.wait_for_url("**/sent?subject=paper+jam")


def test_a_suggestion_without_an_address_is_read_without_harm(visit: Door, foreign: Site) -> None:
    shop = visit().page
    body = json.dumps(
        {"suggestions": [{"id": 7, "kind": "doc", "title": "Ink"}], "generation": "1"}
    )
    headers = {"Access-Control-Allow-Origin": "*"}
    shop.route("**/api/v1/suggest?**", lambda route: route.fulfill(body=body, headers=headers))
    shop.goto(foreign.put("/nowhere", page()))
    shop.locator("#subject").press_sequentially(TITLE)
    expect(shop.locator(".suggest-option")).to_contain_text("Ink")
    shop.keyboard.press("ArrowDown")
    shop.keyboard.press("Enter")
    expect(shop.locator(".askfirst-reader section")).to_contain_text("could not be loaded")


def test_a_field_that_is_removed_meanwhile_leaves_nothing(visit: Door, foreign: Site) -> None:
    shop = visit().page
    shop.goto(foreign.put("/removed", foreign_pages.PAGES["plain"]))
    type_title(shop)
    with shop.expect_response("**/api/v1/suggest?**"):
        shop.locator("#subject").press_sequentially(" in")
        shop.evaluate("document.querySelector('form').remove()")
    expect(shop.locator(".askfirst")).to_have_count(0)


def test_an_origin_that_is_not_listed_gets_nothing(visit: Door, foreign: Site) -> None:
    visitor = visit()
    shop = visitor.page
    foreign.put("/unlisted", page(LISTEN + FORM))
    shop.goto(foreign.address.replace("127.0.0.1", "localhost") + "/unlisted")
    shop.locator("#subject").press_sequentially(TITLE)
    shop.wait_for_function("told.length")
    assert set(told(shop)) == {"error"}
    assert all("CORS" in complaint for complaint in visitor.complaints)
    visitor.complaints.clear()


def test_a_selector_that_fits_nothing_is_one_line_in_the_console(
    visit: Door, foreign: Site
) -> None:
    shop = visit().page
    lines: list[str] = []
    shop.on("console", lambda message: lines.append(message.text))
    shop.clock.install()
    for selector in ("#nowhere", "##"):
        tags = foreign_pages.TAG.replace("#subject", selector)
        shop.goto(foreign.put("/nowhere", page(tag=tags)))
        shop.wait_for_function("Boolean(window.askfirst)")
        shop.clock.fast_forward(10_000)
    expect(shop.locator("#after")).to_be_visible()
    assert len(lines) == 2
    assert all("askfirst: " in line and "data-input" in line for line in lines)


def test_when_the_portal_is_away_the_form_is_what_it_was(visit: Door, foreign: Site) -> None:
    foreign.portal = f"http://127.0.0.1:{free_port()}"
    shop = visit().page
    shop.goto(foreign.put("/away", foreign_pages.PAGES["plain"]))
    shop.locator("#subject").press_sequentially(TITLE)
    shop.get_by_role("button", name="Send").click()
    shop.wait_for_url("**/sent?subject=paper+jam")


@pytest.mark.parametrize("name", ["plain", "inline"])
def test_a_help_centre_that_never_answers_delays_nothing(
    visit: Door, foreign: Site, name: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts for it
        foreign.portal = f"http://127.0.0.1:{silent.getsockname()[1]}"
        shop = visit().page
        path = foreign.put("/silent", foreign_pages.PAGES[name])
        shop.goto(path, wait_until="load" if name == "inline" else "domcontentloaded")
        shop.locator("#subject").press_sequentially(TITLE)
        shop.get_by_role("button", name="Send").click()
        shop.wait_for_url("**/sent?subject=paper+jam", wait_until="commit")
        shop.goto("about:blank")


def test_answers_that_never_come_delay_nothing(visit: Door, foreign: Site) -> None:
    shop = visit().page
    shop.route("**/api/v1/**", lambda route: None)
    shop.goto(foreign.put("/mute", page(LISTEN + FORM, tag=tag('data-form="shop"'))))
    with shop.expect_request("**/api/v1/suggest?**"):
        shop.locator("#subject").press_sequentially(TITLE)
    shop.locator("#subject").press("Enter")
    shop.wait_for_url("**/sent?subject=paper+jam")


@pytest.mark.parametrize("arguments", [[], ["--integrity"], ["--tag", "--integrity"]])
def test_the_lines_of_the_command_work_under_a_policy_with_their_hashes(
    visit: Door, foreign: Site, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("KB_BASE_URL", foreign.portal)
    printed = CliRunner().invoke(embed, ["snippet", *arguments])
    hashes = " ".join(re.findall(r"'sha256-.*?'", printed.stderr))
    policy = f"default-src 'none'; script-src {{portal}} {hashes}; connect-src {{portal}}"
    body = page(style="").replace("<style></style>", "").replace(foreign_pages.TAG, printed.stdout)
    shop = visit().page
    shop.goto(foreign.put("/printed", body, Content_Security_Policy=policy))
    type_title(shop)
    read_first(shop)


def test_a_companion_that_was_changed_is_refused_and_articles_open_in_a_tab(
    visit: Door, foreign: Site
) -> None:
    wrong = f"sha384-{'A' * 64}"
    pinned = json.dumps({"integrity": {f"{foreign.portal}/embed-companion.js": wrong}})
    visitor = visit()
    shop = visitor.page
    head = f'<script type="importmap">{pinned}</script>'
    shop.goto(foreign.put("/pinned", page(head=head)))
    type_title(shop)
    with shop.expect_popup() as opened:
        shop.keyboard.press("ArrowDown")
        shop.keyboard.press("Enter")
    opened.value.wait_for_url(f"{foreign.portal}/help/doc/jam*")
    assert all("integrity" in complaint for complaint in visitor.complaints)
    visitor.complaints.clear()


@pytest.mark.parametrize(
    ("name", "is_dark", "background", "scheme"),
    [
        ("plain", True, "rgb(255, 255, 255)", "light"),
        ("dark", False, "rgb(34, 34, 34)", "dark"),
        ("modern colours", True, "oklch(0.98 0.02 95)", "light"),
    ],
)
def test_the_list_has_the_colours_of_the_field(
    visit: Door, foreign: Site, name: str, is_dark: bool, background: str, scheme: str
) -> None:
    shop = visit(dark=is_dark).page
    shop.goto(foreign.put("/colours", foreign_pages.PAGES[name]))
    type_title(shop)
    expect(list_of(shop)).to_have_css("background-color", background)
    expect(list_of(shop)).to_have_css("color-scheme", scheme)


def test_the_holdout_sees_no_list_and_is_counted(visit: Door, foreign: Site) -> None:
    shop = visit().page
    reports: list[dict[str, object]] = []

    def answer(route: Route, request: Request) -> None:
        reports.append(json.loads(request.post_data or "{}"))
        headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
        is_asked = request.method == "OPTIONS" or reports[-1]["kind"] != "form_open"
        route.fulfill(body="{}" if is_asked else '{"arm": "holdout"}', headers=headers)

    shop.route("**/api/v1/episodes?**", answer)
    body = page(LISTEN + FORM, tag=tag('data-form="shop" data-trail="consulted"'))
    shop.goto(foreign.put("/holdout", body))
    with shop.expect_request(lambda request: '"kind":"shown"' in (request.post_data or "")):
        shop.locator("#subject").press_sequentially(TITLE)
    expect(shop.locator(".suggest-option")).to_have_count(0)
    shop.locator("#subject").press("Enter")
    shop.wait_for_url("**/sent?**")
    assert "consulted" not in foreign.sent[0]
    # On a busy machine, half of the title has been asked about, too.
    shown = [report for report in reports if report["kind"] == "shown"]
    assert {report["form"] for report in reports} == {"shop"}
    assert "doc/jam" in json.dumps(shown)
