"""The one tag on the form of another site, with that site's own strict policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from tests.webapp.test_cli import free_port

from .conftest import Door, Served

pytestmark = pytest.mark.browser
PAGE = """<!doctype html><html lang="en"><title>Shop</title><body>
<form action="/sent" method="get"><label for="subject">Subject</label><input id="subject" name="subject">
<button>Send</button></form><script src="{portal}/embed.js" data-input="#subject" defer></script></body></html>"""


@pytest.fixture
def site(served: Served, site_port: int) -> Iterator[list[str]]:
    """The other site; the list holds the portal's address that its page names."""
    portal = [served.address]

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE.format(portal=portal[0]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            policy = f"default-src 'self'; script-src {portal[0]}; connect-src {portal[0]}; style-src 'self'"
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", site_port), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield portal
    server.shutdown()
    server.server_close()
    thread.join()


def test_suggestions_come_to_the_form_of_another_site(visit: Door, site: list[str], site_port: int) -> None:
    page = visit().page
    page.goto(f"http://127.0.0.1:{site_port}/")
    page.locator("#subject").press_sequentially("paper jam")
    option = page.locator(".suggest-option").first
    expect(option).to_contain_text("Clear a paper jam")
    with page.expect_popup() as opened:
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
    opened.value.wait_for_url(f"{site[0]}/help/doc/jam*")
    assert page.context.cookies(f"http://127.0.0.1:{site_port}") == page.context.cookies(site[0])
    page.locator("#subject").press("Escape")
    page.locator("#subject").press("Enter")
    page.wait_for_url("**/sent?subject=paper+jam")


def test_when_the_portal_is_away_the_form_is_what_it_was(visit: Door, site: list[str], site_port: int) -> None:
    site[0] = f"http://127.0.0.1:{free_port()}"
    page = visit().page
    page.goto(f"http://127.0.0.1:{site_port}/")
    page.locator("#subject").press_sequentially("paper jam")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/sent?subject=paper+jam")
