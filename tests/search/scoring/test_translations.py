"""Words of customers raise the pages that answered them, and one customer hardly anything."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kb.search.array_types import Totals
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, ResolvedTicket
from kb.search.results import suggestions_json
from kb.search.scoring.translations import ONE_CUSTOMER, Support, lift
from kb.search.searcher import Searcher
from tests.search.library import document

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
CUSTOMERS = 3
MONITORS = (
    document("doc/brightness", "Brightness", "Raise the brightness of the screen."),
    document("doc/cleaning", "Cleaning", "Wipe the screen with a soft cloth."),
    document(
        "doc/signal", "No signal", "The cable is loose, nothing is on the screen: plug it in."
    ),
    document("doc/vault", "Vault screens", "For members of staff.", audience="staff"),
)


def ticket(
    customer: str, title: str = "screen stays black", page: str = "signal"
) -> ResolvedTicket:
    return ResolvedTicket(title, (f"doc/{page}",), NOON, customer)


def centre(
    data: Path,
    tickets: Iterable[ResolvedTicket],
    documents: Iterable[Document] = MONITORS,
) -> Searcher:
    with IndexBuilder(data, operators=False) as builder:
        for page in documents:
            builder.add(page)
        builder.customer_words(tickets, CUSTOMERS)
        builder.publish(ledger={}, settings={})
    return Searcher(data, budget_ms=60_000)


def places(searcher: Searcher, title: str) -> list[str]:
    return [hit.id for hit in searcher.suggest(title, limit=20, doubt=-math.inf).hits]


def test_words_that_many_customers_used_raise_the_page_that_answered_them(tmp_path: Path) -> None:
    title = "black screen"
    without = places(centre(tmp_path / "a", []), title)
    tickets = [ticket(f"customer {number}") for number in range(12)]
    searcher = centre(tmp_path / "b", tickets)
    assert without.index("doc/signal") > places(searcher, title).index("doc/signal") == 0
    hits = searcher.suggest(title, doubt=-math.inf, explain=True).hits
    assert hits[0].explain["translated"] > 0
    assert sum(hits[0].explain.values()) == pytest.approx(hits[0].score)


def test_words_of_too_few_customers_change_nothing_however_many_tickets(tmp_path: Path) -> None:
    few = [ticket(f"customer {number % 2}") for number in range(50)]
    (without, with_few) = (
        suggestions_json(
            centre(tmp_path / name, tickets).suggest("black screen", doubt=-math.inf, explain=True)
        )
        for name, tickets in (("a", []), ("b", few))
    )
    assert without == with_few


def test_a_word_is_stored_only_as_a_hash(tmp_path: Path) -> None:
    centre(tmp_path, [ticket(f"c{n}", "xylophone stays black") for n in range(9)])
    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"xylophon" not in stored


def test_what_resolved_tickets_by_hidden_documents_changes_no_byte(tmp_path: Path) -> None:
    both = [replace(ticket(f"c{n}"), documents=("doc/signal", "doc/vault")) for n in range(6)]
    hidden = [ticket(f"d{n}", "quarrelsome screen", "vault") for n in range(6)]
    visible = [page for page in MONITORS if page.audience == "public"]
    with_hidden = centre(tmp_path / "a", both + hidden)
    without = centre(tmp_path / "b", [ticket(f"c{n}") for n in range(6)], visible)
    for title in ("screen black cable", "quarrelsome screen", "vault screen"):
        left, right = (
            suggestions_json(searcher.suggest(title, explain=True, doubt=-math.inf))
            for searcher in (with_hidden, without)
        )
        assert left == right


# --- one customer moves no page by more than one place

supports = st.integers(2, 12).flatmap(
    lambda size: st.tuples(
        st.lists(st.floats(0, 2), min_size=size, max_size=size),
        st.lists(st.integers(0, 9 * ONE_CUSTOMER), min_size=size, max_size=size),
        st.lists(st.integers(0, ONE_CUSTOMER), min_size=size, max_size=size),
    )
)


def place_of_each(totals: Totals, support: Support) -> NDArray[np.int64]:
    order = (-totals).argsort(kind="stable")
    raised, _ = lift(order, totals, support)
    return raised.of(order).argsort()


@given(supports)
def test_what_one_customer_adds_moves_no_candidate_by_more_than_one_place(
    drawn: tuple[list[float], list[int], list[int]],
) -> None:
    totals, support, added = map(np.array, drawn)
    before, after = (place_of_each(totals, each) for each in (support, support + added))
    assert np.abs(before - after).max() <= 1


WORDS = ("screen", "black", "cable", "plug", "dark", "soft", "cloth", "loose", "bright", "flicker")


@pytest.mark.parametrize("seed", range(12))
def test_no_customer_among_many_moves_a_page_by_more_than_one_place(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)

    def text(most: int) -> str:
        return " ".join(dice.choices(WORDS, k=dice.randint(1, most)))

    pages = [document(f"doc/{n}", f"Page {n} {text(3)}", text(20)) for n in range(12)]
    customers = [f"customer {n}" for n in range(dice.randint(3, 25))]
    tickets = [
        replace(
            ticket(customer, text(4)),
            documents=tuple(page.id for page in dice.sample(pages, dice.randint(1, 3))),
        )
        for customer in customers
        for _ in range(dice.randint(1, 6))
    ]
    # One customer floods the desk with tickets for one page.
    flooding = dice.choice(customers)
    tickets += [ticket(flooding, text(4), "7") for _ in range(200)]
    queries = [text(4) for _ in range(6)]

    def all_places(name: str, tickets: list[ResolvedTicket]) -> list[dict[str, int]]:
        searcher = centre(tmp_path / name, tickets, pages)
        return [
            {page: place for place, page in enumerate(places(searcher, query))} for query in queries
        ]

    everybody = all_places("all", tickets)
    for customer in {flooding, *dice.sample(customers, 2)}:
        others = [each for each in tickets if each.customer != customer]
        for these, those in zip(everybody, all_places(customer, others), strict=True):
            assert these.keys() == those.keys()
            assert max(abs(these[page] - those[page]) for page in these) <= 1
