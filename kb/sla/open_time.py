"""Arithmetic on business hours: due times, elapsed time, and their derivation span by span.

A budget is consumed while the calendar is open and nothing pauses it. Everything here is pure: the
hours come from ``kb.sla.calendar``, the pauses from the caller. Tickets do not occur here:
``kb.sla.clock`` turns the history of a ticket into these numbers.

Inside this package an instant is an int, whole seconds since 1970 UTC; callers pass and receive
aware datetimes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from kb.errors import Invalid

#: Half-open, in seconds since 1970 UTC.
Interval = tuple[int, int]
#: A pause as start, end and reason.
PauseInterval = tuple[int, int, str]

DAY = 86_400
#: The end of an open-ended pause; later than any date the datetime type can hold.
FOREVER = 1 << 60


class SpanState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    PAUSED = "paused"


class Unit(StrEnum):
    OPEN_TIME = "open_time"  # seconds during which the calendar is open
    BUSINESS_DAYS = "business_days"  # the same time of day, that many days with an opening later
    CALENDAR_DAYS = "calendar_days"  # the same time of day, that many dates later, open or not


@dataclass(frozen=True, slots=True)
class Budget:
    """The time that a target allows: ``amount`` seconds for OPEN_TIME, days for the other units."""

    amount: int
    unit: Unit = Unit.OPEN_TIME

    def __str__(self) -> str:
        """
        >>> str(Budget(90_000)), str(Budget(3, Unit.BUSINESS_DAYS))
        ('25 h', '3 business days')
        """
        if self.unit is Unit.OPEN_TIME:
            return duration(self.amount)
        days = "day" if self.amount == 1 else "days"
        return f"{self.amount} {self.unit.value.split('_')[0]} {days}"


@dataclass(frozen=True, slots=True)
class Pause:
    """From ``start`` up to but not including ``end``; None is a pause without a known end."""

    start: dt.datetime
    end: dt.datetime | None = None
    why: str = "paused"


@dataclass(frozen=True, slots=True)
class Span:
    """One line of a derivation. ``end`` None with ``seconds`` 0 is a span without a known end."""

    start: dt.datetime
    end: dt.datetime | None
    state: SpanState
    why: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Derivation:
    """A due time and the spans that lead to it.

    ``due`` is None when the budget is never used up as things stand.
    """

    start: dt.datetime
    due: dt.datetime | None
    spans: tuple[Span, ...]
    used_seconds: int
    budget_seconds: int

    @property
    def remaining_seconds(self) -> int:
        return self.budget_seconds - self.used_seconds


class Hours(Protocol):
    """Business hours: a calendar, whole days of one, or several versions of one."""

    @property
    def zone(self) -> ZoneInfo: ...

    def openings(self, after: int) -> Iterator[Interval]:
        """Openings that end after this instant, by start; ends when ten years hold none."""
        ...

    def why(self, instant: int) -> str:
        """The rule that makes this instant open or closed."""
        ...


def to_timestamp(time: dt.datetime) -> int:
    """Whole seconds since 1970 UTC, rounded down.

    Raises Invalid for a time without a zone and for a year outside 1900 to 9998.
    """
    if time.tzinfo is None:
        raise Invalid(f"{time.isoformat()} has no time zone. Add an offset such as +02:00 or Z.")
    if not 1900 <= time.year <= 9998:
        raise Invalid(f"{time.isoformat()} is not between the years 1900 and 9998.")
    return int(time.timestamp() // 1)


def to_datetime(timestamp: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(timestamp, dt.UTC)


def pause_intervals(pauses: Iterable[Pause]) -> tuple[PauseInterval, ...]:
    """Pauses by start. Raises Invalid when one ends before it starts."""
    return tuple(sorted(_pause_interval(pause) for pause in pauses))


def _pause_interval(pause: Pause) -> PauseInterval:
    start = to_timestamp(pause.start)
    end = FOREVER if pause.end is None else to_timestamp(pause.end)
    if end < start:
        raise Invalid(
            f"A pause ends at {to_datetime(end).isoformat()}, before it starts at "
            f"{to_datetime(start).isoformat()}."
        )
    return start, end, pause.why


def disjoint(pauses: Iterable[PauseInterval]) -> tuple[Interval, ...]:
    """Sorted pauses merged where they touch: splitting or repeating a pause changes nothing."""
    merged: list[Interval] = []
    for start, end, _ in pauses:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return tuple(merged)


def running(hours: Hours, start: int, pauses: Sequence[Interval] = ()) -> Iterator[Interval]:
    """Business hours that no pause covers, from ``start`` on: disjoint, ascending, none empty."""
    # Openings of neighbouring days may overlap in the night in which clocks go back; the cursor
    # keeps what was yielded before from being yielded again.
    if not pauses:
        yield from _unbroken(hours, start)
        return
    cursor = start
    for opens, closes in hours.openings(start):
        if closes <= cursor:
            continue
        cursor = max(opens, cursor)
        for begins, ends in pauses:
            if ends <= cursor:
                continue
            if begins >= closes:
                break
            if begins > cursor:
                yield cursor, begins
            cursor = ends
        if cursor >= FOREVER:
            return
        if cursor < closes:
            yield cursor, closes
            cursor = closes


def _unbroken(hours: Hours, cursor: int) -> Iterator[Interval]:
    for opens, closes in hours.openings(cursor):
        if closes > cursor:
            yield max(opens, cursor), closes
            cursor = closes


def due_at(hours: Hours, start: int, seconds: int, pauses: Sequence[Interval] = ()) -> int | None:
    """The first instant at which ``seconds`` are used up; None when that never happens."""
    if seconds <= 0:
        return start
    for opens, closes in running(hours, start, pauses):
        if closes - opens >= seconds:
            return opens + seconds
        seconds -= closes - opens
    return None


def used_between(hours: Hours, start: int, end: int, pauses: Sequence[Interval] = ()) -> int:
    """Seconds of business hours from ``start`` to ``end`` that no pause covers."""
    total = 0
    if end <= start:
        return total
    for opens, closes in running(hours, start, pauses):
        if opens >= end:
            break
        total += min(closes, end) - opens
    return total


@dataclass(frozen=True, slots=True)
class Basis:
    """How a due time is counted: ``seconds`` of ``hours`` from ``start``, without ``pauses``.

    ``used_before`` was used earlier, at another level or before a grace period. A budget of
    business days that ends outside business hours moves on to the next opening of ``settles``.
    """

    hours: Hours
    start: int
    seconds: int
    used_before: int = 0
    pauses: tuple[PauseInterval, ...] = ()
    settles: Hours | None = None

    def due(self) -> int | None:
        end = due_at(self.hours, self.start, self.seconds, disjoint(self.pauses))
        return end if end is None else self.settled(end)

    def used(self, until: int) -> int:
        """Seconds used from the start of the count to ``until``, and before it."""
        used = used_between(self.hours, self.start, until, disjoint(self.pauses))
        return self.used_before + used

    def due_and_used(self, until: int) -> tuple[int | None, int]:
        """``due`` and ``used`` in one pass through the hours."""
        due = self.start if self.seconds <= 0 else None
        left, used = self.seconds, self.used_before
        for opens, closes in running(self.hours, self.start, disjoint(self.pauses)):
            if due is None and closes - opens >= left:
                due = opens + left
            left -= closes - opens
            used += max(0, min(closes, until) - opens)
            if due is not None and closes >= until:
                break
        return (None if due is None else self.settled(due)), used

    def reaches(self, seconds: int) -> int | None:
        """When ``seconds`` are used; None if that was before the start, or never happens."""
        left = seconds - self.used_before
        return due_at(self.hours, self.start, left, disjoint(self.pauses)) if left > 0 else None

    def settled(self, end: int) -> int | None:
        if self.settles is None:
            return end
        return next((max(opens, end) for opens, _ in self.settles.openings(end)), None)

    def spans(self) -> tuple[Span, ...]:
        """The derivation from the start to the due time, open-ended while there is none."""
        end = due_at(self.hours, self.start, self.seconds, disjoint(self.pauses))
        spans = derive(self.hours, self.start, end, self.pauses)
        due = None if end is None else self.settled(end)
        if self.settles is not None and end is not None and due is not None:
            spans += derive(self.settles, end, due)
        return spans


def derive(
    hours: Hours, start: int, end: int | None, pauses: Sequence[PauseInterval] = ()
) -> tuple[Span, ...]:
    """Every second from ``start`` to ``end`` as spans without gaps.

    Without ``end`` the last span is open-ended. Closed time stays closed during a pause: a pause
    takes away business hours only.
    """
    if end is not None:
        return tuple(_spans(hours, start, end, pauses)[0])
    for begins, ends, why in pauses:
        if ends == FOREVER:
            begins = max(begins, start)
            spans, _ = _spans(hours, start, begins, pauses)
            return (*spans, Span(to_datetime(begins), None, SpanState.PAUSED, why, 0))
    spans, cursor = _spans(hours, start, FOREVER, pauses)
    return (
        *spans,
        Span(
            to_datetime(cursor),
            None,
            SpanState.CLOSED,
            "no opening in the ten years that follow",
            0,
        ),
    )


def _spans(
    hours: Hours, start: int, end: int, pauses: Sequence[PauseInterval]
) -> tuple[list[Span], int]:
    """The spans and the instant they reach: ``end``, or with FOREVER the last closing time."""
    spans: list[Span] = []
    cursor = start
    for opens, closes in hours.openings(start):
        if max(opens, cursor) >= end:
            break
        if closes > cursor:
            _closed(spans, hours, cursor, opens)
            opens, cursor = max(opens, cursor), min(closes, end)
            _open(spans, hours, (opens, cursor), pauses)
    if end < FOREVER:
        _closed(spans, hours, cursor, end)
        cursor = max(cursor, end)
    return spans, cursor


def _open(
    spans: list[Span], hours: Hours, opening: Interval, pauses: Sequence[PauseInterval]
) -> None:
    cursor, until = opening
    why = hours.why(cursor)
    for begins, ends, reason in pauses:
        if begins >= until:
            break
        if ends <= cursor:
            continue
        _append(spans, cursor, begins, SpanState.OPEN, why)
        cursor = max(cursor, begins)
        stop = min(ends, until)
        _append(spans, cursor, stop, SpanState.PAUSED, reason)
        cursor = stop
    _append(spans, cursor, until, SpanState.OPEN, why)


def _closed(spans: list[Span], hours: Hours, cursor: int, until: int) -> None:
    while cursor < until:
        stop = min(until, _next_midnight(hours.zone, cursor))
        _append(spans, cursor, stop, SpanState.CLOSED, hours.why(cursor))
        cursor = stop


def _append(spans: list[Span], start: int, end: int, state: SpanState, why: str) -> None:
    if end <= start:
        return
    if spans and spans[-1].state is state and spans[-1].why == why:
        start -= spans.pop().seconds
    spans.append(Span(to_datetime(start), to_datetime(end), state, why, end - start))


def _next_midnight(zone: ZoneInfo, instant: int) -> int:
    """The start of the next local date, or a day later when a clock change makes that ambiguous."""
    local = dt.datetime.fromtimestamp(instant, zone)
    tomorrow = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(), zone)
    midnight = int(tomorrow.timestamp())
    return midnight if midnight > instant else instant + DAY


OUTSIDE = "outside opening hours"


def compact(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Fewer lines for people: adjacent spans of one state become one, named after the weekend or
    holiday that it holds.
    """
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if (
            last is None
            or last.state is not span.state
            or (span.state is SpanState.PAUSED and last.why != span.why)
        ):
            merged.append(span)
        else:
            merged[-1] = Span(
                last.start,
                span.end,
                span.state,
                _joined(last.why, span.why),
                last.seconds + span.seconds,
            )
    return tuple(merged)


def _joined(first: str, second: str) -> str:
    rules = dict.fromkeys([*first.split(", "), *second.split(", ")])
    return ", ".join(rule for rule in rules if rule != OUTSIDE) or OUTSIDE


def span_text(span: Span, zone: ZoneInfo) -> str:
    """One line in local time: ``Fri 5 Jun 15:00 to 17:00 open, 2 h (opening hours)``."""
    start = span.start.astimezone(zone)
    if span.end is None:
        return f"{_stamp(start)} on {span.state} ({span.why})"
    end = span.end.astimezone(zone)
    same = start.date() == end.date() and start.utcoffset() == end.utcoffset()
    until = end.strftime("%H:%M") if same else _stamp(end)
    return f"{_stamp(start)} to {until} {span.state}, {duration(span.seconds)} ({span.why})"


def _stamp(local: dt.datetime) -> str:
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def duration(seconds: int) -> str:
    """
    >>> duration(5400), duration(30), duration(0)
    ('1 h 30 min', '30 s', '0 s')
    """
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if n]
    return " ".join(parts) or "0 s"
