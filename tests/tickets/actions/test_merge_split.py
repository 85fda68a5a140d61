"""Merge and split: two tickets in one transaction, and no SLA time lost."""

from __future__ import annotations

from typing import Any

import pytest

from kb.errors import Conflict, Invalid, NotFound
from kb.sla.target import TargetState
from kb.tickets import actions
from kb.tickets.lifecycle import Status
from kb.tickets.ticket import TargetView
from tests.tickets.tickets import MONDAY, seen, states
from tests.world import FRIDAY, HOUR, World, draft


def test_a_merged_ticket_goes_on_in_the_other_with_the_earliest_start(
    world: World, number: str
) -> None:
    later = world.desk.filing.file(draft("The same"), world.alice, key="later", now=FRIDAY + HOUR)
    world.desk.merge(number, world.bob, later, now=FRIDAY + 2 * HOUR)
    source, target = seen(world, number), seen(world, later)
    assert (source.row.status, source.merged_into, source.related) == (
        Status.MERGED,
        later,
        (later,),
    )
    assert source.dues[0].state == "cancelled"
    assert (target.dues[0].due, target.related) == (MONDAY, (number,))
    assert target.ledger[0]["from"] == FRIDAY.isoformat()
    with pytest.raises(Conflict):
        world.desk.act(
            number, world.alice, actions.comment("Hello?"), key="c", now=FRIDAY + 2 * HOUR
        )


def test_tickets_of_two_customers_are_never_merged(world: World, number: str) -> None:
    others = world.desk.filing.file(draft(), world.charlie, key="k", now=FRIDAY)
    for into in (others, number):
        with pytest.raises(Conflict):
            world.desk.merge(number, world.bob, into, now=FRIDAY)
    with pytest.raises(NotFound):
        world.desk.merge(number, world.bob, "KB-9999", now=FRIDAY)
    assert seen(world, number).row.status is Status.OPEN
    assert len(seen(world, others).events) == 1


def test_a_part_is_its_own_ticket_and_counts_from_when_it_was_asked(
    world: World, number: str
) -> None:
    world.desk.act(number, world.bob, actions.reply("Plug it in."), key="r", now=FRIDAY)
    world.desk.act(
        number, world.alice, actions.comment("And the folder?"), key="c", now=FRIDAY + HOUR
    )
    asked = seen(world, number).events[-1].id
    for _ in range(2):
        part = world.desk.split(
            number,
            world.bob,
            "The folder",
            "And the folder?",
            event=asked,
            key="s",
            now=FRIDAY + 2 * HOUR,
        )
    ticket = world.desk.ticket(part, world.alice, now=FRIDAY + 2 * HOUR)
    assert (part, ticket.row.title, ticket.row.level) == ("KB-1002", "The folder", "Commercial")
    assert ticket.dues == (TargetView("first response", TargetState.RUNNING, MONDAY + HOUR),)
    world.desk.act(part, world.bob, actions.reply("Oil it."), key="r", now=FRIDAY + 3 * HOUR)
    assert states(world, part, FRIDAY + 3 * HOUR) == [("first response", "met")]
    with pytest.raises(NotFound):
        world.desk.ticket(part, world.charlie, now=FRIDAY)
    wrong: tuple[dict[str, Any], ...] = ({"title": ""}, {"description": " "}, {"event": 999})
    for about in wrong:
        part_of = {"title": "Some", "description": "x", "key": "t", **about}
        with pytest.raises(Invalid):
            world.desk.split(number, world.bob, **part_of, now=FRIDAY)
