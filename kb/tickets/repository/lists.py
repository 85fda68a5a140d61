"""Lists of tickets: the requester's own and the agents' queue, filtered and paged by the database.

Who may ask for which list is decided in ``kb.tickets.desk`` and ``kb.tickets.queue``. Single
tickets are loaded by ``kb.tickets.repository.repository``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, text, true

from kb import ids
from kb.database import Database
from kb.database.statements import one_of
from kb.errors import Invalid
from kb.people.repository.people import person_matches
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.sla.target import TargetState
from kb.tickets.lifecycle import ACTIVE, Status
from kb.tickets.repository import fulltext
from kb.tickets.sla_targets import target_view
from kb.tickets.tables import TICKETS
from kb.tickets.ticket import TicketRow

TICKETS_PER_PAGE = 25
#: Pages end here; whoever needs more narrows the list.
LAST_PAGE = 400
_MAX_LISTED = TICKETS_PER_PAGE * LAST_PAGE
#: A total is counted so far past the page that is shown.
_COUNTED_AHEAD = 1_000
#: People that a search takes in, and tickets of theirs; whoever finds more types another word.
_MAX_PEOPLE, _MAX_OF_PEOPLE = 500, 5_000
_RECENTLY = dt.timedelta(days=30)
#: Besides single statuses: everything, what is not closed, and that with what was closed recently.
ANY_STATUS, ACTIVE_STATUSES, RECENT_STATUSES = "all", "active", "recent"
_ACTIVE_VALUES = tuple(status.value for status in ACTIVE)
#: Worded as its index is. SQLAlchemy takes a text for a condition, its types do not.
_ACTIVE = cast("ColumnElement[bool]", text("tickets.status IN ('open', 'waiting', 'paused')"))
_SELDOM = (Status.CANCELLED, Status.SPAM_OR_DUPLICATE, Status.MERGED)

#: The person in charge of a ticket, beside ``PEOPLE``, its customer.
ASSIGNEE = PEOPLE.alias("assignee")
ROWS = (
    select(
        TICKETS,
        PEOPLE.c.name.label("customer"),
        ORGANISATIONS.c.name.label("organisation"),
        ORGANISATIONS.c.shared_view,
        ASSIGNEE.c.name.label("assignee"),
    )
    .select_from(TICKETS.join(PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id))
    .outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id)
    .outerjoin(ASSIGNEE, TICKETS.c.assignee_id == ASSIGNEE.c.id)
)
#: Built once: building a statement takes as long as executing it.
_ONE = ROWS.where(
    TICKETS.c.id == bindparam("serial"), TICKETS.c.customer_id == bindparam("customer")
)
_NEWEST = (TICKETS.c.id.desc(),)
_LAST_FILED = (TICKETS.c.created_at.desc(), TICKETS.c.id.desc())
#: Urgent tickets, due instant, arrival. Worded as its index is, so that no row is sorted.
QUEUE_ORDER = (
    text("tickets.urgent DESC"),
    text("(tickets.next_due IS NULL)"),
    TICKETS.c.next_due,
    TICKETS.c.id,
)


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """The place of a ticket in the queue, from which programs can continue to read: changes in the
    meantime neither repeat nor skip any other ticket.
    """

    urgent: bool
    instant: dt.datetime | None  # when its answer is due; of a closed list, when it was filed
    serial: int


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """What a list shows; empty values filter nothing. ``since`` and ``until`` are for filing."""

    status: str = ANY_STATUS
    words: str = ""
    level: str = ""
    product: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    assignee: int | None = None  # a person's id; 0: unassigned
    below: int | None = None  # a serial: for programs that read on from there
    after: QueuePlace | None = None  # the same, in the queue
    field: tuple[str, str] | None = None  # the key of a searchable field, and its value


class TicketLists:
    def __init__(self, database: Database) -> None:
        self._database = database

    def mine(
        self,
        person_id: int,
        narrowed: TicketFilter,
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
        self, narrowed: TicketFilter, page: int, *, now: dt.datetime
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """Everybody's tickets: active ones in the order to answer them, others newest first.

        Raises Invalid for an unknown status or page.
        """
        order = QUEUE_ORDER if _is_by_due(narrowed.status) else _LAST_FILED
        following = _following(narrowed.after, narrowed.status) if narrowed.after else true()
        return self._page(following, narrowed, order, page, now, internal=True)

    def filed(self, serial: int, customer_id: int, *, now: dt.datetime) -> TicketRow | None:
        """One ticket of a requester; None for one of somebody else."""
        with self._database.read() as connection:
            row = (
                connection.execute(_ONE, {"serial": serial, "customer": customer_id})
                .mappings()
                .first()
            )
            return row_of(row, now) if row else None

    def breached(self, limit: int, *, now: dt.datetime) -> tuple[TicketRow, ...]:
        """What is past its due time and still runs, the longest first."""
        return self._by_due(TICKETS.c.next_due < now, limit, now)

    def due_next(self, limit: int, *, now: dt.datetime) -> tuple[TicketRow, ...]:
        """What is due next, the soonest first."""
        return self._by_due(TICKETS.c.next_due >= now, limit, now)

    def similar(
        self,
        serial: int,
        limit: int,
        *,
        status: Sequence[Status] = (Status.RESOLVED,),
        now: dt.datetime,
    ) -> tuple[TicketRow, ...]:
        """Other tickets of a status that share the rarest words of this title, closest first."""
        with self._database.read() as connection:
            title = connection.execute(
                select(TICKETS.c.title).where(TICKETS.c.id == serial)
            ).scalar_one()
            serials = fulltext.similar_tickets(connection, title, serial, limit, status)
            query = ROWS.where(TICKETS.c.id.in_(serials))
            rows = {row["id"]: row_of(row, now) for row in connection.execute(query).mappings()}
            return tuple(rows[serial] for serial in serials)

    def _by_due(
        self, condition: ColumnElement[bool], limit: int, now: dt.datetime
    ) -> tuple[TicketRow, ...]:
        """The first active tickets by due time, read as the first urgent ones and the first others:
        the index of the queue has both in this order, so nothing is sorted, and what is due later
        is not read.
        """
        rows: list[Any] = []
        with self._database.read() as connection:
            for urgent in (True, False):
                query = (
                    ROWS.where(
                        status_condition(ACTIVE_STATUSES, now),
                        TICKETS.c.urgent.is_(urgent),
                        condition,
                    )
                    .order_by(*QUEUE_ORDER)
                    .limit(limit)
                )
                rows += connection.execute(query).mappings()
        rows.sort(key=lambda row: (row["next_due"], row["id"]))
        return tuple(row_of(row, now) for row in rows[:limit])

    def _page(
        self,
        whose: ColumnElement[bool],
        narrowed: TicketFilter,
        order: tuple[Any, ...],
        page: int,
        now: dt.datetime,
        *,
        internal: bool,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        if not 1 <= page <= LAST_PAGE:
            raise Invalid(
                f"There is no page {page}. Pages are numbered from 1 to {LAST_PAGE}.",
                field="page",
            )
        conditions = _conditions(narrowed, now)
        with self._database.read() as connection:
            if narrowed.words.strip():
                serials = fulltext.matching_tickets(connection, narrowed.words, internal=internal)
                if internal:
                    serials |= _tickets_of_people(connection, narrowed.words)
                conditions.append(one_of(connection, TICKETS.c.id, serials))
            if narrowed.field is not None:
                key, value = narrowed.field
                conditions.append(TICKETS.c.fields[key].as_string() == value)
                rare = fulltext.tickets_with_rare_words(connection, value, internal=internal)
                if rare is not None:  # so that a few rows are read instead of all
                    conditions.append(one_of(connection, TICKETS.c.id, rare))

            # First the serials, a few pages ahead for the pager, and then the rows of this page
            # only: tickets with a word lie all over the file, and each is read once. Nobody counts
            # a million rows for a last page.
            start = (page - 1) * TICKETS_PER_PAGE
            query = (
                select(TICKETS.c.id)
                .where(whose, *conditions)
                .order_by(*order)
                .limit(min(_MAX_LISTED, start + _COUNTED_AHEAD))
            )
            listed = connection.execute(query).scalars().all()
            shown = listed[start : start + TICKETS_PER_PAGE]
            page_rows = connection.execute(ROWS.where(TICKETS.c.id.in_(shown))).mappings()
            rows = {row["id"]: row_of(row, now) for row in page_rows}
            return len(listed), tuple(rows[serial] for serial in shown)


def place_of(row: TicketRow, status: str) -> QueuePlace:
    """Where the ticket stands in the queue of tickets of a status."""
    instant = (row.due.due if row.due else None) if _is_by_due(status) else row.created
    return QueuePlace(row.urgent, instant, ids.ticket_serial(row.number) or 0)


def _is_by_due(status: str) -> bool:
    return status in (ACTIVE_STATUSES, *_ACTIVE_VALUES)


def _following(place: QueuePlace, status: str) -> ColumnElement[bool]:
    """What comes after a place in the order of ``queue``."""
    c, instant = TICKETS.c, place.instant
    if not _is_by_due(status):
        at_once = and_(c.created_at == instant, c.id < place.serial)
        return or_(c.created_at < instant, at_once) if instant else true()

    later = and_(c.next_due.is_(None), c.id > place.serial)
    if instant is not None:
        at_once = and_(c.next_due == instant, c.id > place.serial)
        later = or_(c.next_due.is_(None), c.next_due > instant, at_once)
    later = and_(c.urgent.is_(place.urgent), later)
    return or_(later, c.urgent.is_(False)) if place.urgent else later


def row_of(row: Any, now: dt.datetime) -> TicketRow:
    """A row of ``ROWS`` as a value; its SLA target is judged at ``now``."""
    due = None
    if row["next_due"] is not None:
        due = target_view(row["next_target"], TargetState.RUNNING, row["next_due"], None, now)
    return TicketRow(
        number=ids.ticket_number(row["id"]),
        title=row["title"],
        status=Status(row["status"]),
        severity=row["severity"],
        level=row["level_title"] or row["level"],
        customer=row["customer"],
        organisation=row["organisation"] or "",
        assignee=row["assignee"] or "",
        created=row["created_at"],
        updated=row["updated_at"],
        due=due,
        customer_id=row["customer_id"],
        product=row["product"],
        urgent=row["urgent"],
        escalated=row["escalated_at"] is not None,
        closed_for=row["closed_for"],
    )


def _tickets_of_people(connection: Connection, words: str) -> frozenset[int]:
    """Serials of the newest tickets of people whose name, address, phone or organisation has every
    word.
    """
    people = select(PEOPLE.c.id).select_from(PEOPLE.outerjoin(ORGANISATIONS))
    for word in words.casefold().split():
        people = people.where(person_matches(word))
    # Apart: most words are nobody's name, and joined with it a database may read every ticket.
    person_ids = connection.execute(people.limit(_MAX_PEOPLE)).scalars().all()
    if not person_ids:
        return frozenset()
    of_people = TICKETS.c.customer_id.in_(person_ids)
    newest = select(TICKETS.c.id).where(of_people).order_by(TICKETS.c.id.desc())
    return frozenset(connection.execute(newest.limit(_MAX_OF_PEOPLE)).scalars())


def _conditions(narrowed: TicketFilter, now: dt.datetime) -> list[ColumnElement[bool]]:
    conditions = [status_condition(narrowed.status or ANY_STATUS, now)]
    if narrowed.level:
        conditions.append(TICKETS.c.level == narrowed.level)
    if narrowed.product:
        conditions.append(TICKETS.c.product == narrowed.product)
    if narrowed.since:
        conditions.append(TICKETS.c.created_at >= narrowed.since)
    if narrowed.until:
        conditions.append(TICKETS.c.created_at < narrowed.until)
    if narrowed.below is not None:
        conditions.append(TICKETS.c.id < narrowed.below)
    if narrowed.assignee is not None:
        conditions.append(
            TICKETS.c.assignee_id == narrowed.assignee
            if narrowed.assignee
            else TICKETS.c.assignee_id.is_(None)
        )
    return conditions


def status_condition(status: str, now: dt.datetime) -> ColumnElement[bool]:
    """Raises Invalid for an unknown status."""
    if status == ANY_STATUS:
        return true()
    if status == ACTIVE_STATUSES:
        return _ACTIVE
    if status == RECENT_STATUSES:
        return or_(TICKETS.c.status.in_(_ACTIVE_VALUES), TICKETS.c.closed_at > now - _RECENTLY)
    if status not in tuple(Status):
        choices = ", ".join((ANY_STATUS, ACTIVE_STATUSES, RECENT_STATUSES, *Status))
        raise Invalid(f"Unknown status {status!r:.40}. Available: {choices}.", field="status")

    if status in _ACTIVE_VALUES:
        return and_(status_condition(ACTIVE_STATUSES, now), TICKETS.c.status == status)
    if status in _SELDOM:  # these have an index of their own, worded like this
        seldom = text("tickets.status IN ('cancelled', 'void', 'merged')")
        return and_(seldom, TICKETS.c.status == status)
    return TICKETS.c.status == status
