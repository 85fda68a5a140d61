"""Closures from an iCalendar file (RFC 5545), as calendars of an office export it.

Each event becomes closures by the wall clock of one zone: whole days, parts of days, several days
in a row, and every occurrence of a series with its exceptions. ``icalendar`` reads the events and
``recurring_ical_events`` follows their rules; what cannot be followed is reported with its line.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from kb.sla.calendar import SpecialHours
from kb.sla.open_time import DAY

#: A longer closure is a mistake in the file rather than a holiday.
MAX_CLOSURE_DAYS = 366
#: Series are followed so far back and ahead: old tickets are explained, and new ones get due times.
YEARS_BACK, YEARS_AHEAD = 5, 10
MAX_CLOSURES = 20_000  # of one file
#: Without exceptions, such a rule is one closure for every year, however far away.
_EVERY_YEAR = re.compile(
    r"FREQ=YEARLY(;INTERVAL=1|;BYMONTH=\d{1,2}|;BYMONTHDAY=\d{1,2}|;WKST=[A-Z]{2})*"
)
_MORE_THAN_DAILY = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})

ReportMistake = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class _Block:
    """A component of the file as it is written, with the number of its first line."""

    name: str
    line: int
    text: str

    @property
    def uid(self) -> str:
        """Names the series; an event without one is a series of its own."""
        uid = re.search(r"^UID[:;]([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", self.text, re.M | re.I)
        return uid[1] if uid else f"line {self.line}"


def read_closures(
    text: str, zone: ZoneInfo, wrong: ReportMistake, *, today: dt.date
) -> tuple[SpecialHours, ...]:
    """The closures of ``text`` in ``zone``; calls ``wrong(line, sentence)`` for every event that
    cannot be read. Series are followed from five years before ``today`` to ten years after it.
    """
    if "BEGIN:VCALENDAR" not in text.upper():
        wrong(1, "This is not an iCalendar file: it must begin with BEGIN:VCALENDAR.")
    blocks = list(_blocks(text))
    zones = "".join(block.text for block in blocks if block.name == "VTIMEZONE")
    series: dict[str, list[_Block]] = {}
    for block in blocks:
        if block.name == "VEVENT":
            series.setdefault(block.uid, []).append(block)

    special: list[SpecialHours] = []
    for events in series.values():
        try:
            special += _closures(zones, events, zone, today)
        except Exception as error:  # libraries raise what they meet in a file that is not valid
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            wrong(events[0].line, f"This event cannot be read: {reason.rstrip('.')}.")
        if len(special) > MAX_CLOSURES:
            wrong(
                events[0].line, f"The file has more than {MAX_CLOSURES:,} closures with this event."
            )
            return ()
    return tuple(special)


def _blocks(text: str) -> Iterator[_Block]:
    """The events and time zones of the file, with everything in them."""
    name, first, lines, depth = "", 0, list[str](), 0
    for number, line in enumerate(text.splitlines(), start=1):
        mark, _, value = line.strip().upper().partition(":")
        if not name and mark == "BEGIN" and value in ("VEVENT", "VTIMEZONE"):
            name, first, lines, depth = value, number, [], 0
        if not name:
            continue
        lines.append(line)
        depth += {"BEGIN": 1, "END": -1}.get(mark, 0)
        if depth == 0:
            yield _Block(name, first, "\r\n".join(lines) + "\r\n")
            name = ""


def _closures(
    zones: str, blocks: list[_Block], zone: ZoneInfo, today: dt.date
) -> Iterator[SpecialHours]:
    """Those of one series. Raises ValueError, and whatever the libraries raise."""
    # Imported here because that takes longer than most commands run.
    from icalendar import Calendar

    events = "".join(block.text for block in blocks)
    calendar: Any = Calendar.from_ical(
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//kb//kb//EN\r\n{zones}{events}END:VCALENDAR\r\n"
    )
    parsed = calendar.walk("VEVENT")
    for event in parsed:
        _check(event)
    if len(parsed) == 1 and _is_every_year(parsed[0]):
        yield from _hours(parsed[0], zone, yearly=True)
        return

    import recurring_ical_events

    since = today - dt.timedelta(days=366 * YEARS_BACK)
    until = today + dt.timedelta(days=366 * YEARS_AHEAD)
    is_series = any(name in event for event in parsed for name in ("RRULE", "RDATE"))
    if is_series or len(parsed) > 1:
        parsed = recurring_ical_events.of(calendar).between(since, until)
    for event in parsed:
        if str(event.get("STATUS", "")).upper() != "CANCELLED":
            yield from _hours(event, zone)


def _check(event: Any) -> None:
    if "DTSTART" not in event and not event.errors:
        raise ValueError("it has no DTSTART")
    for name, reason in event.errors:
        raise ValueError(f"{name} is not valid ({reason})")
    for name in ("DTSTART", "DTEND"):
        if name not in event:
            continue
        time, zone = event[name].dt, event[name].params.get("TZID")
        if zone and isinstance(time, dt.datetime) and time.tzinfo is None:
            raise ValueError(f"time zone {zone} not found")
    if not isinstance(event["DTSTART"].dt, dt.datetime):
        return
    if "DTEND" not in event and "DURATION" not in event:
        raise ValueError("it has neither DTEND nor DURATION")


def _is_every_year(event: Any) -> bool:
    """Raises ValueError for a rule that repeats within a day."""
    rule = event.get("RRULE")
    for each in rule if isinstance(rule, list) else [rule] if rule is not None else []:
        frequency = {str(value).upper() for value in each.get("FREQ", [])}
        if frequency & _MORE_THAN_DAILY:
            raise ValueError(f"closures cannot repeat {next(iter(frequency)).lower()}")
    if rule is None or isinstance(rule, list) or "RDATE" in event or "EXDATE" in event:
        return False
    is_cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
    return not is_cancelled and bool(_EVERY_YEAR.fullmatch(rule.to_ical().decode().upper()))


def _hours(event: Any, zone: ZoneInfo, *, yearly: bool = False) -> Iterator[SpecialHours]:
    """The closures of one occurrence, one for each date. Raises ValueError."""
    start = _wall_clock(event["DTSTART"].dt, zone)
    if "DTEND" in event:
        end = _wall_clock(event["DTEND"].dt, zone)
    elif "DURATION" in event:
        end = start + event["DURATION"].dt
    else:
        end = start + dt.timedelta(days=1)
    why = " ".join(str(event.get("SUMMARY", "")).split())[:80] or "closed"
    days = (end - dt.timedelta(microseconds=1)).date() - start.date()
    if end <= start or days.days >= MAX_CLOSURE_DAYS:
        raise ValueError("it must end after it starts and last at most a year")

    for n in range(days.days + 1):
        date = start.date() + dt.timedelta(days=n)
        midnight = dt.datetime.combine(date, dt.time())
        opens = max(0, int((start - midnight).total_seconds()))
        closes = min(DAY, int((end - midnight).total_seconds()))
        if closes > opens:
            year = None if yearly else date.year
            yield SpecialHours(year, date.month, date.day, opens, closes, why)


def _wall_clock(time: dt.date | dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """By the clock of ``zone``, without a zone; a time without one is meant there."""
    if not isinstance(time, dt.datetime):
        return dt.datetime.combine(time, dt.time())
    local = time.astimezone(zone) if time.tzinfo else time
    return local.replace(tzinfo=None)
