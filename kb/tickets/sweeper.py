"""What has fallen due, and who must hear of it?

Looks at the tickets whose next instant has come: warnings and breaches are recorded once each at
the instant that the clock computes, however late somebody looks, and pauses with a reminder end.
All that follows from one look is saved in one transaction, in the order in which it fell. Sending
is the business of ``kb.worker.worker``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from kb import ids
from kb.database import Database
from kb.notifications.queue import NewNotice, insert_notices, notice_rows
from kb.people.tables import PEOPLE
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.sla.policy import SlaPolicy
from kb.tickets import recipients as telling
from kb.tickets import sla_targets as promises
from kb.tickets.repository import load as reading
from kb.tickets.repository import save as saving
from kb.tickets.sla_targets import BREACH, Forecast, TargetRow, Versions
from kb.tickets.tables import ALARMS, EVENTS, TICKETS
from kb.tickets.ticket import Alarm, Status, Verb

BATCH = 250
#: An alarm that is noticed later than this is marked late.
PROMPT = dt.timedelta(minutes=2)
SYSTEM = "Askfirst"
_ASSIGNEE = PEOPLE.alias("assignee")
_DUE = (
    select(
        TICKETS.c.id,
        TICKETS.c.level,
        TICKETS.c.level_title,
        TICKETS.c.status,
        TICKETS.c.next_at,
        TICKETS.c.remind_at,
        TICKETS.c.updated_at,
        _ASSIGNEE.c.email.label("assignee"),
    )
    .select_from(TICKETS.outerjoin(_ASSIGNEE, TICKETS.c.assignee_id == _ASSIGNEE.c.id))
    .order_by(TICKETS.c.next_at, TICKETS.c.id)
)
_UPDATE = (
    update(TICKETS)
    .where(TICKETS.c.id == bindparam("serial"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("status", "remind_at", "next_at", "next_due", "next_target")
        }
    )
)


@dataclass(slots=True)
class _Look:
    """One ticket that is looked at."""

    row: Any
    before: tuple[TargetRow, ...]
    history: tuple[SlaEvent, ...]
    status: str
    remind_at: dt.datetime | None
    forecast: Forecast | None = None


class Sweeper:
    """Safe to run in several processes: each look is one transaction, and an alarm is recorded
    once.
    """

    def __init__(self, database: Database, policy: SlaPolicy, versions: Versions) -> None:
        self._database = database
        self._policy = policy
        self._versions = versions

    def sweep(self, now: dt.datetime, *, batch: int = BATCH) -> int:
        """Records everything that has fallen by ``now``, in order; how many alarms that were.
        Raises Unavailable.
        """
        total = 0
        while True:
            looked, alarms = self._look(now.replace(microsecond=0), batch)
            total += alarms
            if looked < batch:
                return total

    def _look(self, now: dt.datetime, batch: int) -> tuple[int, int]:
        with self._database.write() as connection:
            rows = connection.execute(_DUE.where(TICKETS.c.next_at <= now).limit(batch)).all()
            if not rows:
                return 0, 0
            # What falls after the last ticket of a full batch waits for the next one, so that all
            # comes in order.
            horizon = now if len(rows) < batch else rows[-1].next_at
            looks = _gathered(connection, rows)
            for look in looks:
                self._judge(connection, look, horizon)
            alarms = _new_alarms(connection, looks)
            self._save(connection, looks, alarms, now)
            return len(rows), len(alarms)

    def _judge(self, connection: Connection, look: _Look, horizon: dt.datetime) -> None:
        if look.remind_at is not None and look.remind_at <= horizon:
            self._remind(connection, look, look.remind_at)
        look.forecast = promises.forecast(
            look.before, look.history, self._versions, horizon, since=look.row.next_at
        )

    def _remind(self, connection: Connection, look: _Look, at: dt.datetime) -> None:
        """The pause ends by itself; from here on the next word is ours again."""
        if look.status in (Status.WAITING, Status.PAUSED):
            values = {
                "ticket_id": look.row.id,
                "at": at,
                "verb": Verb.RESUME.value,
                "actor": SYSTEM,
                "facts": {},
            }
            connection.execute(insert(EVENTS).values(**values, by_agent=True, public=False))
            look.status = Status.OPEN.value
            look.history = (*look.history, SlaEvent(at, SlaEventKind.RESUMED))
        look.remind_at = None

    def _save(
        self,
        connection: Connection,
        looks: Sequence[_Look],
        alarms: Sequence[tuple[_Look, Alarm]],
        now: dt.datetime,
    ) -> None:
        changed: list[tuple[int, TargetRow]] = []
        updates = []
        for look in looks:
            forecast = look.forecast or Forecast((), (), None)
            known = set(look.before)
            changed += [(look.row.id, one) for one in forecast.target_rows if one not in known]
            updates.append(_columns(look, forecast))
        saving.put_promises(connection, changed)
        connection.execute(_UPDATE, updates)
        if alarms:
            connection.execute(
                insert(ALARMS), [_alarm_row(look.row.id, alarm, now) for look, alarm in alarms]
            )
            self._tell(connection, alarms, now)

    def _tell(
        self, connection: Connection, alarms: Iterable[tuple[_Look, Alarm]], now: dt.datetime
    ) -> None:
        staff = connection.execute(
            select(PEOPLE.c.email, PEOPLE.c.role)
            .where(
                PEOPLE.c.role.in_(("agent", "admin")), PEOPLE.c.guest.is_(False), PEOPLE.c.active
            )
            .order_by(PEOPLE.c.email)
        ).all()
        agents = [row.email for row in staff if row.role == "agent"]
        supervisors = [row.email for row in staff if row.role == "admin"]
        opens: dict[str, dt.datetime] = {}
        rows: list[dict[str, Any]] = []
        for look, alarm in alarms:
            level = look.row.level
            if level not in opens:
                opens[level] = telling.working(self._policy, level, now)
            who = dict.fromkeys([look.row.assignee] if look.row.assignee else agents or supervisors)
            if alarm.threshold == BREACH:
                who |= dict.fromkeys(supervisors)
            cause = f"{alarm.target}/{alarm.cycle}/{alarm.threshold}/{int(alarm.due.timestamp())}"
            facts = _told(look, alarm, now)
            kind = "breached" if alarm.threshold == BREACH else "warned"
            notices = [NewNotice(kind, one, facts, opens[level]) for one in who]
            rows += notice_rows(look.row.id, cause, notices, now)
        insert_notices(connection, rows)


def _gathered(connection: Connection, rows: Sequence[Any]) -> list[_Look]:
    histories = reading.histories(connection, {row.id: row.level for row in rows})
    before = reading.target_rows(connection, [row.id for row in rows])
    return [
        _Look(row, before.get(row.id, ()), histories[row.id], row.status, row.remind_at)
        for row in rows
    ]


def _new_alarms(connection: Connection, looks: Sequence[_Look]) -> list[tuple[_Look, Alarm]]:
    """In the order in which they fell."""
    query = select(ALARMS).where(ALARMS.c.ticket_id.in_([look.row.id for look in looks]))
    known = {
        (r.ticket_id, r.target, r.cycle, r.threshold, r.due_at) for r in connection.execute(query)
    }
    found = [
        (look, alarm)
        for look in looks
        for alarm in (look.forecast.alarms if look.forecast else ())
        if (look.row.id, alarm.target, alarm.cycle, alarm.threshold, alarm.due) not in known
    ]
    return sorted(found, key=lambda pair: (pair[1].at, pair[0].row.id))


def _columns(look: _Look, forecast: Forecast) -> dict[str, Any]:
    remind = look.remind_at
    if remind is not None:
        forecast = replace(forecast, next_at=min(remind, forecast.next_at or remind))
    values = {"status": look.status, "remind_at": remind, **saving.foreseen(forecast)}
    return {"serial": look.row.id, **{f"new_{name}": value for name, value in values.items()}}


def _alarm_row(serial: int, alarm: Alarm, now: dt.datetime) -> dict[str, Any]:
    return {
        "ticket_id": serial,
        "target": alarm.target,
        "cycle": alarm.cycle,
        "threshold": alarm.threshold,
        "due_at": alarm.due,
        "at": alarm.at,
        "noticed_at": now,
    }


def _told(look: _Look, alarm: Alarm, now: dt.datetime) -> dict[str, str]:
    return {
        "number": ids.ticket_number(look.row.id),
        "level": look.row.level_title or look.row.level,
        "target": alarm.target,
        "threshold": alarm.threshold,
        "due": alarm.due.isoformat(),
        "at": alarm.at.isoformat(),
        "late": "yes" if now - alarm.at > PROMPT else "",
        "staff": "yes",
    }
