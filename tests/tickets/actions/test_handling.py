"""Waiting, moving, proposing, escalating, rating, merging, splitting, voiding: each verb and each
refusal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kb.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from kb.people.person import Person
from kb.sla.policy import Development
from kb.sla.target import TargetState
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.desk import Desk
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.ticket import TargetView, Ticket
from tests.world import CATALOGUE, DAY, FRIDAY, HOUR, World, draft

MONDAY = FRIDAY + 3 * DAY


@pytest.fixture
def number(world: World) -> str:
    return world.desk.file(draft(), world.alice, key="first", now=FRIDAY)


def seen(world: World, number: str, now: dt.datetime = FRIDAY) -> Ticket:
    return world.desk.ticket(number, world.bob, now=now)


def states(world: World, number: str, now: dt.datetime) -> list[tuple[str, str]]:
    return [(due.target, due.state) for due in seen(world, number, now).dues]


def open_community(world: World) -> str:
    """A ticket that is promised an end and no answer."""
    guest = world.accounts.guest("gina@example.com", "Gina", "UTC", now=FRIDAY)
    return world.desk.file(draft(), guest, key="k", now=FRIDAY)


def test_waiting_for_the_customer_needs_a_public_word_and_ends_with_theirs(
    world: World, number: str
) -> None:
    with pytest.raises(Conflict):
        world.desk.act(number, world.bob, actions.await_customer(), now=FRIDAY)
    world.desk.act(number, world.bob, actions.await_customer("Which printer?"), now=FRIDAY + HOUR)
    ticket = seen(world, number)
    assert (ticket.row.status, ticket.waiting_for) == (Status.WAITING, "Waiting for your answer")
    assert states(world, number, FRIDAY + HOUR) == [("first response", "met")]
    world.desk.act(
        number, world.bob, actions.await_customer(), now=FRIDAY + HOUR
    )  # ours was the last word
    world.desk.act(
        number, world.alice, actions.comment("The red one."), key="c", now=FRIDAY + 2 * HOUR
    )
    assert seen(world, number).row.status is Status.OPEN
    assert states(world, number, FRIDAY + 2 * HOUR)[-1] == ("next response", "running")


def test_a_pause_moves_the_resolution_by_what_was_open_in_it(world: World) -> None:
    number = open_community(world)
    before = seen(world, number).dues[0].due
    world.desk.act(
        number, world.bob, actions.pause("release", body="With version 2.1."), now=FRIDAY
    )
    paused = seen(world, number)
    assert (paused.row.status, paused.dues[0].state, paused.dues[0].due) == (
        Status.PAUSED,
        "paused",
        None,
    )
    assert paused.waiting_for == "Waiting for an update"
    assert number in {row.number for row in world.desk.queue.tickets(world.bob, now=FRIDAY)[1]}
    world.desk.act(number, world.bob, actions.resume(), now=FRIDAY + 7 * DAY)
    after = seen(world, number, FRIDAY + 7 * DAY)
    assert after.row.status is Status.OPEN
    assert before is not None
    assert after.dues[0].due == before + 7 * DAY


def test_a_customers_word_does_not_end_a_pause_that_is_not_theirs(
    world: World, number: str
) -> None:
    world.desk.act(number, world.bob, actions.reply("A patch will come."), key="r", now=FRIDAY)
    world.desk.act(number, world.bob, actions.pause("release"), now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("When?"), key="c", now=FRIDAY)
    assert seen(world, number).row.status is Status.PAUSED
    assert states(world, number, FRIDAY)[-1] == ("next response", "running")


@pytest.mark.parametrize(
    "about", [{"reason": "release"}, {"reason": "x"}, {"until": FRIDAY}, {"until": FRIDAY - HOUR}]
)
def test_a_wait_without_sense_is_refused_and_leaves_nothing(
    world: World, number: str, about: dict[str, Any]
) -> None:
    before = seen(world, number)
    with pytest.raises(Invalid):
        world.desk.act(number, world.bob, actions.await_customer("So?", **about), now=FRIDAY)
    with pytest.raises(Invalid):
        world.desk.act(
            number,
            world.bob,
            actions.pause(**{"reason": "customer", **about, "until": FRIDAY}),
            now=FRIDAY,
        )
    assert seen(world, number) == before


def test_a_move_counts_as_the_level_says_and_nothing_is_forgotten(
    world: World, number: str
) -> None:
    world.desk.act(
        number, world.bob, actions.move("development", "It is a defect."), now=FRIDAY + HOUR
    )
    ticket = seen(world, number)
    assert (ticket.row.level, ticket.level_why) == ("Development", "It is a defect.")
    assert ticket.dues[0].due == FRIDAY + HOUR + 14 * DAY
    assert [event.verb for event in ticket.events] == [Verb.OPEN, Verb.MOVE]
    assert ticket.events[-1].facts["from_level"] == "commercial"
    with pytest.raises(Conflict):
        world.desk.act(number, world.bob, actions.move("development", "Again."), now=FRIDAY)
    for about in (
        {"level": "none"},
        {"level": "commercial", "change": "somehow"},
        {"level": "commercial", "body": ""},
    ):
        with pytest.raises(Invalid):
            world.desk.act(number, world.bob, actions.move(**{"body": "So.", **about}), now=FRIDAY)


def test_a_breach_before_a_move_stays_a_breach(world: World, number: str) -> None:
    world.desk.act(number, world.bob, actions.move("development", "A defect."), now=MONDAY + HOUR)
    assert states(world, number, MONDAY + HOUR) == [("first response", "breached")]


@pytest.mark.parametrize("goes", [Development.NO, Development.SAME_LEVEL])
def test_development_at_the_same_level_or_not_at_all(
    world: World, number: str, goes: Development
) -> None:
    level = replace(world.policy.levels["commercial"], development=goes)
    policy = replace(world.policy, levels={**world.policy.levels, "commercial": level})
    desk = Desk(
        TicketRepository(world.database), policy, Attachments(world.data / "attachments"), CATALOGUE
    )
    if goes is Development.NO:
        with pytest.raises(Conflict):
            desk.act(number, world.bob, actions.move("development", "A defect."), now=FRIDAY)
        return
    desk.act(number, world.bob, actions.move("development", "A defect."), now=FRIDAY)
    ticket = desk.ticket(number, world.bob, now=FRIDAY)
    assert (ticket.row.level, ticket.dues[0].due) == ("Commercial", MONDAY)
    assert ticket.events[-1].facts == {"handed_over": "Development"}


def test_a_coupon_comes_back_when_staff_move_or_void_the_ticket(world: World) -> None:
    def left() -> int | None:
        asked = world.desk.promise(
            type="problem", severity="question", coupon="VERA-5", customer=world.vera, now=FRIDAY
        )
        return asked.coupons_left

    moved, voided, kept = (
        world.desk.file(draft(coupon="VERA-5"), world.vera, key=f"k{i}", now=FRIDAY)
        for i in range(3)
    )
    assert left() == 2
    world.desk.act(
        moved, world.bob, actions.move("commercial", "This is no emergency."), now=FRIDAY
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
        Status.VOID,
        "cancelled",
        None,
    )
    with pytest.raises(Conflict):
        world.desk.act(number, world.alice, actions.comment("Why?"), key="c", now=MONDAY + DAY)


def test_a_severity_changes_only_when_the_customer_agrees(world: World, number: str) -> None:
    with pytest.raises(Conflict):
        world.desk.act(number, world.alice, actions.agree(), now=FRIDAY)
    world.desk.act(
        number,
        world.bob,
        actions.propose_severity("date", "It can wait till then.", detail="2026-07-01"),
        now=FRIDAY,
    )
    world.desk.act(
        number, world.bob, actions.propose_severity("down", "You said nobody can work."), now=FRIDAY
    )
    asked = world.desk.ticket(number, world.alice, now=FRIDAY)
    assert asked.proposal
    assert (asked.severity, asked.proposal.severity) == ("question", "down")
    with pytest.raises(Forbidden):
        world.desk.act(number, world.bob, actions.agree(), now=FRIDAY)
    world.desk.act(number, world.alice, actions.agree(), now=FRIDAY)
    ticket = seen(world, number)
    assert (ticket.severity, ticket.severity_title, ticket.row.urgent) == (
        "down",
        "Production down",
        True,
    )
    assert ticket.proposal is None
    assert [event.verb for event in ticket.events[1:]] == [Verb.PROPOSE, Verb.PROPOSE, Verb.AGREE]


def test_the_level_follows_an_agreed_severity(world: World, number: str) -> None:
    lifted = replace(
        world.policy.entitlements[1],
        when={"severity": frozenset({"down"})},
        level="vip-coupon",
        why="Down.",
    )
    policy = replace(world.policy, entitlements=(lifted, *world.policy.entitlements))
    desk = Desk(
        TicketRepository(world.database), policy, Attachments(world.data / "attachments"), CATALOGUE
    )
    desk.act(number, world.bob, actions.propose_severity("down", "It is."), now=FRIDAY)
    desk.act(number, world.alice, actions.agree(), now=FRIDAY + HOUR)
    ticket = desk.ticket(number, world.alice, now=FRIDAY + HOUR)
    assert (ticket.row.level, ticket.level_why, ticket.dues[0].due) == (
        "VIP coupon",
        "Down.",
        FRIDAY + 4 * HOUR,
    )


def test_a_declined_proposal_changes_nothing(world: World, number: str) -> None:
    world.desk.act(number, world.bob, actions.propose_severity("down", "It is."), now=FRIDAY)
    world.desk.act(number, world.alice, actions.decline("It is not."), now=FRIDAY)
    ticket = seen(world, number)
    assert (ticket.severity, ticket.proposal) == ("question", None)
    for severity in ("question", "none"):
        with pytest.raises((Conflict, Invalid)):
            world.desk.act(number, world.bob, actions.propose_severity(severity, "So."), now=FRIDAY)


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


def test_a_thank_you_needs_no_answer(world: World, number: str) -> None:
    with pytest.raises(Conflict):
        world.desk.act(number, world.bob, actions.no_answer_needed(), now=FRIDAY)
    world.desk.act(number, world.bob, actions.reply("Plug it in."), key="r", now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("Thanks!"), key="c", now=FRIDAY)
    world.desk.act(number, world.bob, actions.no_answer_needed(), now=FRIDAY)
    assert states(world, number, MONDAY + DAY)[-1] == ("next response", "cancelled")
    assert seen(world, number).row.status is Status.WAITING


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


def test_a_merged_ticket_goes_on_in_the_other_with_the_earliest_start(
    world: World, number: str
) -> None:
    later = world.desk.file(draft("The same"), world.alice, key="later", now=FRIDAY + HOUR)
    world.desk.merge(number, world.bob, later, now=FRIDAY + 2 * HOUR)
    source, target = seen(world, number), seen(world, later)
    assert (source.row.status, source.merged_into, source.related) == (
        Status.MERGED,
        later,
        (later,),
    )
    assert source.dues[0].state == "cancelled"
    assert (target.dues[0].due, target.related) == (MONDAY, (number,))
    assert target.ledger[0]["from"] == FRIDAY.isoformat()
    with pytest.raises(Conflict):
        world.desk.act(
            number, world.alice, actions.comment("Hello?"), key="c", now=FRIDAY + 2 * HOUR
        )


def test_tickets_of_two_customers_are_never_merged(world: World, number: str) -> None:
    others = world.desk.file(draft(), world.charlie, key="k", now=FRIDAY)
    for into in (others, number):
        with pytest.raises(Conflict):
            world.desk.merge(number, world.bob, into, now=FRIDAY)
    with pytest.raises(NotFound):
        world.desk.merge(number, world.bob, "KB-9999", now=FRIDAY)
    assert seen(world, number).row.status is Status.OPEN
    assert len(seen(world, others).events) == 1


def test_a_part_is_its_own_ticket_and_counts_from_when_it_was_asked(
    world: World, number: str
) -> None:
    world.desk.act(number, world.bob, actions.reply("Plug it in."), key="r", now=FRIDAY)
    world.desk.act(
        number, world.alice, actions.comment("And the folder?"), key="c", now=FRIDAY + HOUR
    )
    asked = seen(world, number).events[-1].id
    for _ in range(2):
        part = world.desk.split(
            number,
            world.bob,
            "The folder",
            "And the folder?",
            event=asked,
            key="s",
            now=FRIDAY + 2 * HOUR,
        )
    ticket = world.desk.ticket(part, world.alice, now=FRIDAY + 2 * HOUR)
    assert (part, ticket.row.title, ticket.row.level) == ("KB-1002", "The folder", "Commercial")
    assert ticket.dues == (TargetView("first response", TargetState.RUNNING, MONDAY + HOUR),)
    world.desk.act(part, world.bob, actions.reply("Oil it."), key="r", now=FRIDAY + 3 * HOUR)
    assert states(world, part, FRIDAY + 3 * HOUR) == [("first response", "met")]
    with pytest.raises(NotFound):
        world.desk.ticket(part, world.charlie, now=FRIDAY)
    wrong: tuple[dict[str, Any], ...] = ({"title": ""}, {"description": " "}, {"event": 999})
    for about in wrong:
        part_of = {"title": "Some", "description": "x", "key": "t", **about}
        with pytest.raises(Invalid):
            world.desk.split(number, world.bob, **part_of, now=FRIDAY)


def test_copies_are_replaced_as_a_whole(world: World, number: str) -> None:
    world.desk.act(
        number,
        world.alice,
        actions.set_copies(["Boss@example.com", "boss@example.com", " "]),
        now=FRIDAY,
    )
    assert seen(world, number).copy_to == ("boss@example.com",)
    for wrong in (["nonsense"], [f"a{i}@example.com" for i in range(11)]):
        with pytest.raises(Invalid):
            world.desk.act(number, world.alice, actions.set_copies(wrong), now=FRIDAY)


def test_colleagues_see_tickets_only_where_the_organisation_shares_its_view(
    world: World, number: str
) -> None:
    with pytest.raises(Forbidden):
        world.desk.mine(world.anton, company=True, now=FRIDAY)
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE organisations SET shared_view = 1 WHERE name = 'Acme'")
    assert [row.number for row in world.desk.mine(world.anton, company=True, now=FRIDAY)[1]] == [
        number
    ]
    assert world.desk.mine(world.anton, now=FRIDAY) == (0, ())
    world.desk.act(number, world.anton, actions.comment("Mine too."), key="c", now=FRIDAY)
    with pytest.raises(Forbidden):
        world.desk.act(number, world.anton, actions.cancel(), now=FRIDAY)
    for stranger in (world.charlie, world.erin):
        with pytest.raises(NotFound):
            world.desk.ticket(number, stranger, now=FRIDAY)


def test_charlie_and_customers_may_do_nothing_of_what_agents_do(world: World, number: str) -> None:
    desk, now = world.desk, FRIDAY

    def tries(who: Person) -> tuple[Callable[[], object], ...]:
        return (
            lambda: desk.act(number, who, actions.await_customer("x"), now=now),
            lambda: desk.act(number, who, actions.pause("release"), now=now),
            lambda: desk.act(number, who, actions.resume(), now=now),
            lambda: desk.act(number, who, actions.no_answer_needed(), now=now),
            lambda: desk.act(number, who, actions.move("development", "x"), now=now),
            lambda: desk.act(number, who, actions.propose_severity("down", "x"), now=now),
            lambda: desk.act(
                number, who, actions.answer_by_link([("doc/a", "A")]), key="", now=now
            ),
            lambda: desk.act(number, who, actions.void("spam"), now=now),
            lambda: desk.merge(number, who, second, now=now),
            lambda: desk.split(number, who, "xxx", "x", key="", now=now),
            lambda: desk.queue.present(number, who, now=now),
            lambda: desk.queue.watch(number, who),
            lambda: desk.queue.similar(number, who, now=now),
            lambda: desk.queue.similar_active(number, who, now=now),
        )

    def customers(who: Person) -> tuple[Callable[[], object], ...]:
        return (
            lambda: desk.act(number, who, actions.agree(), now=now),
            lambda: desk.act(number, who, actions.decline(), now=now),
            lambda: desk.act(number, who, actions.escalate("x"), now=now),
            lambda: desk.act(number, who, actions.rate(5), now=now),
            lambda: desk.act(number, who, actions.set_copies([]), now=now),
            lambda: desk.explain(number, who, now=now),
        )

    second = desk.file(draft(), world.alice, key="second", now=FRIDAY)
    for attempt in tries(world.alice):
        with pytest.raises(Forbidden):
            attempt()
    for attempt in (
        *tries(world.charlie),
        *customers(world.charlie),
        *tries(world.anton),
        *customers(world.anton),
    ):
        with pytest.raises(NotFound):
            attempt()
    for call in (
        lambda: desk.queue.board(world.alice, now=now),
        lambda: desk.queue.views(world.alice),
    ):
        with pytest.raises(Forbidden):
            call()
    assert len(seen(world, number).events) == 1


def test_agents_see_who_else_is_there(world: World, number: str) -> None:
    ada = world.accounts.by_email("ada@example.com")
    assert ada
    assert world.desk.queue.present(number, world.bob, answering=True, now=FRIDAY) == ()
    (bob,) = world.desk.queue.present(number, ada, now=FRIDAY)
    assert (bob.name, bob.answering) == ("Bob Baker", True)
    assert world.desk.queue.present(number, ada, now=FRIDAY + 2 * HOUR) == ()
    world.desk.queue.present(number, world.bob, now=FRIDAY + 2 * HOUR)
    world.desk.queue.leave(number, world.bob)
    assert world.desk.queue.present(number, ada, now=FRIDAY + 2 * HOUR) == ()


def test_views_are_ones_own_unless_shared(world: World) -> None:
    ada = world.accounts.by_email("ada@example.com")
    assert ada
    world.desk.queue.save_view(world.bob, "Mine", {"assignee": "me", "status": "open"})
    world.desk.queue.save_view(world.bob, "Ours", {"level": "vip-coupon"}, shared=True)
    world.desk.queue.save_view(world.bob, "Ours", {"level": "commercial", "words": ""}, shared=True)
    assert [(view.name, view.mine) for view in world.desk.queue.views(world.bob)] == [
        ("Mine", True),
        ("Ours", True),
    ]
    (shared,) = world.desk.queue.views(ada)
    assert (shared.narrowed, shared.mine) == ({"level": "commercial"}, False)
    with pytest.raises(NotFound):
        world.desk.queue.delete_view(ada, shared.id)
    world.desk.queue.delete_view(world.bob, shared.id)
    for name, narrowed in (
        ("", {}),
        ("x" * 61, {}),
        ("x", {"page": "2"}),
        ("x", {"words": "x" * 201}),
    ):
        with pytest.raises(Invalid):
            world.desk.queue.save_view(world.bob, name, narrowed)


def test_the_queue_is_narrowed_to_an_assignee_and_days(world: World, number: str) -> None:
    other = world.desk.file(draft(), world.alice, key="other", now=FRIDAY + DAY)
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)

    def queue(**about: Any) -> list[str]:
        return [
            row.number for row in world.desk.queue.tickets(world.bob, **about, now=FRIDAY + DAY)[1]
        ]

    assert queue(assignee="me") == queue(assignee="bob@example.com") == [number]
    assert queue(assignee="nobody") == queue(since=FRIDAY + HOUR) == [other]
    assert queue(until=FRIDAY + HOUR) == [number]
    with pytest.raises(Invalid):
        queue(assignee="alice@example.com")


def test_the_board_says_what_is_late_what_comes_and_how_promises_were_kept(
    world: World, number: str
) -> None:
    kept = world.desk.file(draft(), world.alice, key="kept", now=FRIDAY)
    world.desk.act(kept, world.bob, actions.reply("So."), key="r", now=FRIDAY)
    missed = world.desk.file(draft(), world.alice, key="missed", now=FRIDAY)
    world.desk.act(missed, world.bob, actions.reply("Sorry."), key="r", now=MONDAY + HOUR)
    coming = world.desk.file(draft(), world.alice, key="coming", now=MONDAY)
    board = world.desk.queue.board(world.bob, now=MONDAY + 2 * HOUR)
    assert [row.number for row in board.breached] == [number]
    assert [row.number for row in board.coming] == [coming]
    (week,) = board.attainment
    assert (week.level, week.week, week.met, week.breached, week.share) == (
        "commercial",
        dt.date(2026, 6, 8),
        1,
        1,
        0.5,
    )


def test_similar_solved_tickets_are_found_by_their_rare_words(world: World, number: str) -> None:
    world.desk.file(draft("Cannot print at all"), world.alice, key="open", now=FRIDAY)
    solved = world.desk.file(
        draft("The press cannot print Ünïcode"), world.charlie, key="s", now=FRIDAY
    )
    world.desk.act(solved, world.bob, actions.solve(), now=FRIDAY)
    assert [row.number for row in world.desk.queue.similar(number, world.bob, now=FRIDAY)] == [
        solved
    ]
    accented = world.desk.file(draft("unicode"), world.alice, key="u", now=FRIDAY)
    assert [row.number for row in world.desk.queue.similar(accented, world.bob, now=FRIDAY)] == [
        solved
    ]
    nothing = world.desk.file(draft("???"), world.alice, key="n", now=FRIDAY)
    assert world.desk.queue.similar(nothing, world.bob, now=FRIDAY) == ()


def test_words_of_scripts_without_blanks_are_found_in_part(world: World) -> None:
    number = world.desk.file(draft("印刷できません"), world.alice, key="jp", now=FRIDAY)
    for words in ("印刷", "刷", "できません"):
        assert [row.number for row in world.desk.mine(world.alice, words=words, now=FRIDAY)[1]] == [
            number
        ]
    assert world.desk.mine(world.alice, words="刷印", now=FRIDAY) == (0, ())


@pytest.mark.parametrize(
    "words", ['"', '" OR 1', "NEAR(", "title:", "*", "a AND", "^", "-x", "\x00", "“”"]
)
def test_no_word_is_an_operator(world: World, number: str, words: str) -> None:
    assert world.desk.queue.tickets(world.bob, words=words, now=FRIDAY)[1] in (
        (),
        (seen(world, number).row,),
    )


def test_a_licence_address_counts_only_while_the_contract_holds(world: World) -> None:
    with world.database.write() as connection:
        until = int((FRIDAY + DAY).timestamp())
        connection.exec_driver_sql(
            "UPDATE organisations SET category = 'commercial', contract_until = ?, "
            "licence_addresses = '[\"anton@example.com\"]' WHERE name = 'Acme'",
            (until,),
        )
    people = TicketRepository(world.database).people
    assert people.entitled(world.anton, FRIDAY) == ("commercial", "commercial")
    assert people.entitled(world.anton, FRIDAY + DAY) == ("", "")
    number = world.desk.file(draft(), world.anton, key="k", now=FRIDAY)
    assert (
        seen(world, number, FRIDAY + 2 * DAY).row.level == "Commercial"
    )  # what was promised stays
    assert world.desk.promise(
        type="problem", severity="question", customer=world.anton, now=FRIDAY + DAY
    ).level_title == ("Community")


def test_an_address_nobody_has_proved_files_ten_tickets_an_hour(world: World) -> None:
    for i in range(10):
        guest = world.accounts.guest(f"gina+{i}@example.com", "Gina", "UTC", now=FRIDAY)
        world.desk.file(draft(), guest, key=str(i), now=FRIDAY)
    with pytest.raises(TooMany):
        world.desk.file(draft(), guest, key="11", now=FRIDAY)
    assert world.desk.file(draft(), guest, key="9", now=FRIDAY) == "KB-1010"  # sent again
    world.desk.file(draft(), guest, key="11", now=FRIDAY + HOUR)


def test_of_a_word_that_everybody_says_the_newest_places_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ("Printer and scanner", "Printer", "Printers", "Printer", "Printer")
    numbers = [
        world.desk.file(draft(title), world.alice, key=str(i), now=FRIDAY)
        for i, title in enumerate(titles)
    ]

    def found(words: str) -> set[str]:
        return {
            row.number for row in world.desk.queue.tickets(world.bob, words=words, now=FRIDAY)[1]
        }

    assert found("printer") == set(numbers)
    monkeypatch.setattr("kb.tickets.repository.fulltext.MAX_OCCURRENCES", 3)
    assert found("printer") == {numbers[1], numbers[3], numbers[4]}, "the word itself, last said"
    assert found("printers") == {numbers[2]}
    assert found("scanner printer") == {numbers[0]}, "said together, however long ago"
    assert found(f"{numbers[0]} scanner") == {numbers[0]}
