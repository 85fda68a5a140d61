"""Lists: filters, pages and the index that the queue is read from."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite as sqlite_dialect

from kb.errors import Invalid
from kb.tickets import actions
from kb.tickets.repository import lists
from tests.tickets.tickets import rows
from tests.world import DAY, FRIDAY, World, draft


def test_the_queue_is_read_from_its_index(world: World) -> None:
    assert world.sqlite, "how PostgreSQL reads depends on how much there is"
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
        return world.desk.filing.file(draft(title), world.alice, key=title, now=at)

    old, new, paper = (
        file("Old thing", FRIDAY),
        file("New 100% thing", FRIDAY + DAY),
        file("Paper", FRIDAY + 2 * DAY),
    )
    world.desk.filing.file(draft("Charlie's thing"), world.charlie, key="c", now=FRIDAY)
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
        world.desk.filing.file(draft(), world.alice, key=str(i), now=FRIDAY)
    pages = [world.desk.mine(world.alice, page=page, now=FRIDAY) for page in (1, 2, 3)]
    assert [(total, len(listed)) for total, listed in pages] == [(27, 25), (27, 2), (27, 0)]
    assert len({row.number for _, listed in pages for row in listed}) == 27
