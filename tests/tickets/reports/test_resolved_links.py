"""What solved tickets teach search: the documents that public answers of agents linked."""

from __future__ import annotations

import pytest

from kb.tickets import actions
from kb.tickets.reports.resolved_links import resolved_links
from tests.world import FRIDAY, HOUR, World, draft


def opened(world: World, title: str = "Cannot print") -> str:
    return world.desk.filing.file(draft(title), world.alice, key=title, now=FRIDAY)


def taught(world: World, most: int = 100) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.title, one.document_ids) for one in resolved_links(world.database, most=most)]


def test_links_in_public_answers_of_agents_teach_once_the_ticket_is_solved(world: World) -> None:
    number = opened(world)
    world.desk.act(
        number, world.bob, actions.answer_by_link([("doc/jam", "Jam")]), key="l", now=FRIDAY
    )
    body = "See https://help.example.com/help/faq/noise#oil, /help/doc/jam and /help/doc/a.b."
    world.desk.act(number, world.bob, actions.reply(body), key="r", now=FRIDAY)
    assert taught(world) == []
    world.desk.act(number, world.alice, actions.solve(), now=FRIDAY + HOUR)
    assert taught(world) == [("Cannot print", ("doc/jam", "faq/noise", "doc/a.b"))]


def test_notes_and_what_customers_link_teach_nothing(world: World) -> None:
    number = opened(world)
    world.desk.act(number, world.bob, actions.note("Perhaps /help/doc/secret"), key="n", now=FRIDAY)
    world.desk.act(
        number, world.alice, actions.comment("I read /help/doc/wrong"), key="c", now=FRIDAY
    )
    world.desk.act(number, world.alice, actions.solve(), now=FRIDAY + HOUR)
    assert taught(world) == []


def test_a_reopened_ticket_stops_teaching(world: World) -> None:
    number = opened(world)
    world.desk.act(
        number, world.bob, actions.answer_by_link([("doc/jam", "Jam")]), key="l", now=FRIDAY
    )
    world.desk.act(number, world.alice, actions.solve(), now=FRIDAY + HOUR)
    assert len(taught(world)) == 1
    world.desk.act(
        number, world.alice, actions.reopen("It came back."), key="o", now=FRIDAY + 2 * HOUR
    )
    assert taught(world) == []


@pytest.mark.parametrize("most", [1, 2])
def test_only_the_newest_teach(world: World, most: int) -> None:
    for hour, title in enumerate(("First", "Second", "Third")):
        number = opened(world, title)
        world.desk.act(
            number, world.bob, actions.answer_by_link([("doc/jam", "Jam")]), key="l", now=FRIDAY
        )
        world.desk.act(number, world.alice, actions.solve(), now=FRIDAY + (hour + 1) * HOUR)
    assert [title for title, _ in taught(world, most)] == ["First", "Second", "Third"][-most:]
