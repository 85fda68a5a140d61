"""Rate limits that all machines count together, in the database that they share.

They limit what somebody could repeat on another machine: filing tickets and acting on them. Typing,
votes and password checks are limited on each machine, because they cost that machine time.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from limits import RateLimitItem

from kb.database.usage_limits import UsageLimit, count_use
from webapp.context import centre, now

COUNTED_BY_ALL = frozenset({"ticket", "desk"})


class MachineLimits:
    """Counts in sliding windows. Raises Unavailable, as the limited actions do."""

    def hit(self, name: str, who: str, item: RateLimitItem) -> int:
        """Counts one more of ``name`` for ``who``; how many are left. Raises TooMany."""
        limit = UsageLimit(
            f"requests: {name}",
            hashlib.blake2b(who.encode("utf-8", "surrogatepass"), digest_size=32).digest(),
            item.amount,
            dt.timedelta(seconds=item.get_expiry()),
            "You have sent too many requests. Try again in {minutes} minutes.",
        )
        with centre().database.write(f"{limit.scope} {limit.key.hex()}") as connection:
            return count_use(connection, limit, now())
