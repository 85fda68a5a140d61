"""Closing: resolve, cancel, void, reopen and rate."""

from __future__ import annotations

import pytest

from kb.errors import Conflict, Forbidden, Invalid
from kb.tickets import actions
from kb.tickets.lifecycle import Status
from tests.tickets.tickets import MONDAY, seen
from tests.world import DAY, FRIDAY, World, draft


def test_a_coupon_comes_back_when_staff_move_or_void_the_ticket(world: World) -> None:
    def left() -> int | None:
        asked = world.desk.filing.promise(
            type="problem", severity="question", coupon="VERA-5", customer=world.vera, now=FRIDAY
        )
        return asked.coupons_left

    moved, voided, kept = (
        world.desk.filing.file(draft(coupon="VERA-5"), world.vera, key=f"k{i}", now=FRIDAY)
        for i in range(3)
    )
    assert left() == 2
    world.desk.act(
        moved, world.bob, actions.change_level("commercial", "This is no emergency."), now=FRIDAY
    )
    world.desk.act(voided, world.bob, actions.void("duplicate"), now=FRIDAY)
    world.desk.act(kept, world.bob, actions.solve(), now=FRIDAY)
    assert left() == 4
    assert [world.desk.ticket(n, world.vera, now=FRIDAY).coupon for n in (moved, voided, kept)] == [
        "",
        "",
        "VERA-5",
    ]


def test_a_voided_ticket_was_promised_nothing_and_takes_no_words(world: World, number: str) -> None:
    with pytest.raises(Invalid):
        world.desk.act(number, world.bob, actions.void("boring"), now=FRIDAY)
    world.desk.act(number, world.bob, actions.void("spam"), now=MONDAY + DAY)
    ticket = seen(world, number, MONDAY + DAY)
    assert (ticket.row.status, ticket.dues[0].state, ticket.row.due) == (
        Status.SPAM_OR_DUPLICATE,
        "cancelled",
        None,
    )
    with pytest.raises(Conflict):
        world.desk.act(number, world.alice, actions.comment("Why?"), key="c", now=MONDAY + DAY)


def test_an_escalation_is_marked_and_rated_tickets_are_closed_ones(
    world: World, number: str
) -> None:
    world.desk.act(number, world.alice, actions.escalate("Three days!"), key="e", now=FRIDAY)
    assert seen(world, number).row.escalated
    with pytest.raises(Conflict):
        world.desk.act(number, world.alice, actions.rate(5), now=FRIDAY)
    world.desk.act(number, world.bob, actions.solve(reason="out-of-scope"), now=FRIDAY)
    for score in (1, 5):
        world.desk.act(number, world.alice, actions.rate(score, "After all."), now=FRIDAY)
    rating = seen(world, number).rating
    assert rating
    assert (rating.score, rating.words) == (5, "After all.")
    for score in (0, 6):
        with pytest.raises(Invalid):
            world.desk.act(number, world.alice, actions.rate(score), now=FRIDAY)
    with pytest.raises(Forbidden):
        world.desk.act(number, world.bob, actions.rate(5), now=FRIDAY)


def test_only_a_closing_reason_closes(world: World, number: str) -> None:
    for reason in ("release", "x"):
        with pytest.raises(Invalid):
            world.desk.act(number, world.bob, actions.cancel(reason=reason), now=FRIDAY)
    world.desk.act(number, world.bob, actions.cancel(reason="out-of-scope"), now=FRIDAY)
    assert seen(world, number).events[-1].facts["title"] == "The question is out of scope"


def test_an_agent_who_solves_has_answered(world: World, number: str) -> None:
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert (ticket.row.status, ticket.dues[0].state) == (Status.RESOLVED, "met")


def test_a_customer_who_closes_ends_the_promise_without_a_verdict(
    world: World, number: str
) -> None:
    world.desk.act(number, world.alice, actions.cancel(), now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=MONDAY + DAY)
    assert (ticket.row.status, ticket.dues[0].state, ticket.dues[0].met_at) == (
        Status.CANCELLED,
        "cancelled",
        None,
    )


def test_a_breach_stays_when_the_customer_closes(world: World, number: str) -> None:
    world.desk.act(number, world.alice, actions.solve(), now=MONDAY + DAY)
    assert world.desk.ticket(number, world.alice, now=MONDAY + DAY).dues[0].state == "breached"


def test_reopening_needs_a_reason_and_starts_the_next_response(world: World, number: str) -> None:
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY)
    with pytest.raises(Invalid):
        world.desk.act(number, world.alice, actions.reopen("  "), now=FRIDAY)
    world.desk.act(number, world.alice, actions.reopen("It burns again."), now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert (ticket.row.status, ticket.events[-1].body) == (Status.OPEN, "It burns again.")
    assert [(due.target, due.state) for due in ticket.dues] == [
        ("first response", "met"),
        ("next response", "running"),
    ]
