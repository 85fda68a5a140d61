"""One story for each group of capabilities, told in a browser at each of the three sites.

Each site is indexed and served from its folder by the commands of an operator; ``sites.py`` has
what differs between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Browser, Page, expect

from kb.sla.policy_file import load_policy
from tests.browser.conftest import Door
from tests.stories.conftest import SITES, Street
from tests.stories.sites import SITE_ROWS, SiteFacts

pytestmark = pytest.mark.browser

FILED = re.compile(r"/tickets/KB-\d+")
WRONG_PASSWORD = "not the password"


@pytest.fixture(scope="module", params=SITE_ROWS, ids=str)
def site(request: pytest.FixtureRequest) -> SiteFacts:
    """Has the scope of a module, so that all stories of one site run before those of the next."""
    facts: SiteFacts = request.param
    return facts


@pytest.fixture
def visit(site: SiteFacts, street: Street, chromium: Browser) -> Iterator[Door]:
    door = Door(street[site.folder], chromium)
    yield door
    door.close()


def fill(page: Page, site: SiteFacts, title: str) -> None:
    """Fills in the site's ticket except the field that is asked for."""
    page.fill("#title", title)
    page.keyboard.press("Escape")  # the panel of suggestions
    page.fill("#description", "It began this morning.")
    site.ticket.choices.make(page)
    for name, text in site.ticket.texts.items():
        page.fill(f"#{name}", text)


def file(page: Page) -> str:
    page.click("#file-ticket")
    review = page.locator(".review-actions .primary")  # comes first where there is no script
    page.locator(".ticket-title").or_(review).first.wait_for()
    if review.count():
        review.click()
    page.wait_for_url(FILED)
    return str(page.locator(".filed").get_attribute("data-ticket"))


def file_one(visit: Door, site: SiteFacts, title: str) -> tuple[Page, str]:
    """A ticket of the site's customer: its page and number."""
    customer = visit()
    customer.sign_in(site.customer)
    page = customer.go("/tickets/new")
    fill(page, site, title)
    page.fill(f"#{site.ticket.field}", site.ticket.right)
    return page, file(page)


def test_a_visitor_reads_instead_of_asking(visit: Door, site: SiteFacts) -> None:
    visitor = visit()
    page = visitor.go("/")
    box = page.locator('input[name="q"]').first
    box.fill(site.query)
    expect(page.locator(f'.suggest-list[data-answers="{site.query}"]')).to_have_count(1)
    box.press("ArrowDown")
    box.press("Enter")
    page.wait_for_url(lambda url: url.endswith(site.path))
    expect(page.locator(f"#{site.path.partition('#')[2]}")).to_be_in_viewport()

    page = visitor.go(f"/search?q={quote_plus(site.search)}")
    for path in site.results:
        expect(page.locator(f'.results a[href^="{path}"]').first).to_be_visible()
    page = visitor.go("/search?q=zzyzx+qwertz")
    expect(page.locator("[data-empty]")).to_be_visible()
    page = visitor.go("/help/doc/no-such-page")
    expect(page.locator("main")).to_contain_text(site.fallback)
    page = visitor.go("/sitemap")
    expect(page.locator(f'main a[href="{site.path.partition("#")[0]}"]').first).to_be_visible()


def test_an_answer_on_the_form_files_no_ticket(visit: Door, site: SiteFacts) -> None:
    customer = visit()
    customer.sign_in(site.customer)
    page = customer.go("/tickets/new")
    offer = page.locator(f'[data-article-offers] a[href="/help/{site.offer}"]')
    expect(offer).to_be_hidden()
    site.offered_for.make(page)
    expect(offer).to_be_visible()

    page.locator("#title").press_sequentially(site.title)
    page.locator(".suggest-option", has_text=site.answer).first.click()
    reader = page.get_by_role("dialog", name=site.answer)
    reader.get_by_role("button", name="This solved my problem").click()
    expect(page.get_by_role("heading", name="Glad that helped")).to_be_visible()
    page = customer.go(f"/tickets?words={quote_plus(site.title)}&status=all")
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("[data-ticket]")).to_have_count(0)


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_a_customer_files_a_ticket_with_the_fields_of_the_site(
    visit: Door, site: SiteFacts, script: bool
) -> None:
    ticket, customer = site.ticket, visit(script=script)
    customer.sign_in(site.customer)
    page = customer.go("/tickets/new")
    field = page.locator(f"#{ticket.field}")
    if script:
        expect(field).to_be_hidden()  # until the choices ask for it
    fill(page, site, "Zzyzx qwertz")  # nothing answers it
    field.fill(ticket.wrong)
    page.click("#file-ticket")
    expect(page.locator(f"#{ticket.field}-fault")).to_be_visible()
    field.fill(ticket.right)
    number = file(page)
    expect(page.locator(".filed")).to_contain_text(ticket.level)
    expect(page.locator(f'[data-field="{ticket.field}"] dd')).to_have_text(ticket.shown)
    expect(customer.go("/tickets").locator(f'[data-ticket="{number}"]')).to_be_visible()


def test_a_customer_knows_before_filing_who_answers_when(visit: Door, site: SiteFacts) -> None:
    customer = visit()
    page = customer.go("/sla")
    for key in load_policy(SITES / site.folder / "policies.toml").levels:
        expect(page.locator(f'[data-level="{key}"]').first).to_be_visible()
    expect(customer.go("/schedule").locator("[data-special]").first).to_be_visible()
    expect(customer.go("/contact").locator("main")).to_contain_text(site.fallback)
    page = customer.go("/versions")
    expect(page.locator(f'[data-version="{site.ended}"]')).to_contain_text("support ended on")

    customer.sign_in(site.customer)
    page = customer.go("/tickets/new")
    promise = page.locator("[data-promise-text]")
    site.ticket.choices.make(page)
    expect(promise).to_contain_text(site.ticket.level)
    site.other.make(page)
    expect(promise).to_contain_text(site.other_level)
    scope = page.locator(f'[data-scope] [data-topic="{site.other.lists["topic"]}"]')
    expect(scope).to_have_attribute("open", "")


def test_a_customer_follows_a_ticket_to_its_end(visit: Door, site: SiteFacts) -> None:
    title = "Followed to its end"
    page, number = file_one(visit, site, title)
    page.fill("#comment-body", "Since the update, too.")
    page.click("form[data-action=comment] button[type=submit]")
    expect(page.locator(".event-commented")).to_contain_text("Since the update, too.")
    page.click("form[data-action=solve] button")
    page.fill("#reopen-body", "It is back again.")
    page.click("form[data-action=reopen] button[type=submit]")
    expect(page.locator(".event-reopened")).to_contain_text("It is back again.")
    page.click("form[data-action=solve] button")
    page.locator("input[name=score][value='5']").check()
    page.click("form[data-action=rate] button[type=submit]")
    expect(page.locator("[data-rating='5']")).to_be_attached()

    charlie = visit()
    charlie.sign_in("charlie")
    stranger = charlie.go(f"/tickets/{number}")
    expect(stranger.locator("main h1")).to_be_visible()
    expect(stranger.locator("body")).not_to_contain_text(title)


def test_an_agent_answers_and_says_what_the_ticket_waits_for(visit: Door, site: SiteFacts) -> None:
    page, number = file_one(visit, site, "Answered by an agent")
    bob = visit()
    bob.sign_in("bob")
    queue = bob.go(f"/desk?words={quote_plus(site.ticket.right)}")
    queue.locator(f'[data-ticket="{number}"] a').first.click()
    desk = bob.page
    desk.click("text=Assign to me")
    expect(desk.locator("[data-assignee='Bob Baker']")).to_be_visible()
    desk.select_option("#canned", site.reply)
    desk.click("form[data-canned] button")
    expect(desk.locator("#reply-body")).not_to_have_value("")
    desk.click("form[data-action=reply] button[type=submit]")
    expect(desk.locator(".event-replied")).to_be_visible()
    desk.locator("details:has(form[data-action=pause]) summary").click()
    desk.select_option("#pause-reason", site.pause)
    desk.click("form[data-action=pause] button[type=submit]")
    expect(desk.locator("[data-status=paused]").first).to_be_visible()
    expect(bob.go("/desk/insights").locator("main h1")).to_be_visible()

    page.reload()
    reason = load_policy(SITES / site.folder / "policies.toml").reasons[site.pause].title
    expect(page.locator(".event-replied")).to_be_visible()
    expect(page.locator("main")).to_contain_text(reason)


def test_people_sign_in_and_an_administrator_looks_after_contacts(
    visit: Door, site: SiteFacts
) -> None:
    customer = visit()
    page = customer.go("/tickets")
    page.fill("#email", f"{site.customer}@example.com")
    page.fill("#password", WRONG_PASSWORD)
    page.click("form.card button")
    expect(page.locator("main [role=alert]")).to_be_visible()
    page.fill("#password", f"{site.customer}-demo")
    page.click("form.card button")
    page.wait_for_url(lambda url: url.endswith("/tickets"))

    page = customer.go("/account")
    page.fill("#profile-phone", "+49 30 555 0100")
    page.locator("section:has(#profile) button").click()
    expect(page.locator("section:has(#profile) [role=status]")).to_be_visible()
    page.get_by_role("link", name=f"Contacts at {site.organisation}").click()
    page.fill("#name", "Nora New")
    page.fill("#email", "nora@example.com")
    page.get_by_role("button", name="Invite", exact=True).click()
    invitation = page.locator('[data-invitation="nora@example.com"]')
    invitation.get_by_role("button", name="Withdraw").click()
    expect(invitation).to_have_count(0)

    ada = visit()
    ada.sign_in("ada")
    page = ada.go(f"/people?words={site.customer}")
    page.locator(f'[data-account="{site.customer}@example.com"] a').first.click()
    expect(page.locator("main")).to_contain_text(site.organisation)
