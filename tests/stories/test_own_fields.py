"""A customer of each of the three sites files a ticket with the fields of that site."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

from kb.sla.policy_file import load_policy
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


def test_an_incident_in_production_names_environment_and_exact_version(
    process_automation: Door,
) -> None:
    alice = process_automation()
    alice.sign_in("alice")
    page = alice.go("/tickets/new")
    expect(page.locator("#type-incident")).to_contain_text("does not work")
    down = page.locator('input[value="production-down"]')
    expect(down).to_be_disabled()  # until the environment says production
    expect(page.locator("#exact-version")).to_be_hidden()  # until the product has one

    write(page, "The scheduler stopped all timers", "Since 9:30 no timer fires in any process.")
    choose(page, "type", "incident")
    page.select_option("#product", "Haldersby Engine")
    page.select_option("#version", "9.1")
    page.select_option("#environment", "Production")
    page.select_option("#architecture", "64 bit")
    page.fill("#exact-version", "latest")
    page.fill("#project", "Mortgages")
    down.check()

    page.click("#file-ticket")
    faults = page.locator("#summary [data-summary-list] li")
    expect(faults).to_have_count(2)  # no reason for the urgency, and no version
    page.fill("#severity_detail_production-down", "Nobody can approve a mortgage.")
    page.fill("#exact-version", "9.1.4.2")
    number = file(page)
    expect(page.locator('[data-field="environment"] dd')).to_have_text("Production")
    expect(page.locator('[data-field="exact-version"] dd')).to_have_text("9.1.4.2")

    bob = process_automation()
    bob.sign_in("bob")
    for words in ("Mortgages", "Stage"):  # a value, and the earlier name of a field
        expect(bob.go(f"/desk?words={words}").locator("body")).to_contain_text(number)


def test_a_version_whose_support_has_ended_says_so(process_automation: Door) -> None:
    page = process_automation().go("/versions")
    expect(page.locator('[data-version="8.4"]')).to_contain_text("support ended on")
    expect(page.locator('[data-version="9.1"]').first).to_contain_text("supported until")


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


def test_the_topic_decides_the_level_and_shows_what_support_covers(site_manager: Door) -> None:
    vera = site_manager()
    vera.sign_in("vera")
    page = vera.go("/tickets/new")
    write(page, "Which hosting company do you recommend", "We are moving our site.")
    choose(page, "type", "question")
    choose(page, "severity", "usage")
    expect(page.locator("[data-promise-text]")).to_contain_text("VIP")
    page.select_option("#topic", "non-product")
    expect(page.locator("[data-promise-text]")).to_contain_text("Non-product")
    expect(page.locator('[data-scope] [data-topic="non-product"]')).to_have_attribute("open", "")

    page.select_option("#topic", "errors")
    choose(page, "type", "problem")
    page.click("#file-ticket")
    expect(page.locator("#site-url-fault")).to_be_visible()
    page.fill("#site-url", "www.vantage.example/shop")
    page.fill("#browser", "Firefox 140")
    file(page)
    link = page.locator('[data-field="site-url"] a')
    expect(link).to_have_attribute("href", "https://www.vantage.example/shop")


def test_without_a_script_the_form_takes_the_same_fields(site_manager: Door) -> None:
    alice = site_manager(script=False)
    alice.sign_in("alice")
    page = alice.go("/tickets/new")
    page.fill("#title", "Zzyzx qwertz")  # nothing answers it, so it is filed at once
    page.fill("#description", "A page stays blank.")
    choose(page, "type", "problem")
    choose(page, "severity", "error")
    page.select_option("#topic", "errors")
    page.click("#file-ticket")
    expect(page.locator("#site-url-fault")).to_be_visible()
    page.fill("#site-url", "https://acme.example")
    page.click("#file-ticket")
    if page.locator("text=File ticket anyway").count():
        page.click("text=File ticket anyway")
    expect(page.locator('[data-field="site-url"] dd')).to_have_text("https://acme.example")


@pytest.mark.parametrize("site", ["process-automation", "data-warehouse", "site-manager"])
def test_each_site_publishes_its_levels_hours_and_contacts(
    site: str, request: pytest.FixtureRequest
) -> None:
    door: Door = request.getfixturevalue(site.replace("-", "_"))
    visitor = door()
    policy = load_policy(SITES / site / "policies.toml")
    page = visitor.go("/sla")
    for key in policy.levels:
        expect(page.locator(f'[data-level="{key}"]').first).to_be_visible()
    for path in ("/schedule", "/contact"):
        expect(visitor.go(path).locator("main h1")).to_have_count(1)

    bob = door()
    bob.sign_in("bob")
    page = bob.go("/desk")
    expect(page.locator("main h1")).to_have_count(1)
    page = bob.go("/desk/insights")
    expect(page.locator("main h1")).to_have_count(1)


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
