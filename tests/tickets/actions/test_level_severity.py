"""Support level and severity: moves by staff, proposals and what the requester makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kb.errors import Conflict, Forbidden, Invalid
from kb.sla.policy import Development
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.desk import Desk
from kb.tickets.lifecycle import Verb
from kb.tickets.repository.repository import TicketRepository
from tests.tickets.tickets import MONDAY, rows, seen, states
from tests.world import CATALOGUE, DAY, FRIDAY, HOUR, World


def test_a_move_counts_as_the_level_says_and_nothing_is_forgotten(
    world: World, number: str
) -> None:
    world.desk.act(
        number, world.bob, actions.change_level("development", "It is a defect."), now=FRIDAY + HOUR
    )
    ticket = seen(world, number)
    assert (ticket.row.level, ticket.level_why) == ("Development", "It is a defect.")
    assert ticket.dues[0].due == FRIDAY + HOUR + 14 * DAY
    assert [event.verb for event in ticket.events] == [Verb.OPEN, Verb.CHANGE_LEVEL]
    assert ticket.events[-1].facts["from_level"] == "commercial"
    with pytest.raises(Conflict):
        world.desk.act(number, world.bob, actions.change_level("development", "Again."), now=FRIDAY)
    for about in (
        {"level": "none"},
        {"level": "commercial", "change": "somehow"},
        {"level": "commercial", "body": ""},
    ):
        with pytest.raises(Invalid):
            world.desk.act(
                number, world.bob, actions.change_level(**{"body": "So.", **about}), now=FRIDAY
            )


def test_a_breach_before_a_move_stays_a_breach(world: World, number: str) -> None:
    world.desk.act(
        number, world.bob, actions.change_level("development", "A defect."), now=MONDAY + HOUR
    )
    assert states(world, number, MONDAY + HOUR) == [("first response", "breached")]


@pytest.mark.parametrize("goes", [Development.NO, Development.SAME_LEVEL])
def test_development_at_the_same_level_or_not_at_all(
    world: World, number: str, goes: Development
) -> None:
    level = replace(world.policy.levels["commercial"], development=goes)
    policy = replace(world.policy, levels={**world.policy.levels, "commercial": level})
    desk = Desk(
        TicketRepository(world.database), policy, Attachments(world.data / "attachments"), CATALOGUE
    )
    if goes is Development.NO:
        with pytest.raises(Conflict):
            desk.act(
                number, world.bob, actions.change_level("development", "A defect."), now=FRIDAY
            )
        return
    desk.act(number, world.bob, actions.change_level("development", "A defect."), now=FRIDAY)
    ticket = desk.ticket(number, world.bob, now=FRIDAY)
    assert (ticket.row.level, ticket.dues[0].due) == ("Commercial", MONDAY)
    assert ticket.events[-1].facts == {"handed_over": "Development"}
    kinds = rows(world, "SELECT kind FROM notices WHERE recipient = 'alice@example.com'")
    assert kinds[-1] == ("handed-over",), "no mail says that the level changed"


def test_a_severity_changes_only_when_the_customer_agrees(world: World, number: str) -> None:
    with pytest.raises(Conflict):
        world.desk.act(number, world.alice, actions.agree(), now=FRIDAY)
    world.desk.act(
        number,
        world.bob,
        actions.propose_severity("date", "It can wait till then.", detail="2026-07-01"),
        now=FRIDAY,
    )
    world.desk.act(
        number, world.bob, actions.propose_severity("down", "You said nobody can work."), now=FRIDAY
    )
    asked = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert asked.proposal
    assert (asked.severity, asked.proposal.severity) == ("question", "down")
    with pytest.raises(Forbidden):
        world.desk.act(number, world.bob, actions.agree(), now=FRIDAY)
    world.desk.act(number, world.alice, actions.agree(), now=FRIDAY)
    ticket = seen(world, number)
    assert (ticket.severity, ticket.severity_title, ticket.row.urgent) == (
        "down",
        "Production down",
        True,
    )
    assert ticket.proposal is None
    assert [event.verb for event in ticket.events[1:]] == [Verb.PROPOSE, Verb.PROPOSE, Verb.AGREE]


def test_the_level_follows_an_agreed_severity(world: World, number: str) -> None:
    lifted = replace(
        world.policy.entitlements[1],
        when={"severity": frozenset({"down"})},
        level="vip-coupon",
        why="Down.",
    )
    policy = replace(world.policy, entitlements=(lifted, *world.policy.entitlements))
    desk = Desk(
        TicketRepository(world.database), policy, Attachments(world.data / "attachments"), CATALOGUE
    )
    desk.act(number, world.bob, actions.propose_severity("down", "It is."), now=FRIDAY)
    desk.act(number, world.alice, actions.agree(), now=FRIDAY + HOUR)
    ticket = desk.ticket(number, world.alice, now=FRIDAY + HOUR)
    assert (ticket.row.level, ticket.level_why, ticket.dues[0].due) == (
        "VIP coupon",
        "Down.",
        FRIDAY + 4 * HOUR,
    )


def test_a_declined_proposal_changes_nothing(world: World, number: str) -> None:
    world.desk.act(number, world.bob, actions.propose_severity("down", "It is."), now=FRIDAY)
    world.desk.act(number, world.alice, actions.decline("It is not."), now=FRIDAY)
    ticket = seen(world, number)
    assert (ticket.severity, ticket.proposal) == ("question", None)
    for severity in ("question", "none"):
        with pytest.raises((Conflict, Invalid)):
            world.desk.act(number, world.bob, actions.propose_severity(severity, "So."), now=FRIDAY)
