"""The present instant, and the IANA time zone names that people and browsers send."""

from __future__ import annotations

import datetime as dt
import zoneinfo


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def is_time_zone(name: str) -> bool:
    """Whether ``name`` is an IANA zone that this machine knows."""
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, outside of the database, or a folder of it
        return False
    return bool(name)


def time_zone_or_utc(name: str) -> str:
    """``name`` if it is a time zone, UTC otherwise.

    >>> time_zone_or_utc("Europe/Berlin"), time_zone_or_utc("Mars/Base")
    ('Europe/Berlin', 'UTC')
    """
    return name if is_time_zone(name) else "UTC"
