"""The sweeper: alarms once, in order, at their computed instants; reminders; changed calendars."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import update

from kb.sla.clock import PolicyVersion
from kb.tickets import actions
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.sweeper import Sweeper
from kb.tickets.tables import TICKETS
from tests.world import DAY, FRIDAY, HOUR, World, draft

MONDAY = FRIDAY + 3 * DAY
SECOND = dt.timedelta(seconds=1)


def alarms(world: World, number: str, now: dt.datetime) -> list[tuple[str, dt.datetime]]:
    return [
        (alarm.threshold, alarm.at)
        for alarm in world.desk.ticket(number, world.bob, now=now).alarms
    ]


@pytest.fixture
def number(world: World) -> str:
    return world.desk.filing.file(draft(), world.alice, key="first", now=FRIDAY)


def test_warnings_and_breaches_fall_once_at_their_instants(world: World, number: str) -> None:
    sweeper = Sweeper(world.database, world.policy, single_version(world.policy))
    warned = MONDAY - 4 * HOUR
    assert sweeper.sweep(warned - SECOND) == 0
    assert [sweeper.sweep(warned) for _ in range(3)] == [1, 0, 0]
    assert sweeper.sweep(MONDAY) == 0
    assert [sweeper.sweep(MONDAY + SECOND) for _ in range(3)] == [1, 0, 0]
    assert sweeper.sweep(MONDAY + 300 * DAY) == 0
    assert alarms(world, number, MONDAY + DAY) == [("50%", warned), ("breach", MONDAY)]


def test_after_downtime_everything_comes_in_order_at_its_computed_instant(
    world: World, number: str
) -> None:
    later = world.desk.filing.file(draft(), world.alice, key="later", now=FRIDAY + HOUR)
    for batch in (1, 250):
        Sweeper(world.database, world.policy, single_version(world.policy)).sweep(
            MONDAY + DAY, batch=batch
        )
    with world.database.read() as connection:
        fell = connection.exec_driver_sql(
            "SELECT ticket_id, threshold, at FROM alarms ORDER BY id"
        ).all()
    assert [(row[0], row[1]) for row in fell] == [
        (1001, "50%"),
        (1002, "50%"),
        (1001, "breach"),
        (1002, "breach"),
    ]
    assert [row[2] for row in fell] == sorted(row[2] for row in fell)
    assert alarms(world, later, MONDAY + DAY)[-1] == ("breach", MONDAY + HOUR)


def test_what_was_answered_late_while_nobody_looked_is_still_a_breach_that_is_told(
    world: World, number: str
) -> None:
    world.desk.act(number, world.bob, actions.reply("Sorry."), key="r", now=MONDAY + HOUR)
    assert (
        Sweeper(world.database, world.policy, single_version(world.policy)).sweep(MONDAY + DAY) == 1
    )
    assert alarms(world, number, MONDAY + DAY) == [("breach", MONDAY)]


def test_no_alarm_falls_while_a_ticket_is_answered_closed_or_void(world: World) -> None:
    for person, command in (
        (world.bob, actions.reply("So.")),
        (world.alice, actions.cancel()),
        (world.bob, actions.void("spam")),
    ):
        number = world.desk.filing.file(draft(), world.alice, key=command.verb, now=FRIDAY)
        world.desk.act(number, person, command, key="k", now=FRIDAY)
    assert (
        Sweeper(world.database, world.policy, single_version(world.policy)).sweep(MONDAY + DAY) == 0
    )


def test_a_reminder_ends_the_wait_by_itself(world: World, number: str) -> None:
    world.desk.act(
        number, world.bob, actions.set_to_pending("Which one?", until=FRIDAY + DAY), now=FRIDAY
    )
    sweeper = Sweeper(world.database, world.policy, single_version(world.policy))
    sweeper.sweep(FRIDAY + DAY - SECOND)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).row.status is Status.PENDING
    for _ in range(2):
        sweeper.sweep(FRIDAY + 2 * DAY)
    ticket = world.desk.ticket(number, world.bob, now=FRIDAY)
    assert (ticket.row.status, ticket.remind_at) == (Status.OPEN, None)
    assert [(event.verb, event.at) for event in ticket.events[-1:]] == [(Verb.RESUME, FRIDAY + DAY)]


def test_a_changed_calendar_moves_what_is_open_when_the_worker_looks(
    world: World, number: str
) -> None:
    always = {key: world.policy.calendars["always"] for key in world.policy.calendars}
    changed = replace(world.policy, calendars=always, version="later")
    versions = (PolicyVersion(FRIDAY - DAY, world.policy), PolicyVersion(FRIDAY + DAY, changed))
    with world.database.write() as connection:
        connection.execute(update(TICKETS).values(next_at=FRIDAY + DAY))
    assert Sweeper(world.database, changed, versions).sweep(FRIDAY + DAY + 3 * HOUR) == 1
    assert world.desk.ticket(number, world.bob, now=FRIDAY).dues[0].due == FRIDAY + DAY + 6 * HOUR
