"""A merge and a mark as spam or duplicate can be undone for ten minutes, as if nothing was done."""

from __future__ import annotations

import datetime as dt

import pytest

from kb.errors import Conflict, Forbidden, NotFound
from kb.tickets import actions
from kb.tickets.lifecycle import Status
from tests.tickets.tickets import rows, seen, states
from tests.world import DAY, FRIDAY, HOUR, World, draft

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def other(world: World) -> str:
    return world.desk.filing.file(draft("The same"), world.alice, key="other", now=FRIDAY + HOUR)


def pending(world: World) -> list[str]:
    query = "SELECT kind FROM notices WHERE kind IN ('merged', 'voided') AND state = 'pending'"
    return [kind for (kind,) in rows(world, query)]


def test_a_merge_that_was_undone_has_not_happened(world: World, number: str, other: str) -> None:
    at, later = FRIDAY + 2 * HOUR, FRIDAY + 10 * DAY
    untouched = states(world, number, later), states(world, other, later)
    due = seen(world, other, at).dues[0].due
    world.desk.merge(number, world.bob, other, now=at)
    assert seen(world, other, at).dues[0].due != due, "the earlier start counts"
    assert pending(world) == ["merged"]
    world.desk.undo(number, world.bob, now=at + 10 * MINUTE)
    assert pending(world) == []
    assert (states(world, number, later), states(world, other, later)) == untouched
    assert seen(world, other, at + 10 * MINUTE).dues[0].due == due
    verbs = [event.verb for event in world.desk.ticket(other, world.alice, now=at + DAY).events]
    assert verbs[-2:] == ["absorbed", "separated"], "the customer's timeline does not stop halfway"
    ticket = seen(world, number, at + 11 * MINUTE)
    assert (ticket.row.status, ticket.merged_into, ticket.related) == (Status.OPEN, "", ())
    world.desk.act(number, world.alice, actions.comment("Thanks"), now=at + HOUR)
    with pytest.raises(Conflict):
        world.desk.undo(number, world.bob, now=at + HOUR)


def test_a_mark_that_was_undone_has_not_happened(world: World) -> None:
    guest = world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    number = world.desk.filing.file(draft(), guest, key="g", now=FRIDAY)
    secret = world.desk.links.for_new_ticket(number, guest, key="g", now=FRIDAY)
    question = actions.set_to_pending("Which one?", until=FRIDAY + 3 * DAY)
    world.desk.act(number, world.bob, question, now=FRIDAY + HOUR)
    before = seen(world, number, FRIDAY + HOUR)
    for why in ("spam", "duplicate"):
        at = FRIDAY + 2 * HOUR
        world.desk.act(number, world.bob, actions.void(why), now=at)
        with pytest.raises(NotFound):
            world.desk.links.holder(number, secret, now=at)
        world.desk.undo(number, world.bob, now=at + MINUTE)
        after = seen(world, number, FRIDAY + HOUR)
        assert after.events[-1].public is (why == "duplicate")
        assert after.row.status is Status.PENDING
        assert (after.remind_at, after.dues) == (before.remind_at, before.dues)
        assert world.desk.links.holder(number, secret, now=at).holds
    assert pending(world) == []


def test_a_priority_request_is_used_again(world: World) -> None:
    number = world.desk.filing.file(draft(coupon="VERA-5"), world.vera, key="v", now=FRIDAY)
    world.desk.act(number, world.bob, actions.void("duplicate"), now=FRIDAY)
    assert seen(world, number).coupon == ""
    world.desk.undo(number, world.bob, now=FRIDAY + MINUTE)
    assert seen(world, number).coupon == "VERA-5"


def test_it_is_too_late_after_ten_minutes_and_only_agents_undo(
    world: World, number: str, other: str
) -> None:
    world.desk.merge(number, world.bob, other, now=FRIDAY + 2 * HOUR)
    for person, error in ((world.alice, Forbidden), (world.charlie, NotFound)):
        with pytest.raises(error):
            world.desk.undo(number, person, now=FRIDAY + 2 * HOUR)
    with pytest.raises(Conflict):
        world.desk.undo(number, world.bob, now=FRIDAY + 2 * HOUR + 11 * MINUTE)
    with pytest.raises(Conflict):
        world.desk.undo(other, world.bob, now=FRIDAY + 2 * HOUR)
    assert seen(world, number, FRIDAY + DAY).row.status is Status.MERGED
