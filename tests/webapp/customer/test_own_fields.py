"""Fields, topics and conditions of a site's own, from its policy file to the ticket."""

from __future__ import annotations

import datetime as dt
import io
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from kb.ids import ticket_serial
from kb.notifications.tables import NOTICES
from kb.operations.audit import Action, AuditEntry
from kb.tickets.tables import SECRETS
from tests.webapp.world import (
    HERE,
    Browser,
    Portal,
    build,
    data_values,
    guest,
    number_of,
    part_of,
    settings_of,
    ticket,
)

OWN = """
[types.incident]
title = "Incident"
definition = "Something that worked has stopped working."

[topics.install]
title = "Installation"
in_scope = ["Errors of the installer"]
out_of_scope = ["Your own server"]

[topics.beyond]
title = "Something else"

[fields.environment]
title = "Environment"
kind = "choice"
choices = ["Production", "Test"]
required = true
searchable = true
formerly = ["Staging area"]

[fields.site-url]
title = "Address"
kind = "url"
when = { type = ["incident"] }

[fields.trace]
title = "Trace of the program"
shown_to = ["agents"]
searchable = true
formerly = ["Stackdump"]

[fields.password]
title = "Temporary password"
kind = "secret"

[severities.slow]
title = "Slow"
definition = "It is slow in production."
parameter = "date"
explanation = "required"
when = { environment = ["Production"] }

[levels.other]
calendar = "office"
first_response = "16h"

[levels.program]
calendar = "office"
first_response = "16h"

[levels.grouped]
calendar = "office"
first_response = "16h"

[groups.friends]
title = "Friends"
organisations = ["Globex"]

[form]
xml_files = ["pressml"]

[[offers]]
article = "doc/jam"
text = "What we need to know about a jam."
when = { type = ["incident"], product = ["press"] }

[[offers]]
article = "doc/secret"
when = { type = ["question"] }
"""
FIRST = """
[[entitlements]]
when = { topic = ["beyond"] }
level = "other"
why = "Not about the product."

[[entitlements]]
when = { channel = ["api"] }
level = "program"
why = "Sent by a program."

[[entitlements]]
when = { group = ["friends"] }
level = "grouped"
why = "You are a friend."

"""
KEY = "a-key-of-the-tests-for-secrets-in-tickets"  # not a secret: of the tests


def portal_with(folder: Path, **more: str) -> Portal:
    settings = settings_of(folder, **more)
    text = (HERE / "policies.toml").read_text("utf-8").partition("[coupons.vip]")[0]
    text = text.replace("[[entitlements]]", f"{FIRST}[[entitlements]]", 1)
    (settings.content / "policies.toml").write_text(text + OWN, "utf-8")
    return build(settings)


@pytest.fixture
def site(folder: Path) -> Portal:
    return portal_with(folder)


def incident(**more: Any) -> dict[str, Any]:
    return ticket(**{"type": "incident", "environment": "Production", **more})


def faults(browser: Browser, form: dict[str, Any]) -> dict[str, str]:
    response = browser.post("/tickets", form, headers={"Accept": "application/json"})
    assert response.status_code == 422, response.get_data(as_text=True)
    fields: dict[str, str] = response.get_json()["fields"]
    return fields


def test_a_type_of_the_site_can_be_filed(site: Portal) -> None:
    alice = site.browser("alice")
    form = alice.page("/tickets/new")
    assert "Something that worked has stopped working." in form
    number = number_of(alice.post("/tickets", incident(**{"site-url": "www.example.com/x"})))
    page = alice.page(f"/tickets/{number}")
    assert "Incident" in page
    assert 'data-field="environment"' in page
    assert 'href="https://www.example.com/x"' in page


def test_every_field_at_fault_is_named_by_its_key(site: Portal) -> None:
    alice = site.browser("alice")
    assert set(faults(alice, ticket())) == {"environment"}
    wrong = incident(environment="Moon", topic="nothing", **{"site-url": "not an address"})
    assert set(faults(alice, wrong)) == {"environment", "topic", "site-url"}


def test_a_field_of_another_type_is_not_stored(site: Portal) -> None:
    alice = site.browser("alice")
    form = ticket(environment="Test", **{"site-url": "not an address"})
    number = number_of(alice.post("/tickets", form))
    assert 'data-field="site-url"' not in alice.page(f"/tickets/{number}")


def test_a_severity_may_need_a_date_and_an_explanation_and_a_field(site: Portal) -> None:
    alice = site.browser("alice")
    slow = {"severity": "slow", "severity_detail_slow": "2027-01-31"}
    assert set(faults(alice, incident(**slow))) == {"severity_explanation"}
    explained = {**slow, "severity_explanation_slow": "The year ends."}
    assert set(faults(alice, incident(environment="Test", **explained))) == {"severity"}
    number = number_of(alice.post("/tickets", incident(**explained)))
    page = alice.page(f"/tickets/{number}")
    assert "2027-01-31" in page
    assert "The year ends." in page


def test_topic_group_and_channel_decide_the_level(site: Portal) -> None:
    alice, charlie = site.browser("alice"), site.browser("charlie")
    levels = {
        "other": alice.post("/tickets", incident(topic="beyond")),
        "grouped": charlie.post("/tickets", incident()),
    }
    for level, response in levels.items():
        page = site.browser("bob").page(f"/desk/{number_of(response)}")
        assert level.capitalize() in page
    sent = site.browser().client.post(
        "/api/v1/tickets", json={**guest(type="incident"), "fields": {"environment": "Test"}}
    )
    assert sent.status_code == 201, sent.get_json()
    assert sent.get_json()["level"] == "Program"
    promise = alice.get("/api/v1/promise?severity=question&topic=beyond").get_json()
    assert promise["level"] == "Other"


def test_a_support_term_that_is_over_leads_to_another_level(folder: Path) -> None:
    settings = settings_of(folder)
    text = (HERE / "policies.toml").read_text("utf-8")
    term = 'support = "30 days"\nafter_support = "community"\n'
    text = text.replace("[levels.commercial]\n", f"[levels.commercial]\n{term}")
    (settings.content / "policies.toml").write_text(text, "utf-8")
    portal = build(settings)
    alice = portal.browser("alice")
    promise = "/api/v1/promise?severity=question"
    assert alice.get(promise).get_json()["level"] == "Commercial"
    portal.clock.now += dt.timedelta(days=31)
    alice = portal.browser("alice")
    answer = alice.get(promise).get_json()
    assert answer["level"] == "Community"
    number = number_of(alice.post("/tickets", ticket()))
    assert "Community" in alice.page(f"/tickets/{number}")
    assert 'href="#level-community"' in alice.page("/sla")


def test_programs_send_the_fields_of_a_site_by_their_keys(site: Portal) -> None:
    client = site.browser().client
    values = {"environment": "Test", "trace": "at line 7"}
    sent = client.post("/api/v1/tickets", json={**guest(), "fields": values})
    number = sent.get_json()["number"]
    assert "at line 7" in site.browser("bob").page(f"/desk/{number}")
    path = sent.headers["Location"]
    assert "at line 7" not in client.get(path, follow_redirects=True).get_data(as_text=True)
    for wrong in ({"nothing": "x"}, "x"):
        refused = client.post("/api/v1/tickets", json={**guest(), "fields": wrong})
        assert refused.status_code == 422
        assert "fields" in refused.get_json()["fields"]
        assert "trace" not in refused.get_data(as_text=True), "only agents know of it"


def test_agents_find_tickets_by_their_fields_and_earlier_names(site: Portal) -> None:
    alice, bob = site.browser("alice"), site.browser("bob")
    number = number_of(alice.post("/tickets", incident()))
    for words in ("Production", "Staging"):
        assert number in bob.page(f"/desk?words={words}")
    assert number not in bob.page("/desk?words=Test")


def test_only_agents_find_tickets_by_fields_that_only_agents_see(site: Portal) -> None:
    alice, bob = site.browser("alice"), site.browser("bob")
    values = {"environment": "Test", "trace": "overflow 0x2f7a"}
    sent = alice.client.post(
        "/api/v1/tickets",
        json=ticket(fields=values, email="alice@example.com"),
    )
    number = sent.get_json()["number"]
    for words in ("overflow", "0x2f7a", "Trace", "Stackdump"):
        assert number in bob.page(f"/desk?words={words}")
        assert number not in alice.page(f"/tickets?words={words}&status=all")
    shown = alice.page(f"/tickets/{number}")
    listed = alice.get(f"/api/v1/tickets/{number}").get_json()
    assert "0x2f7a" not in shown + str(listed)
    assert number in alice.page("/tickets?words=Test&status=all")
    for stranger in (site.browser("charlie"), site.browser()):
        assert "overflow" not in stranger.get(f"/tickets/{number}").text


def test_agents_set_fields_that_only_agents_see(site: Portal) -> None:
    alice, bob = site.browser("alice"), site.browser("bob")
    number = number_of(alice.post("/tickets", incident()))
    assert data_values(bob.page(f"/desk/{number}"), "action").count("fields") == 1
    trace = {"trace": "overflow 0x2f7a", "environment": "Test", "key": "one"}
    assert bob.post(f"/desk/{number}/fields", trace).status_code == 303
    page = bob.page(f"/desk/{number}")
    assert "overflow 0x2f7a" in part_of(page, "field", "trace")
    assert "Production" in part_of(page, "field", "environment")  # the customer's stays
    assert number in bob.page("/desk?words=0x2f7a")
    assert number not in alice.page("/tickets?words=0x2f7a&status=all")
    shown = alice.page(f"/tickets/{number}")
    assert "0x2f7a" not in shown + str(alice.get(f"/api/v1/tickets/{number}").get_json())
    same = {"trace": "\u202eoverflow\x07 0x2f7a", "key": "same"}  # nobody sees the difference
    for again in ({**trace, "key": "two"}, same, {"trace": "x" * 1001, "key": "three"}):
        assert bob.post(f"/desk/{number}/fields", again).status_code in (409, 422)
    unread = {"trace": "", "shown-trace": "", "key": "unread"}  # on the page before it was set
    assert bob.post(f"/desk/{number}/fields", unread).status_code == 409
    assert "overflow 0x2f7a" in part_of(bob.page(f"/desk/{number}"), "field", "trace")
    emptied = {"trace": "", "shown-trace": "overflow 0x2f7a", "key": "four"}
    assert bob.post(f"/desk/{number}/fields", emptied).status_code == 303
    assert 'data-field="trace"' not in bob.page(f"/desk/{number}")
    assert alice.post(f"/desk/{number}/fields", trace).status_code == 403


def test_the_queue_is_filtered_by_the_value_of_a_searchable_field(site: Portal) -> None:
    alice, bob = site.browser("alice"), site.browser("bob")
    first = number_of(alice.post("/tickets", incident(title="Production has stopped")))
    form = incident(environment="Test", title="In Production", key="another")
    other = number_of(alice.post("/tickets", form))
    page = bob.page("/desk?field=environment:production")
    assert f'data-ticket="{first}"' in page
    assert f'data-ticket="{other}"' not in page
    answer = bob.get("/api/v1/queue?field=environment:Test").get_json()
    assert [row["number"] for row in answer["tickets"]] == [other]
    for wrong in ("site-url:x", "password:x", "nothing:x", "environment:Moon", "environment"):
        assert bob.get(f"/api/v1/queue?field={wrong}").status_code == 422
    assert alice.get("/api/v1/queue?field=environment:Test").status_code == 403
    bob.post("/desk/views", {"name": "Live", "field": "environment:Production"})
    assert "field=environment%3AProduction" in bob.page("/desk")


def test_erasing_a_person_leaves_nothing_of_the_fields(site: Portal) -> None:
    alice, bob = site.browser("alice"), site.browser("bob")
    number = number_of(alice.post("/tickets", incident()))
    entry = AuditEntry(site.clock.now, Action.PERSON_ERASED)
    site.centre.personal_data.erase("alice@example.com", entry)
    assert number not in bob.page("/desk?words=Staging&status=all")
    assert "Production" not in bob.page(f"/desk/{number}")


def test_a_secret_without_a_key_is_one_sentence(site: Portal) -> None:
    alice = site.browser("alice")
    assert 'name="password"' not in alice.page("/tickets/new")
    assert "KB_FIELD_KEY" in faults(alice, incident(password="hunter2"))["password"]


@pytest.fixture
def keeping(folder: Path) -> Portal:
    return portal_with(folder, field_key=KEY)


def test_a_secret_is_shown_once_to_the_assignee_and_deleted_at_the_end(keeping: Portal) -> None:
    alice, bob, ada = (keeping.browser(name) for name in ("alice", "bob", "ada"))
    assert 'name="password"' in alice.page("/tickets/new")
    number = number_of(alice.post("/tickets", incident(password="hunter2")))
    for browser in (alice, bob):
        path = f"/tickets/{number}" if browser is alice else f"/desk/{number}"
        assert "hunter2" not in browser.page(path)
    stored = keeping.centre.settings.data / "tickets.db"
    assert b"hunter2" not in b"".join(path.read_bytes() for path in stored.parent.glob("*.db*"))

    address = f"/desk/{number}/secret/password"
    assert alice.post(address).status_code == 403
    assert bob.post(address).status_code == 403  # not assigned yet
    bob.post(f"/desk/{number}/assign", {"agent": "bob@example.com"})
    shown = bob.post(address)
    assert "hunter2" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert bob.post(address).status_code == 409
    assert ada.post(address).status_code == 403
    ada.post(f"/desk/{number}/assign", {"agent": "ada@example.com"})

    bob.post(f"/desk/{number}/replies", {"body": "Solved.", "key": "r"})
    assert alice.post(f"/tickets/{number}/solve").status_code == 303
    assert ada.post(address).status_code == 409
    assert not secret_of(keeping, number)
    page = alice.page(f"/tickets/{number}")
    assert 'data-secret-field="password"' in page
    assert "secret-deleted" in kinds_of_mail(keeping)


def secret_of(site: Portal, number: str) -> bytes:
    query = select(SECRETS.c.sealed).where(SECRETS.c.ticket_id == ticket_serial(number))
    with site.centre.database.read() as connection:
        return bytes(connection.execute(query).scalar_one())


def kinds_of_mail(site: Portal) -> set[str]:
    with site.centre.database.read() as connection:
        return set(connection.execute(select(NOTICES.c.kind)).scalars())


def test_the_form_shows_who_files_and_the_next_page_who_writes(folder: Path) -> None:
    portal = portal_with(folder, smtp_host="mail.example.com", mail_from="help@example.com")
    alice = portal.browser("alice")
    assert 'data-requester="alice@example.com"' in alice.page("/tickets/new")
    filed = alice.post("/tickets", incident())
    assert "help@example.com" in alice.page(filed.headers["Location"])
    assert "data-requester" not in portal.browser().page("/tickets/new")


def test_the_form_shows_the_scope_of_each_topic(site: Portal) -> None:
    page = site.browser().page("/tickets/new")
    assert "Errors of the installer" in page
    assert "Your own server" in page


def test_the_review_step_keeps_every_field(site: Portal) -> None:
    page = site.browser("alice").post("/tickets/review", incident(title="paper jam")).text
    assert 'name="environment" value="Production"' in page


def test_the_form_offers_the_articles_that_the_visitor_can_see(site: Portal) -> None:
    page = site.browser("alice").page("/tickets/new")
    offers = page.partition("data-article-offers>")[2].partition("</ul>")[0]
    assert 'href="/help/doc/jam"' in offers
    assert "What we need to know about a jam." in offers
    assert "&#34;type&#34;: [&#34;incident&#34;]" in offers
    assert "secret" not in offers
    assert 'href="/help/doc/secret"' in site.browser("erin").page("/tickets/new")


def test_xml_of_the_site_is_attached_as_text_to_tickets_and_comments(site: Portal) -> None:
    alice = site.browser("alice")

    def model() -> tuple[io.BytesIO, str]:
        return io.BytesIO(b"<?xml version='1.0'?>\n<Model Name='a'/>"), "model.pressml"

    assert "PRESSML" in alice.page("/tickets/new")
    number = number_of(alice.upload("/tickets", incident(attachments=model())))
    comment = {"body": "More.", "key": "c", "attachments": model()}
    assert alice.upload(f"/tickets/{number}/comments", comment).status_code == 303
    page = alice.page(f"/tickets/{number}")
    paths = set(re.findall(r'href="(/attachments/[^"]+)"', page))
    assert len(paths) == 2
    served = alice.get(paths.pop())
    assert served.mimetype == "text/plain"
    assert served.headers["Content-Disposition"].endswith("model.pressml")
    html = io.BytesIO(b"<html><script>alert(1)</script></html>"), "a.pressml"
    assert alice.upload("/tickets", incident(attachments=html)).status_code == 422


def test_what_decides_the_severities_comes_before_them(site: Portal) -> None:
    page = site.browser("alice").page("/tickets/new")
    environment, severity, address = (
        page.index(f'name="{name}"') for name in ("environment", "severity", "site-url")
    )
    assert environment < severity < address
    assert 'name="coupon"' not in page  # the site has none
