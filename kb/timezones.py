"""The present instant, and the IANA time zone names that people and browsers send."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


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
