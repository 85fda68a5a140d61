"""The business calendar compared with an oracle that counts every minute, in every zone.

    python -m bench.sla_oracle [--calendars 10000] [--seed N]

Cases: both clock changes of 2026 in each IANA zone, and random calendars with closures, openings
and pauses. The due time of the engine must be that of the oracle, which walks minute by minute
through local time. Prints the mismatches; there must be none.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import time
from zoneinfo import ZoneInfo, available_timezones

from kb.sla.calendar import BusinessCalendar, SpecialHours
from kb.sla.open_time import Budget, Pause

MINUTE = dt.timedelta(minutes=1)
MAX_MINUTES = 60 * 24 * 14  # the oracle gives up after a fortnight
Spans = list[tuple[int, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calendars", type=int, default=10_000)
    parser.add_argument("--zones", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    zones = sorted(available_timezones())[: options.zones]
    cases = [(zone, day) for zone in zones for day in _changes(ZoneInfo(zone))]
    cases += [(rng.choice(zones), _day(rng)) for _ in range(options.calendars)]

    begun, wrong = time.perf_counter(), 0
    for zone, day in cases:
        wrong += not _agrees(ZoneInfo(zone), day, rng)
    took = time.perf_counter() - begun
    print(
        f"seed {options.seed}: {len(cases):,} cases in {len(zones)} zones, {wrong} mismatches; "
        f"{took:.0f} s"
    )


def _changes(zone: ZoneInfo) -> list[dt.datetime]:
    """The day before each clock change of 2026."""
    days = [dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=n) for n in range(366)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [days[n] for n in range(365) if offsets[n] != offsets[n + 1]]


def _day(rng: random.Random) -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
        minutes=rng.randrange(3 * 365 * 24 * 60)
    )


def _agrees(zone: ZoneInfo, day: dt.datetime, rng: random.Random) -> bool:
    week = tuple(tuple((s * 60, e * 60) for s, e in _spans(rng)) for _ in range(7))
    date = (day + dt.timedelta(days=rng.randrange(4))).astimezone(zone).date()
    closed = (SpecialHours(date.year, date.month, date.day),) if rng.random() < 0.4 else ()
    calendar = BusinessCalendar(zone, week, closed)
    start = day + dt.timedelta(minutes=rng.randrange(1440))
    budget = rng.randrange(1, 30 * 60)
    begins = start + dt.timedelta(minutes=rng.randrange(3000))
    pauses = (
        [Pause(begins, begins + dt.timedelta(minutes=rng.randrange(1, 2000)))]
        if rng.random() < 0.5
        else []
    )
    expected = _counted(calendar, closed, start, budget, pauses)
    if expected is None:
        return True  # the oracle has given up
    due = calendar.add(start, Budget(budget * 60), pauses).due
    if due != expected:
        print(f"{zone.key} from {start.isoformat()} {budget} min: {due}, expected {expected}")
    return due == expected


def _spans(rng: random.Random) -> Spans:
    """Half-open minutes of a day: none, one or two spans."""
    if rng.random() < 0.2:
        return []
    ends = sorted(rng.sample(range(0, 1441, 15), rng.choice((2, 4))))
    return list(zip(ends[::2], ends[1::2], strict=True))


def _counted(
    calendar: BusinessCalendar,
    closed: tuple[SpecialHours, ...],
    start: dt.datetime,
    budget: int,
    pauses: list[Pause],
) -> dt.datetime | None:
    """Counts minute by minute: a minute is open when the wall clock shows an open one, or in a
    repeated hour when it lies between the ends of an opening.
    """
    remaining, minute = budget, start
    windows: dict[dt.date, list[tuple[dt.datetime, dt.datetime]]] = {}
    for _ in range(MAX_MINUTES):
        today = minute.astimezone(calendar.zone).date()
        openings = [
            span
            for n in (-1, 0)
            for span in _windows(calendar, closed, today + dt.timedelta(days=n), windows)
        ]
        paused = any(p.start <= minute < (p.end or minute + MINUTE) for p in pauses)
        if not paused and any(opens <= minute < closes for opens, closes in openings):
            remaining -= 1
            if not remaining:
                return minute + MINUTE
        minute += MINUTE
    return None


def _windows(
    calendar: BusinessCalendar,
    closed: tuple[SpecialHours, ...],
    day: dt.date,
    cache: dict[dt.date, list[tuple[dt.datetime, dt.datetime]]],
) -> list[tuple[dt.datetime, dt.datetime]]:
    """From the first real minute that shows a start to the last that shows its end, per day."""
    if day not in cache:
        spans = (
            () if any(special.matches(day) for special in closed) else calendar.week[day.weekday()]
        )
        cache[day] = [
            (_first(calendar.zone, day, s), _last(calendar.zone, day, e)) for s, e in spans
        ]
    return cache[day]


def _first(zone: ZoneInfo, day: dt.date, wall: int) -> dt.datetime:
    """The first real minute at which the wall clock shows ``wall`` or, in a gap, more."""
    midnight = dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(seconds=wall)
    minute = min(midnight.astimezone(dt.UTC), midnight.replace(fold=1).astimezone(dt.UTC))
    while minute.astimezone(zone).replace(tzinfo=None) < midnight.replace(tzinfo=None):
        minute += MINUTE
    return minute


def _last(zone: ZoneInfo, day: dt.date, wall: int) -> dt.datetime:
    midnight = dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(seconds=wall)
    minute = max(midnight.astimezone(dt.UTC), midnight.replace(fold=1).astimezone(dt.UTC))
    if minute.astimezone(zone).replace(tzinfo=None) != midnight.replace(tzinfo=None):
        return _first(zone, day, wall)  # in a gap both ends meet
    return minute


if __name__ == "__main__":
    main()
