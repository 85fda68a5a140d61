"""What agents see and do."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.webapp.world import Browser, Portal, data_values, number_of, part_of, ticket


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


def test_a_public_reply_stops_the_clock_and_is_read_by_the_customer(
    alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    for _ in range(2):
        assert (
            bob.post(f"/desk/{number}/replies", {"body": "Oil it.", "key": "same"}).status_code
            == 303
        )
    page = alice.page(f"/tickets/{number}")
    assert page.count("Oil it.") == 1
    assert "met" in data_values(page, "due")
    assert data_values(page, "status") == ["waiting"]


def test_an_internal_note_is_never_seen_by_the_customer_and_stops_no_clock(
    alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    assert (
        bob.post(f"/desk/{number}/notes", {"body": "Difficult one", "key": "k"}).status_code == 303
    )
    assert "Difficult one" in bob.page(f"/desk/{number}")
    page = alice.page(f"/tickets/{number}")
    assert "Difficult one" not in page
    assert "met" not in data_values(page, "due")


def test_a_ticket_is_taken_given_and_solved(alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    assert bob.post(f"/desk/{number}/assign", {"agent": "bob@example.com"}).status_code == 303
    assert data_values(bob.page(f"/desk/{number}"), "assignee") == ["Bob Baker"]
    assert bob.post(f"/desk/{number}/assign", {"agent": "alice@example.com"}).status_code == 422
    assert data_values(bob.page(f"/desk/{number}"), "assignee") == ["Bob Baker"]
    assert bob.post(f"/desk/{number}/solve").status_code == 303
    assert data_values(alice.page(f"/tickets/{number}"), "status") == ["solved"]
    late = bob.post(f"/desk/{number}/replies", {"body": "One more thing", "key": "k"})
    assert late.status_code == 409


def test_a_suggested_article_says_what_the_customer_did_with_it(
    alice: Browser, bob: Browser
) -> None:
    trail = '[{"id": "doc/jam", "outcome": "shown"}]'
    number = number_of(
        alice.post("/tickets", ticket(title="Paper jam in the press", consulted=trail))
    )
    choice = bob.page(f"/desk/{number}").split('value="doc/jam"')[1].split("</label>")[0]
    assert data_values(choice, "outcome") == ["shown"]


@pytest.mark.parametrize("outcome", ["opened", "rejected"])
def test_an_article_that_the_customer_has_read_is_not_suggested_but_can_be_sent(
    alice: Browser, bob: Browser, outcome: str
) -> None:
    title = "Paper jam in the press"
    trail = f'[{{"id": "doc/jam", "outcome": "{outcome}"}}]'
    number = number_of(alice.post("/tickets", ticket(title=title, consulted=trail)))
    other = number_of(alice.post("/tickets", ticket(title=title, key="other")))
    assert 'name="document" value="doc/jam"' in bob.page(f"/desk/{other}")
    page = bob.page(f"/desk/{number}")
    assert 'name="document" value="doc/jam"' not in page
    assert data_values(page, "document") == ["doc/jam"]  # among the consulted articles
    form = {"another": "doc/jam", "body": "Step 3 is the one."}
    assert bob.post(f"/desk/{number}/link", form).status_code == 303
    assert '<a href="/help/doc/jam">' in alice.page(f"/tickets/{number}")


def test_a_refused_reply_keeps_the_words(alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    long = "word " * 5000
    response = bob.post(f"/desk/{number}/replies", {"body": long, "key": "k"})
    assert response.status_code == 422
    assert long.strip() in response.get_data(as_text=True)


def test_the_board_shows_what_is_late_what_comes_next_and_the_record(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    empty = bob.page("/desk/board")
    assert data_values(empty, "ticket") == []
    assert data_values(empty, "total") == []
    kept, missed, late, coming = (
        number_of(alice.post("/tickets", ticket(key=key, title=f"Title {key}")))
        for key in ("a", "b", "c", "d")
    )
    bob.post(f"/desk/{kept}/replies", {"body": "In time.", "key": "1"})
    portal.clock.now += dt.timedelta(days=2)
    bob.post(f"/desk/{missed}/replies", {"body": "Too late.", "key": "2"})
    bob.post(f"/desk/{coming}/replies", {"body": "Late too.", "key": "3"})
    portal.clock.now += dt.timedelta(hours=1)
    alice.post(f"/tickets/{coming}/comments", {"body": "And now?", "key": "4"})
    page = bob.page("/desk/board")
    assert late in data_values(part_of(page, "list", "breached"), "ticket")
    assert coming in data_values(part_of(page, "list", "next"), "ticket")
    assert coming not in data_values(part_of(page, "list", "breached"), "ticket")
    assert kept not in page
    assert (data_values(page, "met"), data_values(page, "total")) == (["1"], ["3"])
    assert alice.get("/desk/board").status_code == 403


def test_the_desk_is_closed_to_customers(alice: Browser, anyone: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    for path in ("/desk", f"/desk/{number}"):
        assert alice.get(path).status_code == 403
        assert anyone.get(path).headers["Location"].startswith("/sign-in?next=/desk")
    for verb in ("replies", "notes", "assign", "solve"):
        assert alice.post(f"/desk/{number}/{verb}", {"body": "x", "key": "k"}).status_code == 403
        assert anyone.post(f"/desk/{number}/{verb}", {"body": "x", "key": "k"}).status_code == 403
