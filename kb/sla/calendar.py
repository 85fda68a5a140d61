"""When is it open, and when is a budget used up?

A ``BusinessCalendar`` is wall-clock rules in one IANA zone: a week, holidays, closures, extra
openings. It turns them into instants, counts elapsed real seconds and knows nothing of files,
tickets or the time now.

Nights when clocks change: a local time inside the spring gap moves to the first real instant after
it; a repeated autumn time opens at its first and closes at its last occurrence.
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

#: Half-open, in seconds since local midnight by the clock on the wall; 86400 is 24:00.
WallSpan = tuple[int, int]

TEN_YEARS = 3_653
#: No walk is longer: a promise a century away is none.
CENTURY = 36_525
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LAST_DAY = dt.date.max.toordinal() - 2


@dataclass(frozen=True, slots=True)
class SpecialHours:
    """A closure or an extra opening on one date, or on the same date of every year (``year`` None)."""

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
    """Opening hours. ``week`` holds seven tuples of spans, Monday first; ``holidays`` maps dates to
    names.

    Immutable but for a memo of opening spans per local date, which no answer depends on.
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
        # A frozen dataclass has no other way to keep what it derives from its fields.
        object.__setattr__(self, "_closed", _by_date(self.closed))
        object.__setattr__(self, "_extra", _by_date(self.extra))

    def add(self, start: dt.datetime, budget: Budget, pauses: Iterable[Pause] = ()) -> Derivation:
        """The instant at which ``budget`` is used up, counted from ``start``, and why.

        Raises Invalid for a time without a zone and for a pause that ends before it starts.
        """
        reasons = pause_intervals(pauses)
        gaps = disjoint(reasons)
        first = to_timestamp(start)
        hours, seconds = self.measure(first, budget)
        end = due_at(hours, first, seconds, gaps)
        due = self.settle(end, budget)
        spans = derive(hours, first, end, reasons)
        if end is not None and due is not None:
            spans += derive(self, end, due)
        used = seconds if due is not None else _used_for_ever(hours, first, gaps)
        return Derivation(
            to_datetime(first), None if due is None else to_datetime(due), spans, used, seconds
        )

    def used(self, start: dt.datetime, end: dt.datetime, pauses: Iterable[Pause] = ()) -> int:
        """Seconds open and not paused from ``start`` to ``end``."""
        return used_between(
            self, to_timestamp(start), to_timestamp(end), disjoint(pause_intervals(pauses))
        )

    def is_open(self, at: dt.datetime) -> bool:
        second = to_timestamp(at)
        opening = next(self.openings(second), None)
        return opening is not None and opening[0] <= second

    def next_open(self, at: dt.datetime) -> dt.datetime | None:
        """``at`` itself when it is open then, else the next opening; None when there is none in ten
        years.
        """
        opens = self._next_open(to_timestamp(at))
        return None if opens is None else to_datetime(opens)

    def measure(self, start: int, budget: Budget) -> tuple[Hours, int]:
        """``budget`` as seconds, and the hours on which they are counted.

        Days are counted on whole days of this zone, so that "3 business days" is the same time of
        day whatever the length of a working day; the number of seconds depends on whether clocks
        change on the way.
        """
        if budget.unit is Unit.OPEN_TIME:
            return self, budget.amount
        days = WholeDays(self, every=budget.unit is Unit.CALENDAR_DAYS)
        return days, days.seconds(start, budget.amount)

    def settle(self, due: int | None, budget: Budget) -> int | None:
        """Business days may end while it is closed: the promise then lasts until the next opening."""
        if due is None or budget.unit is not Unit.BUSINESS_DAYS:
            return due
        return self._next_open(due)

    def opens_within_ten_years(self, day: dt.date) -> bool:
        """Whether a promise can be kept at all: something opens in the ten years from ``day``."""
        first = day.toordinal()
        return any(self.day(first + n) for n in range(TEN_YEARS))

    def openings(self, at: int) -> Iterator[Interval]:
        """Openings that end after ``at``, in order of start; stops when nothing opens for ten
        years.
        """
        # The day before may reach into this one when its midnight comes twice.
        day = dt.datetime.fromtimestamp(at, self.zone).toordinal() - 1
        last = min(day + CENTURY, _LAST_DAY)
        days = self._days
        empty = 0
        while empty < TEN_YEARS and day <= last:
            spans = days.get(day)
            if spans is None:
                spans = self.day(day)
            empty = 0 if spans else empty + 1
            for span in spans:
                if span[1] > at:
                    yield span
            day += 1

    def day(self, ordinal: int) -> tuple[Interval, ...]:
        """The openings of one local date as instants; a span that lies wholly in a spring gap is
        gone.
        """
        spans = self._days.get(ordinal)
        if spans is None:
            if len(self._days) > CENTURY:
                self._days.clear()
            spans = self._days[ordinal] = self._instants(dt.date.fromordinal(ordinal))
        return spans

    def why(self, at: int) -> str:
        """Why it is open or closed at ``at``, in a few words."""
        local = dt.datetime.fromtimestamp(at, self.zone)
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

    def _next_open(self, at: int) -> int | None:
        for opens, _ in self.openings(at):
            return max(opens, at)
        return None

    def _instants(self, date: dt.date) -> tuple[Interval, ...]:
        found = []
        for start, end in self._wall(date):
            opens, closes = (
                opening_instant(self.zone, date, start),
                closing_instant(self.zone, date, end),
            )
            if closes > opens:
                found.append((opens, closes))
        return tuple(found)

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
    """Whole local days: those on which ``calendar`` opens at all, or with ``every`` all of them."""

    calendar: BusinessCalendar
    every: bool

    @property
    def zone(self) -> ZoneInfo:
        return self.calendar.zone

    def seconds(self, start: int, count: int) -> int:
        """From ``start`` to the same time of day ``count`` counted days later, in counted seconds."""
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

    def openings(self, at: int) -> Iterator[Interval]:
        day = dt.datetime.fromtimestamp(at, self.zone).toordinal() - 1
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
                if closes > max(at, opens):
                    yield opens, closes
            day += 1

    def why(self, at: int) -> str:
        if self.every:
            return "every day counts"
        local = dt.datetime.fromtimestamp(at, self.zone)
        return "business day" if self._counts(local.toordinal()) else self.calendar.why(at)

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
    """Versions of one calendar, each in force from its instant on: an edit never rewrites what has
    been counted.
    """

    versions: tuple[tuple[int, Hours], ...]

    @property
    def zone(self) -> ZoneInfo:
        return self.versions[-1][1].zone

    def openings(self, at: int) -> Iterator[Interval]:
        ends = [since for since, _ in self.versions[1:]] + [FOREVER]
        for (since, hours), end in zip(self.versions, ends, strict=True):
            if end <= at:
                continue
            for opens, closes in hours.openings(max(at, since)):
                if opens >= end:
                    break
                yield max(opens, since), min(closes, end)

    def why(self, at: int) -> str:
        return next(
            (h for since, h in reversed(self.versions) if since <= at), self.versions[0][1]
        ).why(at)


def opening_instant(zone: ZoneInfo, date: dt.date, wall: int) -> int:
    """``wall`` seconds after midnight by the clock on the wall, at its first occurrence."""
    return _instant(zone, date, wall, last=False)


def closing_instant(zone: ZoneInfo, date: dt.date, wall: int) -> int:
    """``wall`` seconds after midnight by the clock on the wall, at its last occurrence."""
    return _instant(zone, date, wall, last=True)


def _instant(zone: ZoneInfo, date: dt.date, wall: int, *, last: bool) -> int:
    local = dt.datetime(date.year, date.month, date.day, tzinfo=zone) + dt.timedelta(seconds=wall)
    first, second = int(local.timestamp()), int(local.replace(fold=1).timestamp())
    if first <= second:
        return second if last else first
    # In a gap fold 0 lands after the change and fold 1 before it: look for the change in between.
    after = zone_offset(zone, first)
    low, high = second, first
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if zone_offset(zone, middle) == after else (middle, high)
    return high


def zone_offset(zone: ZoneInfo, at: int) -> int:
    offset = dt.datetime.fromtimestamp(at, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _without(spans: Iterable[WallSpan], cut: WallSpan) -> tuple[WallSpan, ...]:
    found = []
    for start, end in spans:
        found += [(start, min(end, cut[0])), (max(start, cut[1]), end)]
    return tuple(span for span in found if span[0] < span[1])


def _special(
    rules: dict[tuple[int, int], list[SpecialHours]], date: dt.date
) -> Sequence[SpecialHours]:
    found = rules.get((date.month, date.day))
    return [special for special in found if special.matches(date)] if found else ()


def _by_date(rules: Iterable[SpecialHours]) -> dict[tuple[int, int], list[SpecialHours]]:
    found: dict[tuple[int, int], list[SpecialHours]] = {}
    for rule in rules:
        found.setdefault((rule.month, rule.day), []).append(rule)
    return found


def _used_for_ever(hours: Hours, start: int, gaps: Sequence[Interval]) -> int:
    """What is used before a pause without end, or before the last opening."""
    return sum(closes - opens for opens, closes in running(hours, start, gaps))
