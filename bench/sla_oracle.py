"""Does the calendar agree with a clerk who counts every minute, in every zone?

    python -m bench.sla_oracle [--calendars 10000] [--seed N]

For each IANA zone both changes of the clock in 2026, and random calendars with closures, openings
and pauses: the due instant of the engine against one found by walking minute by minute through
local time. Prints mismatches, goal 0.
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
MAX_BUDGET_SECONDS = 60 * 24 * 14  # minutes that the clerk is willing to count
Spans = list[tuple[int, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calendars", type=int, default=10_000)
    parser.add_argument("--zones", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    rng = random.Random(given.seed)
    zones = sorted(available_timezones())[: given.zones]
    cases = [(zone, at) for zone in zones for at in _changes(ZoneInfo(zone))]
    cases += [(rng.choice(zones), _day(rng)) for _ in range(given.calendars)]
    begun, wrong = time.perf_counter(), 0
    for zone, at in cases:
        wrong += not _agrees(ZoneInfo(zone), at, rng)
    took = time.perf_counter() - begun
    print(
        f"seed {given.seed}: {len(cases):,} cases in {len(zones)} zones, {wrong} mismatches; "
        f"{took:.0f} s"
    )


def _changes(zone: ZoneInfo) -> list[dt.datetime]:
    """A day before each change of the clock in 2026."""
    days = [dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=n) for n in range(366)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [days[n] for n in range(365) if offsets[n] != offsets[n + 1]]


def _day(rng: random.Random) -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
        minutes=rng.randrange(3 * 365 * 24 * 60)
    )


def _agrees(zone: ZoneInfo, at: dt.datetime, rng: random.Random) -> bool:
    week = tuple(tuple((s * 60, e * 60) for s, e in _spans(rng)) for _ in range(7))
    date = (at + dt.timedelta(days=rng.randrange(4))).astimezone(zone).date()
    closed = (SpecialHours(date.year, date.month, date.day),) if rng.random() < 0.4 else ()
    calendar = BusinessCalendar(zone, week, closed)
    start = at + dt.timedelta(minutes=rng.randrange(1440))
    budget = rng.randrange(1, 30 * 60)
    begins = start + dt.timedelta(minutes=rng.randrange(3000))
    pauses = (
        [Pause(begins, begins + dt.timedelta(minutes=rng.randrange(1, 2000)))]
        if rng.random() < 0.5
        else []
    )
    clerk = _counted(calendar, closed, start, budget, pauses)
    if clerk is None:
        return True  # further than the clerk counts
    found = calendar.add(start, Budget(budget * 60), pauses).due
    if found != clerk:
        print(f"{zone.key} from {start.isoformat()} {budget} min: engine {found}, clerk {clerk}")
    return found == clerk


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
    """Minute by minute: open when the wall shows an open minute, or stands between an opening's
    ends in a repeat.
    """
    left, at = budget, start
    windows: dict[dt.date, list[tuple[dt.datetime, dt.datetime]]] = {}
    for _ in range(MAX_BUDGET_SECONDS):
        today = at.astimezone(calendar.zone).date()
        near = [
            span
            for n in (-1, 0)
            for span in _windows(calendar, closed, today + dt.timedelta(days=n), windows)
        ]
        paused = any(p.start <= at < (p.end or at + MINUTE) for p in pauses)
        if not paused and any(opens <= at < closes for opens, closes in near):
            left -= 1
            if not left:
                return at + MINUTE
        at += MINUTE
    return None


def _windows(
    calendar: BusinessCalendar,
    closed: tuple[SpecialHours, ...],
    day: dt.date,
    known: dict[dt.date, list[tuple[dt.datetime, dt.datetime]]],
) -> list[tuple[dt.datetime, dt.datetime]]:
    """From the first real minute that shows the begin to the last that shows the end, once for each
    day.
    """
    if day not in known:
        spans = (
            () if any(special.matches(day) for special in closed) else calendar.week[day.weekday()]
        )
        known[day] = [
            (_first(calendar.zone, day, s), _last(calendar.zone, day, e)) for s, e in spans
        ]
    return known[day]


def _first(zone: ZoneInfo, day: dt.date, wall: int) -> dt.datetime:
    """The first real minute at which the wall shows ``wall`` or, in a gap, more."""
    midnight = dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(seconds=wall)
    at = min(midnight.astimezone(dt.UTC), midnight.replace(fold=1).astimezone(dt.UTC))
    while at.astimezone(zone).replace(tzinfo=None) < midnight.replace(tzinfo=None):
        at += MINUTE
    return at


def _last(zone: ZoneInfo, day: dt.date, wall: int) -> dt.datetime:
    midnight = dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(seconds=wall)
    at = max(midnight.astimezone(dt.UTC), midnight.replace(fold=1).astimezone(dt.UTC))
    if at.astimezone(zone).replace(tzinfo=None) != midnight.replace(tzinfo=None):
        return _first(zone, day, wall)  # in a gap both ends meet
    return at


if __name__ == "__main__":
    main()
