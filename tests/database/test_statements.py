"""What a verb costs the database: statements are counted, and lists are read in the order of an
index.

Speed belongs in bench/; what makes it slow with a million tickets is seen here with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from kb.tickets import actions
from kb.tickets.repository import lists
from kb.tickets.repository.lists import TicketFilter, TicketLists
from tests.world import FRIDAY, HOUR, World, draft


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    said: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            said.append(" ".join(statement.split()))

    engine: Engine = world.sqlite._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("act", "most"),
    [
        (
            lambda world, number: world.desk.filing.file(draft(), world.alice, key="b", now=FRIDAY),
            12,
        ),
        (
            lambda world, number: world.desk.act(
                number, world.alice, actions.comment("More."), key="c", now=FRIDAY
            ),
            18,
        ),
        (
            lambda world, number: world.desk.act(
                number, world.bob, actions.reply("Plug it in."), key="r", now=FRIDAY
            ),
            17,
        ),
        # One of them asks whether a mail about the ticket has failed, for staff.
        (lambda world, number: world.desk.ticket(number, world.bob, now=FRIDAY), 13),
        (lambda world, number: world.desk.queue.tickets(world.bob, now=FRIDAY), 2),
        (lambda world, number: world.desk.mine(world.alice, now=FRIDAY), 2),
    ],
    ids=["open", "comment", "reply", "ticket", "queue", "mine"],
)
def test_a_verb_takes_few_statements(
    world: World, act: Callable[[World, str], object], most: int
) -> None:
    number = world.desk.filing.file(draft(), world.alice, key="a", now=FRIDAY - HOUR)
    with counted(world) as said:
        act(world, number)
    assert 0 < len(said) <= most, "\n".join(said)


def plan(world: World, narrowed: TicketFilter, *, mine: bool = False) -> str:
    """How SQLite goes about a page of a list."""
    with counted(world) as said:
        if mine:
            TicketLists(world.database).mine(world.alice.id, narrowed, 1, now=FRIDAY)
        else:
            TicketLists(world.database).queue(narrowed, 1, now=FRIDAY)
    page = next(statement for statement in said if "LIMIT" in statement)
    with world.database.read() as connection:
        marks = tuple(0 for _ in range(page.count("?")))
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {page}", marks).all()
    return "\n".join(str(row[3]) for row in rows)


@pytest.mark.parametrize(
    ("narrowed", "mine", "index"),
    [
        (TicketFilter(lists.ACTIVE_STATUSES), False, "ix_tickets_queue"),
        (TicketFilter("waiting", level="vip", product="press"), False, "ix_tickets_queue"),
        (TicketFilter(lists.ACTIVE_STATUSES, since=FRIDAY), False, "ix_tickets_queue"),
        (TicketFilter(lists.ANY_STATUS), False, "ix_tickets_created_at_id"),
        (TicketFilter("solved"), False, "ix_tickets_created_at_id"),
        (
            TicketFilter(lists.ANY_STATUS, since=FRIDAY, until=FRIDAY + HOUR),
            False,
            "ix_tickets_created_at_id",
        ),
        (TicketFilter("cancelled"), False, "ix_tickets_ended_otherwise"),
        (TicketFilter(lists.ANY_STATUS), True, "ix_tickets_customer_id_id"),
    ],
    ids=str,
)
def test_a_page_is_read_in_the_order_of_an_index_and_never_sorted(
    world: World, narrowed: TicketFilter, mine: bool, index: str
) -> None:
    found = plan(world, narrowed, mine=mine)
    assert index in found
    assert "TEMP B-TREE" not in found
