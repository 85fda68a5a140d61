"""Which tickets, in what order?

The customer's own list and the agents' queue, filtered and paged by the database. Who may ask for which list is
decided by the desk; single tickets are read by ``kb.tickets.store``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select, text, true

from kb import ids
from kb.errors import Invalid
from kb.tickets import promises
from kb.tickets.database import Database
from kb.tickets.schema import EVENTS, ORGANISATIONS, PEOPLE, TICKETS
from kb.tickets.ticket import Status, TicketRow

PER_PAGE = 25
_LAST_PAGE = 10_000
RECENTLY = dt.timedelta(days=30)
#: Besides the single statuses: everything, what is not closed, and that with what was closed lately (B25).
ALL, ACTIVE, RECENT = "all", "active", "recent"
_OPEN = (Status.OPEN.value, Status.WAITING.value)

_ASSIGNEE = PEOPLE.alias("assignee")
ROWS = (
    select(
        TICKETS,
        PEOPLE.c.name.label("customer"),
        ORGANISATIONS.c.name.label("organisation"),
        _ASSIGNEE.c.name.label("assignee"),
    )
    .select_from(TICKETS.join(PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id))
    .outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id)
    .outerjoin(_ASSIGNEE, TICKETS.c.assignee_id == _ASSIGNEE.c.id)
)
_NEWEST = (TICKETS.c.id.desc(),)
#: Urgent lane, due instant, arrival; the words are those of the index, so that no row is sorted.
QUEUE = (text("tickets.urgent DESC"), text("(tickets.next_due IS NULL)"), TICKETS.c.next_due, TICKETS.c.id)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; empty words narrow nothing. ``since`` and ``until`` are creation instants."""

    status: str = ALL
    words: str = ""
    level: str = ""
    product: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None


class TicketLists:
    def __init__(self, database: Database) -> None:
        self._database = database

    def mine(
        self, person_id: int, narrowed: Filter, page: int, *, now: dt.datetime
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """The person's own tickets, newest first. Raises Invalid for an unknown status or page."""
        conditions = (TICKETS.c.customer_id == person_id, *_conditions(narrowed, now, internal=False))
        return self._page(and_(*conditions), _NEWEST, page, now)

    def queue(self, narrowed: Filter, page: int, *, now: dt.datetime) -> tuple[int, tuple[TicketRow, ...]]:
        """Everybody's tickets in the order to be answered. Raises Invalid for an unknown status or page."""
        return self._page(and_(true(), *_conditions(narrowed, now, internal=True)), QUEUE, page, now)

    def _page(
        self, condition: ColumnElement[bool], order: tuple[Any, ...], page: int, now: dt.datetime
    ) -> tuple[int, tuple[TicketRow, ...]]:
        if not 1 <= page <= _LAST_PAGE:
            raise Invalid(f"There is no page {page}; pages count from 1 to {_LAST_PAGE}.", field="page")
        query = ROWS.where(condition).order_by(*order).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
        with self._database.read() as connection:
            total = connection.execute(select(func.count()).select_from(TICKETS).where(condition)).scalar_one()
            return total, tuple(row_of(row, now) for row in connection.execute(query).mappings())


def row_of(found: Any, now: dt.datetime) -> TicketRow:
    """A row of ``ROWS`` as a value; its due promise is judged at ``now``."""
    running = found["next_due"] is not None
    due = promises.due(found["next_target"], promises.RUNNING, found["next_due"], None, now) if running else None
    return TicketRow(
        number=ids.ticket_number(found["id"]),
        title=found["title"],
        status=Status(found["status"]),
        severity=found["severity"],
        level=found["level_title"] or found["level"],
        customer=found["customer"],
        organisation=found["organisation"] or "",
        assignee=found["assignee"] or "",
        created=found["created_at"],
        updated=found["updated_at"],
        due=due,
        product=found["product"],
        urgent=found["urgent"],
    )


def _conditions(narrowed: Filter, now: dt.datetime, *, internal: bool) -> list[ColumnElement[bool]]:
    conditions = [status_is(narrowed.status or ALL, now)]
    if narrowed.level:
        conditions.append(TICKETS.c.level == narrowed.level)
    if narrowed.product:
        conditions.append(TICKETS.c.product == narrowed.product)
    if narrowed.since:
        conditions.append(TICKETS.c.created_at >= narrowed.since)
    if narrowed.until:
        conditions.append(TICKETS.c.created_at < narrowed.until)
    conditions += [_word(word, internal=internal) for word in narrowed.words[:200].split()[:10]]
    return conditions


def status_is(status: str, now: dt.datetime) -> ColumnElement[bool]:
    if status == ALL:
        return true()
    if status == ACTIVE:
        return text("tickets.status IN ('open', 'waiting')")  # type: ignore[return-value]  # the index's own words
    if status == RECENT:
        return or_(TICKETS.c.status.in_(_OPEN), TICKETS.c.closed_at > now - RECENTLY)
    if status not in tuple(Status):
        known = ", ".join((ALL, ACTIVE, RECENT, *Status))
        raise Invalid(f"{status!r:.40} is no status; give {known}.", field="status")
    return TICKETS.c.status == status


def _word(word: str, *, internal: bool) -> ColumnElement[bool]:
    """In the number, the title, or a comment (of the reader's side: notes are searched for agents only)."""
    said = and_(
        EVENTS.c.ticket_id == TICKETS.c.id,
        EVENTS.c.body.icontains(word, autoescape=True),
        true() if internal else EVENTS.c.public,
    )
    serial = ids.ticket_serial(word)
    return or_(
        TICKETS.c.title.icontains(word, autoescape=True),
        TICKETS.c.id == serial if serial is not None else false(),
        select(EVENTS.c.id).where(said).exists(),
    )
