"""Large files in a real browser: what a customer sends survives a lost connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Door, Served
from tests.browser.test_pages import LOOKS, check, file_one

pytestmark = pytest.mark.browser
PIECES = 3
SIZE = (PIECES - 1) * 4 * 1024 * 1024 + 1000  # as many pieces of 4 MB


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "the dump of my database.log"
    path.write_bytes(b"line\n" * (SIZE // 5))
    return path


def asked(
    visit: Door, served: Served, *, width: int = 1280, dark: bool = False
) -> tuple[Page, str]:
    """The page of a customer whom an agent has asked for files, and the number of the ticket."""
    page = visit(width=width, dark=dark).sign_in("alice")
    number = file_one(page, served.address)
    agent = visit()
    agent.sign_in("bob")
    desk = agent.go(f"/desk/{number}")
    desk.locator(".folded summary", has_text="Ask for large files").click()
    desk.fill("#ask-for-files-body", "Send us the dump of your database.")
    desk.locator("form[data-action=ask-for-files] button").click()
    expect(desk.locator("[data-upload-link]")).to_be_visible()
    page.reload()
    page.locator("[data-upload-link] a").click()
    return page, number


def test_an_upload_survives_a_lost_connection(visit: Door, served: Served, dump: Path) -> None:
    page, number = asked(visit, served)
    lost: list[str] = []

    def lose(route: Route) -> None:
        """The second piece never arrives, until the page has asked how much has."""
        if route.request.method == "PATCH" and len(lost) == 1:
            lost.append(route.request.url)
            route.abort()
        else:
            lost.extend([route.request.url] if route.request.method == "PATCH" else [])
            route.continue_()

    page.route("**/files/*", lose)
    page.set_input_files("#attachments", dump)
    page.locator("[data-uploads] button[type=submit]").click()
    expect(page.locator(".upload-state")).to_have_text("Added to the ticket")
    assert len(lost) == PIECES + 1
    page.goto(f"{served.address}/tickets/{number}")
    expect(page.locator("[data-verb=uploaded] .file-name")).to_have_text(dump.name)


def test_a_closed_page_goes_on_where_it_stopped(visit: Door, served: Served, dump: Path) -> None:
    page, _ = asked(visit, served)
    pieces: list[str] = []

    def stop(route: Route) -> None:
        pieces.extend([route.request.url] if route.request.method == "PATCH" else [])
        if len(pieces) > 1:
            route.abort()
        else:
            route.continue_()

    page.route("**/files/*", stop)
    page.set_input_files("#attachments", dump)
    page.locator("[data-uploads] button[type=submit]").click()
    expect(page.locator(".upload-state")).to_contain_text("The connection was lost")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.unroute("**/files/*")  # not before: the page that is left tries again by itself
    expect(page.locator("[data-unfinished]")).to_contain_text("4.2 MB")

    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    page.set_input_files("#attachments", dump)
    page.locator("[data-uploads] button[type=submit]").click()
    expect(page.locator(".upload-state")).to_have_text("Added to the ticket")
    assert requests.count("PATCH") == PIECES - 1


def test_a_refused_file_is_named_with_its_reason(
    visit: Door, served: Served, tmp_path: Path
) -> None:
    page, _ = asked(visit, served)
    picture = tmp_path / "picture.bmp"
    picture.write_bytes(b"BM" + bytes(1000))
    page.set_input_files("#attachments", picture)
    page.locator("[data-uploads] button[type=submit]").click()
    expect(page.locator(".upload.fault .upload-state")).to_contain_text("BMP")


@LOOKS
def test_the_pages_of_large_files(
    visit: Door, served: Served, dump: Path, width: int, dark: bool
) -> None:
    page, number = asked(visit, served, width=width, dark=dark)
    check(page, "the upload page")
    page.set_input_files("#attachments", dump)
    page.locator("[data-uploads] button[type=submit]").click()
    expect(page.locator(".upload-state")).to_have_text("Added to the ticket")
    check(page, "a complete upload")
    page.goto(f"{served.address}/tickets/{number}")
    check(page, "the ticket with its upload link")
    page.goto(f"{served.address}/tickets/{number}/upload")
    page.locator("form[data-action=close-link] button").click()
    page.goto(f"{served.address}/tickets/{number}/upload")
    check(page, "the page without a link")


def test_without_a_script_the_form_sends_the_file(visit: Door, served: Served, dump: Path) -> None:
    page, number = asked(visit, served)
    plain = visit(script=False)
    plain.sign_in("alice")
    page = plain.go(f"/tickets/{number}/upload")
    page.set_input_files("#attachments", dump)
    page.locator("[data-uploads] button[type=submit]").click()
    expect(page.locator(".note-good")).to_be_visible()
