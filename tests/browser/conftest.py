"""A real portal (`kb serve`, two workers) and a real Chromium, once for each test process."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kb.centre import HelpCentre
from kb.settings import Settings
from tests.webapp.test_cli import PATIENCE, command, environment, free_port, wait_for
from tests.webapp.world import open_centre, publish, settings_of

MOMENT = 60_000  # ms in which anything comes about: the machine may be busy
expect.set_options(timeout=MOMENT)
#: Tells every breach of the content security policy to the test.
WATCH = """window.breaches = [];
addEventListener("securitypolicyviolation", (event) => {
  window.breaches.push(`${event.violatedDirective} ${event.blockedURI}`);
});"""
#: The pages' own patience with an answer is as long as the tests'.
PATIENT = """{ const timer = setTimeout;
window.setTimeout = (run, wait, ...rest) => timer(run, wait === 4000 ? 60000 : wait, ...rest);
AbortSignal.timeout = () => new AbortController().signal; }"""


@dataclass(frozen=True, slots=True)
class Served:
    """The running portal, and its store for looking into."""

    address: str
    centre: HelpCentre

    def tickets(self) -> int:
        bob = self.centre.accounts.by_email("bob@example.com")
        assert bob
        return self.centre.desk.queue.tickets(bob, status="all", now=dt.datetime.now(dt.UTC))[0]


@dataclass(slots=True)
class Site:
    """Another site, whose pages embed the portal at the address ``portal``.

    ``pages`` has the body, type and further headers of each path; ``sent`` what forms sent.
    """

    address: str = ""
    portal: str = ""
    pages: dict[str, tuple[str, str, dict[str, str]]] = field(default_factory=dict)
    sent: list[dict[str, list[str]]] = field(default_factory=list)

    def put(self, path: str, body: str, kind: str = "text/html", **headers: str) -> str:
        """Puts a page there; its address. ``{portal}`` in the body is where the portal is."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.pages[path] = (body, kind, named)
        return self.address + path


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    found = Site()

    class Doors(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/sent":
                found.sent.append(parse_qs(query, keep_blank_values=True))
            sent = "<!doctype html><html lang=en><title>Sent</title><h1>Sent</h1>"
            body, kind, headers = found.pages.get(path, (sent, "text/html", {}))
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            for name, text in headers.items():
                self.send_header(name, text.replace("{portal}", found.portal))
            self.end_headers()
            self.wfile.write(body.replace("{portal}", found.portal).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Doors) as server:
        found.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    settings = settings_of(folder)
    publish(settings.data)
    port = free_port()
    limits = {"KB_TICKETS_PER_HOUR": "1000", "KB_SUGGEST_PER_MINUTE": "100000"}
    address = f"http://localhost:{port}"  # browsers make no passkeys for IP addresses
    told = {
        **environment(folder),
        **limits,
        "KB_BASE_URL": address,
        "KB_EMBED_ORIGINS": site.address,
        "KB_EMBED_PACK": "yes",
    }
    log = (folder / "log").open("w")
    server = subprocess.Popen(
        command("--demo", "--port", str(port), "--without-worker"),
        env=told,
        stdout=log,
        stderr=log,
        text=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", server).close()
        yield from _opened(address, settings)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=PATIENCE)
        log.close()
    assert server.returncode == 0, (folder / "log").read_text()
    assert "Traceback" not in (folder / "log").read_text()


def _opened(address: str, settings: Settings) -> Iterator[Served]:
    centre = open_centre(settings)
    yield Served(address, centre)
    centre.close()


@dataclass(slots=True)
class Visitor:
    """One person at one browser; what the browser complains about is a failure of the test."""

    address: str  # of the portal
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def sign_in(self, name: str) -> Page:
        self.go("/sign-in")
        self.page.fill("#email", f"{name}@example.com")
        self.page.fill("#password", f"{name}-demo")
        self.page.click("form.card button")
        self.page.wait_for_url(lambda url: "/sign-in" not in url)
        return self.page

    def close(self) -> None:
        if not self.page.is_closed():
            self.complaints += self.page.evaluate("window.breaches || []")
        self.context.close()
        assert not self.complaints, self.complaints


@contextmanager
def late_scripts(page: Page) -> Iterator[None]:
    """The scripts of the next page arrive at the end, after somebody has begun to type."""
    page.route("**/static/**/*.js*", lambda _: None)
    yield
    page.unroute("**/static/**/*.js*")  # lets them through
    page.wait_for_load_state()


class Door:
    """Lets visitors in, and at the end asks each browser what it had to complain about."""

    def __init__(self, address: str, chromium: Browser) -> None:
        self._address, self._chromium, self._inside = address, chromium, list[Visitor]()

    def __call__(self, *, script: bool = True, width: int = 1280, dark: bool = False) -> Visitor:
        context = self._chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
        )
        context.set_default_timeout(MOMENT)
        context.add_init_script(WATCH + PATIENT)
        visitor = Visitor(self._address, context, context.new_page())
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitor.page.on("console", lambda message: _listen(visitor, message.type, message.text))
        self._inside.append(visitor)
        return visitor

    def close(self) -> None:
        for visitor in self._inside:
            visitor.close()


def _listen(visitor: Visitor, kind: str, text: str) -> None:
    if kind == "error" and not text.startswith("Failed to load resource"):
        visitor.complaints.append(text)


@pytest.fixture
def visit(served: Served, chromium: Browser) -> Iterator[Door]:
    door = Door(served.address, chromium)
    yield door
    door.close()
