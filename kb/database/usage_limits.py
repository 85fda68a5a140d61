"""Usage limits that all server processes share: at most so many uses of a key in a time window.

For what costs somebody else something, such as mails to an address, and for requests that could be
repeated on another machine. Other limits on requests, which no disk has to remember, are in
``webapp.security.rate_limits``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select

from kb.database.metadata import USAGE
from kb.errors import TooMany

#: The longest window of any limit: older uses are deleted.
LONGEST_WINDOW = dt.timedelta(days=1)

# Building a statement takes as long as executing it.
_USE = insert(USAGE)
_USES = select(func.count(), func.min(USAGE.c.at)).where(
    USAGE.c.scope == bindparam("scope"),
    USAGE.c.key == bindparam("key"),
    USAGE.c.at > bindparam("since"),
)


@dataclass(frozen=True, slots=True)
class UsageLimit:
    """At most ``maximum`` uses of ``key`` in ``scope`` within ``window``.

    ``message`` is for the person who exceeds it; ``{minutes}`` in it says how long to wait.
    """

    scope: str
    key: bytes
    maximum: int
    window: dt.timedelta
    message: str


def count_use(connection: Connection, limit: UsageLimit, now: dt.datetime) -> int:
    """Counts one use, and returns how many more there may be in the window.

    Raises TooMany, and counts nothing, when the limit is reached.
    """
    count, oldest = _uses(connection, limit, now)
    wait = _wait(limit, count, oldest, now)
    if wait:
        raise TooMany(limit.message.format(minutes=-(-wait // 60)), retry_after=wait)
    _insert(connection, limit, now)
    return max(0, limit.maximum - count - 1)


def count_uses(connection: Connection, limits: Sequence[UsageLimit], now: dt.datetime) -> int:
    """Counts one use of each and returns 0; or counts nothing when a limit is reached.

    Then it returns the seconds to wait until there is room in all of them.
    """
    waits = (_wait(limit, *_uses(connection, limit, now), now) for limit in limits)
    wait = max(waits, default=0)
    if not wait:
        for limit in limits:
            _insert(connection, limit, now)
    return wait


def _insert(connection: Connection, limit: UsageLimit, now: dt.datetime) -> None:
    connection.execute(_USE, {"scope": limit.scope, "key": limit.key, "at": now})


def _wait(limit: UsageLimit, count: int, oldest: dt.datetime | None, now: dt.datetime) -> int:
    """The seconds until there is room for one more use, 0 if there is."""
    if oldest is None or count < limit.maximum:
        return 0
    return max(1, int((oldest + limit.window - now).total_seconds()))


def _uses(
    connection: Connection, limit: UsageLimit, now: dt.datetime
) -> tuple[int, dt.datetime | None]:
    """How many there were in the window, and the first of them."""
    values = {"scope": limit.scope, "key": limit.key, "since": now - limit.window}
    count, oldest = connection.execute(_USES, values).one()
    return count, oldest
