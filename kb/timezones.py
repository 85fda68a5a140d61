"""The present instant, the days and weeks of sums, and the time zones that browsers send."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def start_of_day(at: dt.datetime) -> dt.datetime:
    """Midnight in UTC."""
    return at.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def start_of_week(at: dt.datetime) -> dt.datetime:
    """Monday at midnight in UTC.

    >>> start_of_week(dt.datetime(2026, 11, 25, 9, tzinfo=dt.UTC)).isoformat()
    '2026-11-23T00:00:00+00:00'
    """
    day = start_of_day(at)
    return day - dt.timedelta(days=day.weekday())


@functools.cache
def time_zones() -> frozenset[str]:
    """The IANA zones that this machine knows, listed once: that reads hundreds of files."""
    return frozenset(zoneinfo.available_timezones())


def is_time_zone(name: str) -> bool:
    """Whether ``name`` is one of ``time_zones``."""
    return name in time_zones()


def time_zone_or_utc(name: str) -> str:
    """``name`` if it is a time zone, UTC otherwise.

    >>> time_zone_or_utc("Europe/Berlin"), time_zone_or_utc("Mars/Base")
    ('Europe/Berlin', 'UTC')
    """
    return name if is_time_zone(name) else "UTC"
