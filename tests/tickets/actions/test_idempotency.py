"""Idempotency keys: whatever is sent twice happens once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kb.errors import Conflict, Invalid
from kb.tickets import actions
from kb.tickets.decision import Command
from tests.tickets.tickets import LOG, rows
from tests.world import FRIDAY, HOUR, World, draft


def test_the_same_key_files_once_for_each_person(world: World, number: str) -> None:
    again = world.desk.filing.file(draft(), world.alice, key="first", now=FRIDAY + HOUR)
    assert again == number
    assert world.desk.ticket(number, world.alice, now=FRIDAY).row.title == "Cannot print"
    assert world.desk.filing.file(draft(), world.charlie, key="first", now=FRIDAY) == "KB-1002"
    assert rows(world, "SELECT count(*) FROM tickets") == [(2,)]


def test_without_a_key_every_form_is_its_own_ticket(world: World) -> None:
    numbers = [world.desk.filing.file(draft(), world.alice, key="", now=FRIDAY) for _ in range(2)]
    assert numbers == ["KB-1001", "KB-1002"]


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


def test_a_key_has_an_end(world: World) -> None:
    with pytest.raises(Invalid):
        world.desk.filing.file(draft(), world.alice, key="k" * 201, now=FRIDAY)


def test_a_key_files_one_draft_and_no_other(world: World, number: str) -> None:
    assert (
        world.desk.filing.file(draft(episode="grown"), world.alice, key="first", now=FRIDAY)
        == number
    )
    for other in (
        draft("Cannot fold"),
        draft(attachments=(LOG,)),
        draft(copy_to=("boss@example.com",)),
    ):
        with pytest.raises(Conflict) as refused:
            world.desk.filing.file(other, world.alice, key="first", now=FRIDAY)
        assert refused.value.field == "key"


@pytest.mark.parametrize("key", ["\x00\x01", "  ", "k" * 101])
def test_a_blank_or_endless_key_is_refused(world: World, key: str) -> None:
    with pytest.raises(Invalid):
        world.desk.filing.file(draft(), world.alice, key=key, now=FRIDAY)
