"""Publishing, joining and resolving known problems."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kb.errors import Conflict, Forbidden, NotFound
from kb.notifications.outbox import MAIL_QUEUE, ClaimedMessage, Outbox
from kb.people.person import Person
from kb.problems.problems import Problems
from kb.subscriptions.subscriptions import Subscriptions
from kb.tickets.lifecycle import Status
from tests.problems.test_problem import FORM, PRODUCTS
from tests.world import DAY, FRIDAY, HOUR, World, draft

EVERYBODY, CUSTOMERS = frozenset({"public"}), frozenset({"public", "customers"})
AUDIENCES = ("public", "customers", "staff")


@pytest.fixture
def problems(world: World) -> Problems:
    return Problems(world.database, Subscriptions(world.database))


def publish(
    problems: Problems, world: World, number: str = "", *, by: Person | None = None, **more: str
) -> int:
    return problems.publish(
        {**FORM, **more},
        by or world.bob,
        world.desk,
        number=number,
        products=PRODUCTS,
        audiences=AUDIENCES,
        now=FRIDAY,
    )


def update(problems: Problems, world: World, problem_id: int, status: str, body: str) -> None:
    form: Mapping[str, str] = {"status": status, "body": body, "confirmed": "yes"}
    problems.update(problem_id, form, world.bob, now=FRIDAY + HOUR)


def mails(world: World) -> list[ClaimedMessage]:
    """What waits to be sent about problems."""
    batches = Outbox(world.database).claim(MAIL_QUEUE, FRIDAY + DAY, limit=500)
    return [message for batch in batches for message in batch if "problem" in message.kind]


def test_only_agents_publish_and_only_their_audience_sees(problems: Problems, world: World) -> None:
    for stranger in (world.alice, world.charlie, world.erin):
        with pytest.raises(Forbidden):
            publish(problems, world, by=stranger)
    problem_id = publish(problems, world, audience="customers")
    assert problems.open(EVERYBODY, now=FRIDAY) == ()
    assert [each.id for each in problems.open(CUSTOMERS, now=FRIDAY)] == [problem_id]
    with pytest.raises(NotFound):
        problems.get(problem_id, EVERYBODY)
    assert problems.get(problem_id, CUSTOMERS).title == "Printing fails"


def test_another_process_sees_a_new_problem_within_a_second(
    problems: Problems, world: World
) -> None:
    other = Problems(world.database, Subscriptions(world.database))
    assert other.open(EVERYBODY, now=FRIDAY) == ()
    publish(problems, world)
    assert len(other.open(EVERYBODY, now=FRIDAY + HOUR)) == 1


def test_everybody_is_counted_once(problems: Problems, world: World) -> None:
    problem_id = publish(problems, world)
    for reporter in ("visitor:a", "visitor:a", f"person:{world.alice.id}"):
        problems.join(problem_id, EVERYBODY, reporter, person=None, now=FRIDAY)
    problem = problems.get(problem_id, EVERYBODY)
    assert problems.counts((problem,))[problem_id] == (2, 0)


def test_a_strangers_address_is_asked_first_and_told_nothing(
    problems: Problems, world: World
) -> None:
    problem_id = publish(problems, world)
    subscription = problems.join(
        problem_id,
        EVERYBODY,
        "visitor:a",
        person=None,
        email="Gina@Example.org",
        now=FRIDAY,
    )
    assert subscription is not None
    assert subscription.choice == ""
    update(problems, world, problem_id, "identified", "We know the cause.")
    assert mails(world) == []


def test_followers_and_tickets_are_told_of_the_end_exactly_once(
    problems: Problems, world: World
) -> None:
    mine = world.desk.filing.file(draft("Nothing is printed"), world.alice, key="a", now=FRIDAY)
    theirs = world.desk.filing.file(draft("No print"), world.vera, key="v", now=FRIDAY)
    problem_id = publish(problems, world, mine)
    problems.link(problem_id, theirs, world.bob, world.desk, now=FRIDAY)
    for person in (world.alice, world.charlie):
        problems.join(
            problem_id,
            EVERYBODY,
            f"person:{person.id}",
            person=person,
            email=person.email,
            now=FRIDAY,
        )
    update(problems, world, problem_id, "identified", "We know the cause.")
    told = sorted(mail.recipient for mail in mails(world))
    assert told == ["alice@example.com", "charlie@example.com", "vera@example.com"]

    update(problems, world, problem_id, "resolved", "Install 2.1.")
    assert problems.settle(world.desk, now=FRIDAY + HOUR) == 2
    assert problems.settle(world.desk, now=FRIDAY + HOUR) == 0
    assert [mail.recipient for mail in mails(world)] == ["charlie@example.com"]  # Alice's has hers

    ticket = world.desk.ticket(mine, world.alice, now=FRIDAY + HOUR)
    assert ticket.row.status is Status.RESOLVED
    assert "Install 2.1." in ticket.events[-1].body
    assert all(due.state in ("met", "cancelled") for due in ticket.dues)


def test_a_reopened_ticket_stays_open_and_a_closed_one_as_it_is(
    problems: Problems, world: World
) -> None:
    from kb.tickets import actions

    number = world.desk.filing.file(draft("Nothing is printed"), world.alice, key="a", now=FRIDAY)
    problem_id = publish(problems, world, number)
    world.desk.act(number, world.alice, actions.cancel(), now=FRIDAY)
    update(problems, world, problem_id, "resolved", "Install 2.1.")
    assert problems.settle(world.desk, now=FRIDAY + HOUR) == 0
    world.desk.act(number, world.alice, actions.reopen("Still broken"), now=FRIDAY + HOUR)
    assert problems.settle(world.desk, now=FRIDAY + HOUR) == 0
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY + HOUR)
    assert ticket.row.status is Status.OPEN


def test_a_resolved_problem_is_neither_joined_nor_linked_nor_updated(
    problems: Problems, world: World
) -> None:
    number = world.desk.filing.file(draft(), world.alice, key="a", now=FRIDAY)
    problem_id = publish(problems, world)
    update(problems, world, problem_id, "resolved", "Install 2.1.")
    assert problems.open(EVERYBODY, now=FRIDAY) == ()
    with pytest.raises(Conflict):
        update(problems, world, problem_id, "resolved", "Again.")
    with pytest.raises(Conflict):
        problems.link(problem_id, number, world.bob, world.desk, now=FRIDAY)
    with pytest.raises(Conflict):
        problems.join(problem_id, EVERYBODY, "visitor:a", person=None, now=FRIDAY)


def test_alike_tickets_are_proposed_to_agents_only(problems: Problems, world: World) -> None:
    for i, title in enumerate(("cannot log in", "unable to log in", "log in fails", "login fails")):
        world.desk.filing.file(draft(title), world.alice, key=str(i), now=FRIDAY)
    (burst,) = problems.bursts(world.bob, now=FRIDAY + HOUR)
    assert len(burst.serials) == 4
    with pytest.raises(Forbidden):
        problems.bursts(world.charlie, now=FRIDAY + HOUR)
