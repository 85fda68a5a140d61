"""Search learns from resolved tickets at the next publish, and forgets them at the one after they
are gone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.publish import feedback
from indexer.sources import walk
from kb.analytics.query_log import QueryLog
from kb.people.person import Person
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher
from kb.tickets import actions
from tests.indexing import run_index
from tests.world import FRIDAY, HOUR, World, build, draft

TODAY = dt.date(2026, 6, 6)
PRIVATE = "zanzibar contraption of Alice hums quixotically"


@pytest.fixture
def order(tmp_path: Path) -> IndexOptions:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in (
        ("jam", "Pull the paper"),
        ("ink", "Change the cartridge"),
        ("oil", "Oil the roller"),
    ):
        (docs / f"{name}.md").write_text(f"# {text}\n\n{text}, slowly.\n", "utf-8")
    return IndexOptions(walk.parse_sources([f"doc={docs}"]), tmp_path / "data", TODAY)


def solved(world: World, title: str, document: str, person: Person | None = None) -> str:
    requester = person or world.alice
    number = world.desk.filing.file(draft(title), requester, key=title, now=FRIDAY)
    world.desk.act(
        number, world.bob, actions.answer_by_link([(document, "An article")]), key="l", now=FRIDAY
    )
    world.desk.act(number, requester, actions.solve(), now=FRIDAY + HOUR)
    return number


def solved_by_three(world: World, title: str, document: str) -> str:
    """Tickets of three customers with one title; the number of the first."""
    people = (world.alice, world.charlie, world.vera)
    first, *_ = [solved(world, title, document, person) for person in people]
    return first


def found(order: IndexOptions, query: str) -> list[str]:
    searcher = Searcher(order.data, budget_ms=60_000)  # a busy machine must not change the order
    return [hit.id for hit in searcher.suggest(query, doubt=-math.inf).hits]


def test_a_ticket_votes_for_what_its_answer_linked_until_it_is_solved_no_more(
    order: IndexOptions,
) -> None:
    first = run_index(order)
    assert (first.published, first.voters) == (True, 0)
    assert found(order, "contraption hums") == []
    world = build(order.data)
    with contextlib.closing(world.database):
        number = solved(world, PRIVATE, "doc/oil")
        # One privately filed ticket changes nothing.
        assert not run_index(order).published
        world.desk.act(number, world.alice, actions.reopen("Again."), now=FRIDAY + HOUR)
        number = solved_by_three(world, f"{PRIVATE} again", "doc/oil")
        taught = run_index(order)
        assert (taught.published, taught.voters, taught.read) == (True, 3, 0)
        assert found(order, "my contraption hums") == ["doc/oil"]
        assert not run_index(order).published
        world.desk.act(number, world.alice, actions.reopen("It hums again."), now=FRIDAY + 2 * HOUR)
        assert run_index(order).published
        assert found(order, "my contraption hums") == []


def test_no_word_of_a_private_title_is_in_the_index(order: IndexOptions) -> None:
    world = build(order.data)
    solved_by_three(world, PRIVATE, "doc/oil")
    world.database.close()
    assert run_index(order).voters == 3
    current = Generations(order.data).current()
    assert current
    whole = b"".join(path.read_bytes() for path in current.path.rglob("*") if path.is_file())
    for word in (b"zanzibar", b"quixot", b"contrapt"):
        assert word not in whole


def test_a_link_to_a_missing_document_does_not_vote(order: IndexOptions) -> None:
    world = build(order.data)
    solved_by_three(world, PRIVATE, "doc/gone")
    world.database.close()
    assert run_index(order).published
    assert found(order, "contraption hums") == []


def test_without_a_ticket_database_nothing_is_missed(order: IndexOptions) -> None:
    assert feedback.read_feedback(order.data, FRIDAY, queries=True) == feedback.SearchFeedback()
    assert run_index(order).notes == []
    assert not (order.data / "tickets.db").exists()


def test_a_damaged_ticket_database_is_reported_and_search_is_published(
    order: IndexOptions,
) -> None:
    order.data.mkdir()
    (order.data / "tickets.db").write_bytes(b"this is no database, " * 100)
    report = run_index(order)
    assert report.published
    assert any("does not learn" in note for note in report.notes)
    assert not run_index(order).published


def test_what_visitors_ask_most_is_compared_in_a_check(order: IndexOptions) -> None:
    run_index(order)
    world = build(order.data)
    now = dt.datetime.now(dt.UTC)
    QueryLog(world.database).count(
        [("oil the roller", "public")] * 3 + [("once", "public")], now=now
    )
    QueryLog(world.database).count([("mail of alice@example.com", "public")] * 5, now=now)
    world.database.close()
    (order.sources[0].path / "oil.md").unlink()
    report = run_index(replace(order, check_only=True))
    assert report.compared == 1
    (change,) = report.changes
    assert (change.query, change.times, change.before[0]) == ("oil the roller", 3, "doc/oil")
    assert "doc/oil" not in change.after
    assert "  oil the roller (asked 3 times)" in list(report.lines())
