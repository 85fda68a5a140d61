"""Rate limits: fixed windows by network address or person, counted in this process.

Each server process has its share of a limit. ``kb.people.accounts`` counts failed passwords, for
all processes together.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import threading
import time
from typing import cast

from flask import current_app, request
from limits import (
    RateLimitItem,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
    RateLimitItemPerSecond,
)
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from kb.errors import TooMany
from kb.settings import Settings
from webapp.context import asker
from webapp.security.access_policy import RATES

_SWEEP = 1000  # windows


class Windows(Storage):
    """Counts in memory.

    The memory storage of ``limits`` starts a sweeping thread with nearly every request, which was
    more than half of the cost of counting and a third of that of a cached suggestion.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}  # key -> (count, end)
        self._sweep_at = _SWEEP

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        with self._lock:
            count, end = self._windows.get(key, (0, 0.0))
            count, end = (count + amount, end) if end > now else (amount, now + expiry)
            self._windows[key] = (count, end)
            if len(self._windows) > self._sweep_at:
                self._windows = {
                    name: window for name, window in self._windows.items() if window[1] > now
                }
                self._sweep_at = max(_SWEEP, 2 * len(self._windows))
        return count

    def get(self, key: str) -> int:
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        return self._windows.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count, self._windows = len(self._windows), {}
        return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)


class RateLimits:
    """The limits of the settings, and how much of them is used up."""

    def __init__(self, settings: Settings) -> None:
        def share(limit: int) -> int:
            return math.ceil(limit / settings.workers)

        self._limiter = FixedWindowRateLimiter(Windows())
        self._items: dict[str, tuple[RateLimitItem, ...]] = {
            "suggest": (
                RateLimitItemPerMinute(share(settings.suggest_per_minute), 1),
                RateLimitItemPerSecond(share(max(40, settings.suggest_per_minute // 15)), 1),
            ),
            "ticket": (RateLimitItemPerHour(share(settings.tickets_per_hour), 1),),
            "vote": (RateLimitItemPerHour(share(120), 1),),
            # Far more than an agent does by hand: it bounds the mails of a stolen session.
            "desk": (RateLimitItemPerHour(share(600), 1),),
            # Failures are limited by the accounts; this bounds the work of checking passwords.
            "sign-in": (RateLimitItemPerMinute(share(100), 15),),
        }

    def check(self) -> None:
        """Raises TooMany, with the seconds to wait, once the route's limit is used up."""
        name = RATES.get((request.endpoint or "", method()))
        if name:
            self.count(name)

    def count(self, name: str) -> None:
        """Counts one more of ``name`` for the asker. Raises TooMany."""
        who = address() if name in ("suggest", "sign-in") else _person_or_address()
        for item in self._items[name]:
            if not self._limiter.hit(item, name, who):
                reset = self._limiter.get_window_stats(item, name, who).reset_time
                wait = max(1, math.ceil(reset - time.time()))
                raise TooMany(
                    f"You have sent too many requests. Try again {in_words(wait)}.",
                    retry_after=wait,
                )


def in_words(seconds: int) -> str:
    if seconds < 90:
        return f"in {seconds} second{'s' if seconds > 1 else ''}"
    return f"in {math.ceil(seconds / 60)} minutes"


def count(name: str) -> None:
    """For a view that only knows after checking which limit applies. Raises TooMany."""
    cast("RateLimits", current_app.extensions["askfirst.rates"]).count(name)


def _person_or_address() -> str:
    viewer = asker()
    return f"person:{viewer.id}" if viewer else address()


def address() -> str:
    """The asker's network address; an IPv6 /64 counts as one, since one customer owns it all."""
    return _counted_address(request.remote_addr or "unknown")


@functools.lru_cache(1024)
def _counted_address(text: str) -> str:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return text


def method() -> str:
    """HEAD does the work of GET and counts as GET."""
    return "GET" if request.method == "HEAD" else request.method
