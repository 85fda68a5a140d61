"""Closures from an iCalendar file (RFC 5545).

Each event becomes closures by the wall clock of one zone: whole days, parts of days, several days
in a row, yearly days. Not a complete iCalendar reader: a rule that cannot be followed exactly is
reported with its line, never guessed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from kb.sla.calendar import SpecialHours
from kb.sla.open_time import DAY

#: A longer closure is a mistake in the file rather than a holiday.
MAX_CLOSURE_DAYS = 366
_DURATION = re.compile(
    r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:\d{1,4}S)?)?"
)
_YEARLY = re.compile(
    r"FREQ=YEARLY(;INTERVAL=1|;BYMONTH=\d{1,2}|;BYMONTHDAY=\d{1,2}|;WKST=[A-Z]{2})*"
)

ReportMistake = Callable[[int, str], None]


@dataclass(slots=True)
class _Event:
    line: int
    fields: dict[str, tuple[int, str, str]] = field(
        default_factory=dict
    )  # name -> line, parameters, value

    def value(self, name: str) -> str:
        return self.fields.get(name, (0, "", ""))[2]


def read_closures(text: str, zone: ZoneInfo, wrong: ReportMistake) -> tuple[SpecialHours, ...]:
    """The closures of ``text`` in ``zone``; calls ``wrong(line, sentence)`` for every event that
    cannot be read.
    """
    special: list[SpecialHours] = []
    if "BEGIN:VCALENDAR" not in text.upper():
        wrong(1, "This is not an iCalendar file: it must begin with BEGIN:VCALENDAR.")
    for event in _events(text):
        if event.value("STATUS").upper() == "CANCELLED":
            continue
        try:
            special += _closures(event, zone)
        except (ValueError, OverflowError, KeyError) as error:
            wrong(event.line, f"This event cannot be read: {error}.")
    return tuple(special)


def _events(text: str) -> Iterator[_Event]:
    event: _Event | None = None
    depth = 0
    for number, line in _unfolded(text):
        head, _, value = line.partition(":")
        name, _, parameters = head.upper().partition(";")
        if name == "BEGIN" and value.strip().upper() == "VEVENT":
            event, depth = _Event(number), 0
        elif event is not None and name in ("BEGIN", "END"):
            if depth == 0 and name == "END":
                yield event
                event = None
            depth += 1 if name == "BEGIN" else -1
        elif event is not None and depth == 0:
            event.fields.setdefault(
                name, (number, head.partition(";")[2] if parameters else "", value.strip())
            )


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; a line that begins with a blank continues the one before."""
    first, parts = 1, [""]
    for number, line in enumerate(text.splitlines(), start=1):
        if line[:1] in (" ", "\t"):
            parts.append(line[1:])
            continue
        yield first, "".join(parts)
        first, parts = number, [line]
    yield first, "".join(parts)


def _closures(event: _Event, zone: ZoneInfo) -> list[SpecialHours]:
    yearly = _yearly(event)
    start, end = _extent(event, zone)
    why = (
        event.value("SUMMARY").replace("\\,", ",").replace("\\;", ";").replace("\\n", " ")[:80]
        or "closed"
    )
    days = (end - dt.timedelta(microseconds=1)).date() - start.date()
    if not 0 <= days.days < MAX_CLOSURE_DAYS:
        raise ValueError("it must end after it starts and last at most a year")
    closures = []
    for n in range(days.days + 1):
        date = start.date() + dt.timedelta(days=n)
        midnight = dt.datetime.combine(date, dt.time())
        opens = max(0, int((start - midnight).total_seconds()))
        closes = min(DAY, int((end - midnight).total_seconds()))
        closures.append(
            SpecialHours(None if yearly else date.year, date.month, date.day, opens, closes, why)
        )
    return closures


def _yearly(event: _Event) -> bool:
    rule = event.value("RRULE").upper()
    if rule and not _YEARLY.fullmatch(rule):
        raise ValueError(
            f"its rule {rule[:60]} is not supported, only FREQ=YEARLY without an end is"
        )
    if "RDATE" in event.fields or "EXDATE" in event.fields:
        raise ValueError("RDATE and EXDATE are not supported, write one event for each date")
    return bool(rule)


def _extent(event: _Event, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Start and end by the wall clock of ``zone``."""
    if "DTSTART" not in event.fields:
        raise ValueError("it has no DTSTART")
    _, parameters, value = event.fields["DTSTART"]
    start = _time(parameters, value, zone)
    if "DTEND" in event.fields:
        _, parameters, value = event.fields["DTEND"]
        return start, _time(parameters, value, zone)
    if "DURATION" in event.fields:
        return start, start + _duration(event.value("DURATION"))
    if "T" in value:
        raise ValueError("it has neither DTEND nor DURATION")
    return start, start + dt.timedelta(days=1)


def _time(parameters: str, value: str, zone: ZoneInfo) -> dt.datetime:
    if re.fullmatch(r"\d{8}", value):
        return dt.datetime.strptime(value, "%Y%m%d")  # noqa: DTZ007 -- a date by the wall clock
    local = dt.datetime.strptime(value.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 -- its zone follows
    named = re.search(r'TZID="?([^";]+)', parameters, re.IGNORECASE)
    if value.endswith("Z"):
        return local.replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None)
    if named and named[1] != zone.key:
        return local.replace(tzinfo=ZoneInfo(named[1])).astimezone(zone).replace(tzinfo=None)
    return local


def _duration(text: str) -> dt.timedelta:
    match = _DURATION.fullmatch(text.upper())
    if match is None:
        raise ValueError(f"its duration {text[:30]!r} is not valid")
    weeks, days, hours, minutes = (int(part or 0) for part in match.groups())
    return dt.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
