"""Which tickets, in what order?

The customer's own list and the agents' queue, filtered and paged by the database. Who may ask for
which list is decided by the desk; single tickets are read by ``kb.tickets.repository.repository``.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text, true

from kb import ids
from kb.database import Database
from kb.errors import Invalid
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.tickets import sla_targets as promises
from kb.tickets.repository import fulltext as words
from kb.tickets.tables import TICKETS
from kb.tickets.ticket import ACTIVE as STILL_OPEN
from kb.tickets.ticket import Status, TicketRow

PER_PAGE = 25
#: Pages end here; who looks for more narrows the list.
LAST_PAGE = 400
#: Totals are counted up to here; a list that is longer says this number.
MOST = PER_PAGE * LAST_PAGE
RECENTLY = dt.timedelta(days=30)
#: Besides the single statuses: everything, what is not closed, and that with what was closed lately
#: (B25).
ALL, ACTIVE, RECENT = "all", "active", "recent"
_OPEN = tuple(status.value for status in STILL_OPEN)
_ENDED_OTHERWISE = (Status.CANCELLED, Status.VOID, Status.MERGED)

_ASSIGNEE = PEOPLE.alias("assignee")
ROWS = (
    select(
        TICKETS,
        PEOPLE.c.name.label("customer"),
        ORGANISATIONS.c.name.label("organisation"),
        ORGANISATIONS.c.shared_view,
        _ASSIGNEE.c.name.label("assignee"),
    )
    .select_from(TICKETS.join(PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id))
    .outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id)
    .outerjoin(_ASSIGNEE, TICKETS.c.assignee_id == _ASSIGNEE.c.id)
)
#: How far past the page that is shown a total is counted.
AHEAD = 1_000
_NEWEST = (TICKETS.c.id.desc(),)
_LAST_FILED = (TICKETS.c.created_at.desc(), TICKETS.c.id.desc())
#: Urgent lane, due instant, arrival; the words are those of the index, so that no row is sorted.
QUEUE = (
    text("tickets.urgent DESC"),
    text("(tickets.next_due IS NULL)"),
    TICKETS.c.next_due,
    TICKETS.c.id,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; empty words narrow nothing. ``since`` and ``until`` are creation
    instants.
    """

    status: str = ALL
    words: str = ""
    level: str = ""
    product: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    assignee: int | None = None  # a person's id; 0: nobody's


class TicketLists:
    def __init__(self, database: Database) -> None:
        self._database = database

    def mine(
        self,
        person_id: int,
        narrowed: Filter,
        page: int,
        *,
        organisation_id: int | None = None,
        now: dt.datetime,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """The person's own tickets, newest first, or all of the organisation's.

        Raises Invalid for an unknown status or page.
        """
        whose = TICKETS.c.customer_id == person_id
        if organisation_id is not None:
            whose = TICKETS.c.organisation_id == organisation_id
        return self._page(whose, narrowed, _NEWEST, page, now, internal=False)

    def queue(
        self, narrowed: Filter, page: int, *, now: dt.datetime
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """Everybody's tickets: those still open in the order to be answered, lists with closed ones
        newest first.

        Raises Invalid for an unknown status or page.
        """
        order = QUEUE if narrowed.status in (ACTIVE, *_OPEN) else _LAST_FILED
        return self._page(true(), narrowed, order, page, now, internal=True)

    def overdue(self, most: int, *, now: dt.datetime) -> tuple[TicketRow, ...]:
        """What has been breached and still runs, the longest first."""
        late = ROWS.where(status_is(ACTIVE, now), TICKETS.c.next_due < now)
        return self._rows(late.order_by(TICKETS.c.next_due, TICKETS.c.id).limit(most), now)

    def coming(self, most: int, *, now: dt.datetime) -> tuple[TicketRow, ...]:
        """What will be breached next, the soonest first."""
        soon = ROWS.where(status_is(ACTIVE, now), TICKETS.c.next_due >= now)
        return self._rows(soon.order_by(TICKETS.c.next_due, TICKETS.c.id).limit(most), now)

    def similar(
        self,
        line: str,
        but: int,
        most: int,
        *,
        status: Sequence[Status] = (Status.SOLVED,),
        now: dt.datetime,
    ) -> tuple[TicketRow, ...]:
        """Tickets of a status that share the rarest words of ``line``, the likest first."""
        with self._database.read() as connection:
            asked = words.telling(connection, line)
            if not asked:
                return ()
            bounds = {"asked": asked, "but": but, "most": most, "status": status}
            found = [row.id for row in connection.execute(words.LIKE, bounds)]
            rows = {
                row["id"]: row_of(row, now)
                for row in connection.execute(ROWS.where(TICKETS.c.id.in_(found))).mappings()
            }
            return tuple(rows[serial] for serial in found)

    def _rows(self, query: Select[Any], now: dt.datetime) -> tuple[TicketRow, ...]:
        with self._database.read() as connection:
            return tuple(row_of(row, now) for row in connection.execute(query).mappings())

    def _page(
        self,
        whose: ColumnElement[bool],
        narrowed: Filter,
        order: tuple[Any, ...],
        page: int,
        now: dt.datetime,
        *,
        internal: bool,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        if not 1 <= page <= LAST_PAGE:
            raise Invalid(
                f"There is no page {page}; pages count from 1 to {LAST_PAGE}.", field="page"
            )
        conditions = _conditions(narrowed, now)
        with self._database.read() as connection:
            if narrowed.words.strip():
                found = words.tickets(connection, narrowed.words, internal=internal)
                conditions.append(
                    TICKETS.c.id.in_(
                        select(
                            func.json_each(json.dumps(sorted(found))).table_valued("value").c.value
                        )
                    )
                )
            # Which tickets, a few pages ahead for the pager, and then only the rows of this page:
            # for words, whose tickets lie all over the file, each is looked at once. Nobody counts
            # a million for a last page.
            before = (page - 1) * PER_PAGE
            wanted = (
                select(TICKETS.c.id)
                .where(whose, *conditions)
                .order_by(*order)
                .limit(min(MOST, before + AHEAD))
            )
            serials = connection.execute(wanted).scalars().all()
            shown = serials[before : before + PER_PAGE]
            query = ROWS.where(TICKETS.c.id.in_(shown))
            rows = {row["id"]: row_of(row, now) for row in connection.execute(query).mappings()}
            return len(serials), tuple(rows[serial] for serial in shown)


def row_of(found: Any, now: dt.datetime) -> TicketRow:
    """A row of ``ROWS`` as a value; its due promise is judged at ``now``."""
    running = found["next_due"] is not None
    due = (
        promises.due(found["next_target"], promises.RUNNING, found["next_due"], None, now)
        if running
        else None
    )
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
        customer_id=found["customer_id"],
        product=found["product"],
        urgent=found["urgent"],
        escalated=found["escalated_at"] is not None,
    )


def _conditions(narrowed: Filter, now: dt.datetime) -> list[ColumnElement[bool]]:
    conditions = [status_is(narrowed.status or ALL, now)]
    if narrowed.level:
        conditions.append(TICKETS.c.level == narrowed.level)
    if narrowed.product:
        conditions.append(TICKETS.c.product == narrowed.product)
    if narrowed.since:
        conditions.append(TICKETS.c.created_at >= narrowed.since)
    if narrowed.until:
        conditions.append(TICKETS.c.created_at < narrowed.until)
    if narrowed.assignee is not None:
        conditions.append(
            TICKETS.c.assignee_id == narrowed.assignee
            if narrowed.assignee
            else TICKETS.c.assignee_id.is_(None)
        )
    return conditions


def status_is(status: str, now: dt.datetime) -> ColumnElement[bool]:
    if status == ALL:
        return true()
    if status == ACTIVE:
        return text("tickets.status IN ('open', 'waiting', 'paused')")  # type: ignore[return-value]  # the index's own words
    if status == RECENT:
        return or_(TICKETS.c.status.in_(_OPEN), TICKETS.c.closed_at > now - RECENTLY)
    if status not in tuple(Status):
        known = ", ".join((ALL, ACTIVE, RECENT, *Status))
        raise Invalid(f"{status!r:.40} is no status; give {known}.", field="status")
    if status in _OPEN:
        return and_(status_is(ACTIVE, now), TICKETS.c.status == status)
    if status in _ENDED_OTHERWISE:
        # As above: these are few, and have an index of their own.
        seldom = text("tickets.status IN ('cancelled', 'void', 'merged')")
        return and_(seldom, TICKETS.c.status == status)
    return TICKETS.c.status == status
