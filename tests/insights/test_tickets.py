"""Sums of tickets: each event once, open targets past due as missed, medians from buckets."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.insights.deflection import Period
from kb.insights.report import InsightsReport, insights_report
from kb.insights.ticket_sums import TicketSums, bucket_duration, duration_bucket
from kb.insights.tickets import total_counts
from kb.tickets import actions
from tests.world import DAY, FRIDAY, HOUR, World, draft

PERIOD = Period(FRIDAY.date(), (FRIDAY + 30 * DAY).date())


def report(world: World, now: dt.datetime = FRIDAY + 30 * DAY) -> InsightsReport:
    TicketSums(world.database).count()
    return insights_report(world.database, PERIOD, now=now)


def file(world: World, now: dt.datetime = FRIDAY) -> str:
    return world.desk.filing.file(draft(product="press"), world.alice, key="", now=now)


def test_what_happened_is_counted_once_on_its_day(world: World) -> None:
    first, _ = file(world), file(world, FRIDAY + DAY)
    assert report(world).tickets.filed == 2
    world.desk.act(first, world.bob, actions.reply("Try again."), now=FRIDAY + 2 * HOUR)
    world.desk.act(first, world.bob, actions.reply("And again."), now=FRIDAY + 3 * HOUR)
    world.desk.act(first, world.bob, actions.note("Odd."), now=FRIDAY + 3 * HOUR)
    world.desk.act(first, world.bob, actions.solve(), now=FRIDAY + 2 * DAY)
    counted = report(world)
    assert (counted.tickets.filed, counted.tickets.replies, counted.tickets.resolved) == (2, 2, 1)
    assert [(day.filed, day.ended, day.backlog) for day in counted.volume[:3]] == [
        (1, 0, 1),
        (1, 0, 2),
        (0, 1, 1),
    ]
    assert len(counted.volume) == 31
    assert counted.first_response is not None
    assert counted.resolution is not None
    assert counted.first_response.tickets == 1
    assert counted.first_response.median / HOUR == pytest.approx(2, rel=0.1)
    assert counted.resolution.median / DAY == pytest.approx(2, rel=0.1)


def test_the_volume_begins_with_the_first_ticket_ever(world: World) -> None:
    now = FRIDAY + 3 * DAY
    always = Period(dt.date(1970, 1, 1), dt.date(9999, 12, 30))
    assert insights_report(world.database, always, now=now).volume == []
    file(world)
    TicketSums(world.database).count()
    whole = insights_report(world.database, always, now=now).volume
    assert [(day.day, day.backlog) for day in whole] == [
        ((FRIDAY + days * DAY).date(), 1) for days in range(4)
    ]

    # The ticket from before the period is open on each of its days, also on the first ones.
    file(world, now)
    TicketSums(world.database).count()
    later = Period((FRIDAY + DAY).date(), now.date())
    volume = insights_report(world.database, later, now=now).volume
    assert [(day.filed, day.backlog) for day in volume] == [(0, 1), (0, 1), (1, 2)]


def test_a_ticket_that_was_closed_for_a_reason_was_not_resolved(world: World) -> None:
    number = file(world)
    world.desk.act(number, world.bob, actions.solve("out-of-scope"), now=FRIDAY + HOUR)
    counted = report(world)
    assert counted.tickets.resolved == 0
    assert [day.ended for day in counted.volume[:1]] == [1]
    assert counted.resolution is None


def test_groups_name_products_organisations_and_agents(world: World) -> None:
    number = file(world)
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    world.desk.act(number, world.bob, actions.reply("Try again."), now=FRIDAY + HOUR)
    groups = report(world).groups
    (product,), (organisation,) = groups["product"], groups["organisation"]
    assert (product.value, product.counts.filed, product.open) == ("press", 1, 1)
    assert (organisation.title, organisation.open) == ("Acme", 1)
    (agent,) = groups["agent"]
    assert (agent.title, agent.counts.replies, agent.open) == (world.bob.name, 1, 1)


def test_an_open_target_past_due_counts_as_missed(world: World) -> None:
    answered, ignored = file(world), file(world)
    world.desk.act(answered, world.bob, actions.reply("Try again."), now=FRIDAY + HOUR)
    early = report(world, FRIDAY + HOUR)
    assert (early.met, early.due) == (1, 1)
    later = report(world)
    assert (later.met, later.overdue, later.due) == (1, 1, 2)
    # Once it is answered, it is still missed, and counts once.
    world.desk.act(ignored, world.bob, actions.reply("Sorry."), now=FRIDAY + 20 * DAY)
    ended = report(world)
    assert (ended.met, ended.overdue, ended.due) == (1, 0, 2)


def test_a_later_rating_replaces_the_first(world: World) -> None:
    number = file(world)
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY + HOUR)
    world.desk.act(number, world.alice, actions.rate(1), now=FRIDAY + 2 * HOUR)
    assert report(world).tickets.score == 1
    world.desk.act(number, world.alice, actions.rate(5), now=FRIDAY + 2 * DAY)
    tickets = report(world).tickets
    assert (tickets.ratings, tickets.score) == (1, 5)
    world.desk.act(number, world.alice, actions.reopen("No."), now=FRIDAY + 3 * DAY)
    reopened = report(world)
    assert reopened.tickets.reopen_rate == 1
    assert reopened.volume[-1].backlog == 1


def test_a_portal_without_tickets_has_an_empty_report(world: World) -> None:
    empty = report(world)
    assert (empty.due, empty.tickets.score, empty.first_response) == (0, None, None)
    assert empty.saved is None


@given(st.timedeltas(dt.timedelta(), dt.timedelta(days=3000)))
def test_a_bucket_stands_for_about_its_durations(duration: dt.timedelta) -> None:
    about = bucket_duration(duration_bucket(duration))
    assert abs(about - duration) <= 0.1 * duration + dt.timedelta(minutes=1)


def test_resolved_tickets_that_were_answered_with_an_article_are_known(world: World) -> None:
    links = actions.answer_by_link([("doc/a", "A")])
    for number, command in enumerate((links, actions.reply("No article."))):
        ticket = world.desk.filing.file(draft(), world.alice, key=f"k{number}", now=FRIDAY)
        world.desk.act(ticket, world.bob, command, now=FRIDAY + HOUR)
        world.desk.act(ticket, world.bob, actions.solve(), now=FRIDAY + 2 * HOUR)
    TicketSums(world.database).count()
    with world.database.read() as connection:
        counts = total_counts(connection, Period(FRIDAY.date(), FRIDAY.date()))
    assert (counts.known, counts.resolved, counts.known_ratio) == (1, 2, 0.5)
