"""Reader of the ``[calendars.*]`` tables of a policy file.

Turns each table into a BusinessCalendar and reports every mistake with its line. Levels and the
rest of the file are read by ``kb.sla.policy_file``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from kb.sla.calendar import BusinessCalendar, SpecialHours, WallSpan
from kb.sla.icalendar import read_closures
from kb.sla.open_time import DAY
from kb.toml_reader import TomlPath, TomlTable

CALENDAR_FIELDS = ("zone", "week", "closed", "open", "holidays", "ics")
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_ICS_BYTES = 2_000_000

_SPAN = re.compile(r"(\d{2}):(\d{2})\s*[-–]\s*(\d{2}):(\d{2})")
_DATED = re.compile(
    r"(?:(\d{4})|yearly)[- ](\d{2})-(\d{2})(?:\s+(\d{2}:\d{2}\s*[-–]\s*\d{2}:\d{2}))?(?:\s+(\D.*))?"
)


@dataclass(frozen=True, slots=True)
class PolicyFileContext:
    """The folder of the policy file, and the day from which a calendar must open in ten years."""

    folder: Path
    today: dt.date


def read_calendar(
    table: TomlTable, around: PolicyFileContext, sources: list[bytes]
) -> BusinessCalendar | None:
    """The calendar, or None after a mistake. The content of each further file is appended to
    ``sources``.
    """
    before = len(table.file.mistakes)
    table.only(CALENDAR_FIELDS)
    zone = _zone(table)
    week = _week(table)
    closed = _special(table, "closed") + _ics(table, zone, around, sources)
    holidays = _holidays(table)
    calendar = BusinessCalendar(
        zone, week, closed, _special(table, "open"), holidays, str(table.path[-1])
    )
    if len(table.file.mistakes) > before:
        return None
    if not calendar.opens_within_ten_years(around.today):
        table.wrong(
            f"{table.name} does not open in the next ten years. Add business hours in 'week' or "
            f"'open'."
        )
        return None
    return calendar


def _zone(table: TomlTable) -> ZoneInfo:
    key = table.text("zone")
    try:
        return ZoneInfo(key or "UTC")
    except (ValueError, OSError, LookupError):
        # ZoneInfo raises ZoneInfoNotFoundError for an unknown name, ValueError or OSError for a
        # name that is a path.
        table.wrong(
            f"Time zone {key!r} not found. Use an IANA name such as 'Europe/Berlin'.", "zone"
        )
        return ZoneInfo("UTC")


def _week(table: TomlTable) -> tuple[tuple[WallSpan, ...], ...]:
    if "week" not in table.data and "open" not in table.data:
        table.wrong(f"{table.name} needs 'week', such as week = {{ mon = [\"09:00-17:00\"] }}.")
    week = table.table("week")
    week.only(DAY_NAMES)
    return tuple(_day(week, name) for name in DAY_NAMES)


def _day(week: TomlTable, name: str) -> tuple[WallSpan, ...]:
    """The spans of one weekday by start. Spans may touch; an overlap is a mistake."""
    spans: list[tuple[WallSpan, TomlPath, str]] = []
    for place, text in week.words(name):
        span = parse_wall_span(text)
        if span is None:
            week.file.wrong(
                place,
                f"{name}: {text!r} is not a time range. Write it like '09:00-17:00', up to 24:00.",
            )
        else:
            spans.append((span, place, text))
    spans.sort(key=lambda row: row[0])
    for (earlier, _, first), (later, place, second) in pairwise(spans):
        if later[0] < earlier[1]:
            week.file.wrong(place, f"{name}: {first!r} and {second!r} overlap. Merge them.")
    return tuple(span for span, _, _ in spans)


def parse_wall_span(text: str) -> WallSpan | None:
    """
    >>> wall_span("22:00-24:00"), wall_span("17:00-09:00")
    ((79200, 86400), None)
    """
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    h1, m1, h2, m2 = map(int, match.groups())
    start, end = h1 * 3600 + m1 * 60, h2 * 3600 + m2 * 60
    return (start, end) if m1 < 60 and m2 < 60 and start < end <= DAY else None


def _special(table: TomlTable, key: str) -> tuple[SpecialHours, ...]:
    hours = []
    for place, text in table.words(key):
        special = parse_special_hours(text)
        if special is None:
            sentence = (
                f"{text!r} is not a valid date. Write '2026-12-25', '2026-12-24 12:00-24:00' or "
                "'yearly 01-01', optionally followed by a name."
            )
            table.file.wrong(place, sentence)
        else:
            hours.append(special)
    return tuple(hours)


def parse_special_hours(text: str) -> SpecialHours | None:
    """
    >>> special_hours("yearly 12-31 12:00-24:00 New Year's Eve")
    SpecialHours(year=None, month=12, day=31, start=43200, end=86400, why="New Year's Eve")
    """
    match = _DATED.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, span, why = match.groups()
    wall = parse_wall_span(span) if span else (0, DAY)
    try:
        # 2028 is a leap year, so that "yearly 02-29" is a date.
        dt.date(int(year or 2028), int(month), int(day))
    except ValueError:
        return None
    if wall is None:
        return None
    return SpecialHours(int(year) if year else None, int(month), int(day), *wall, why=why or "")


def _holidays(table: TomlTable) -> Mapping[dt.date, str]:
    text = table.text("holidays", "")
    if not text:
        return {}
    # Imported here because that takes longer than most commands run.
    import holidays

    country, _, subdivision = text.partition("-")
    try:
        # A HolidayBase is a dict that fills itself year by year as it is asked.
        calendar: Mapping[dt.date, str] = holidays.country_holidays(
            country, subdiv=subdivision or None, language="en_US"
        )
    except NotImplementedError:
        sentence = (
            f"Holidays {text!r} not found. Use a country such as 'DE', or a country and region "
            f"such as 'DE-BE'."
        )
        table.wrong(sentence, "holidays")
        return {}
    return calendar


def _ics(
    table: TomlTable, zone: ZoneInfo, around: PolicyFileContext, sources: list[bytes]
) -> tuple[SpecialHours, ...]:
    name = table.text("ics", "")
    if not name:
        return ()
    try:
        data = (around.folder / name).read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        table.wrong(f"Cannot read {name!r} next to the policy file: {reason}.", "ics")
        return ()
    if len(data) > MAX_ICS_BYTES:
        table.wrong(
            f"{name!r} is larger than {MAX_ICS_BYTES // 1_000_000} MB. Keep only the closures.",
            "ics",
        )
        return ()
    sources.append(data)
    return read_closures(
        text,
        zone,
        lambda line, sentence: table.wrong(f"{name}, line {line}: {sentence}", "ics"),
        today=around.today,
    )
