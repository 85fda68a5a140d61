"""Due tickets: the rows that the sweeper reads and writes, in one transaction for each batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from kb.database.statements import announce_rows, insert_rows, one_of, update_rows
from kb.notifications.queue import NewNotice, insert_notices, notice_rows
from kb.sla.clock import SlaEvent
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.repository.lists import ASSIGNEE
from kb.tickets.repository.load import clock_histories, stored_targets
from kb.tickets.repository.save import forecast_columns, save_targets
from kb.tickets.sla_targets import Forecast, TargetRow
from kb.tickets.staff.choices import StaffMember, StaffNews
from kb.tickets.staff.repository import insert_news, news_rows, staff_members
from kb.tickets.tables import ALARMS, EVENTS, TICKETS
from kb.tickets.ticket import Alarm

#: The actor of events that nobody causes.
SYSTEM_ACTOR = "Askfirst"

_DUE = (
    select(
        TICKETS.c.id,
        TICKETS.c.level,
        TICKETS.c.level_title,
        TICKETS.c.status,
        TICKETS.c.next_at,
        TICKETS.c.remind_at,
        TICKETS.c.product,
        TICKETS.c.urgent,
        ASSIGNEE.c.email.label("assignee"),
    )
    .select_from(TICKETS.outerjoin(ASSIGNEE, TICKETS.c.assignee_id == ASSIGNEE.c.id))
    .order_by(TICKETS.c.next_at, TICKETS.c.id)
)


@dataclass(frozen=True, slots=True)
class DueTicket:
    """A ticket whose next instant has come."""

    serial: int
    level: str
    level_title: str
    status: Status
    next_at: dt.datetime
    remind_at: dt.datetime | None
    assignee: str  # an address, or empty
    product: str
    urgent: bool
    target_rows: tuple[TargetRow, ...]
    history: tuple[SlaEvent, ...]


def due_serials(connection: Connection, now: dt.datetime, limit: int) -> Sequence[int]:
    """Tickets that are due, the first to come due first."""
    due = select(TICKETS.c.id).where(TICKETS.c.next_at <= now)
    first = due.order_by(TICKETS.c.next_at, TICKETS.c.id).limit(limit)
    return connection.execute(first).scalars().all()


class DueTickets:
    """The due tickets of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load(self, now: dt.datetime, serials: Sequence[int]) -> list[DueTicket]:
        """Those of ``serials`` that are due still, in the order in which they came due."""
        those = one_of(self._connection, TICKETS.c.id, serials)
        due = _DUE.where(TICKETS.c.next_at <= now, those)
        rows = self._connection.execute(due).all()
        if not rows:
            return []
        histories = clock_histories(self._connection, {row.id: row.level for row in rows})
        targets = stored_targets(self._connection, [row.id for row in rows])
        return [
            DueTicket(
                row.id,
                row.level,
                row.level_title or row.level,
                Status(row.status),
                row.next_at,
                row.remind_at,
                row.assignee or "",
                row.product,
                row.urgent,
                targets.get(row.id, ()),
                histories[row.id],
            )
            for row in rows
        ]

    def recorded_alarms(
        self, serials: Collection[int]
    ) -> set[tuple[int, str, int, str, dt.datetime]]:
        """Serial, target, cycle, threshold and due time of each alarm so far."""
        query = select(ALARMS).where(one_of(self._connection, ALARMS.c.ticket_id, serials))
        return {
            (row.ticket_id, row.target, row.cycle, row.threshold, row.due_at)
            for row in self._connection.execute(query)
        }

    def add_alarms(self, alarms: Iterable[tuple[int, Alarm]]) -> None:
        rows = [
            {
                "ticket_id": serial,
                "target": alarm.target,
                "cycle": alarm.cycle,
                "threshold": alarm.threshold,
                "due_at": alarm.due,
                "at": alarm.at,
            }
            for serial, alarm in alarms
        ]
        if rows:
            announce_rows(self._connection, ALARMS)
            insert_rows(self._connection, ALARMS, rows)

    def add_resumption(self, serial: int, instant: dt.datetime) -> None:
        """The event that a reminder has ended the pause."""
        event = {
            "ticket_id": serial,
            "at": instant,
            "verb": Verb.RESUME.value,
            "actor": SYSTEM_ACTOR,
            "facts": {},
            "by_agent": True,
            "public": False,
        }
        announce_rows(self._connection, EVENTS)
        self._connection.execute(insert(EVENTS), event)

    def save(
        self, tickets: Iterable[tuple[DueTicket, Status, dt.datetime | None, Forecast]]
    ) -> None:
        """Tickets with the status, the reminder and the forecast that they have now."""
        rows: list[dict[str, Any]] = []
        changed: list[tuple[int, TargetRow]] = []
        for ticket, status, remind_at, forecast in tickets:
            columns = {"status": status.value, "remind_at": remind_at, **forecast_columns(forecast)}
            if remind_at is not None:
                columns["next_at"] = min(remind_at, forecast.next_at or remind_at)
            rows.append({"id": ticket.serial, **columns})

            before = set(ticket.target_rows)
            changed += [(ticket.serial, row) for row in forecast.target_rows if row not in before]
        save_targets(self._connection, changed)
        update_rows(self._connection, TICKETS, rows, key="id")

    def staff(self) -> tuple[StaffMember, ...]:
        """All agents and administrators, with what they want to be told of."""
        return staff_members(self._connection)

    def add_notices(
        self,
        told: Iterable[tuple[int, str, Sequence[StaffNews], Sequence[NewNotice]]],
        now: dt.datetime,
    ) -> None:
        """By serial and cause: one cause never notifies anybody twice."""
        of_staff: list[dict[str, Any]] = []
        mails: list[dict[str, Any]] = []
        for serial, cause, news, notices in told:
            of_staff += news_rows(serial, cause, news, now)
            mails += notice_rows(serial, cause, notices, now)
        insert_news(self._connection, of_staff)
        insert_notices(self._connection, mails)
