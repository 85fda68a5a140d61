"""Assignment and copies."""

from __future__ import annotations

import pytest

from kb.errors import Invalid
from kb.tickets import actions
from tests.tickets.tickets import seen
from tests.world import FRIDAY, World


@pytest.mark.parametrize(
    "agent", ["nobody@example.com", "alice@example.com", "erin@example.com", ""]
)
def test_only_agents_are_given_tickets(world: World, number: str, agent: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.desk.queue.agent(world.bob, agent)
    assert refused.value.field == "agent"
    with pytest.raises(Invalid):
        world.desk.act(number, world.bob, actions.assign(world.alice), now=FRIDAY)


def test_copies_are_replaced_as_a_whole(world: World, number: str) -> None:
    world.desk.act(
        number,
        world.alice,
        actions.set_copies(["Boss@example.com", "boss@example.com", " "]),
        now=FRIDAY,
    )
    assert seen(world, number).copy_to == ("boss@example.com",)
    for wrong in (["nonsense"], [f"a{i}@example.com" for i in range(11)]):
        with pytest.raises(Invalid):
            world.desk.act(number, world.alice, actions.set_copies(wrong), now=FRIDAY)
