"""The calendars that the vectors speak of, and short ways to write a local time and a budget."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from kb.sla.calendar import BusinessCalendar, SpecialHours, WallSpan
from kb.sla.clock import SlaEvent, SlaEventKind, targets_at
from kb.sla.open_time import Budget, Pause, Unit
from kb.sla.policy import Goal, SlaPolicy

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
HOUR = 3600


def hours(*spans: tuple[float, float]) -> tuple[WallSpan, ...]:
    return tuple((int(start * HOUR), int(end * HOUR)) for start, end in spans)


def calendar(
    weekdays: tuple[WallSpan, ...],
    weekend: tuple[WallSpan, ...] = (),
    *,
    zone: ZoneInfo = BERLIN,
    closed: tuple[SpecialHours, ...] = (),
    extra: tuple[SpecialHours, ...] = (),
    holidays: dict[dt.date, str] | None = None,
) -> BusinessCalendar:
    week = (*[weekdays] * 5, *[weekend] * 2)
    return BusinessCalendar(zone, week, closed, extra, holidays or {})


def always(zone: ZoneInfo = BERLIN) -> BusinessCalendar:
    return calendar(hours((0, 24)), hours((0, 24)), zone=zone)


def business_days(**holidays: str) -> BusinessCalendar:
    """Keywords such as d2026_05_25="Whit Monday"."""
    dates = {dt.date(*map(int, key[1:].split("_"))): name for key, name in holidays.items()}
    return calendar(hours((0, 24)), holidays=dates)


def office() -> BusinessCalendar:
    return calendar(hours((9, 17)))


def at(text: str, zone: ZoneInfo = BERLIN, *, fold: int = 0) -> dt.datetime:
    """``2026-06-05 15:00`` by the clock on the wall, as an instant.

    In UTC because Python holds times in the repeated hour of two zones for unequal, always.
    """
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(dt.UTC)


def open_time(hours_: float) -> Budget:
    return Budget(int(hours_ * HOUR))


def days(count: int) -> Budget:
    return Budget(count, Unit.CALENDAR_DAYS)


def working_days(count: int) -> Budget:
    return Budget(count, Unit.BUSINESS_DAYS)


def pause(start: str, end: str | None = None, zone: ZoneInfo = BERLIN) -> Pause:
    return Pause(
        at(start, zone), None if end is None else at(end, zone), "waiting for the customer"
    )


def closing(date: str, start: float = 0, end: float = 24, why: str = "") -> SpecialHours:
    day = dt.date.fromisoformat(date)
    return SpecialHours(day.year, day.month, day.day, int(start * HOUR), int(end * HOUR), why)


def first_response_due(policy: SlaPolicy, level: str, start: dt.datetime) -> dt.datetime | None:
    """When a ticket accepted at ``start`` must be answered; None without such a target."""
    accepted = SlaEvent(start, SlaEventKind.ACCEPTED, level=level)
    targets = targets_at([accepted], policy, start)
    return next((target.due for target in targets if target.goal is Goal.FIRST), None)
