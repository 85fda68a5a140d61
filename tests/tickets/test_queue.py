"""The agents' side: queue, board, views, presence and similar tickets."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kb.errors import Invalid, NotFound
from kb.tickets import actions
from kb.tickets.repository import lists
from tests.tickets.tickets import MONDAY
from tests.world import DAY, FRIDAY, HOUR, World, draft


@pytest.mark.parametrize("status", ["active", "open", "solved", "all"])
def test_the_queue_is_read_on_from_a_ticket_while_others_move(
    world: World, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr(lists, "TICKETS_PER_PAGE", 2)
    desk, bob = world.desk, world.bob
    for hour in range(9):
        severity = ("high", "normal", "low")[hour % 3]
        named = draft(f"Ticket {hour}", severity=severity)
        whose = world.charlie if hour % 2 else world.alice
        number = desk.filing.file(named, whose, key=f"k{hour}", now=FRIDAY + hour // 2 * HOUR)
        if status == "solved" or (status == "all" and hour % 2):
            desk.act(number, bob, actions.solve(), now=FRIDAY + 5 * HOUR)
    _, whole = _read_on(world, status)
    assert len(whole) == 9

    total, page = desk.queue.tickets(bob, status=status, now=FRIDAY)
    place = lists.place_of(page[-1], status)
    # What was read leaves the list, and something comes to its beginning.
    away = actions.reopen("Again.") if status == "solved" else actions.note("Later.")
    if status in ("active", "open"):
        away = actions.void("spam")
    desk.act(page[0].number, bob, away, now=FRIDAY + 6 * HOUR)
    desk.filing.file(draft("Late", severity="high"), world.alice, key="late", now=FRIDAY + 9 * HOUR)
    rest, read = _read_on(world, status, place)
    assert total == 9
    late = [number for number in read if number not in whole]
    assert [number for number in read if number in whole] == whole[2:]
    assert rest == 7 + len(late)


def _read_on(
    world: World, status: str, place: lists.QueuePlace | None = None
) -> tuple[int, list[str]]:
    """How many tickets follow, and the numbers of all of them, page by page."""
    total, page = world.desk.queue.tickets(world.bob, status=status, after=place, now=FRIDAY)
    read = [row.number for row in page]
    if total > len(page):
        read += _read_on(world, status, lists.place_of(page[-1], status))[1]
    return total, read


def test_the_queue_is_urgent_then_due_then_arrival(world: World) -> None:
    def file(customer: str, at: dt.datetime, **about: Any) -> str:
        return world.desk.filing.file(
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
    other = world.desk.filing.file(draft(), world.alice, key="other", now=FRIDAY + DAY)
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
    kept = world.desk.filing.file(draft(), world.alice, key="kept", now=FRIDAY)
    world.desk.act(kept, world.bob, actions.reply("So."), key="r", now=FRIDAY)
    missed = world.desk.filing.file(draft(), world.alice, key="missed", now=FRIDAY)
    world.desk.act(missed, world.bob, actions.reply("Sorry."), key="r", now=MONDAY + HOUR)
    coming = world.desk.filing.file(draft(), world.alice, key="coming", now=MONDAY)
    board = world.desk.queue.board(world.bob, now=MONDAY + 2 * HOUR)
    assert [row.number for row in board.breached] == [number]
    assert [row.number for row in board.coming] == [coming]
    (week,) = board.attainment
    assert (week.level, week.week, week.met, week.breached, week.share) == (
        "commercial",
        dt.date(2026, 6, 8),
        1,
        2,  # one of them is still open
        1 / 3,
    )


def test_similar_solved_tickets_are_found_by_their_rare_words(world: World, number: str) -> None:
    world.desk.filing.file(draft("Cannot print at all"), world.alice, key="open", now=FRIDAY)
    solved = world.desk.filing.file(
        draft("The press cannot print Ünïcode"), world.charlie, key="s", now=FRIDAY
    )
    world.desk.act(solved, world.bob, actions.solve(), now=FRIDAY)
    assert [row.number for row in world.desk.queue.similar(number, world.bob, now=FRIDAY)] == [
        solved
    ]
    accented = world.desk.filing.file(draft("unicode"), world.alice, key="u", now=FRIDAY)
    assert [row.number for row in world.desk.queue.similar(accented, world.bob, now=FRIDAY)] == [
        solved
    ]
    nothing = world.desk.filing.file(draft("???"), world.alice, key="n", now=FRIDAY)
    assert world.desk.queue.similar(nothing, world.bob, now=FRIDAY) == ()
