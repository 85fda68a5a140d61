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
from kb.tickets.attachments.files import Attachments
from kb.tickets.desk import Desk
from kb.tickets.repository import lists
from kb.tickets.repository.repository import TicketStore
from kb.tickets.ticket import Consulted, Status, Upload, Verb
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
    return world.desk.open(draft(), world.alice, key="first", now=FRIDAY)


def test_a_filed_ticket_has_its_number_level_and_due_time(world: World) -> None:
    filed = draft(
        product="press",
        module="print",
        version="2.0",
        copy_to=("boss@example.com",),
        attachments=(LOG,),
    )
    number = world.desk.open(filed, world.alice, key="k", now=FRIDAY)
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
    number = world.desk.open(draft(), world.alice, key="k", now=FRIDAY)
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
    number = world.desk.open(draft(), guest, key="k", now=FRIDAY)
    dues = world.desk.ticket(number, world.bob, now=FRIDAY).dues
    assert [(due.target, due.state) for due in dues] == [("resolution", "running")]
    world.desk.reply(number, world.bob, "Look here.", key="k", now=FRIDAY)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).dues == dues
    world.desk.solve(number, world.bob, now=FRIDAY + HOUR)
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
    number = world.desk.open(draft(consulted=trail), world.alice, key="k", now=FRIDAY)
    assert world.desk.ticket(number, world.bob, now=FRIDAY).consulted == trail


def test_the_same_key_files_once_for_each_person(world: World, number: str) -> None:
    again = world.desk.open(draft(), world.alice, key="first", now=FRIDAY + HOUR)
    assert again == number
    assert world.desk.ticket(number, world.alice, now=FRIDAY).row.title == "Cannot print"
    assert world.desk.open(draft(), world.charlie, key="first", now=FRIDAY) == "KB-1002"
    assert rows(world, "SELECT count(*) FROM tickets") == [(2,)]


def test_without_a_key_every_form_is_its_own_ticket(world: World) -> None:
    numbers = [world.desk.open(draft(), world.alice, key="", now=FRIDAY) for _ in range(2)]
    assert numbers == ["KB-1001", "KB-1002"]


def test_a_reply_in_time_meets_the_first_response(world: World, number: str) -> None:
    world.desk.reply(number, world.bob, "Is it plugged in?", uploads=[LOG], key="r", now=MONDAY)
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
    world.desk.reply(number, world.bob, "Sorry.", key="r", now=late)
    assert [
        (due.state, due.met_at) for due in world.desk.ticket(number, world.bob, now=late).dues
    ] == [("breached", late)]


def test_a_note_or_an_assignment_answers_nobody(world: World, number: str) -> None:
    world.desk.note(
        number, world.bob, "He always forgets the plug.", uploads=[LOG], key="n", now=FRIDAY
    )
    world.desk.assign(number, world.bob, "BOB@example.com", now=FRIDAY)
    ticket = world.desk.ticket(number, world.bob, now=FRIDAY)
    assert (ticket.row.status, ticket.dues[0].state, ticket.row.assignee) == (
        Status.OPEN,
        "running",
        "Bob Baker",
    )
    assert [event.verb for event in ticket.events] == [Verb.OPEN, Verb.NOTE, Verb.ASSIGN]


def test_a_comment_after_an_answer_starts_the_next_response_once(world: World, number: str) -> None:
    world.desk.comment(number, world.alice, "Also the light is red.", key="c0", now=FRIDAY)
    world.desk.reply(number, world.bob, "Is it plugged in?", key="r1", now=FRIDAY + HOUR)
    world.desk.comment(number, world.alice, "Yes.", key="c1", now=FRIDAY + HOUR)
    world.desk.comment(number, world.alice, "Hello?", key="c2", now=MONDAY)
    ticket = world.desk.ticket(number, world.alice, now=MONDAY)
    assert ticket.row.status is Status.OPEN
    assert [(due.target, due.state, due.due) for due in ticket.dues] == [
        ("first response", "met", MONDAY),
        ("next response", "running", MONDAY + HOUR),
    ]
    world.desk.reply(number, world.bob, "Then I do not know.", key="r2", now=MONDAY)
    assert [due.state for due in world.desk.ticket(number, world.alice, now=MONDAY).dues] == [
        "met",
        "met",
    ]
    world.desk.comment(number, world.alice, "Oh.", key="c3", now=MONDAY)
    assert [due.state for due in world.desk.ticket(number, world.alice, now=MONDAY).dues] == [
        "met",
        "met",
        "running",
    ]


def test_an_agent_who_solves_has_answered(world: World, number: str) -> None:
    world.desk.solve(number, world.bob, now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert (ticket.row.status, ticket.dues[0].state) == (Status.SOLVED, "met")


def test_a_customer_who_closes_ends_the_promise_without_a_verdict(
    world: World, number: str
) -> None:
    world.desk.cancel(number, world.alice, now=FRIDAY)
    ticket = world.desk.ticket(number, world.alice, now=MONDAY + DAY)
    assert (ticket.row.status, ticket.dues[0].state, ticket.dues[0].met_at) == (
        Status.CANCELLED,
        "cancelled",
        None,
    )


def test_a_breach_stays_when_the_customer_closes(world: World, number: str) -> None:
    world.desk.solve(number, world.alice, now=MONDAY + DAY)
    assert world.desk.ticket(number, world.alice, now=MONDAY + DAY).dues[0].state == "breached"


def test_reopening_needs_a_reason_and_starts_the_next_response(world: World, number: str) -> None:
    world.desk.solve(number, world.bob, now=FRIDAY)
    with pytest.raises(Invalid):
        world.desk.reopen(number, world.alice, "  ", now=FRIDAY)
    world.desk.reopen(number, world.alice, "It burns again.", now=FRIDAY)
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
        TicketStore(world.database), changed, Attachments(world.data / "attachments"), CATALOGUE
    )
    desk.reply(number, world.bob, "Here.", key="r", now=FRIDAY)
    desk.comment(number, world.alice, "And now?", key="c", now=FRIDAY)
    assert [due.state for due in desk.ticket(number, world.alice, now=FRIDAY).dues] == ["met"]


def test_a_changed_calendar_counts_from_its_day_on_and_what_has_ended_stays(
    world: World, number: str
) -> None:
    ended = world.desk.open(draft(), world.alice, key="ended", now=FRIDAY)
    world.desk.reply(ended, world.bob, "Plug?", key="r", now=FRIDAY + HOUR)
    before = world.desk.ticket(ended, world.alice, now=FRIDAY).dues
    always = {
        "office": world.policy.calendars["always"],
        "always": world.policy.calendars["always"],
    }
    changed = replace(world.policy, calendars=always, version="later")
    versions = (PolicyVersion(FRIDAY - DAY, world.policy), PolicyVersion(FRIDAY + DAY, changed))
    files = Attachments(world.data / "attachments")
    desk = Desk(TicketStore(world.database), changed, files, CATALOGUE, versions=versions)
    desk.note(number, world.bob, "Look.", key="n", now=FRIDAY + DAY)
    desk.note(ended, world.bob, "Look.", key="n", now=FRIDAY + DAY)
    # Two hours were open on Friday, the other six follow on Saturday from 15:00 on.
    assert [due.due for due in desk.ticket(number, world.alice, now=FRIDAY + DAY).dues] == [
        FRIDAY + DAY + 6 * HOUR
    ]
    assert desk.ticket(ended, world.alice, now=FRIDAY + DAY).dues == before


@pytest.mark.parametrize("verb", ["reply", "note", "comment"])
def test_the_same_key_says_it_once(world: World, number: str, verb: str) -> None:
    author = world.alice if verb == "comment" else world.bob
    for body in ("Once.", "Twice?"):
        getattr(world.desk, verb)(number, author, body, key="k", now=FRIDAY)
    assert [
        event.body for event in world.desk.ticket(number, world.bob, now=FRIDAY).events[1:]
    ] == ["Once."]


def test_a_comment_sent_again_after_the_ticket_was_closed_is_no_error(
    world: World, number: str
) -> None:
    world.desk.comment(number, world.alice, "Thanks.", key="k", now=FRIDAY)
    world.desk.solve(number, world.alice, now=FRIDAY)
    world.desk.comment(number, world.alice, "Thanks.", key="k", now=FRIDAY)
    with pytest.raises(Conflict, match="re-open"):
        world.desk.comment(number, world.alice, "More.", key="other", now=FRIDAY)


def test_a_refused_word_leaves_no_file_behind(world: World, number: str) -> None:
    world.desk.solve(number, world.alice, now=FRIDAY)
    for author, error in (
        (world.alice, Conflict),
        (world.charlie, NotFound),
        (world.bob, Forbidden),
    ):
        with pytest.raises(error):
            world.desk.comment(number, author, "More.", uploads=[LOG], key="k", now=FRIDAY)
    assert not list((world.data / "attachments").glob("*/*"))


@pytest.mark.parametrize(
    ("body", "field"), [("", "body"), (" \n\x00", "body"), ("x" * 20_001, "body")]
)
def test_a_comment_has_something_in_it_and_an_end(
    world: World, number: str, body: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        world.desk.comment(number, world.alice, body, key="k", now=FRIDAY)
    assert set(refused.value.fields) == {field}


def test_a_ticket_takes_twenty_files_in_all(world: World, number: str) -> None:
    files = [Upload(f"{i}.txt", b"x") for i in range(15)]
    world.desk.comment(number, world.alice, "Some.", uploads=files, key="a", now=FRIDAY)
    with pytest.raises(Invalid, match="20 files"):
        world.desk.comment(number, world.alice, "More.", uploads=files, key="b", now=FRIDAY)


@pytest.mark.parametrize(
    "agent", ["nobody@example.com", "alice@example.com", "erin@example.com", ""]
)
def test_only_agents_are_given_tickets(world: World, number: str, agent: str) -> None:
    with pytest.raises(Invalid):
        world.desk.assign(number, world.bob, agent, now=FRIDAY)


def test_charlie_sees_nothing_of_it_whatever_he_tries(world: World) -> None:
    number = world.desk.open(draft(attachments=(LOG,)), world.alice, key="k", now=FRIDAY)
    ref = world.desk.ticket(number, world.alice, now=FRIDAY).events[0].attachments[0].ref
    desk, now = world.desk, FRIDAY

    def tries(who: Person) -> tuple[Callable[[], object], ...]:
        return (
            lambda: desk.ticket(number, who, now=now),
            lambda: desk.attachment(ref, who),
            lambda: desk.reply(number, who, "x", key="a", now=now),
            lambda: desk.comment(number, who, "x", key="b", now=now),
            lambda: desk.note(number, who, "x", key="c", now=now),
            lambda: desk.solve(number, who, now=now),
            lambda: desk.cancel(number, who, now=now),
            lambda: desk.reopen(number, who, "x", now=now),
            lambda: desk.assign(number, who, "bob@example.com", now=now),
            lambda: desk.receipt(number, who, key="k", now=now),
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
            desk.queue(stranger, now=now)
    assert len(desk.ticket(number, world.bob, now=now).events) == 1


@pytest.mark.parametrize(
    "number", ["", "KB-", "KB-1", "1e3", "KB-1001x", "9" * 12, "9" * 40, "\x00", "KB-१००१"]
)
def test_a_number_that_is_none_is_not_found(world: World, number: str) -> None:
    with pytest.raises(NotFound):
        world.desk.ticket(number, world.bob, now=FRIDAY)


def test_a_customer_never_sees_a_note_or_its_file(world: World, number: str) -> None:
    world.desk.note(number, world.bob, "Secret plan.", uploads=[LOG], key="n", now=FRIDAY)
    ref = world.desk.ticket(number, world.bob, now=FRIDAY).events[-1].attachments[0].ref
    ticket = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert [event.verb for event in ticket.events] == [Verb.OPEN]
    assert world.desk.mine(world.alice, words="Secret", now=FRIDAY) == (0, ())
    assert world.desk.queue(world.bob, words="Secret", now=FRIDAY)[0] == 1
    with pytest.raises(NotFound):
        world.desk.attachment(ref, world.alice)
    attachment, path = world.desk.attachment(ref, world.bob)
    assert (attachment.name, path.read_bytes()) == ("print.log", LOG.data)


def test_a_file_is_found_by_whoever_may_see_its_comment(world: World) -> None:
    number = world.desk.open(draft(attachments=(LOG,)), world.alice, key="k", now=FRIDAY)
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
    number = world.desk.open(draft(), guest, key="guest key", now=FRIDAY)
    other = world.desk.open(draft(), guest, key="other key", now=FRIDAY)
    secret = world.desk.receipt(number, guest, key="guest key", now=FRIDAY)
    assert world.desk.ticket_by_secret(number, secret, FRIDAY).number == number
    holder = world.desk.holder(number, secret, now=FRIDAY)
    world.desk.comment(number, holder, "It works by now.", key="c", now=FRIDAY)
    world.desk.solve(number, holder, now=FRIDAY)
    for refused in (
        lambda: world.desk.ticket(number, guest, now=FRIDAY),
        lambda: world.desk.ticket(other, holder, now=FRIDAY),
        lambda: world.desk.ticket_by_secret(other, secret, FRIDAY),
        lambda: world.desk.ticket_by_secret(number, secret + "x", FRIDAY),
        lambda: world.desk.ticket_by_secret(number, "", FRIDAY),
        lambda: world.desk.ticket_by_secret(number, secret, FRIDAY + 90 * DAY),
        lambda: world.desk.receipt(other, guest, key="guest key", now=FRIDAY),
        lambda: world.desk.receipt(number, guest, key="", now=FRIDAY),
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
        number = world.desk.open(with_coupon, world.vera, key=f"k{i}", now=FRIDAY)
        world.desk.open(with_coupon, world.vera, key=f"k{i}", now=FRIDAY)
        row = world.desk.ticket(number, world.vera, now=FRIDAY).row
        assert (row.level, row.urgent, row.due and row.due.due) == (
            "VIP coupon",
            True,
            FRIDAY + 4 * HOUR,
        )
    with pytest.raises(Invalid) as refused:
        world.desk.open(with_coupon, world.vera, key="k5", now=FRIDAY)
    assert refused.value.field == "coupon"
    assert world.desk.open(with_coupon, world.vera, key="k4", now=FRIDAY) == number
    assert rows(world, "SELECT count(*) FROM tickets") == [(5,)]


@pytest.mark.parametrize("name", ["alice", "charlie"])
def test_somebody_elses_coupon_is_worth_nothing(world: World, name: str) -> None:
    with pytest.raises(Invalid):
        world.desk.open(draft(coupon="VERA-5"), getattr(world, name), key="k", now=FRIDAY)
    assert rows(world, "SELECT value FROM counters") == [(1000,)]


def test_the_queue_is_urgent_then_due_then_arrival(world: World) -> None:
    def file(customer: str, at: dt.datetime, **about: Any) -> str:
        return world.desk.open(
            draft(**about), getattr(world, customer), key=str(at) + str(about), now=at
        )

    late = file("alice", FRIDAY + HOUR)
    early = file("charlie", FRIDAY)
    same = file("alice", FRIDAY, description="The same instant.")
    down = file("alice", FRIDAY + HOUR, severity="down")
    coupon = file("vera", FRIDAY + HOUR, coupon="VERA-5")
    waiting = file("alice", FRIDAY, description="Answered.")
    world.desk.reply(waiting, world.bob, "So?", key="r", now=FRIDAY)
    solved = file("alice", FRIDAY, description="Solved.")
    world.desk.solve(solved, world.bob, now=FRIDAY)
    total, listed = world.desk.queue(world.bob, now=FRIDAY)
    assert [row.number for row in listed] == [coupon, down, early, same, late, waiting]
    assert total == 6
    assert [row.number for row in world.desk.queue(world.bob, status="solved", now=FRIDAY)[1]] == [
        solved
    ]
    assert world.desk.queue(world.bob, status="all", now=FRIDAY)[0] == 7
    assert [
        row.number for row in world.desk.queue(world.bob, level="vip-coupon", now=FRIDAY)[1]
    ] == [coupon]
    assert world.desk.queue(world.bob, words=f"{early} print", now=FRIDAY)[1][0].number == early


def test_the_queue_is_read_from_its_index(world: World) -> None:
    asked = (
        lists.ROWS.where(lists.status_is(lists.ACTIVE, FRIDAY))
        .order_by(*lists.QUEUE)
        .limit(lists.PER_PAGE)
    )
    words = str(
        asked.compile(dialect=sqlite_dialect.dialect(), compile_kwargs={"literal_binds": True})
    )
    plan = [line[3] for line in rows(world, f"EXPLAIN QUERY PLAN {words}")]
    assert "ix_tickets_queue" in plan[0]
    assert not [line for line in plan if "TEMP B-TREE" in line]


def test_my_tickets_are_filtered_by_status_date_and_word(world: World) -> None:
    def file(title: str, at: dt.datetime) -> str:
        return world.desk.open(draft(title), world.alice, key=title, now=at)

    old, new, paper = (
        file("Old thing", FRIDAY),
        file("New 100% thing", FRIDAY + DAY),
        file("Paper", FRIDAY + 2 * DAY),
    )
    world.desk.open(draft("Charlie's thing"), world.charlie, key="c", now=FRIDAY)
    world.desk.solve(old, world.alice, now=FRIDAY + DAY)

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
        world.desk.open(draft(), world.alice, key=str(i), now=FRIDAY)
    pages = [world.desk.mine(world.alice, page=page, now=FRIDAY) for page in (1, 2, 3)]
    assert [(total, len(listed)) for total, listed in pages] == [(27, 25), (27, 2), (27, 0)]
    assert len({row.number for _, listed in pages for row in listed}) == 27


def test_a_clock_that_goes_back_never_puts_an_answer_before_the_question(
    world: World, number: str
) -> None:
    world.desk.reply(number, world.bob, "So early?", key="r", now=FRIDAY - DAY)
    ticket = world.desk.ticket(number, world.bob, now=FRIDAY)
    assert [event.at for event in ticket.events] == [FRIDAY, FRIDAY]
    assert ticket.dues[0].met_at == FRIDAY


def test_whoever_is_concerned_is_told_by_a_row_of_the_same_transaction(world: World) -> None:
    number = world.desk.open(draft(copy_to=("boss@example.com",)), world.alice, key="k", now=FRIDAY)
    world.desk.assign(number, world.bob, "bob@example.com", now=FRIDAY)
    world.desk.note(number, world.bob, "Hm.", key="n", now=FRIDAY)
    world.desk.reply(number, world.bob, "So?", key="r", now=FRIDAY)
    world.desk.comment(number, world.alice, "So!", key="c", now=FRIDAY)
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
    number = world.desk.open(draft(episode="e1"), world.alice, key="k", now=FRIDAY)
    assert rows(world, "SELECT ticket_id, person_id FROM episodes") == [(1001, world.alice.id)]
    assert rows(world, "SELECT kind, facts FROM episode_events")[1] == (
        "submit",
        f'{{"ticket": "{number}"}}',
    )


def test_a_key_has_an_end(world: World) -> None:
    with pytest.raises(Invalid):
        world.desk.open(draft(), world.alice, key="k" * 201, now=FRIDAY)


def test_a_key_files_one_draft_and_no_other(world: World, number: str) -> None:
    assert world.desk.open(draft(episode="grown"), world.alice, key="first", now=FRIDAY) == number
    for other in (
        draft("Cannot fold"),
        draft(attachments=(LOG,)),
        draft(copy_to=("boss@example.com",)),
    ):
        with pytest.raises(Conflict, match="make a new key"):
            world.desk.open(other, world.alice, key="first", now=FRIDAY)


@pytest.mark.parametrize("key", ["\x00\x01", "  ", "k" * 101])
def test_a_blank_or_endless_key_is_refused(world: World, key: str) -> None:
    with pytest.raises(Invalid):
        world.desk.open(draft(), world.alice, key=key, now=FRIDAY)
