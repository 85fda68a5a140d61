"""A ticket waits for a release or a defect, and its customer is told when that has shipped."""

from __future__ import annotations

import datetime as dt

import pytest

from kb.errors import Forbidden, Invalid, NotFound
from kb.tickets import actions
from kb.tickets.lifecycle import Status
from tests.tickets.tickets import rows, seen
from tests.world import DAY, FRIDAY, HOUR, World, draft


def wait(world: World, number: str, release: str = "2.1", *, hold: bool = False) -> None:
    world.desk.act(number, world.bob, actions.plan(release, planned=FRIDAY + 30 * DAY), now=FRIDAY)
    if hold:
        world.desk.act(number, world.bob, actions.pause("release"), now=FRIDAY)


def mails(world: World, kind: str) -> list[str]:
    query = f"SELECT recipient FROM notices WHERE kind = '{kind}' ORDER BY id"
    return [recipient for (recipient,) in rows(world, query)]


def test_the_planned_day_is_shown_to_the_customer(world: World, number: str) -> None:
    wait(world, number)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert ticket.release is not None
    assert (ticket.release.name, ticket.release.planned) == ("2.1", FRIDAY + 30 * DAY)
    assert ticket.row.status is Status.OPEN
    assert mails(world, "planned") == ["alice@example.com"]


def test_each_waiting_customer_is_told_once_and_the_clock_goes_on(
    world: World, number: str
) -> None:
    other = world.desk.filing.file(draft(), world.charlie, key="other", now=FRIDAY)
    unrelated = world.desk.filing.file(draft(), world.charlie, key="unrelated", now=FRIDAY)
    wait(world, number, hold=True)
    wait(world, other)
    wait(world, unrelated, "3.0")
    world.desk.act(other, world.bob, actions.solve(), now=FRIDAY)
    [release] = [entry for entry in world.desk.queue.releases(world.bob) if entry.name == "2.1"]
    assert release.waiting == 2
    assert world.desk.ship(release.id, world.bob, now=FRIDAY + DAY) == 2
    assert world.desk.ship(release.id, world.bob, now=FRIDAY + DAY) == 0
    assert sorted(mails(world, "shipped")) == ["alice@example.com", "charlie@example.com"]
    later = FRIDAY + 2 * DAY
    on_hold = seen(world, number, later)
    assert on_hold.row.status is Status.OPEN
    assert on_hold.dues[0].state == "running"
    assert seen(world, other, later).row.status is Status.RESOLVED
    shipped = seen(world, number, later).release
    assert shipped is not None
    assert shipped.shipped == FRIDAY + DAY


def test_a_ticket_that_waits_for_its_customer_goes_on_waiting(world: World, number: str) -> None:
    wait(world, number)
    question = actions.set_to_pending("Which version?")
    world.desk.act(number, world.bob, question, now=FRIDAY + HOUR)
    before = [due.state for due in seen(world, number, FRIDAY + DAY).dues]
    [release] = world.desk.queue.releases(world.bob)
    world.desk.ship(release.id, world.bob, now=FRIDAY + 2 * HOUR)
    ticket = seen(world, number, FRIDAY + DAY)
    assert ticket.row.status is Status.PENDING
    assert [due.state for due in ticket.dues] == before


@pytest.mark.parametrize(
    ("release", "planned", "field"),
    [(" ", None, "release"), ("x" * 101, None, "release"), ("2.1", FRIDAY - 2 * DAY, "planned")],
)
def test_a_plan_that_cannot_be_is_refused(
    world: World, number: str, release: str, planned: dt.datetime | None, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        world.desk.act(number, world.bob, actions.plan(release, planned=planned), now=FRIDAY)
    assert refused.value.field == field
    assert world.desk.queue.releases(world.bob) == ()


def test_releases_are_for_staff(world: World, number: str) -> None:
    wait(world, number)
    for person in (world.alice, world.charlie, world.erin):
        with pytest.raises(Forbidden):
            world.desk.queue.releases(person)
        with pytest.raises(Forbidden):
            world.desk.ship(1, person, now=FRIDAY)
    with pytest.raises(NotFound):
        world.desk.ship(99, world.bob, now=FRIDAY)
