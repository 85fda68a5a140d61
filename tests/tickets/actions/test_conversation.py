"""Conversation: replies, articles, comments and notes, and what they do to the SLA targets."""

from __future__ import annotations

import datetime as dt

import pytest

from kb.errors import Invalid
from kb.tickets import actions
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.ticket import Upload
from tests.tickets.tickets import LOG, MONDAY, seen, states
from tests.world import DAY, FRIDAY, HOUR, World


def test_a_reply_in_time_meets_the_first_response(world: World, number: str) -> None:
    world.desk.act(
        number, world.bob, actions.reply("Is it plugged in?", uploads=[LOG]), key="r", now=MONDAY
    )
    ticket = world.desk.ticket(number, world.alice, now=MONDAY + DAY)
    assert ticket.row.status is Status.PENDING
    assert ticket.row.due is None
    assert [(due.state, due.met_at) for due in ticket.dues] == [("met", MONDAY)]
    event = ticket.events[-1]
    assert (event.verb, event.actor, event.by_agent, event.body) == (
        Verb.REPLY,
        "Bob Baker",
        True,
        "Is it plugged in?",
    )
    assert [file.name for file in event.attachments] == ["print.log"]


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


def test_an_answer_by_link_answers(world: World, number: str) -> None:
    links = [("doc/jam", "Clear a paper jam"), ("faq/noise", "It is noisy")]
    world.desk.act(number, world.bob, actions.answer_by_link(links), key="l", now=FRIDAY + HOUR)
    assert states(world, number, FRIDAY + HOUR) == [("first response", "met")]
    assert (
        seen(world, number).events[-1].facts["documents"]
        == "doc/jam\tClear a paper jam\nfaq/noise\tIt is noisy"
    )


@pytest.mark.parametrize(
    "links", [[], [("not an id", "x")], [(f"doc/{i}", "x") for i in range(11)]]
)
def test_a_link_needs_an_article(world: World, number: str, links: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid):
        world.desk.act(number, world.bob, actions.answer_by_link(links), key="l", now=FRIDAY)


def test_a_clock_that_goes_back_never_puts_an_answer_before_the_question(
    world: World, number: str
) -> None:
    world.desk.act(number, world.bob, actions.reply("So early?"), key="r", now=FRIDAY - DAY)
    ticket = world.desk.ticket(number, world.bob, now=FRIDAY)
    assert [event.at for event in ticket.events] == [FRIDAY, FRIDAY]
    assert ticket.dues[0].met_at == FRIDAY
