"""Staff are told: of what by default, of what they chose, once, and when."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from sqlalchemy import select

from kb.errors import Invalid
from kb.notifications.caps import STAFF_AT_ONCE, STORM
from kb.notifications.outbox import MAIL_QUEUE, NEWS_AFTER, Outbox
from kb.notifications.tables import NOTICES
from kb.tickets import actions
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.staff.choices import (
    Reach,
    StaffChoice,
    StaffEvent,
    StaffHours,
    StaffMember,
    mentioned,
    read_choices,
    staff_hours,
    stored_choices,
)
from kb.tickets.staff.repository import StaffRepository
from kb.tickets.sweeper import Sweeper
from tests.world import DAY, FRIDAY, HOUR, World, draft, person_of

NIGHT = FRIDAY + 9 * HOUR
MONDAY_9_BERLIN = dt.datetime(2026, 6, 8, 7, 0, tzinfo=dt.UTC)


KEYS = itertools.count()


def file(world: World, now: dt.datetime = FRIDAY, **about: object) -> str:
    key = str(next(KEYS))
    return world.desk.filing.file(draft("Cannot print", **about), world.alice, key=key, now=now)


def choose(world: World, event: StaffEvent, choice: StaffChoice, *products: str) -> None:
    staff = StaffRepository(world.database)
    bob = staff.member(world.bob.id)
    assert bob is not None
    staff.choose(world.bob.id, {**bob.choices, event: choice}, products)


def mails(world: World, address: str) -> list[tuple[str, dt.datetime]]:
    """Kind and due time of each mail that waits for an address."""
    rows = []
    outbox = Outbox(world.database)
    for batch in outbox.claim(MAIL_QUEUE, FRIDAY + 30 * DAY, limit=500):
        rows += [(each.kind, each.created_at) for each in batch if each.recipient == address]
    return rows


def kinds(world: World, address: str) -> list[str]:
    return [kind for kind, _ in mails(world, address)]


def told(world: World, person_id: int) -> list[StaffEvent]:
    return [news.event for news in StaffRepository(world.database).news(person_id)]


def test_an_agent_is_told_of_a_new_ticket_at_once_at_any_hour(world: World) -> None:
    file(world, NIGHT)

    (batch,) = [
        batch
        for batch in Outbox(world.database).claim(MAIL_QUEUE, NIGHT)
        if batch[0].recipient == "bob@example.com"
    ]
    assert batch[0].kind == "new-ticket"
    assert told(world, world.bob.id) == [StaffEvent.NEW]


def test_a_supervisor_is_told_of_new_tickets_where_there_is_no_agent(world: World) -> None:
    ada = person_of(world.accounts, "ada")
    file(world)
    assert told(world, ada.id) == []

    world.accounts.administration.set_role(world.bob, "editor")
    file(world)
    assert told(world, ada.id) == [StaffEvent.NEW]


def test_a_message_of_the_requester_is_told_to_the_assignee_or_to_all_without_one(
    world: World,
) -> None:
    number = file(world)
    world.desk.act(number, world.alice, actions.comment("More."), key="1", now=FRIDAY)
    assert told(world, world.bob.id) == [StaffEvent.ANSWERED, StaffEvent.NEW]

    ada = person_of(world.accounts, "ada")
    world.desk.act(number, world.bob, actions.assign(ada), now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("Still."), key="2", now=FRIDAY)
    assert told(world, world.bob.id) == [StaffEvent.ANSWERED, StaffEvent.NEW]
    assert told(world, ada.id) == [StaffEvent.ANSWERED, StaffEvent.ASSIGNED]


def test_at_night_only_what_is_urgent_or_chosen_so_is_mailed(world: World) -> None:
    calm = file(world, NIGHT)
    urgent = file(world, NIGHT, severity="down", severity_explanation="x")
    for number in (calm, urgent):
        world.desk.act(number, world.alice, actions.comment("More."), key="c", now=NIGHT)
    due = _due_times(world, "commented", "bob@example.com")
    assert due == {calm: MONDAY_9_BERLIN, urgent: NIGHT}

    choose(world, StaffEvent.ANSWERED, StaffChoice(Reach.ALL, any_hour=True))
    world.desk.act(calm, world.alice, actions.comment("Now."), key="d", now=NIGHT)
    assert NIGHT in _due_times(world, "commented", "bob@example.com").values()


#: Berlin is two hours before UTC, and New York four after it.
_NINE_TO_FIVE = StaffHours(dt.time(9), dt.time(17), frozenset(range(5)))
_NIGHT_SHIFT = StaffHours(dt.time(22), dt.time(6), frozenset({4}))  # from Friday on


@pytest.mark.parametrize(
    ("hours", "instant", "due"),
    [
        (_NINE_TO_FIVE, "2026-06-05T13:00", "2026-06-05T13:00"),
        (_NINE_TO_FIVE, "2026-06-05T06:59", "2026-06-05T07:00"),
        (_NINE_TO_FIVE, "2026-06-05T15:00", "2026-06-08T07:00"),  # it ends at 17:00
        (_NINE_TO_FIVE, "2026-06-07T13:00", "2026-06-08T07:00"),
        (_NIGHT_SHIFT, "2026-06-05T13:00", "2026-06-05T20:00"),
        (_NIGHT_SHIFT, "2026-06-06T03:59", "2026-06-06T03:59"),  # it began yesterday
        (_NIGHT_SHIFT, "2026-06-06T04:00", "2026-06-12T20:00"),
        (_NINE_TO_FIVE, "2026-10-26T00:00", "2026-10-26T08:00"),  # after the change to winter time
    ],
)
def test_hours_are_those_of_a_clock_where_the_person_is(
    hours: StaffHours, instant: str, due: str
) -> None:
    asked, expected = (
        dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) for text in (instant, due)
    )
    assert hours.next(asked, "Europe/Berlin") == expected


def test_mails_wait_for_the_hours_of_the_person_but_those_about_targets_do_not(
    world: World,
) -> None:
    staff = StaffRepository(world.database)
    bob = staff.member(world.bob.id)
    assert bob is not None
    evening = StaffHours(dt.time(20), dt.time(22), frozenset(range(7)))
    choices = {event: StaffChoice(Reach.ALL) for event in StaffEvent}
    staff.choose(world.bob.id, choices, (), evening)
    world.accounts.set_zone(world.bob, "Europe/Berlin")

    number = file(world)
    urgent = file(world, severity="down", severity_explanation="x")
    due = _due_times(world, "new-ticket", "bob@example.com")
    assert due == {number: FRIDAY.replace(hour=18), urgent: FRIDAY}

    tuesday = FRIDAY + 4 * DAY
    sweeper = Sweeper(world.database, world.policy, single_version(world.policy))
    while sweeper.sweep(tuesday):
        pass
    breached = _due_times(world, "breached", "bob@example.com")
    assert breached == {number: tuesday, urgent: tuesday}


@pytest.mark.parametrize(
    ("begin", "end", "days"),
    [("9 am", "17:00", "0"), ("09:00", "09:00", "0"), ("09:00", "17:00", ""), ("09:00", "17", "7")],
)
def test_hours_that_nobody_can_keep_are_refused(begin: str, end: str, days: str) -> None:
    with pytest.raises(Invalid):
        staff_hours(begin, end, days)


def test_stopping_mails_keeps_the_hours(world: World) -> None:
    staff = StaffRepository(world.database)
    bob = staff.member(world.bob.id)
    assert bob is not None
    staff.choose(world.bob.id, bob.choices, (), _NIGHT_SHIFT)
    staff.stop_mail(world.bob.id, StaffEvent.NEW)
    stopped = staff.member(world.bob.id)
    assert stopped is not None
    assert (stopped.hours, stopped.choices[StaffEvent.NEW].mail) == (_NIGHT_SHIFT, False)


def _due_times(world: World, kind: str, address: str) -> dict[str, dt.datetime]:
    query = select(NOTICES).where(NOTICES.c.kind == kind, NOTICES.c.recipient == address)
    with world.database.read() as connection:
        return {row.facts["number"]: row.due_at for row in connection.execute(query)}


@pytest.mark.parametrize(
    ("choice", "products", "events", "mailed"),
    [
        (StaffChoice(Reach.NONE), (), [], []),
        (StaffChoice(Reach.ALL, mail=False), (), [StaffEvent.NEW], []),
        (StaffChoice(Reach.MINE), (), [], []),
        (StaffChoice(Reach.UNASSIGNED), (), [StaffEvent.NEW], ["new-ticket"]),
        (StaffChoice(Reach.ALL), ("still",), [], []),
        (StaffChoice(Reach.ALL), ("press",), [StaffEvent.NEW], ["new-ticket"]),
    ],
)
def test_an_agent_chooses_by_event_queue_and_way(
    world: World,
    choice: StaffChoice,
    products: tuple[str, ...],
    events: list[StaffEvent],
    mailed: list[str],
) -> None:
    choose(world, StaffEvent.NEW, choice, *products)
    file(world, product="press")

    assert told(world, world.bob.id) == events
    assert kinds(world, "bob@example.com") == mailed


def test_of_one_event_a_person_is_told_once_for_the_reason_that_concerns_them_most(
    world: World,
) -> None:
    number = file(world)
    ada = person_of(world.accounts, "ada")
    world.desk.queue.watch(number, world.bob)
    world.desk.act(number, ada, actions.note("@bob please look."), key="n", now=FRIDAY)

    assert told(world, world.bob.id) == [StaffEvent.MENTIONED, StaffEvent.NEW]
    assert sorted(kinds(world, "bob@example.com")) == ["mentioned", "new-ticket"]


def test_nobody_is_told_of_what_they_did_themselves(world: World) -> None:
    number = file(world)
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    world.desk.act(number, world.bob, actions.note("@bob remember."), key="n", now=FRIDAY)

    assert told(world, world.bob.id) == [StaffEvent.NEW]


def test_a_supervisor_hears_of_an_escalation_also_of_somebody_elses_ticket(world: World) -> None:
    number = file(world)
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    world.desk.act(number, world.alice, actions.escalate("Slow."), key="e", now=FRIDAY)

    assert told(world, person_of(world.accounts, "ada").id) == [StaffEvent.ESCALATED]
    assert told(world, world.bob.id)[0] is StaffEvent.ESCALATED


def test_what_was_seen_is_no_longer_counted(world: World) -> None:
    staff = StaffRepository(world.database)
    first = file(world)
    file(world)
    assert staff.unseen(world.bob.id) == 2

    staff.saw(world.bob.id, int(first.removeprefix("KB-")), now=FRIDAY)
    assert staff.unseen(world.bob.id) == 1
    staff.saw(world.bob.id, None, now=FRIDAY)
    assert staff.unseen(world.bob.id) == 0


def test_a_storm_is_a_few_mails_and_then_one(world: World) -> None:
    outbox = Outbox(world.database)
    for key in range(50):
        world.desk.filing.file(draft(f"Down {key}"), world.alice, key=str(key), now=FRIDAY)

    def to_bob(now: dt.datetime) -> list[int]:
        sizes = []
        while batches := outbox.claim(MAIL_QUEUE, now):
            for batch in batches:
                outbox.mark_sent(MAIL_QUEUE, batch, now)
                if batch[0].recipient == "bob@example.com":
                    sizes.append(len(batch))
        return sizes

    assert to_bob(FRIDAY) == [1] * STAFF_AT_ONCE
    assert to_bob(FRIDAY + STORM / 2) == []
    assert to_bob(FRIDAY + STORM) == [50 - STAFF_AT_ONCE]


def test_after_downtime_each_person_gets_one_mail(world: World) -> None:
    number = file(world)
    for key in "abc":
        world.desk.act(number, world.bob, actions.reply(key), key=key, now=FRIDAY)

    batches = Outbox(world.database).claim(MAIL_QUEUE, FRIDAY + NEWS_AFTER)
    assert sorted((batch[0].recipient, len(batch)) for batch in batches) == [
        ("alice@example.com", 4),
        ("bob@example.com", 1),
    ]


# --- mentions


def member(email: str, name: str) -> StaffMember:
    return StaffMember(1, email, name, {})


@pytest.mark.parametrize(
    ("body", "addresses"),
    [
        ("@bob look", {"bob@example.com"}),
        ("look, @Bob.", {"bob@example.com"}),
        ("(@bob@example.com)", {"bob@example.com"}),
        ("@BobBaker and @ada", {"bob@example.com", "ada@example.com"}),
        ("@alex", set()),
        ("@alexone", {"alex1@example.com"}),
        ("write to bob@example.com", set()),
        ("@@bob @ bob @nobody", set()),
    ],
)
def test_a_mention_names_one_colleague(body: str, addresses: set[str]) -> None:
    members = [
        member("bob@example.com", "Bob Baker"),
        member("ada@example.com", "Ada"),
        member("alex1@example.com", "Alex One"),
        member("alex2@example.com", "Alex Two"),
    ]
    assert mentioned(body, members) == addresses


def test_choices_are_read_as_they_were_stored_and_new_events_have_defaults(world: World) -> None:
    bob = TicketRepository(world.database).staff.member(world.bob.id)
    assert bob is not None
    stored = stored_choices(bob.choices)
    assert read_choices(stored, {}) == bob.choices
    stored.pop("new")
    assert read_choices(stored, bob.choices) == bob.choices
