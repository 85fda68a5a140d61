"""The page Insights and its tables, for staff only, and what the holdout changes in the form."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re

import pytest

from kb.analytics.deflection import Visit
from kb.insights.ledger import DeflectionLedger
from kb.insights.ticket_sums import TicketSums
from tests.webapp.world import MONDAY, Browser, Portal, data_values, ticket

TABLES = ("deflection", "searches", "articles", "votes", "attainment", "volume", "tickets")


def tell(browser: Browser, episode: str, kind: str, **payload: object) -> None:
    event = {"episode": episode, "form": "ticket", "kind": kind, "payload": payload}
    response = browser.client.post("/api/v1/episodes", json=event)
    assert response.status_code in (200, 204)


def count(portal: Portal) -> None:
    DeflectionLedger(portal.centre.database).settle(portal.clock.now)
    TicketSums(portal.centre.database).count()


def test_only_staff_see_it(alice: Browser, anyone: Browser, bob: Browser) -> None:
    assert bob.get("/desk/insights").status_code == 200
    assert alice.get("/desk/insights").status_code == 403
    assert alice.get("/desk/insights/tickets.csv").status_code == 403
    assert anyone.get("/desk/insights").status_code == 303


def test_it_shows_what_became_of_visits_and_tickets(
    portal: Portal, anyone: Browser, alice: Browser, bob: Browser
) -> None:
    for episode in ("one", "two"):
        tell(anyone, episode, "query", q="paper jams again", found=0)
        tell(anyone, episode, "shown", ids=["doc/jam"])
    tell(anyone, "one", "helped", id="doc/jam", yes=True)
    vote = {"document": "doc/jam", "helpful": False, "reason": "=cmd() is not for version 2"}
    assert anyone.client.post("/api/v1/feedback", json=vote).status_code == 204
    alice.post("/tickets", ticket(key="a"))
    portal.clock.now += dt.timedelta(days=9)
    count(portal)

    page = bob.page("/desk/insights")
    assert data_values(page, "verdict") == ["not known yet"]
    assert data_values(page, "article") == ["doc/jam"]
    assert data_values(page, "votes") == ["doc/jam"]
    assert data_values(page, "level") == ["commercial"]
    assert '<th scope="row" dir="auto">Press</th>' in page  # the title of the product "press"
    assert data_values(page, "experiment") == ["0"]
    assert "=cmd() is not for version 2" in page

    rows = list(csv.reader(io.StringIO(bob.get("/desk/insights/votes.csv").text)))
    assert rows[1] == ["doc/jam", "0", "1", "'=cmd() is not for version 2"]
    (level,) = list(csv.DictReader(io.StringIO(bob.get("/desk/insights/attainment.csv").text)))
    assert (level["met"], level["breached"], level["overdue and open"]) == ("0", "0", "1")


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_there_for_spreadsheets(bob: Browser, table: str) -> None:
    response = bob.get(f"/desk/insights/{table}.csv")
    assert response.status_code == 200
    assert response.mimetype == "text/csv"


@pytest.mark.parametrize(
    "query", ["from=yesterday", "from=2026-12-01&to=2026-11-01", "to=99999-01-01"]
)
def test_what_is_no_period_is_refused(bob: Browser, query: str) -> None:
    assert bob.get(f"/desk/insights?{query}").status_code == 422


@pytest.mark.parametrize("query", ["from=0001-01-01", "to=9999-12-31", "portal=%3Cb%3E"])
def test_odd_periods_are_empty(bob: Browser, query: str) -> None:
    assert bob.get(f"/desk/insights?{query}").status_code == 200


@pytest.mark.parametrize("argument", ["table", "endpoint", "_method", "_external"])
def test_the_tables_are_those_of_the_period_whatever_else_the_address_says(
    bob: Browser, argument: str
) -> None:
    page = bob.page(f"/desk/insights?from=2026-11-01&to=2026-11-07&{argument}=x")
    assert 'href="/desk/insights/votes.csv?from=2026-11-01&amp;to=2026-11-07"' in page


def test_an_explanation_that_the_site_lacks_is_not_linked(bob: Browser) -> None:
    assert "measure-deflection" not in bob.page("/desk/insights")


def test_an_agent_opens_the_visit_that_a_form_elsewhere_tells_of(
    portal: Portal, bob: Browser
) -> None:
    deflection, visit = portal.centre.deflection, Visit(portal="shop.example", form="contact")
    for kind, facts in (
        ("form_open", {}),
        ("query", {"q": "paper <jam>"}),
        ("shown", {"ids": ["doc/jam", "doc/gone"]}),
        ("open", {"id": "doc/jam", "dwell_ms": 12_000}),
        ("helped", {"id": "doc/jam", "yes": False}),
    ):
        deflection.record("e-1", kind, facts, visit, now=MONDAY)
    page = bob.page("/desk/insights/visits/e-1")
    assert re.findall(r'data-step="(\w+)"', page) == ["query", "shown", "open", "helped"]
    assert "paper &lt;jam&gt;" in page
    assert "Clear a paper jam" in page
    assert "doc/gone" in page
    for odd in ({"q": ["x"], "id": {"a": 1}, "ids": "x"}, {"dwell_ms": "x", "yes": "no"}):
        for kind in ("query", "shown", "open", "helped"):
            deflection.record("e-1", kind, odd, visit, now=MONDAY)
    bob.page("/desk/insights/visits/e-1")
    assert bob.get("/desk/insights/visits/e-2").status_code == 404
