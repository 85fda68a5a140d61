"""What a visit proves about its suggestions: accepted, ignored, or nothing."""

from __future__ import annotations

import pytest

from kb.analytics.deflection import Deflection, mail_episode
from kb.insights.ledger import DeflectionLedger
from kb.insights.suggestion_outcomes import suggestion_outcomes
from kb.tickets import actions
from tests.insights.test_ledger import LATER, TITLE, come
from tests.world import FRIDAY, HOUR, World, draft


@pytest.fixture
def deflection(world: World) -> Deflection:
    return Deflection(world.database)


def outcomes(world: World) -> list[tuple[str, str, str, bool]]:
    DeflectionLedger(world.database).settle(LATER)
    return [
        (each.audience, each.person, each.document, each.accepted)
        for each in suggestion_outcomes(world.database, most=100)
    ]


def test_what_helped_or_was_read_without_a_ticket_was_accepted(
    world: World, deflection: Deflection
) -> None:
    come(deflection, "e1", FRIDAY, world.alice, solved=True)
    come(deflection, "e2", FRIDAY + HOUR, read=20)
    assert outcomes(world) == [
        (world.alice.audience, f"account {world.alice.id}", "doc/jam", True),
        ("public", "title the printer jams", "doc/jam", True),
    ]


def test_a_ticket_without_reading_anything_says_that_all_were_ignored(
    world: World, deflection: Deflection
) -> None:
    come(deflection, "e1", FRIDAY, world.alice, submitted=True)
    assert outcomes(world) == [
        (world.alice.audience, f"account {world.alice.id}", "doc/jam", False)
    ]


def test_other_visits_prove_nothing(world: World, deflection: Deflection) -> None:
    come(deflection, "left", FRIDAY)
    come(deflection, "glanced", FRIDAY, read=2)
    come(deflection, "nothing", FRIDAY, shown=False)
    come(deflection, "agent", FRIDAY, world.bob, solved=True, apart=True)
    come(deflection, "read-and-filed", FRIDAY, world.alice, read=20, submitted=True)
    assert outcomes(world) == []


def test_search_does_not_learn_from_an_article_whose_ticket_was_reopened(
    world: World, deflection: Deflection
) -> None:
    number = world.desk.filing.file(draft(title=TITLE), world.alice, key="", now=FRIDAY)
    come(deflection, mail_episode(int(number.removeprefix("KB-"))), FRIDAY, solved=True)
    world.desk.act(number, world.alice, actions.solve(), now=FRIDAY + HOUR)
    world.desk.act(number, world.alice, actions.reopen("It jams."), now=FRIDAY + 2 * HOUR)
    assert outcomes(world) == []


def test_a_visit_counts_when_its_windows_are_over(world: World, deflection: Deflection) -> None:
    come(deflection, "e1", FRIDAY, solved=True)
    DeflectionLedger(world.database).settle(FRIDAY + HOUR)
    assert suggestion_outcomes(world.database, most=100) == ()
