"""Waiting: pending and on hold, what they do to the SLA targets, and what ends them."""

from __future__ import annotations

from typing import Any

import pytest

from kb.errors import Conflict, Invalid
from kb.tickets import actions
from kb.tickets.lifecycle import Status
from tests.tickets.tickets import MONDAY, open_community, seen, states
from tests.world import DAY, FRIDAY, HOUR, World


def test_waiting_for_the_customer_needs_a_public_word_and_ends_with_theirs(
    world: World, number: str
) -> None:
    with pytest.raises(Conflict):
        world.desk.act(number, world.bob, actions.set_to_pending(), now=FRIDAY)
    world.desk.act(number, world.bob, actions.set_to_pending("Which printer?"), now=FRIDAY + HOUR)
    ticket = seen(world, number)
    assert (ticket.row.status, ticket.waiting_for) == (Status.PENDING, "Waiting for your answer")
    assert states(world, number, FRIDAY + HOUR) == [("first response", "met")]
    world.desk.act(
        number, world.bob, actions.set_to_pending(), now=FRIDAY + HOUR
    )  # ours was the last word
    world.desk.act(
        number, world.alice, actions.comment("The red one."), key="c", now=FRIDAY + 2 * HOUR
    )
    assert seen(world, number).row.status is Status.OPEN
    assert states(world, number, FRIDAY + 2 * HOUR)[-1] == ("next response", "running")


def test_a_pause_moves_the_resolution_by_what_was_open_in_it(world: World) -> None:
    number = open_community(world)
    before = seen(world, number).dues[0].due
    world.desk.act(
        number, world.bob, actions.pause("release", body="With version 2.1."), now=FRIDAY
    )
    paused = seen(world, number)
    assert (paused.row.status, paused.dues[0].state, paused.dues[0].due) == (
        Status.ON_HOLD,
        "paused",
        None,
    )
    assert paused.waiting_for == "Waiting for an update"
    assert number in {row.number for row in world.desk.queue.tickets(world.bob, now=FRIDAY)[1]}
    world.desk.act(number, world.bob, actions.resume(), now=FRIDAY + 7 * DAY)
    after = seen(world, number, FRIDAY + 7 * DAY)
    assert after.row.status is Status.OPEN
    assert before is not None
    assert after.dues[0].due == before + 7 * DAY


def test_a_customers_word_does_not_end_a_pause_that_is_not_theirs(
    world: World, number: str
) -> None:
    world.desk.act(number, world.bob, actions.reply("A patch will come."), key="r", now=FRIDAY)
    world.desk.act(number, world.bob, actions.pause("release"), now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("When?"), key="c", now=FRIDAY)
    assert seen(world, number).row.status is Status.ON_HOLD
    assert states(world, number, FRIDAY)[-1] == ("next response", "running")


@pytest.mark.parametrize(
    "about", [{"reason": "release"}, {"reason": "x"}, {"until": FRIDAY}, {"until": FRIDAY - HOUR}]
)
def test_a_wait_without_sense_is_refused_and_leaves_nothing(
    world: World, number: str, about: dict[str, Any]
) -> None:
    before = seen(world, number)
    with pytest.raises(Invalid):
        world.desk.act(number, world.bob, actions.set_to_pending("So?", **about), now=FRIDAY)
    with pytest.raises(Invalid):
        world.desk.act(
            number,
            world.bob,
            actions.pause(**{"reason": "customer", **about, "until": FRIDAY}),
            now=FRIDAY,
        )
    assert seen(world, number) == before


def test_a_thank_you_needs_no_answer(world: World, number: str) -> None:
    with pytest.raises(Conflict):
        world.desk.act(number, world.bob, actions.no_reply_needed(), now=FRIDAY)
    world.desk.act(number, world.bob, actions.reply("Plug it in."), key="r", now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("Thanks!"), key="c", now=FRIDAY)
    world.desk.act(number, world.bob, actions.no_reply_needed(), now=FRIDAY)
    assert states(world, number, MONDAY + DAY)[-1] == ("next response", "cancelled")
    assert seen(world, number).row.status is Status.PENDING
