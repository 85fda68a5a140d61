"""What only one of the three sites has on its form, and what its policy file changes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Door
from tests.stories.conftest import SITES, serving

pytestmark = pytest.mark.browser


def write(page: Page, title: str, description: str) -> None:
    page.fill("#title", title)
    page.keyboard.press("Escape")
    page.fill("#description", description)


def choose(page: Page, name: str, value: str) -> None:
    """By the keyboard: a panel of suggestions may lie over the buttons."""
    page.locator(f'input[name="{name}"][value="{value}"]').press("Space")


def file(page: Page) -> str:
    page.click("#file-ticket")
    page.wait_for_url(re.compile(r"/tickets/KB-\d+"))
    number = re.search(r"KB-\d+", page.url)
    assert number
    return number[0]


def test_a_severity_waits_for_production_and_its_reason(process_automation: Door) -> None:
    alice = process_automation()
    alice.sign_in("alice")
    page = alice.go("/tickets/new")
    down = page.locator('input[value="production-down"]')
    expect(down).to_be_disabled()  # until the environment says production
    write(page, "The scheduler stopped all timers", "Since 9:30 no timer fires in any process.")
    choose(page, "type", "incident")
    page.select_option("#product", "Haldersby Modeler")
    page.select_option("#version", "9.1")
    page.select_option("#environment", "Production")
    down.check()
    page.click("#file-ticket")
    expect(page.locator("#summary [data-summary-list] li")).to_have_count(1)
    page.fill("#severity_detail_production-down", "Nobody can approve a mortgage.")
    number = file(page)

    bob = process_automation()
    bob.sign_in("bob")
    # by the earlier name of the field that decides the severity
    expect(bob.go("/desk?words=Stage").locator("body")).to_contain_text(number)


def test_a_licence_key_is_seen_once_by_the_agent_who_needs_it(data_warehouse: Door) -> None:
    alice = data_warehouse()
    alice.sign_in("alice")
    page = alice.go("/tickets/new")
    expect(page.locator("#licence-key")).to_be_hidden()  # until the topic is about licences
    write(page, "Our key is refused after the renewal", "Studio says that the key has expired.")
    choose(page, "type", "problem")
    choose(page, "severity", "high")
    page.select_option("#product", "studio")
    page.select_option("#topic", "licences")
    page.fill("#licence-key", "ORR-1234-SECRET")
    page.fill("#rows", "1,5")
    page.select_option("#target", "PostgreSQL")
    expect(page.locator("[data-promise-text]")).to_contain_text("Subscription")
    number = file(page)
    expect(page.locator("body")).not_to_contain_text("ORR-1234-SECRET")

    bob = data_warehouse()
    bob.sign_in("bob")
    page = bob.go(f"/desk/{number}")
    page.click("text=Assign to me")
    page.click("text=Show it once")
    expect(page.locator("[data-secret]")).to_have_text("ORR-1234-SECRET")
    page = bob.go(f"/desk/{number}")
    expect(page.locator('[data-secret-field="licence-key"]')).to_contain_text("You saw it")


def test_a_number_that_changes_in_the_file_changes_on_every_page(
    tmp_path: Path, chromium: Browser
) -> None:
    site = Path(shutil.copytree(SITES / "site-manager", tmp_path / "site"))
    policies = site / "policies.toml"
    with serving(site, tmp_path / "data") as address:
        door = Door(address, chromium)
        visitor = door()
        level = visitor.go("/sla").locator('[data-level="non-commercial"] [data-first-response]')
        expect(level).to_have_text("48 h")
        text = policies.read_text("utf-8").replace('"48h"', '"47h"')
        policies.write_text(text, "utf-8")
        expect(reloaded(visitor.page, "47 h")).to_have_text("47 h")
        page = visitor.go("/tickets/new")
        choose(page, "severity", "usage")
        expect(page.locator("[data-promise-text]")).to_contain_text("Non-commercial")
        with urlopen(f"{address}/api/v1/site") as answer:
            assert b'"first_response":"47 h"' in answer.read()
        door.close()


def reloaded(page: Page, text: str):  # type: ignore[no-untyped-def]  # what locator gives
    """The level once the page shows ``text``: the portal looks at the file once a second."""
    level = page.locator('[data-level="non-commercial"] [data-first-response]')
    while level.text_content() != text:
        page.wait_for_timeout(250)
        page.reload()
    return level
