"""Rate limits by network address or person, counted by all server processes of a machine together
(``shared_windows``). ``machine_limits`` counts across all machines what costs support more than a
machine; ``kb.people.accounts`` counts failed passwords.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import re
import time
from typing import cast

from flask import Response, current_app, g, request
from limits import (
    RateLimitItem,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
    RateLimitItemPerSecond,
)
from limits.strategies import FixedWindowRateLimiter

from kb.errors import TooMany
from kb.settings import Settings
from webapp.context import api_key, asker_name, host_identity
from webapp.security.access_policy import RATES, SHARED
from webapp.security.machine_limits import COUNTED_BY_ALL, MachineLimits
from webapp.security.shared_windows import SharedWindows

#: In the environment of a request that was counted before it came to Flask: how many are left.
COUNTED = "askfirst.counted"
_VISIT = re.compile(r"[a-z0-9]{6,40}")


class RateLimits:
    """The limits of the settings, and how much of them is used up."""

    def __init__(self, settings: Settings) -> None:
        self._embed_origins = settings.embed_origins
        self._windows = SharedWindows(settings.data)
        self._machines = MachineLimits() if settings.shares_database else None
        self._limiter = FixedWindowRateLimiter(self._windows)
        # The shorter window first: what it refuses must not use up the longer one, or a burst of
        # an office behind one address would shut it out for the rest of the minute.
        self._items: dict[str, tuple[RateLimitItem, ...]] = {
            "suggest": (
                RateLimitItemPerSecond(max(40, settings.suggest_per_minute // 15), 1),
                RateLimitItemPerMinute(settings.suggest_per_minute, 1),
            ),
            # All visitors of one address who are on pages that embed the suggestion box.
            "embed": (
                RateLimitItemPerSecond(max(400, settings.embed_per_minute // 15), 1),
                RateLimitItemPerMinute(settings.embed_per_minute, 1),
            ),
            "ticket": (RateLimitItemPerHour(settings.tickets_per_hour, 1),),
            "vote": (RateLimitItemPerHour(120, 1),),
            # Far more than an agent does by hand: it bounds the mails of a stolen session.
            "desk": (RateLimitItemPerHour(600, 1),),
            # Failures are limited by the accounts; this bounds the work of checking passwords.
            "sign-in": (RateLimitItemPerMinute(100, 15),),
        }

    def check(self) -> None:
        """Raises TooMany, with the seconds to wait, once the route's limit is used up."""
        name = RATES.get((request.endpoint or "", request.method))
        if name and COUNTED in request.environ:
            g.counted = (name, request.environ[COUNTED])
        elif name:
            self.count(name)

    def count(self, name: str) -> None:
        """Counts one more of ``name`` for the asker. Raises TooMany."""
        g.counted = (name, 0)
        g.counted = (name, self._hit_by_asker(name))

    def _hit_by_asker(self, name: str) -> int:
        by_address = name in ("suggest", "sign-in") and api_key() is None
        if by_address and (host := host_identity()) is not None and host.email:
            return self.hit(name, f"host:{host.website}:{host.email}")  # an office has one address
        if by_address and name == "suggest":
            origin = request.headers.get("Origin", "") if request.endpoint in SHARED else ""
            origin = origin if origin in self._embed_origins else ""
            return self.suggestion(address(), origin, request.args.get("visit", ""))
        return self.hit(name, address() if by_address else asker_name() or address())

    def suggestion(self, address: str, origin: str, visit: str) -> int:
        """Counts a request of somebody who types, which comes from the embed if it has an
        ``origin``; how many are left.

        An office is one address. There each visit has the limit of one person, and all of them
        together have another: nothing vouches for the name of a visit. Raises TooMany.
        """
        if origin and _VISIT.fullmatch(visit):
            left = self.hit("suggest", f"{address} {visit}")
            self.hit("embed", address)
            return left
        return self.hit("suggest", address)

    def tell(self, response: Response) -> Response:
        """What is left of the limit that a request to the API counted against."""
        if "counted" in g and request.path.startswith("/api/"):
            name, left = g.counted
            response.headers["RateLimit-Policy"] = self.policy_header(name)
            response.headers["RateLimit"] = left_header(name, left)
        return response

    def hit(self, name: str, who: str) -> int:
        """Counts one more of ``name`` for ``who``; how many are left in the longest window.

        Raises TooMany.
        """
        if self._machines is not None and name in COUNTED_BY_ALL:
            return self._machines.hit(name, who, self._items[name][-1])
        left = 0
        for item in self._items[name]:
            # What the limiter does itself, but for making the same key each time.
            uses = self._windows.incr(_window_key(item, name, who), item.get_expiry())
            if uses > item.amount:
                reset = self._limiter.get_window_stats(item, name, who).reset_time
                wait = max(1, math.ceil(reset - time.time()))
                raise TooMany(
                    f"You have sent too many requests. Try again {in_words(wait)}.",
                    retry_after=wait,
                )
            left = item.amount - uses
        return left

    def policy_header(self, name: str) -> str:
        """The longest window (draft-ietf-httpapi-ratelimit-headers-10, section 3)."""
        item = self._items[name][-1]
        return f'"{name}";q={item.amount};w={item.get_expiry()}'

    def is_of_first(self, name: str, source: str, most: int, seconds: int) -> bool:
        """Whether ``source`` is one of the first ``most`` from which ``name`` has come lately."""
        if self._windows.get(f"{name}/{source}"):
            return True
        if self._windows.incr(name, seconds) > most:
            return False
        self._windows.incr(f"{name}/{source}", seconds)
        return True


def left_header(name: str, left: int) -> str:
    """How many requests are left (draft-ietf-httpapi-ratelimit-headers-10, section 4)."""
    return f'"{name}";r={left}'


@functools.lru_cache(4096)
def _window_key(item: RateLimitItem, name: str, who: str) -> str:
    return item.key_for(name, who)


def in_words(seconds: int) -> str:
    if seconds < 90:
        return f"in {seconds} second{'s' if seconds > 1 else ''}"
    return f"in {math.ceil(seconds / 60)} minutes"


def count(name: str) -> None:
    """For a view that only knows after checking which limit applies. Raises TooMany."""
    cast("RateLimits", current_app.extensions["askfirst.rates"]).count(name)


def address() -> str:
    """The asker's network address; an IPv6 /64 counts as one, since one customer owns it all."""
    return counted_address(request.remote_addr or "unknown")


@functools.lru_cache(1024)
def counted_address(text: str) -> str:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return text
