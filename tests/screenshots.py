"""Takes the screenshots in content/images: `python -m tests.screenshots`.

It serves the built-in help centre from a temporary folder, files three tickets as demo customers,
and captures the pages that the articles describe. Needs a Chromium, as ``tests/browser`` does. It
is not a test: nothing compares the images.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import executable
from tests.webapp.test_cli import PATIENCE, command, free_port, wait_for

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "content" / "images"
FILED = re.compile(r"/tickets/KB-\d+")
#: demo customer, title, product, severity, description
TICKETS = (
    (
        "charlie",
        "Suggestions stay empty on the shop subdomain",
        "Askfirst Embed",
        "Blocks a deployment",
        "Since today.",
    ),
    (
        "vera",
        "Nobody can sign in since the upgrade",
        "Askfirst",
        "Production is down",
        "The page comes back empty.",
    ),
    (
        "alice",
        "Export of the queue stops after 1000 rows",
        "Askfirst",
        "Non-critical problem in production",
        "Since this morning the export ends after 1000 rows, without an error. I expected all "
        "1,340.",
    ),
)


@contextmanager
def portal() -> Iterator[str]:
    """The address of a portal that is served for the duration of the block."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith("KB_")
        }
        variables |= {
            "KB_DATA": folder,
            "KB_CONTENT": str(ROOT / "content"),
            "KB_SUGGEST_BUDGET_MS": "5000",
        }
        subprocess.run([sys.executable, "-m", "kb", "index"], env=variables, check=True)
        port = free_port()
        server = subprocess.Popen(command("--demo", "--port", str(port)), env=variables, text=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", server).close()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=PATIENCE)


def visitor(chromium: Browser, address: str, name: str = "") -> Page:
    """A new browser, signed in with a demo account when a name is given."""
    page = chromium.new_context(
        base_url=address,
        viewport={"width": 1280, "height": 800},
        color_scheme="light",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    ).new_page()
    if name:
        page.goto("/sign-in")
        page.fill("#email", f"{name}@example.com")
        page.fill("#password", f"{name}-demo")
        page.click("form.card button")
        page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def take(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / f"{name}.png")


def file_ticket(page: Page, title: str, product: str, severity: str, words: str) -> None:
    page.goto("/tickets/new")
    page.fill("#title", title)
    page.get_by_role("radio", name="Problem", exact=True).check()
    page.get_by_role("radio", name=severity).check()
    page.select_option("#product", label=product)
    page.fill("#description", words)
    if severity == "Production is down":
        page.locator("details:has(#coupon) summary").click()
        page.fill("#coupon", "VERA-5")
    page.locator("#file-ticket").click()
    page.wait_for_url(FILED)


def capture_form(page: Page) -> None:
    """The form with suggestions and the due time, then the panel beside it."""
    page.goto("/tickets/new")
    page.get_by_role("radio", name="Non-critical problem in production").check()
    page.locator("[data-promise-text] .promise-when").wait_for()
    page.locator("#title").press_sequentially("attachment is too lar", delay=40)
    answer = page.locator(".suggest-title", has_text="Attachments: which files you can send")
    answer.wait_for()
    page.evaluate("scrollTo(0, 0)")
    take(page, "ticket-form")
    answer.click()
    page.locator("#reader table").first.wait_for()
    take(page, "suggestion-panel")


def main() -> None:
    with portal() as address, sync_playwright() as playwright:
        refuses = sys.platform == "linux" and os.geteuid() == 0  # Chromium's sandbox refuses root
        chromium = playwright.chromium.launch(
            executable_path=executable(), args=["--no-sandbox"] if refuses else []
        )
        page = visitor(chromium, address)
        page.goto("/search?q=when+is+my+answer+due")
        take(page, "search-results")
        for who, *ticket in TICKETS:
            page = visitor(chromium, address, who)
            file_ticket(page, *ticket)
        page.locator(".ledger summary").first.click()
        take(page, "ticket-promise")
        capture_form(page)
        page = visitor(chromium, address, "bob")
        take(page, "desk-queue")
        chromium.close()


if __name__ == "__main__":
    main()
