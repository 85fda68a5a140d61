"""A resolved ticket votes once enough different customers stand behind it."""

from __future__ import annotations

import datetime as dt

from kb.search.build.vouching import vouched_tickets
from kb.search.documents import ResolvedTicket

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def _ticket(title: str, customer: str, *documents: str) -> ResolvedTicket:
    return ResolvedTicket(title, documents or ("doc/a",), NOON, customer)


def test_fewer_customers_than_asked_for_teach_nothing() -> None:
    two = [_ticket("printer jams", "one"), _ticket("printer jams", "two")]
    assert vouched_tickets([*two, _ticket("printer jams", "two")]) == ()
    assert len(vouched_tickets([*two, _ticket("printer jams", "three")])) == 3
    assert vouched_tickets([*two, _ticket("printer jams", "three")], 4) == ()


def test_customers_with_other_problems_do_not_stand_behind_a_ticket() -> None:
    others = [_ticket("invoice is wrong", "two"), _ticket("paper smells odd", "three")]
    assert vouched_tickets([_ticket("printer jams", "one"), *others]) == ()


def test_the_tickets_must_link_the_same_document() -> None:
    tickets = [_ticket("printer jams", who, f"doc/{who}") for who in ("one", "two", "three")]
    assert vouched_tickets(tickets) == ()


def test_a_word_of_one_customer_does_not_count_and_one_ticket_changes_nothing() -> None:
    shared = [_ticket("printer jams daily", who) for who in ("one", "two", "three")]
    own = _ticket("printer jams bunker", "four")
    titles = {ticket.title for ticket in vouched_tickets([*shared, own])}
    assert titles == {"printer jams daily", "printer jams"}
    stranger = _ticket("bunker printer hums quixotically", "five")
    assert vouched_tickets([*shared, stranger]) == vouched_tickets(shared)
