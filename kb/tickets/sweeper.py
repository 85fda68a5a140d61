"""Sweeper: records what has come due, and whom to notify about it.

It takes the tickets whose next instant has come. Warnings and breaches are recorded once each, at
the instant that the SLA clock computes, however late the sweeper runs; pauses end when their
reopening date is reached. Everything that follows from one batch is saved in one transaction, in
the order in which it came due. Sending is the business of ``kb.worker.worker``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Sequence
from dataclasses import dataclass

from kb import ids
from kb.database import Database
from kb.notifications.queue import NewNotice
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.sla.policy import SlaPolicy
from kb.tickets.lifecycle import Status
from kb.tickets.recipients import staff_mails
from kb.tickets.repository.due_tickets import DueTicket, DueTickets, due_serials
from kb.tickets.repository.load import ticket_subject
from kb.tickets.sla_targets import BREACH, Forecast, PolicyVersions, forecast
from kb.tickets.staff.choices import StaffEvent, StaffEventFacts, StaffNews, told_of
from kb.tickets.ticket import Alarm

_BATCH = 250
_SUBJECT = "sweeper"
#: An alarm that is noticed later than this is marked late.
_PUNCTUAL = dt.timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class _Swept:
    """A due ticket and what became of it."""

    ticket: DueTicket
    status: Status
    remind_at: dt.datetime | None
    forecast: Forecast


class Sweeper:
    """Safe to run in several processes: each batch is one transaction, each alarm recorded once."""

    def __init__(self, database: Database, policy: SlaPolicy, versions: PolicyVersions) -> None:
        self._database = database
        self._policy = policy
        self._versions = versions

    def sweep(self, now: dt.datetime, *, batch: int = _BATCH) -> int:
        """Records everything that has come due by ``now``; returns the number of alarms.

        Raises Unavailable.
        """
        total = 0
        while True:
            tickets, alarms = self._sweep_batch(now.replace(microsecond=0), batch)
            total += alarms
            if tickets < batch:
                return total

    def _sweep_batch(self, now: dt.datetime, batch: int) -> tuple[int, int]:
        """How many tickets were due, and how many alarms they caused."""
        with self._database.read() as connection:
            serials = due_serials(connection, now, batch)
        if not serials:
            return 0, 0
        with self._database.write(_SUBJECT, *map(ticket_subject, serials)) as connection:
            due = DueTickets(connection)
            tickets = due.load(now, serials)
            if not tickets:  # another sweeper was faster
                return len(serials), 0
            # What comes due after the last ticket of a full batch waits for the next batch, so that
            # everything is recorded in order.
            horizon = now if len(serials) < batch else tickets[-1].next_at
            swept = [self._judge(due, ticket, horizon) for ticket in tickets]
            due.save(
                (result.ticket, result.status, result.remind_at, result.forecast)
                for result in swept
            )

            recorded = due.recorded_alarms([ticket.serial for ticket in tickets])
            alarms = _new_alarms(swept, recorded)
            due.add_alarms(((ticket.serial, alarm) for ticket, alarm in alarms))
            if alarms:
                self._notify(due, alarms, now)
            return len(serials), len(alarms)

    def _judge(self, due: DueTickets, ticket: DueTicket, horizon: dt.datetime) -> _Swept:
        status, remind_at, history = ticket.status, ticket.remind_at, ticket.history
        if remind_at is not None and remind_at <= horizon:
            # The pause ends by itself; from here on the next reply is ours.
            if status in (Status.PENDING, Status.ON_HOLD):
                due.add_resumption(ticket.serial, remind_at)
                history = (*history, SlaEvent(remind_at, SlaEventKind.RESUMED))
                status = Status.OPEN
            remind_at = None
        now_due = forecast(
            ticket.target_rows, history, self._versions, horizon, since=ticket.next_at
        )
        return _Swept(ticket, status, remind_at, now_due)

    def _notify(
        self, due: DueTickets, alarms: Sequence[tuple[DueTicket, Alarm]], now: dt.datetime
    ) -> None:
        """Whoever wants to know of targets at risk or breached."""
        staff = due.staff()
        told: list[tuple[int, str, Sequence[StaffNews], Sequence[NewNotice]]] = []
        for ticket, alarm in alarms:
            breach = alarm.threshold == BREACH
            event = StaffEvent.BREACHED if breach else StaffEvent.AT_RISK
            news = told_of(StaffEventFacts(event, ticket.product, ticket.assignee), staff)
            cause = f"{alarm.target}/{alarm.cycle}/{alarm.threshold}/{int(alarm.due.timestamp())}"
            facts = {
                "number": ids.ticket_number(ticket.serial),
                "level": ticket.level_title,
                "target": alarm.target,
                "threshold": alarm.threshold,
                "due": alarm.due.isoformat(),
                "at": alarm.at.isoformat(),
                "late": "yes" if now - alarm.at > _PUNCTUAL else "",
            }
            mails = staff_mails(
                news,
                "breached" if breach else "warned",
                facts,
                policy=self._policy,
                level=ticket.level,
                urgent=ticket.urgent,
                now=now,
            )
            told.append((ticket.serial, cause, news, mails))
        due.add_notices(told, now)


def _new_alarms(
    swept: Sequence[_Swept], recorded: Container[tuple[int, str, int, str, dt.datetime]]
) -> list[tuple[DueTicket, Alarm]]:
    """In the order in which they came due."""
    alarms = [
        (result.ticket, alarm)
        for result in swept
        for alarm in result.forecast.alarms
        if (result.ticket.serial, alarm.target, alarm.cycle, alarm.threshold, alarm.due)
        not in recorded
    ]
    return sorted(alarms, key=lambda pair: (pair[1].at, pair[0].serial))
