"""When is a promise due, and how does every second of it add up?

A budget is counted on opening hours, minus pauses; the answer is an instant and its derivation,
span by span. Pure: the hours come from ``kb.sla.calendar``, the reasons for pauses from whoever
asks. Not for tickets: ``kb.sla.clock`` turns a ticket's history into the numbers used here.

Inside, instants are whole seconds since 1970 UTC; at the door they are aware datetimes.
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
    """How long a promise may take: ``amount`` seconds for OPEN_TIME, days for the two others."""

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
    """From ``start`` up to but not including ``end``; ``end`` None means: until further notice."""

    start: dt.datetime
    end: dt.datetime | None = None
    why: str = "paused"


@dataclass(frozen=True, slots=True)
class Span:
    """One line of a derivation. ``end`` None and ``seconds`` 0 mean: no end known."""

    start: dt.datetime
    end: dt.datetime | None
    state: SpanState
    why: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Derivation:
    """A due instant and how it came about. ``due`` None: never, as things stand; ``used_seconds``
    until then.
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
    """Opening hours, however they came about."""

    @property
    def zone(self) -> ZoneInfo: ...

    def openings(self, at: int) -> Iterator[Interval]:
        """Openings that end after ``at``, in order of start; stops when nothing opens for ten
        years.
        """
        ...

    def why(self, at: int) -> str:
        """Why it is open or closed at ``at``."""
        ...


def to_timestamp(moment: dt.datetime) -> int:
    """Seconds since 1970 UTC. Raises Invalid for a time without a zone, and for one that no
    calendar reaches.
    """
    if moment.tzinfo is None:
        raise Invalid(f"{moment.isoformat()} names no zone; add an offset such as +02:00 or Z.")
    if not 1900 <= moment.year <= 9998:
        raise Invalid(
            f"{moment.isoformat()} is out of reach; give a time between the years 1900 and 9998."
        )
    return int(moment.timestamp() // 1)


def to_datetime(at: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at, dt.UTC)


def pause_intervals(pauses: Iterable[Pause]) -> tuple[PauseInterval, ...]:
    """Pauses in order of start. Raises Invalid when one ends before it starts."""
    return tuple(sorted(_cut(pause) for pause in pauses))


def _cut(pause: Pause) -> PauseInterval:
    start = to_timestamp(pause.start)
    end = FOREVER if pause.end is None else to_timestamp(pause.end)
    if end < start:
        raise Invalid(
            f"A pause ends at {to_datetime(end).isoformat()}, before it starts at "
            f"{to_datetime(start).isoformat()}."
        )
    return start, end, pause.why


def disjoint(pauses: Iterable[PauseInterval]) -> tuple[Interval, ...]:
    """Sorted cuts as disjoint intervals, so that splitting or repeating a pause changes nothing."""
    found: list[Interval] = []
    for start, end, _ in pauses:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif end > start:
            found.append((start, end))
    return tuple(found)


def running(hours: Hours, start: int, pauses: Sequence[Interval] = ()) -> Iterator[Interval]:
    """Open and not paused, from ``start`` on: disjoint, in order, none empty.

    Openings of neighbouring days may overlap in the night when clocks go back, hence the cursor.
    """
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
    """The first instant at which ``seconds`` have been used; None when that never happens."""
    if seconds <= 0:
        return start
    for opens, closes in running(hours, start, pauses):
        if closes - opens >= seconds:
            return opens + seconds
        seconds -= closes - opens
    return None


def used_between(hours: Hours, start: int, end: int, pauses: Sequence[Interval] = ()) -> int:
    """Seconds open and not paused from ``start`` to ``end``."""
    total = 0
    if end <= start:
        return total
    for opens, closes in running(hours, start, pauses):
        if opens >= end:
            break
        total += min(closes, end) - opens
    return total


def derive(
    hours: Hours, start: int, end: int | None, pauses: Sequence[PauseInterval] = ()
) -> tuple[Span, ...]:
    """Every second from ``start`` to ``end`` as spans without a hole; ``end`` None: as far as
    anything is known.

    Closed time stays closed also under a pause: only open time can be lost to one.
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
    """The spans, and the instant they reach: ``end``, or the last closing when ``end`` is FOREVER."""
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


def _next_midnight(zone: ZoneInfo, at: int) -> int:
    """The instant at which the next local date begins, or a day on when clocks make that doubtful."""
    local = dt.datetime.fromtimestamp(at, zone)
    tomorrow = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(), zone)
    midnight = int(tomorrow.timestamp())
    return midnight if midnight > at else at + DAY


OUTSIDE = "outside opening hours"


def compact(spans: Iterable[Span]) -> tuple[Span, ...]:
    """For people: one closed span where several meet, named after the weekend or holiday in it."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        if (
            last is None
            or last.state is not span.state
            or (span.state is SpanState.PAUSED and last.why != span.why)
        ):
            found.append(span)
        else:
            found[-1] = Span(
                last.start,
                span.end,
                span.state,
                _both(last.why, span.why),
                last.seconds + span.seconds,
            )
    return tuple(found)


def _both(one: str, other: str) -> str:
    whys = [*one.split(", "), *other.split(", ")]
    named = [why for why in dict.fromkeys(whys) if why != OUTSIDE]
    return ", ".join(named) or OUTSIDE


def span_text(span: Span, zone: ZoneInfo) -> str:
    """One line of the ledger: ``Fri 5 Jun 15:00 to 17:00 open, 2 h (opening hours)``, in local
    time.
    """
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
