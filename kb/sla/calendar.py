"""Business calendars: business hours by the wall clock of one zone, turned into instants.

A ``BusinessCalendar`` is a week, holidays, closures and extra openings in an IANA zone. It counts
elapsed real seconds and knows nothing of files, tickets or the current time.

Clock changes: a local time inside the spring gap moves to the first real instant after it; a
repeated autumn time opens at its first and closes at its last occurrence.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from kb.sla.open_time import (
    DAY,
    FOREVER,
    OUTSIDE,
    Budget,
    Derivation,
    Hours,
    Interval,
    Pause,
    Unit,
    derive,
    disjoint,
    due_at,
    pause_intervals,
    running,
    to_datetime,
    to_timestamp,
    used_between,
)

#: Half-open, in seconds since local midnight by the wall clock; 86400 is 24:00.
WallSpan = tuple[int, int]

TEN_YEARS = 3_653  # days
CENTURY = 36_525  # days; the search for an opening ends there
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LAST_DAY = dt.date.max.toordinal() - 2


@dataclass(frozen=True, slots=True)
class SpecialHours:
    """A closure or an extra opening on one date, or with ``year`` None on that date every year."""

    year: int | None
    month: int
    day: int
    start: int = 0
    end: int = DAY
    why: str = ""

    def matches(self, date: dt.date) -> bool:
        return (self.month, self.day) == (date.month, date.day) and self.year in (None, date.year)


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Business hours. ``week`` holds seven tuples of spans, Monday first; ``holidays`` maps dates
    to names.

    Immutable except for a cache of the openings of each local date.
    """

    zone: ZoneInfo
    week: tuple[tuple[WallSpan, ...], ...]
    closed: tuple[SpecialHours, ...] = ()
    extra: tuple[SpecialHours, ...] = ()
    holidays: Mapping[dt.date, str] = field(default_factory=dict)
    name: str = ""
    _closed: dict[tuple[int, int], list[SpecialHours]] = field(
        init=False, repr=False, compare=False
    )
    _extra: dict[tuple[int, int], list[SpecialHours]] = field(init=False, repr=False, compare=False)
    _days: dict[int, tuple[Interval, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        # A frozen dataclass has no other way to store what it derives from its fields.
        object.__setattr__(self, "_closed", _by_date(self.closed))
        object.__setattr__(self, "_extra", _by_date(self.extra))

    def add(self, start: dt.datetime, budget: Budget, pauses: Iterable[Pause] = ()) -> Derivation:
        """The due time of ``budget`` from ``start`` on, with its derivation.

        Raises Invalid for a time without a zone and for a pause that ends before it starts.
        """
        paused = pause_intervals(pauses)
        gaps = disjoint(paused)
        first = to_timestamp(start)
        hours, seconds = self.measure(first, budget)
        end = due_at(hours, first, seconds, gaps)
        due = self.settle(end, budget)
        spans = derive(hours, first, end, paused)
        if end is not None and due is not None:
            spans += derive(self, end, due)
        used = seconds if due is not None else _used_for_ever(hours, first, gaps)
        return Derivation(
            to_datetime(first), None if due is None else to_datetime(due), spans, used, seconds
        )

    def used(self, start: dt.datetime, end: dt.datetime, pauses: Iterable[Pause] = ()) -> int:
        """Seconds of business hours from ``start`` to ``end`` that no pause covers."""
        return used_between(
            self, to_timestamp(start), to_timestamp(end), disjoint(pause_intervals(pauses))
        )

    def is_open(self, time: dt.datetime) -> bool:
        instant = to_timestamp(time)
        opening = next(self.openings(instant), None)
        return opening is not None and opening[0] <= instant

    def next_open(self, time: dt.datetime) -> dt.datetime | None:
        """The first open time from ``time`` on; None when ten years hold none."""
        opens = self._next_open(to_timestamp(time))
        return None if opens is None else to_datetime(opens)

    def measure(self, start: int, budget: Budget) -> tuple[Hours, int]:
        """The hours on which ``budget`` is counted, and its seconds.

        Days are counted on whole days of this zone, so that "3 business days" ends at the same time
        of day whatever the length of a business day; the seconds depend on clock changes.
        """
        if budget.unit is Unit.OPEN_TIME:
            return self, budget.amount
        days = WholeDays(self, every=budget.unit is Unit.CALENDAR_DAYS)
        return days, days.seconds(start, budget.amount)

    def settle(self, due: int | None, budget: Budget) -> int | None:
        """The due time of business days that end outside business hours: the next opening."""
        if due is None or budget.unit is not Unit.BUSINESS_DAYS:
            return due
        return self._next_open(due)

    def opens_within_ten_years(self, day: dt.date) -> bool:
        """Whether the calendar opens at all in the ten years from ``day`` on."""
        first = day.toordinal()
        return any(self.day(first + n) for n in range(TEN_YEARS))

    def openings(self, after: int) -> Iterator[Interval]:
        """Openings that end after this instant, by start; ends when ten years hold none."""
        # The day before may reach into this one when its midnight comes twice.
        day = dt.datetime.fromtimestamp(after, self.zone).toordinal() - 1
        last = min(day + CENTURY, _LAST_DAY)
        days = self._days
        empty = 0
        while empty < TEN_YEARS and day <= last:
            spans = days.get(day)
            if spans is None:
                spans = self.day(day)
            empty = 0 if spans else empty + 1
            for span in spans:
                if span[1] > after:
                    yield span
            day += 1

    def day(self, ordinal: int) -> tuple[Interval, ...]:
        """The openings of one local date; a span inside a spring gap does not exist."""
        spans = self._days.get(ordinal)
        if spans is None:
            if len(self._days) > CENTURY:
                self._days.clear()
            spans = self._days[ordinal] = self._instants(dt.date.fromordinal(ordinal))
        return spans

    def why(self, instant: int) -> str:
        """The rule that makes this instant open or closed, in a few words."""
        local = dt.datetime.fromtimestamp(instant, self.zone)
        date, second = local.date(), local.hour * 3600 + local.minute * 60 + local.second
        for special in _special(self._extra, date):
            if special.start <= second < special.end:
                return special.why or "extra opening"
        for special in _special(self._closed, date):
            if special.start <= second < special.end:
                return special.why or "closed"
        spans = self.week[date.weekday()]
        if not spans:
            return "weekend" if date.weekday() > 4 else f"closed on {WEEKDAYS[date.weekday()]}s"
        holiday = self.holidays.get(date)
        if holiday is not None:
            return str(holiday)
        return "opening hours" if any(start <= second < end for start, end in spans) else OUTSIDE

    def _next_open(self, instant: int) -> int | None:
        for opens, _ in self.openings(instant):
            return max(opens, instant)
        return None

    def _instants(self, date: dt.date) -> tuple[Interval, ...]:
        openings = []
        for start, end in self._wall(date):
            opens, closes = (
                opening_instant(self.zone, date, start),
                closing_instant(self.zone, date, end),
            )
            if closes > opens:
                openings.append((opens, closes))
        return tuple(openings)

    def _wall(self, date: dt.date) -> list[WallSpan]:
        """The rules of one date, weakest first: the week, holidays, closures, extra openings."""
        extra = [(special.start, special.end) for special in _special(self._extra, date)]
        spans: Sequence[WallSpan] = self.week[date.weekday()]
        if spans and self.holidays.get(date) is not None:
            spans = ()
        for special in _special(self._closed, date):
            spans = _without(spans, (special.start, special.end))
        merged: list[WallSpan] = []
        for span in sorted(extra):
            spans = _without(spans, span)
            if merged and span[0] <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(span[1], merged[-1][1]))
            else:
                merged.append(span)
        return sorted([*spans, *merged])


@dataclass(frozen=True, slots=True)
class WholeDays:
    """Whole local days: those on which ``calendar`` opens, or with ``every`` all of them."""

    calendar: BusinessCalendar
    every: bool

    @property
    def zone(self) -> ZoneInfo:
        return self.calendar.zone

    def seconds(self, start: int, count: int) -> int:
        """Counted seconds from ``start`` to the same time of day ``count`` counted days later."""
        first = next(running(self, start), None)
        if first is None:
            return count * DAY
        local = dt.datetime.fromtimestamp(first[0], self.zone)
        target = self._later(local.toordinal(), count)
        if target is None:
            return count * DAY
        wall = local.hour * 3600 + local.minute * 60 + local.second
        end = closing_instant(self.zone, dt.date.fromordinal(target), wall)
        return used_between(self, start, end)

    def openings(self, after: int) -> Iterator[Interval]:
        day = dt.datetime.fromtimestamp(after, self.zone).toordinal() - 1
        last = min(day + CENTURY, _LAST_DAY)
        empty = 0
        while empty < TEN_YEARS and day <= last:
            counted = self._counts(day)
            empty = 0 if counted else empty + 1
            if counted:
                date = dt.date.fromordinal(day)
                opens, closes = (
                    opening_instant(self.zone, date, 0),
                    opening_instant(self.zone, date, DAY),
                )
                if closes > max(after, opens):
                    yield opens, closes
            day += 1

    def why(self, instant: int) -> str:
        if self.every:
            return "every day counts"
        local = dt.datetime.fromtimestamp(instant, self.zone)
        return "business day" if self._counts(local.toordinal()) else self.calendar.why(instant)

    def _counts(self, day: int) -> bool:
        return self.every or bool(self.calendar.day(day))

    def _later(self, day: int, count: int) -> int | None:
        last = min(day + CENTURY, _LAST_DAY)
        while count and day < last:
            day += 1
            count -= self._counts(day)
        return None if count else day


@dataclass(frozen=True, slots=True)
class CalendarVersions:
    """Versions of one calendar, each in force from its instant on, so that an edit never changes
    time that has been counted.
    """

    versions: tuple[tuple[int, Hours], ...]

    @property
    def zone(self) -> ZoneInfo:
        return self.versions[-1][1].zone

    def openings(self, after: int) -> Iterator[Interval]:
        ends = [since for since, _ in self.versions[1:]] + [FOREVER]
        for (since, hours), end in zip(self.versions, ends, strict=True):
            if end <= after:
                continue
            for opens, closes in hours.openings(max(after, since)):
                if opens >= end:
                    break
                yield max(opens, since), min(closes, end)

    def why(self, instant: int) -> str:
        in_force = (hours for since, hours in reversed(self.versions) if since <= instant)
        return next(in_force, self.versions[0][1]).why(instant)


def opening_instant(zone: ZoneInfo, date: dt.date, wall: int) -> int:
    """The first instant at which the wall clock shows ``wall`` seconds after midnight."""
    return _instant(zone, date, wall, last=False)


def closing_instant(zone: ZoneInfo, date: dt.date, wall: int) -> int:
    """The last instant at which the wall clock shows ``wall`` seconds after midnight."""
    return _instant(zone, date, wall, last=True)


def _instant(zone: ZoneInfo, date: dt.date, wall: int, *, last: bool) -> int:
    local = dt.datetime(date.year, date.month, date.day, tzinfo=zone) + dt.timedelta(seconds=wall)
    first, second = int(local.timestamp()), int(local.replace(fold=1).timestamp())
    if first <= second:
        return second if last else first
    # In a gap fold 0 lies after the change and fold 1 before it: bisect for the change.
    after = zone_offset(zone, first)
    low, high = second, first
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if zone_offset(zone, middle) == after else (middle, high)
    return high


def zone_offset(zone: ZoneInfo, instant: int) -> int:
    """Seconds by which the wall clock is ahead of UTC."""
    offset = dt.datetime.fromtimestamp(instant, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _without(spans: Iterable[WallSpan], cut: WallSpan) -> tuple[WallSpan, ...]:
    parts = []
    for start, end in spans:
        parts += [(start, min(end, cut[0])), (max(start, cut[1]), end)]
    return tuple(part for part in parts if part[0] < part[1])


def _special(
    rules: dict[tuple[int, int], list[SpecialHours]], date: dt.date
) -> Sequence[SpecialHours]:
    candidates = rules.get((date.month, date.day), ())
    return [special for special in candidates if special.matches(date)]


def _by_date(rules: Iterable[SpecialHours]) -> dict[tuple[int, int], list[SpecialHours]]:
    by_date: dict[tuple[int, int], list[SpecialHours]] = {}
    for rule in rules:
        by_date.setdefault((rule.month, rule.day), []).append(rule)
    return by_date


def _used_for_ever(hours: Hours, start: int, gaps: Sequence[Interval]) -> int:
    """Seconds used before a pause without end, or before the last closing time."""
    return sum(closes - opens for opens, closes in running(hours, start, gaps))
