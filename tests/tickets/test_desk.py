"""The desk: who sees what, what is kept, and who is notified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kb.errors import Conflict, Forbidden, NotFound, PreconditionFailed
from kb.people.person import Person
from kb.sla.clock import PolicyVersion
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.desk import Desk
from kb.tickets.lifecycle import Verb
from kb.tickets.repository.repository import TicketRepository
from tests.tickets.tickets import LOG, MONDAY, rows, seen
from tests.world import CATALOGUE, DAY, FRIDAY, HOUR, World, draft


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
    ended = world.desk.filing.file(draft(), world.alice, key="ended", now=FRIDAY)
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


def test_charlie_sees_nothing_of_it_whatever_he_tries(world: World) -> None:
    number = world.desk.filing.file(draft(attachments=(LOG,)), world.alice, key="k", now=FRIDAY)
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


def test_agents_are_told_which_ticket_does_not_exist(world: World) -> None:
    for number in ("KB-9999", "9999x"):
        with pytest.raises(NotFound) as absent:
            world.desk.ticket(number, world.bob, now=FRIDAY)
        assert number in absent.value.sentence


def test_charlie_and_customers_may_do_nothing_of_what_agents_do(world: World, number: str) -> None:
    desk, now = world.desk, FRIDAY

    def tries(who: Person) -> tuple[Callable[[], object], ...]:
        return (
            lambda: desk.act(number, who, actions.set_to_pending("x"), now=now),
            lambda: desk.act(number, who, actions.pause("release"), now=now),
            lambda: desk.act(number, who, actions.resume(), now=now),
            lambda: desk.act(number, who, actions.no_reply_needed(), now=now),
            lambda: desk.act(number, who, actions.change_level("development", "x"), now=now),
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

    second = desk.filing.file(draft(), world.alice, key="second", now=FRIDAY)
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


def test_colleagues_see_tickets_only_where_the_organisation_shares_its_view(
    world: World, number: str
) -> None:
    with pytest.raises(Forbidden):
        world.desk.mine(world.anton, company=True, now=FRIDAY)
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE organisations SET shared_view = true WHERE name = 'Acme'"
        )
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
    attachment, file = world.desk.attachment(ref, world.bob)
    with file:
        assert (attachment.name, file.read()) == ("print.log", LOG.data)


def test_a_file_is_found_by_whoever_may_see_its_comment(world: World) -> None:
    number = world.desk.filing.file(draft(attachments=(LOG,)), world.alice, key="k", now=FRIDAY)
    ref = world.desk.ticket(number, world.alice, now=FRIDAY).events[0].attachments[0].ref
    for person in (world.alice, world.bob):
        attachment, file = world.desk.attachment(ref, person)
        with file:
            assert (attachment.size, attachment.media_type, file.read()) == (
                15,
                "text/plain",
                LOG.data,
            )
    with pytest.raises(NotFound):
        world.desk.attachment("unknown", world.alice)


def test_whoever_is_concerned_is_told_by_a_row_of_the_same_transaction(world: World) -> None:
    number = world.desk.filing.file(
        draft(copy_to=("boss@example.com",)), world.alice, key="k", now=FRIDAY
    )
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    world.desk.act(number, world.bob, actions.note("Hm."), key="n", now=FRIDAY)
    world.desk.act(number, world.bob, actions.reply("So?"), key="r", now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("So!"), key="c", now=FRIDAY)
    notices = rows(world, "SELECT kind, recipient, state FROM notices ORDER BY id")
    assert notices == [
        ("opened", "alice@example.com", "pending"),
        ("opened", "boss@example.com", "pending"),
        ("new-ticket", "bob@example.com", "pending"),
        ("replied", "alice@example.com", "pending"),
        ("replied", "boss@example.com", "pending"),
        ("commented", "bob@example.com", "pending"),
    ]
    (facts,) = rows(world, "SELECT facts FROM notices LIMIT 1")[0]
    assert all(word in facts for word in (number, "Commercial", MONDAY.isoformat()))
    assert "print" not in facts


def test_what_depends_on_a_ticket_as_it_was_read_is_refused_once_it_has_changed(
    world: World, number: str
) -> None:
    other = world.desk.filing.file(draft("Other"), world.alice, key="other", now=FRIDAY)
    read, bob = seen(world, number), world.bob
    first = world.desk.if_unchanged(read)
    first.act(number, bob, actions.reply("First."), key="first", now=FRIDAY)
    late = world.desk.if_unchanged(read)
    late.act(number, bob, actions.reply("First."), key="first", now=FRIDAY)  # a repetition
    for verb in (
        lambda: late.act(number, bob, actions.reply("Second."), now=FRIDAY),
        lambda: late.merge(number, bob, other, now=FRIDAY),
        lambda: late.split(number, bob, "A part", "Of it.", key="part", now=FRIDAY),
    ):
        with pytest.raises(PreconditionFailed):
            verb()
    assert [event.verb for event in seen(world, number).events] == [Verb.OPEN, Verb.REPLY]
    assert len(seen(world, other).events) == 1

    # Other tickets are not meant.
    late.act(other, bob, actions.void("spam"), now=FRIDAY)
    voided = seen(world, other)
    world.desk.act(other, bob, actions.note("Really?"), now=FRIDAY)
    with pytest.raises(PreconditionFailed):
        world.desk.if_unchanged(voided).undo(other, bob, now=FRIDAY)
    world.desk.if_unchanged(seen(world, other)).undo(other, bob, now=FRIDAY)
