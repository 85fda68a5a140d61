"""Every verb of the desk, and every refusal."""

from __future__ import annotations

import datetime as dt
import itertools
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite as sqlite_dialect

from kb.errors import Conflict, Forbidden, Invalid, NotFound
from kb.people.person import Person
from kb.sla.clock import PolicyVersion
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.decision import Command
from kb.tickets.desk import Desk
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.repository import lists
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.ticket import Consulted, Upload
from tests.world import CATALOGUE, DAY, FRIDAY, HOUR, World, draft

MONDAY = FRIDAY + 3 * DAY  # 15:00 in Berlin, eight open hours after FRIDAY
LOG = Upload("print.log", b"Printer on fire")


def rows(world: World, query: str) -> list[Any]:
    with sqlite3.connect(world.data / "tickets.db") as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


@pytest.fixture
def number(world: World) -> str:
    return world.desk.file(draft(), world.alice, key="first", now=FRIDAY)


def test_a_filed_ticket_has_its_number_level_and_due_time(world: World) -> None:
    filed = draft(
        product="press",
        module="print",
        version="2.0",
        copy_to=("boss@example.com",),
        attachments=(LOG,),
    )
    number = world.desk.file(filed, world.alice, key="k", now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert number == ticket.number == "KB-1001"
    assert (ticket.row.status, ticket.row.level, ticket.row.urgent) == (
        Status.OPEN,
        "Commercial",
        False,
    )
    assert ticket.level_why == "Your organisation has a commercial licence."
    assert (ticket.row.customer, ticket.row.organisation, ticket.row.product) == (
        "Alice Archer",
        "Acme",
        "press",
    )
    assert (ticket.module, ticket.version, ticket.severity_title) == ("print", "2.0", "Question")
    assert ticket.row.due
    assert (ticket.row.due.target, ticket.row.due.state, ticket.row.due.due) == (
        "first response",
        "running",
        MONDAY,
    )
    assert ticket.copy_to == ("boss@example.com",)


def test_the_due_time_comes_with_its_derivation_without_a_hole(world: World, number: str) -> None:
    ledger = world.desk.ticket(number, world.alice, now=FRIDAY).ledger
    assert ledger[0]["from"] == FRIDAY.isoformat()
    assert ledger[-1]["to"] == MONDAY.isoformat()
    assert all(one["to"] == other["from"] for one, other in itertools.pairwise(ledger))
    assert sum(int(line["seconds"]) for line in ledger if line["state"] == "open") == 8 * 3600


def test_the_promise_before_sending_is_the_one_that_is_kept(world: World) -> None:
    asked = world.desk.promise(
        type="problem",
        severity="question",
        product="press",
        version="2.0",
        customer=world.alice,
        now=FRIDAY,
    )
    number = world.desk.file(draft(), world.alice, key="k", now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert (asked.level_title, asked.why) == (ticket.row.level, ticket.level_why)
    assert asked.due == ticket.dues[0].due == MONDAY
    assert asked.ledger == ticket.ledger
    assert asked.support_ends == dt.date(2027, 12, 31)


def test_a_level_without_a_first_response_promises_only_what_it_has(world: World) -> None:
    guest = world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    assert (
        world.desk.promise(type="problem", severity="question", customer=guest, now=FRIDAY).due
        is None
    )
    assert (
        world.desk.promise(
            type="problem", severity="question", customer=None, now=FRIDAY
        ).level_title
        == "Community"
    )
    number = world.desk.file(draft(), guest, key="k", now=FRIDAY)
    dues = world.desk.ticket(number, world.bob, now=FRIDAY).dues
    assert [(due.target, due.state) for due in dues] == [("resolution", "running")]
    world.desk.act(number, world.bob, actions.reply("Look here."), key="k", now=FRIDAY)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).dues == dues
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY + HOUR)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).dues[0].state == "met"


@pytest.mark.parametrize(
    "asked", [{"severity": "none"}, {"coupon": "VERA-5"}, {"coupon": "x" * 500}]
)
def test_a_promise_for_what_does_not_exist_is_refused(world: World, asked: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        world.desk.promise(
            **{"type": "problem", "severity": "question", **asked}, customer=world.alice, now=FRIDAY
        )


def test_the_consulted_trail_is_kept_in_order(world: World) -> None:
    trail = (
        Consulted("doc/a", "A", "opened"),
        Consulted("faq/b", "B", "rejected"),
        Consulted("doc/c", "C", "shown"),
    )
    number = world.desk.file(draft(consulted=trail), world.alice, key="k", now=FRIDAY)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).consulted == trail


def test_the_same_key_files_once_for_each_person(world: World, number: str) -> None:
    again = world.desk.file(draft(), world.alice, key="first", now=FRIDAY + HOUR)
    assert again == number
    assert world.desk.ticket(number, world.alice, now=FRIDAY).row.title == "Cannot print"
    assert world.desk.file(draft(), world.charlie, key="first", now=FRIDAY) == "KB-1002"
    assert rows(world, "SELECT count(*) FROM tickets") == [(2,)]


def test_without_a_key_every_form_is_its_own_ticket(world: World) -> None:
    numbers = [world.desk.file(draft(), world.alice, key="", now=FRIDAY) for _ in range(2)]
    assert numbers == ["KB-1001", "KB-1002"]


def test_a_reply_in_time_meets_the_first_response(world: World, number: str) -> None:
    world.desk.act(
        number, world.bob, actions.reply("Is it plugged in?", uploads=[LOG]), key="r", now=MONDAY
    )
    ticket = world.desk.ticket(number, world.alice, now=MONDAY + DAY)
    assert ticket.row.status is Status.WAITING
    assert ticket.row.due is None
    assert [(due.state, due.met_at) for due in ticket.dues] == [("met", MONDAY)]
    said = ticket.events[-1]
    assert (said.verb, said.actor, said.by_agent, said.body) == (
        Verb.REPLY,
        "Bob Baker",
        True,
        "Is it plugged in?",
    )
    assert [file.name for file in said.attachments] == ["print.log"]


def test_a_reply_one_second_late_is_a_breach(world: World, number: str) -> None:
    late = MONDAY + dt.timedelta(seconds=1)
    assert world.desk.ticket(number, world.bob, now=late).dues[0].state == "breached"
    world.desk.act(number, world.bob, actions.reply("Sorry."), key="r", now=late)
    assert [
        (due.state, due.met_at) for due in world.desk.ticket(number, world.bob, now=late).dues
    ] == [("breached", late)]


def test_a_note_or_an_assignment_answers_nobody(world: World, number: str) -> None:
    world.desk.act(
        number,
        world.bob,
        actions.note("He always forgets the plug.", uploads=[LOG]),
        key="n",
        now=FRIDAY,
    )
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    ticket = world.desk.ticket(number, world.bob, now=FRIDAY)
    assert (ticket.row.status, ticket.dues[0].state, ticket.row.assignee) == (
        Status.OPEN,
        "running",
        "Bob Baker",
    )
    assert [event.verb for event in ticket.events] == [Verb.OPEN, Verb.NOTE, Verb.ASSIGN]


def test_a_comment_after_an_answer_starts_the_next_response_once(world: World, number: str) -> None:
    world.desk.act(
        number, world.alice, actions.comment("Also the light is red."), key="c0", now=FRIDAY
    )
    world.desk.act(
        number, world.bob, actions.reply("Is it plugged in?"), key="r1", now=FRIDAY + HOUR
    )
    world.desk.act(number, world.alice, actions.comment("Yes."), key="c1", now=FRIDAY + HOUR)
    world.desk.act(number, world.alice, actions.comment("Hello?"), key="c2", now=MONDAY)
    ticket = world.desk.ticket(number, world.alice, now=MONDAY)
    assert ticket.row.status is Status.OPEN
    assert [(due.target, due.state, due.due) for due in ticket.dues] == [
        ("first response", "met", MONDAY),
        ("next response", "running", MONDAY + HOUR),
    ]
    world.desk.act(number, world.bob, actions.reply("Then I do not know."), key="r2", now=MONDAY)
    assert [due.state for due in world.desk.ticket(number, world.alice, now=MONDAY).dues] == [
        "met",
        "met",
    ]
    world.desk.act(number, world.alice, actions.comment("Oh."), key="c3", now=MONDAY)
    assert [due.state for due in world.desk.ticket(number, world.alice, now=MONDAY).dues] == [
        "met",
        "met",
        "running",
    ]


def test_an_agent_who_solves_has_answered(world: World, number: str) -> None:
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert (ticket.row.status, ticket.dues[0].state) == (Status.SOLVED, "met")


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


def test_a_level_that_has_left_the_policies_keeps_nobody_from_answering(
    world: World, number: str
) -> None:
    left = {key: level for key, level in world.policy.levels.items() if key != "commercial"}
    changed = replace(world.policy, levels=left, version="later")
    desk = Desk(
        TicketRepository(world.database),
        changed,
        Attachments(world.data / "attachments"),
        CATALOGUE,
    )
    desk.act(number, world.bob, actions.reply("Here."), key="r", now=FRIDAY)
    desk.act(number, world.alice, actions.comment("And now?"), key="c", now=FRIDAY)
    assert [due.state for due in desk.ticket(number, world.alice, now=FRIDAY).dues] == ["met"]


def test_a_changed_calendar_counts_from_its_day_on_and_what_has_ended_stays(
    world: World, number: str
) -> None:
    ended = world.desk.file(draft(), world.alice, key="ended", now=FRIDAY)
    world.desk.act(ended, world.bob, actions.reply("Plug?"), key="r", now=FRIDAY + HOUR)
    before = world.desk.ticket(ended, world.alice, now=FRIDAY).dues
    always = {
        "office": world.policy.calendars["always"],
        "always": world.policy.calendars["always"],
    }
    changed = replace(world.policy, calendars=always, version="later")
    versions = (PolicyVersion(FRIDAY - DAY, world.policy), PolicyVersion(FRIDAY + DAY, changed))
    files = Attachments(world.data / "attachments")
    desk = Desk(TicketRepository(world.database), changed, files, CATALOGUE, versions=versions)
    desk.act(number, world.bob, actions.note("Look."), key="n", now=FRIDAY + DAY)
    desk.act(ended, world.bob, actions.note("Look."), key="n", now=FRIDAY + DAY)
    # Two hours were open on Friday, the other six follow on Saturday from 15:00 on.
    assert [due.due for due in desk.ticket(number, world.alice, now=FRIDAY + DAY).dues] == [
        FRIDAY + DAY + 6 * HOUR
    ]
    assert desk.ticket(ended, world.alice, now=FRIDAY + DAY).dues == before


@pytest.mark.parametrize("say", [actions.reply, actions.note, actions.comment])
def test_the_same_key_says_it_once(
    world: World, number: str, say: Callable[[str], Command]
) -> None:
    author = world.alice if say is actions.comment else world.bob
    for body in ("Once.", "Twice?"):
        world.desk.act(number, author, say(body), key="k", now=FRIDAY)
    ticket = world.desk.ticket(number, world.bob, now=FRIDAY)
    assert [event.body for event in ticket.events[1:]] == ["Once."]


def test_a_comment_sent_again_after_the_ticket_was_closed_is_no_error(
    world: World, number: str
) -> None:
    world.desk.act(number, world.alice, actions.comment("Thanks."), key="k", now=FRIDAY)
    world.desk.act(number, world.alice, actions.solve(), now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("Thanks."), key="k", now=FRIDAY)
    with pytest.raises(Conflict):
        world.desk.act(number, world.alice, actions.comment("More."), key="other", now=FRIDAY)


def test_a_refused_word_leaves_no_file_behind(world: World, number: str) -> None:
    world.desk.act(number, world.alice, actions.solve(), now=FRIDAY)
    for author, error in (
        (world.alice, Conflict),
        (world.charlie, NotFound),
        (world.bob, Forbidden),
    ):
        with pytest.raises(error):
            world.desk.act(
                number, author, actions.comment("More.", uploads=[LOG]), key="k", now=FRIDAY
            )
    assert not list((world.data / "attachments").glob("*/*"))


@pytest.mark.parametrize(
    ("body", "field"), [("", "body"), (" \n\x00", "body"), ("x" * 20_001, "body")]
)
def test_a_comment_has_something_in_it_and_an_end(
    world: World, number: str, body: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        world.desk.act(number, world.alice, actions.comment(body), key="k", now=FRIDAY)
    assert set(refused.value.fields) == {field}


def test_a_ticket_takes_twenty_files_in_all(world: World, number: str) -> None:
    files = [Upload(f"{i}.txt", b"x") for i in range(15)]
    world.desk.act(
        number, world.alice, actions.comment("Some.", uploads=files), key="a", now=FRIDAY
    )
    with pytest.raises(Invalid) as refused:
        world.desk.act(
            number, world.alice, actions.comment("More.", uploads=files), key="b", now=FRIDAY
        )
    assert refused.value.field == "attachments"


@pytest.mark.parametrize(
    "agent", ["nobody@example.com", "alice@example.com", "erin@example.com", ""]
)
def test_only_agents_are_given_tickets(world: World, number: str, agent: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.desk.queue.agent(world.bob, agent)
    assert refused.value.field == "agent"
    with pytest.raises(Invalid):
        world.desk.act(number, world.bob, actions.assign(world.alice), now=FRIDAY)


def test_charlie_sees_nothing_of_it_whatever_he_tries(world: World) -> None:
    number = world.desk.file(draft(attachments=(LOG,)), world.alice, key="k", now=FRIDAY)
    ref = world.desk.ticket(number, world.alice, now=FRIDAY).events[0].attachments[0].ref
    desk, now = world.desk, FRIDAY

    def tries(who: Person) -> tuple[Callable[[], object], ...]:
        return (
            lambda: desk.ticket(number, who, now=now),
            lambda: desk.attachment(ref, who),
            lambda: desk.act(number, who, actions.reply("x"), key="a", now=now),
            lambda: desk.act(number, who, actions.comment("x"), key="b", now=now),
            lambda: desk.act(number, who, actions.note("x"), key="c", now=now),
            lambda: desk.act(number, who, actions.solve(), now=now),
            lambda: desk.act(number, who, actions.cancel(), now=now),
            lambda: desk.act(number, who, actions.reopen("x"), now=now),
            lambda: desk.act(number, who, actions.assign(world.bob), now=now),
            lambda: desk.links.for_new_ticket(number, who, key="k", now=now),
        )

    for stranger in (world.charlie, world.anton, world.erin):
        sentences = set()
        for attempt in tries(stranger):
            with pytest.raises(NotFound) as refused:
                attempt()
            sentences.add(refused.value.sentence)
        with pytest.raises(NotFound) as absent:
            desk.ticket("KB-9999", stranger, now=now)
        assert sentences == {absent.value.sentence}
        assert desk.mine(stranger, words="print", now=now) == (0, ())
        with pytest.raises(Forbidden):
            desk.queue.tickets(stranger, now=now)
    assert len(desk.ticket(number, world.bob, now=now).events) == 1


@pytest.mark.parametrize(
    "number", ["", "KB-", "KB-1", "1e3", "KB-1001x", "9" * 12, "9" * 40, "\x00", "KB-१००१"]
)
def test_a_number_that_is_none_is_not_found(world: World, number: str) -> None:
    with pytest.raises(NotFound):
        world.desk.ticket(number, world.bob, now=FRIDAY)


def test_a_customer_never_sees_a_note_or_its_file(world: World, number: str) -> None:
    world.desk.act(
        number, world.bob, actions.note("Secret plan.", uploads=[LOG]), key="n", now=FRIDAY
    )
    ref = world.desk.ticket(number, world.bob, now=FRIDAY).events[-1].attachments[0].ref
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert [event.verb for event in ticket.events] == [Verb.OPEN]
    assert world.desk.mine(world.alice, words="Secret", now=FRIDAY) == (0, ())
    assert world.desk.queue.tickets(world.bob, words="Secret", now=FRIDAY)[0] == 1
    with pytest.raises(NotFound):
        world.desk.attachment(ref, world.alice)
    attachment, path = world.desk.attachment(ref, world.bob)
    assert (attachment.name, path.read_bytes()) == ("print.log", LOG.data)


def test_a_file_is_found_by_whoever_may_see_its_comment(world: World) -> None:
    number = world.desk.file(draft(attachments=(LOG,)), world.alice, key="k", now=FRIDAY)
    ref = world.desk.ticket(number, world.alice, now=FRIDAY).events[0].attachments[0].ref
    for person in (world.alice, world.bob):
        attachment, path = world.desk.attachment(ref, person)
        assert (attachment.size, attachment.media_type, path.read_bytes()) == (
            15,
            "text/plain",
            LOG.data,
        )
    with pytest.raises(NotFound):
        world.desk.attachment("unknown", world.alice)


def test_a_guest_opens_this_one_ticket_by_the_secret_link(world: World) -> None:
    guest = world.accounts.guest("alice@example.com", "Gina", "UTC", now=FRIDAY)
    number = world.desk.file(draft(), guest, key="guest key", now=FRIDAY)
    other = world.desk.file(draft(), guest, key="other key", now=FRIDAY)
    secret = world.desk.links.for_new_ticket(number, guest, key="guest key", now=FRIDAY)
    assert (
        world.desk.ticket(
            number, world.desk.links.holder(number, secret, now=FRIDAY), now=FRIDAY
        ).number
        == number
    )
    holder = world.desk.links.holder(number, secret, now=FRIDAY)
    world.desk.act(number, holder, actions.comment("It works by now."), key="c", now=FRIDAY)
    world.desk.act(number, holder, actions.solve(), now=FRIDAY)
    for refused in (
        lambda: world.desk.ticket(number, guest, now=FRIDAY),
        lambda: world.desk.ticket(other, holder, now=FRIDAY),
        lambda: world.desk.ticket(
            other, world.desk.links.holder(other, secret, now=FRIDAY), now=FRIDAY
        ),
        lambda: world.desk.ticket(
            number, world.desk.links.holder(number, secret + "x", now=FRIDAY), now=FRIDAY
        ),
        lambda: world.desk.ticket(
            number, world.desk.links.holder(number, "", now=FRIDAY), now=FRIDAY
        ),
        lambda: world.desk.ticket(
            number,
            world.desk.links.holder(number, secret, now=FRIDAY + 90 * DAY),
            now=FRIDAY + 90 * DAY,
        ),
        lambda: world.desk.links.for_new_ticket(other, guest, key="guest key", now=FRIDAY),
        lambda: world.desk.links.for_new_ticket(number, guest, key="", now=FRIDAY),
        lambda: world.desk.ticket(number, world.alice, now=FRIDAY),
    ):
        with pytest.raises(NotFound):
            refused()
    assert world.desk.mine(guest, now=FRIDAY) == (0, ())
    world.database.close()
    kept = b"".join(path.read_bytes() for path in world.data.glob("tickets.db*"))
    assert secret.encode() not in kept


def test_coupons_lift_the_level_and_are_spent_once_each(world: World) -> None:
    with_coupon = draft(coupon="VERA-5")
    assert (
        world.desk.promise(
            type="problem", severity="question", coupon="VERA-5", customer=world.vera, now=FRIDAY
        ).coupons_left
        == 5
    )
    for i in range(5):
        number = world.desk.file(with_coupon, world.vera, key=f"k{i}", now=FRIDAY)
        world.desk.file(with_coupon, world.vera, key=f"k{i}", now=FRIDAY)
        row = world.desk.ticket(number, world.vera, now=FRIDAY).row
        assert (row.level, row.urgent, row.due and row.due.due) == (
            "VIP coupon",
            True,
            FRIDAY + 4 * HOUR,
        )
    with pytest.raises(Invalid) as refused:
        world.desk.file(with_coupon, world.vera, key="k5", now=FRIDAY)
    assert refused.value.field == "coupon"
    assert world.desk.file(with_coupon, world.vera, key="k4", now=FRIDAY) == number
    assert rows(world, "SELECT count(*) FROM tickets") == [(5,)]


@pytest.mark.parametrize("name", ["alice", "charlie"])
def test_somebody_elses_coupon_is_worth_nothing(world: World, name: str) -> None:
    with pytest.raises(Invalid):
        world.desk.file(draft(coupon="VERA-5"), getattr(world, name), key="k", now=FRIDAY)
    assert rows(world, "SELECT value FROM counters") == [(1000,)]


def test_the_queue_is_urgent_then_due_then_arrival(world: World) -> None:
    def file(customer: str, at: dt.datetime, **about: Any) -> str:
        return world.desk.file(
            draft(**about), getattr(world, customer), key=str(at) + str(about), now=at
        )

    late = file("alice", FRIDAY + HOUR)
    early = file("charlie", FRIDAY)
    same = file("alice", FRIDAY, description="The same instant.")
    down = file("alice", FRIDAY + HOUR, severity="down")
    coupon = file("vera", FRIDAY + HOUR, coupon="VERA-5")
    waiting = file("alice", FRIDAY, description="Answered.")
    world.desk.act(waiting, world.bob, actions.reply("So?"), key="r", now=FRIDAY)
    solved = file("alice", FRIDAY, description="Solved.")
    world.desk.act(solved, world.bob, actions.solve(), now=FRIDAY)
    total, listed = world.desk.queue.tickets(world.bob, now=FRIDAY)
    assert [row.number for row in listed] == [coupon, down, early, same, late, waiting]
    assert total == 6
    assert [
        row.number for row in world.desk.queue.tickets(world.bob, status="solved", now=FRIDAY)[1]
    ] == [solved]
    assert world.desk.queue.tickets(world.bob, status="all", now=FRIDAY)[0] == 7
    assert [
        row.number for row in world.desk.queue.tickets(world.bob, level="vip-coupon", now=FRIDAY)[1]
    ] == [coupon]
    assert (
        world.desk.queue.tickets(world.bob, words=f"{early} print", now=FRIDAY)[1][0].number
        == early
    )


def test_the_queue_is_read_from_its_index(world: World) -> None:
    asked = (
        lists.ROWS.where(lists.status_condition(lists.ACTIVE_STATUSES, FRIDAY))
        .order_by(*lists.QUEUE_ORDER)
        .limit(lists.TICKETS_PER_PAGE)
    )
    words = str(
        asked.compile(dialect=sqlite_dialect.dialect(), compile_kwargs={"literal_binds": True})
    )
    plan = [line[3] for line in rows(world, f"EXPLAIN QUERY PLAN {words}")]
    assert "ix_tickets_queue" in plan[0]
    assert not [line for line in plan if "TEMP B-TREE" in line]


def test_my_tickets_are_filtered_by_status_date_and_word(world: World) -> None:
    def file(title: str, at: dt.datetime) -> str:
        return world.desk.file(draft(title), world.alice, key=title, now=at)

    old, new, paper = (
        file("Old thing", FRIDAY),
        file("New 100% thing", FRIDAY + DAY),
        file("Paper", FRIDAY + 2 * DAY),
    )
    world.desk.file(draft("Charlie's thing"), world.charlie, key="c", now=FRIDAY)
    world.desk.act(old, world.alice, actions.solve(), now=FRIDAY + DAY)

    def mine(**narrowed: Any) -> list[str]:
        now = narrowed.pop("now", FRIDAY + 3 * DAY)
        total, listed = world.desk.mine(world.alice, now=now, **narrowed)
        assert total == len(listed)
        return [row.number for row in listed]

    assert mine() == mine(status="all") == [paper, new, old]
    assert mine(status="active") == [paper, new]
    assert mine(status="recent") == [paper, new, old]
    assert mine(status="recent", now=FRIDAY + 40 * DAY) == [paper, new]
    assert mine(status="solved") == [old]
    assert mine(words="THING") == [new, old]
    assert mine(words="100%") == [new]
    assert mine(words="1% _") == []
    assert mine(words="kb-1003") == [paper]
    assert mine(since=FRIDAY + DAY, until=FRIDAY + 2 * DAY) == [new]


@pytest.mark.parametrize(
    "narrowed", [{"status": "done"}, {"page": 0}, {"page": -1}, {"page": 10**9}]
)
def test_a_list_that_does_not_exist_is_refused(world: World, narrowed: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        world.desk.mine(world.alice, **narrowed, now=FRIDAY)


def test_lists_come_in_pages_without_a_gap(world: World) -> None:
    for i in range(27):
        world.desk.file(draft(), world.alice, key=str(i), now=FRIDAY)
    pages = [world.desk.mine(world.alice, page=page, now=FRIDAY) for page in (1, 2, 3)]
    assert [(total, len(listed)) for total, listed in pages] == [(27, 25), (27, 2), (27, 0)]
    assert len({row.number for _, listed in pages for row in listed}) == 27


def test_a_clock_that_goes_back_never_puts_an_answer_before_the_question(
    world: World, number: str
) -> None:
    world.desk.act(number, world.bob, actions.reply("So early?"), key="r", now=FRIDAY - DAY)
    ticket = world.desk.ticket(number, world.bob, now=FRIDAY)
    assert [event.at for event in ticket.events] == [FRIDAY, FRIDAY]
    assert ticket.dues[0].met_at == FRIDAY


def test_whoever_is_concerned_is_told_by_a_row_of_the_same_transaction(world: World) -> None:
    number = world.desk.file(draft(copy_to=("boss@example.com",)), world.alice, key="k", now=FRIDAY)
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    world.desk.act(number, world.bob, actions.note("Hm."), key="n", now=FRIDAY)
    world.desk.act(number, world.bob, actions.reply("So?"), key="r", now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("So!"), key="c", now=FRIDAY)
    told = rows(world, "SELECT kind, recipient, state FROM notices ORDER BY id")
    assert told == [
        ("opened", "alice@example.com", "pending"),
        ("opened", "boss@example.com", "pending"),
        ("replied", "alice@example.com", "pending"),
        ("replied", "boss@example.com", "pending"),
        ("commented", "bob@example.com", "pending"),
    ]
    (facts,) = rows(world, "SELECT facts FROM notices LIMIT 1")[0]
    assert all(word in facts for word in (number, "Commercial", MONDAY.isoformat()))
    assert "print" not in facts


def test_the_ticket_ends_the_episode_it_came_from(world: World) -> None:
    world.deflection.record("e1", "form_open", {}, now=FRIDAY)
    number = world.desk.file(draft(episode="e1"), world.alice, key="k", now=FRIDAY)
    assert rows(world, "SELECT ticket_id, person_id FROM episodes") == [(1001, world.alice.id)]
    assert rows(world, "SELECT kind, facts FROM episode_events")[1] == (
        "submit",
        f'{{"ticket": "{number}"}}',
    )


def test_a_key_has_an_end(world: World) -> None:
    with pytest.raises(Invalid):
        world.desk.file(draft(), world.alice, key="k" * 201, now=FRIDAY)


def test_a_key_files_one_draft_and_no_other(world: World, number: str) -> None:
    assert world.desk.file(draft(episode="grown"), world.alice, key="first", now=FRIDAY) == number
    for other in (
        draft("Cannot fold"),
        draft(attachments=(LOG,)),
        draft(copy_to=("boss@example.com",)),
    ):
        with pytest.raises(Conflict) as refused:
            world.desk.file(other, world.alice, key="first", now=FRIDAY)
        assert refused.value.field == "key"


@pytest.mark.parametrize("key", ["\x00\x01", "  ", "k" * 101])
def test_a_blank_or_endless_key_is_refused(world: World, key: str) -> None:
    with pytest.raises(Invalid):
        world.desk.file(draft(), world.alice, key=key, now=FRIDAY)
