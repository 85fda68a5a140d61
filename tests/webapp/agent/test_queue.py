"""The agents' queue: its order, its filters and its saved views."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.webapp.world import (
    Browser,
    Portal,
    data_values,
    number_of,
    ticket,
)


@pytest.fixture
def number(alice: Browser) -> str:
    return number_of(alice.post("/tickets", ticket()))


def test_the_queue_is_by_due_time_and_says_in_words_what_colour_says(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    first = number_of(alice.post("/tickets", ticket()))
    portal.clock.now += dt.timedelta(hours=3)
    second = number_of(alice.post("/tickets", ticket(title="Ink is green", key="k2")))
    page = bob.page("/desk")
    assert data_values(page, "ticket") == [first, second]
    assert data_values(page, "due") == ["running", "running"]
    assert "Due in 21 h" in page
    assert "Tue 24 Nov 11:00 CET" in page
    portal.clock.now += dt.timedelta(hours=20)
    assert data_values(bob.page("/desk"), "due") == ["at-risk", "running"]
    portal.clock.now += dt.timedelta(hours=3)
    late = bob.page("/desk")
    assert data_values(late, "due")[0] == "overdue"
    assert "Overdue by 2 h" in late


def test_the_queue_can_be_narrowed(alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    assert number in bob.page("/desk?words=eats&level=commercial&product=press&status=open")
    for narrowed in ("words=green", "level=community", "product=still", "status=solved"):
        assert number not in bob.page(f"/desk?{narrowed}")
    assert bob.get("/desk?page=0").status_code == 422


def test_the_queue_is_narrowed_by_agent_and_day(bob: Browser, number: str) -> None:
    assert number in bob.page("/desk?assignee=nobody&since=2026-11-23&until=2026-11-23")
    for narrowed in ("assignee=me", "since=2026-11-24", "until=2026-11-22"):
        assert number not in bob.page(f"/desk?{narrowed}")
    assert bob.get("/desk?assignee=alice@example.com").status_code == 422
    assert bob.get("/desk?since=monday").status_code == 422


def test_views_of_the_queue_are_kept_shared_and_forgotten(
    portal: Portal, bob: Browser, number: str
) -> None:
    saved = bob.post(
        "/desk/views", {"name": "Press", "product": "press", "shared": "1", "else": "x"}
    )
    assert saved.headers["Location"] == "/desk?product=press"
    page = bob.page("/desk?product=press")
    assert number in page
    assert '<a href="/desk?product=press" aria-current="true">Press</a>' in page
    ada = portal.browser("ada")
    assert "shared" in ada.page("/desk").split('class="views"', 1)[1].split("</ul>")[0]
    view = page.split("/desk/views/", 1)[1].split("/", 1)[0]
    assert ada.post(f"/desk/views/{view}/drop").status_code == 404
    assert bob.post(f"/desk/views/{view}/drop").status_code == 303
    assert "Press</a>" not in bob.page("/desk")
    assert bob.post("/desk/views", {"name": ""}).status_code == 422


def test_the_desk_is_closed_to_customers(alice: Browser, anyone: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    for path in ("/desk", f"/desk/{number}"):
        assert alice.get(path).status_code == 403
        assert anyone.get(path).headers["Location"].startswith("/sign-in?next=/desk")
    for verb in ("replies", "notes", "assign", "solve"):
        assert alice.post(f"/desk/{number}/{verb}", {"body": "x", "key": "k"}).status_code == 403
        assert anyone.post(f"/desk/{number}/{verb}", {"body": "x", "key": "k"}).status_code == 403
