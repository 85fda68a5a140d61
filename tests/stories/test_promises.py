"""What each of the three sites promises, asked over HTTP of a portal that serves its folder."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from kb.ids import ticket_serial
from kb.notifications.tables import NOTICES
from kb.settings import load_settings
from tests.stories.conftest import SITES, Street
from tests.webapp.world import OPEN, Portal, build, number_of, part_of


def _portal(name: str, street: Street) -> Iterator[Portal]:
    settings = load_settings(
        {},
        site=str(SITES / name),
        data=str(street.data(name)),
        workers="1",
        suggest_budget_ms="5000",
        base_url="http://localhost",
    )
    portal = build(settings)
    yield portal
    portal.centre.close()
    OPEN.remove(portal.centre)


@pytest.fixture(scope="module")
def process_automation(street: Street) -> Iterator[Portal]:
    yield from _portal("process-automation", street)


@pytest.fixture(scope="module")
def data_warehouse(street: Street) -> Iterator[Portal]:
    yield from _portal("data-warehouse", street)


@pytest.fixture(scope="module")
def site_manager(street: Street) -> Iterator[Portal]:
    yield from _portal("site-manager", street)


def suggested(portal: Portal, text: str) -> list[str]:
    answer = portal.browser().get("/api/v1/suggest", query_string={"q": text}).get_json()
    return [hit["url"] for hit in answer["suggestions"]]


# --- the process-automation vendor


def test_the_old_name_of_a_field_finds_its_article(process_automation: Portal) -> None:
    found = suggested(process_automation, "which category is right")
    assert any(url.startswith("/help/doc/engine-severities") for url in found)


def test_the_form_says_that_support_is_for_the_product(process_automation: Portal) -> None:
    page = process_automation.browser().page("/tickets/new")
    assert "We support the product. How a project is built with it" in page
    assert "data-scope" in page


def test_the_form_has_the_fields_of_an_incident(process_automation: Portal) -> None:
    page = process_automation.browser().page("/tickets/new")
    for name in ("environment", "architecture", "database", "project", "exact-version", "module"):
        assert f'name="{name}"' in page, name


def test_six_severities_are_shown_with_their_definitions(process_automation: Portal) -> None:
    page = process_automation.browser().page("/tickets/new")
    assert len(re.findall(r'<input type="radio" name="severity"', page)) == 6
    for severity in process_automation.centre.policy.severities.values():
        assert severity.definition in page


def test_an_event_log_is_attached_and_a_bare_backup_is_refused(process_automation: Portal) -> None:
    alice = process_automation.browser("alice")
    form = {
        "title": "The scheduler stopped",
        "type": "incident",
        "severity": "blocks-deployment",
        "severity_detail_blocks-deployment": "The deployment is tonight.",
        "description": "No timer has fired since 9:30.",
        "product": "Haldersby Engine",
        "version": "9.1",
        "environment": "Production",
        "exact-version": "9.1.4",
        "key": "evtx",
    }
    log = io.BytesIO(b"ElfFile\x00" + b"\x00" * 100), "engine.evtx"
    number = number_of(alice.upload("/tickets", {**form, "attachments": log}))
    assert "engine.evtx" in alice.page(f"/tickets/{number}")
    backup = io.BytesIO(b"TAPE\x00\x00\x03\x00"), "engine.bak"
    refused = alice.upload("/tickets", {**form, "key": "bak", "attachments": backup})
    assert refused.status_code == 422


# --- the data-warehouse vendor


def test_articles_keep_their_issue_and_resolution(data_warehouse: Portal) -> None:
    page = data_warehouse.browser().page("/help/doc/kb-odw-310")
    assert re.search(r"<h2[^>]*>Issue</h2>", page)
    assert re.search(r"<h2[^>]*>Resolution</h2>", page)


def test_the_vendors_front_matter_gives_products(data_warehouse: Portal) -> None:
    page = data_warehouse.browser().page("/search?q=password&product=loader")
    assert "/help/doc/connections" in page
    assert "Orrendale Loader" in page
    assert "/help/doc/install-studio" not in page


def test_references_and_pictures_of_articles_resolve(data_warehouse: Portal) -> None:
    browser = data_warehouse.browser()
    page = browser.page("/help/doc/tutorial")
    assert 'href="/help/doc/incremental-loads"' in page
    picture = re.search(r'<img[^>]*src="(/media/[^"]+)"[^>]*>', page)
    assert picture
    assert 'alt="The model with the dimension Customers and the fact Orders"' in picture[0]
    assert 'title="Facts are shown with a thick border"' in picture[0]


def test_a_product_is_required_and_metadata_is_attached(data_warehouse: Portal) -> None:
    alice = data_warehouse.browser("alice")
    metadata = io.BytesIO(b"<Dimension Name='City'/>"), "city.orrml"
    form = {
        "title": "Generate stops at the dimension City",
        "type": "problem",
        "severity": "normal",
        "description": "It stops after the second table.",
        "key": "metadata",
    }
    assert alice.post("/tickets", {**form}).status_code == 422
    number = number_of(
        alice.upload("/tickets", {**form, "product": "studio", "attachments": metadata})
    )
    page = alice.page(f"/tickets/{number}")
    assert "city.orrml" in page
    assert "Orrendale Studio" in page
    assert "Subscription" in page


def test_the_checklist_is_offered_for_its_type_and_product(data_warehouse: Portal) -> None:
    page = data_warehouse.browser().page("/tickets/new")
    offers = page.partition("data-article-offers>")[2].partition("</ul>")[0]
    assert "/help/doc/assisting-support" in offers
    assert "/help/doc/feature-requests" not in offers  # it is for customers who are signed in
    signed_in = data_warehouse.browser("alice").page("/tickets/new")
    assert "/help/doc/feature-requests" in signed_in


def test_the_contract_decides_and_a_free_product_has_no_time(data_warehouse: Portal) -> None:
    levels = {
        ("charlie", "studio"): "Maintenance contract",
        ("fay", "studio"): "No guaranteed support",
        ("charlie", "free-edition"): "No guaranteed support",
    }
    for (name, product), level in levels.items():
        path = f"/api/v1/promise?severity=normal&product={product}"
        answer = data_warehouse.browser(name).get(path).get_json()
        assert answer["level"] == level
        assert bool(answer["due"]) == (level != "No guaranteed support")


def test_conditions_of_fields_name_products_and_choices_as_the_form_does(
    process_automation: Portal,
) -> None:
    answer = process_automation.browser().get("/api/v1/site").get_json()
    products = {product["key"] for product in answer["products"]}
    database = next(field for field in answer["fields"] if field["key"] == "database")
    assert database["when"].keys() == {"product"}
    assert products > set(database["when"]["product"])


# --- the site-manager vendor


def test_the_portal_has_all_its_parts(site_manager: Portal) -> None:
    page = site_manager.browser().page("/")
    for path in ("/docs", "/faq", "/forum", "/sla", "/tickets/new", "/sign-in", "/contact"):
        assert f'href="{path}' in page, path
    assert "/help/doc/recovery" in site_manager.browser().page("/sitemap")


def test_a_search_for_the_number_of_a_clause_finds_it(site_manager: Portal) -> None:
    assert "/help/doc/sla#s-2-5-2" in site_manager.browser().page("/search?q=2.5.2")


def test_each_topic_says_what_is_in_scope(site_manager: Portal) -> None:
    answer = site_manager.browser().get("/api/v1/site").get_json()
    scope = {row["topic"]: row for row in answer["scope"]}
    assert set(scope) == {topic["key"] for topic in answer["topics"]}
    assert all(row["in"] and row["out"] for row in scope.values())
    page = site_manager.browser().page("/sla")
    assert scope["performance"]["out"][0] in page


def test_the_published_levels_are_those_of_the_policies(site_manager: Portal) -> None:
    page = site_manager.browser().page("/sla")
    for key, level in site_manager.centre.policy.levels.items():
        shown = part_of(page, "level", key)
        assert level.title in page
        for words in (level.support, level.updates, *level.services):
            assert words in shown, (key, words)


def test_the_schedule_names_hours_holidays_and_breaks(site_manager: Portal) -> None:
    page = site_manager.browser().page("/schedule")
    assert "New Year" in page
    assert len(re.findall("data-special=", page)) >= 8


def test_a_coupon_promises_four_hours(site_manager: Portal) -> None:
    vera = site_manager.browser("vera")
    path = "/api/v1/promise?severity=error&type=problem"
    without, within = (vera.get(path + more).get_json() for more in ("", "&coupon=VERA-5"))
    assert (without["level"], within["level"]) == ("VIP", "VIP request by coupon")
    assert within["due"] < without["due"]


def test_a_private_person_gets_the_level_for_non_commercial_use(site_manager: Portal) -> None:
    pia = site_manager.browser("pia").get("/api/v1/promise?severity=usage").get_json()
    assert pia["level"] == "Non-commercial and demo"


def test_the_form_asks_for_address_edition_server_and_browser(site_manager: Portal) -> None:
    page = site_manager.browser().page("/tickets/new")
    for name in ("site-url", "edition", "server", "browser"):
        assert f'name="{name}"' in page, name


def test_the_form_adds_facts_about_the_browser_on_request(site_manager: Portal) -> None:
    page = site_manager.browser().page("/tickets/new")
    assert "data-add-facts" in page
    script = site_manager.browser().page(re.findall(r'src="([^"]*ticket-form\.js[^"]*)"', page)[0])
    assert "data-add-facts" in script


#: A ticket of a visitor of the site manager.
QUESTION = {
    "title": "The cache is never emptied",
    "type": "question",
    "severity": "usage",
    "topic": "performance",
    "description": "Old pages are shown.",
    "name": "Gina Guest",
    "email": "gina@example.org",
}
FACTS = "PHP: 8.3\nDatabase: MariaDB 10.11 `utf8mb4`"


def test_the_form_adds_facts_about_the_server_on_request(site_manager: Portal) -> None:
    """The product links to the form with them; nothing is added unless the visitor says so."""
    bob = site_manager.browser("bob")
    page = site_manager.browser().page(f"/tickets/new?{urlencode({'facts': FACTS})}")
    assert "data-server-facts" in page
    assert "PHP: 8.3" in page
    assert 'value="yes" checked' not in page
    for key, more, added in (("asked", {"add_facts": "yes"}, True), ("not asked", {}, False)):
        form = {**QUESTION, "facts": FACTS, "key": key, **more}
        number = number_of(site_manager.browser().post("/tickets", form))
        assert ("MariaDB 10.11" in bob.page(f"/desk/{number}")) == added, key
    refused = site_manager.browser().post(
        "/tickets", {**QUESTION, "facts": "x" * 4001, "add_facts": "yes", "key": "long"}
    )
    assert refused.status_code == 422
    assert "data-server-facts" in refused.text
    assert "data-server-facts" not in site_manager.browser().page("/tickets/new")


def test_a_program_sends_facts_about_the_server(site_manager: Portal) -> None:
    client = site_manager.browser().client
    sent = client.post(
        "/api/v1/tickets", json={**QUESTION, "facts": {"PHP": "8.3", "OS": "Debian"}}
    )
    page = site_manager.browser("bob").page(f"/desk/{sent.get_json()['number']}")
    assert "PHP: 8.3\nOS: Debian" in page
    for wrong in ("PHP 8.3", {"PHP": 8.3}, ["PHP"]):
        assert client.post("/api/v1/tickets", json={**QUESTION, "facts": wrong}).status_code == 422


def test_a_second_notice_says_that_the_ticket_is_scheduled(site_manager: Portal) -> None:
    alice, bob = site_manager.browser("alice"), site_manager.browser("bob")
    form = {**QUESTION, "key": "scheduled", "copy_to": "carla@example.com"}
    number = number_of(alice.post("/tickets", form))
    for agent in ("bob@example.com", "ada@example.com"):
        bob.post(f"/desk/{number}/assign", {"agent": agent})
    query = select(NOTICES.c.kind, NOTICES.c.recipient, NOTICES.c.facts).where(
        NOTICES.c.ticket_id == ticket_serial(number), NOTICES.c.kind.in_(["opened", "scheduled"])
    )
    with site_manager.centre.database.read() as connection:
        told = connection.execute(query.order_by(NOTICES.c.id)).all()
    assert sorted((notice.kind, notice.recipient) for notice in told) == [
        (kind, person)
        for kind in ("opened", "scheduled")
        for person in ("alice@example.com", "carla@example.com")
    ]
    assert all(notice.facts["number"] == number for notice in told)
    assert len({notice.facts["level"] for notice in told}) == 1
