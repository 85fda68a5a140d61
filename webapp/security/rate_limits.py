"""Who asks more often than their share?

Fixed windows by address or person, counted in this process; each of the workers takes its share of
a limit. Not for failed passwords: those the accounts count, for all processes.
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
    """Counts in memory. limits' own memory sweeps by a thread that it starts anew with nearly every
    request: more than half of what counting cost, and a third of a suggestion that is
    remembered."""

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
            held, self._windows = len(self._windows), {}
        return held

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)


class Rates:
    """The limits of the settings, and who has used up how much of them."""

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
            # Failures are limited by the accounts; this bounds the work of checking passwords.
            "sign-in": (RateLimitItemPerMinute(share(100), 15),),
        }

    def check(self) -> None:
        """Raises TooMany, with the seconds to wait, once the address or person has used up its
        share.
        """
        name = RATES.get((request.endpoint or "", method()))
        if name:
            self.count(name)

    def count(self, name: str) -> None:
        """One more of ``name`` for whoever asks now. Raises TooMany."""
        who = address() if name in ("suggest", "sign-in") else _person_or_address()
        for item in self._items[name]:
            if not self._limiter.hit(item, name, who):
                reset = self._limiter.get_window_stats(item, name, who).reset_time
                wait = max(1, math.ceil(reset - time.time()))
                raise TooMany(
                    f"That was too much at once; try again {in_words(wait)}.", retry_after=wait
                )


def in_words(seconds: int) -> str:
    if seconds < 90:
        return f"in {seconds} second{'s' if seconds > 1 else ''}"
    return f"in {math.ceil(seconds / 60)} minutes"


def count(name: str) -> None:
    """For a view that learns late what it does. Raises TooMany."""
    cast("Rates", current_app.extensions["askfirst.rates"]).count(name)


def _person_or_address() -> str:
    someone = asker()
    return f"person:{someone.id}" if someone else address()


def address() -> str:
    """The asker's network address; an IPv6 /64 counts as one, because one customer owns all of it."""
    return _counted(request.remote_addr or "unknown")


@functools.lru_cache(1024)
def _counted(text: str) -> str:
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
    """HEAD does the work of GET, and counts as it."""
    return "GET" if request.method == "HEAD" else request.method
