"""An editor changes files, previews and publishes them in a real browser, with a real worker beside
the portal.
"""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from tests.browser.conftest import Door, Served
from tests.browser.test_pages import check
from tests.indexing import run_index
from tests.webapp.test_cli import PATIENCE, command, environment, free_port, wait_for
from tests.webapp.world import open_centre, settings_of

pytestmark = pytest.mark.browser
LONG = 60_000  # ms: a run starts processes, and the machine may be busy


@pytest.fixture
def house(tmp_path: Path) -> Path:
    folder = tmp_path / "house"
    settings = settings_of(folder)
    settings.data.mkdir(mode=0o700)  # as `kb index` makes it; the portal refuses an open one
    docs = settings.content / "docs"
    docs.mkdir()
    for name in ("ink", "jam", "oil"):
        (docs / f"{name}.md").write_text(
            f"# About the {name}\n\nWhat to do with the {name}.\n", "utf-8"
        )
    (settings.content / "golden.toml").write_text(
        '[[queries]]\nquery = "about the jam"\nexpect = ["doc/jam"]\n', "utf-8"
    )
    run_index(
        IndexOptions(
            walk.parse_sources([f"doc={docs}"], content=settings.content),
            settings.data,
            dt.date(2026, 11, 23),
        )
    )
    return folder


@pytest.fixture
def portal(house: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    port = free_port()
    with (house / "log").open("w") as log:
        # One server process, since each costs processor seconds before it answers.
        arguments = command("--demo", "--port", str(port), "--workers", "1", "--with-worker")
        variables = {**environment(house), **getattr(request, "param", {})}
        server = subprocess.Popen(arguments, env=variables, stdout=log, stderr=log, text=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", server).close()
            centre = open_centre(settings_of(house))
            yield Served(f"http://127.0.0.1:{port}", centre)
            centre.close()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=PATIENCE)
    assert "Traceback" not in (house / "log").read_text()


@pytest.fixture
def visit(portal: Served, chromium: Browser) -> Iterator[Door]:
    door = Door(portal.address, chromium)
    yield door
    door.close()


def press(page: Page, kind: str) -> None:
    """Starts a run of this kind by its button."""
    page.locator(f".actions-row form:has(input[name=kind][value={kind}]) button").click()


def check_looks(page: Page, what: str) -> None:
    """Checks the page wide and light, then narrow and dark, and leaves it so."""
    for width, dark in ((1280, False), (320, True)):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if dark else "light")
        check(page, f"{what}, {width} pixels wide")


def reload_until(page: Page, selector: str) -> None:
    """Reloads until the page has the element, where nothing comes by itself."""
    deadline = time.monotonic() + LONG / 1000
    while not page.locator(selector).count():
        assert time.monotonic() < deadline, page.content()
        page.wait_for_timeout(250)  # leaves the processor to the index run
        page.reload()


def test_what_waits_is_seen_previewed_and_published_while_the_page_lies_open(
    visit: Door, house: Path
) -> None:
    erin = visit()
    erin.sign_in("erin")
    page = erin.go("/editor")
    expect(page.locator("[data-unpublished='0']")).to_be_visible(timeout=LONG)
    check_looks(page, "the editor's page")
    (house / "content" / "docs" / "jam.md").unlink()
    (house / "content" / "docs" / "new.md").write_text(
        "# Clear a paper jam\n\nPull **slowly**.\n", "utf-8"
    )
    press(page, "check")
    expect(page.locator("[data-file='docs/new.md']")).to_be_visible(timeout=LONG)
    outcome = page.locator("[data-run-outcome=done] > span").evaluate(
        "span => span.firstChild.data"
    )
    expect(page.locator("[data-run-status]")).to_contain_text(outcome.strip(), timeout=LONG)
    expect(page.locator(".diff .gone").filter(has_text="About the jam")).to_be_visible()
    check(page, "the editor's page with a preview")
    page.locator(".decided").get_by_role("link", name="Clear a paper jam").click()
    expect(page.locator("[data-preview]")).to_be_visible()
    check(page, "the preview of an article")
    page.locator("main a[href$='#publish-title']").click()
    press(page, "publish")
    expect(page.locator("[data-generation='000002'][data-state=live]")).to_be_visible(timeout=LONG)
    expect(page.locator("[data-documents='3']")).to_be_visible()
    erin.go("/help/doc/new")
    reload_until(page, ":text('slowly')")


def test_without_scripts_the_page_reloads_until_the_run_has_ended(visit: Door, house: Path) -> None:
    (house / "content" / "docs" / "bare.md").write_text("# Bare\n\nWithout scripts.\n", "utf-8")
    erin = visit(script=False, width=320, dark=True)
    erin.sign_in("erin")
    page = erin.go("/editor")
    press(page, "publish")
    # Chromium reads <noscript> as if it had scripts when a test takes them away, so nothing reloads
    # by itself here.
    reload_until(page, "[data-documents='4']")
    erin.go("/help/doc/bare")
    reload_until(page, ":text('Without scripts.')")


@pytest.mark.parametrize("portal", [{"KB_NEWLY_PUBLIC": "ask"}], indirect=True, ids=["asks"])
def test_a_page_becomes_public_only_after_the_editor_has_agreed(visit: Door, house: Path) -> None:
    page_file = house / "content" / "docs" / "runbook.md"
    page_file.write_text("---\naudience: staff\n---\n# Runbook\n\nOf the cooling tower.\n", "utf-8")
    erin = visit()
    erin.sign_in("erin")
    page = erin.go("/editor")
    press(page, "publish")
    expect(page.locator("[data-generation='000002'][data-state=live]")).to_be_visible(timeout=LONG)

    page_file.write_text("# Runbook\n\nOf the cooling tower.\n", "utf-8")
    press(page, "publish")
    expect(page.locator("[data-run-outcome=failed]")).to_be_visible(timeout=LONG)
    expect(page.locator("[data-newly-public='1']")).to_contain_text("doc/runbook")
    check_looks(page, "the question whether a page becomes public")
    press(page, "check")
    expect(page.locator("[data-run-outcome=done].note-warn")).to_be_visible(timeout=LONG)
    expect(page.locator("[data-newly-public='1'] a")).to_have_text("Runbook")
    check_looks(page, "the same with its title")
    page.get_by_label("Everybody may read this page").check()
    press(page, "publish")
    expect(page.locator("[data-generation='000003'][data-state=live]")).to_be_visible(timeout=LONG)
    expect(page.locator("[data-newly-public]")).to_have_count(0)
    visit().go("/help/doc/runbook").get_by_text("cooling tower").wait_for()
