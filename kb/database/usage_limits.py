"""Usage limits that all server processes share: at most so many uses of a key in a time window.

For what costs somebody else something, such as mails to an address. Limits on requests, which each
process counts for itself, are in ``webapp.security.rate_limits``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from kb.database.metadata import USAGE
from kb.errors import TooMany

#: The longest window of any limit: older uses are deleted.
_LONGEST_WINDOW = dt.timedelta(hours=1)


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


def count_use(connection: Connection, limit: UsageLimit, now: dt.datetime) -> None:
    """Counts one use. Raises TooMany, and counts nothing, when the limit is reached."""
    connection.execute(delete(USAGE).where(USAGE.c.at <= now - _LONGEST_WINDOW))
    uses = (
        USAGE.c.scope == limit.scope,
        USAGE.c.key == limit.key,
        USAGE.c.at > now - limit.window,
    )
    count, oldest = connection.execute(
        select(func.count(), func.min(USAGE.c.at)).where(*uses)
    ).one()

    if count >= limit.maximum:
        wait = max(1, int((oldest + limit.window - now).total_seconds()))
        raise TooMany(limit.message.format(minutes=-(-wait // 60)), retry_after=wait)

    connection.execute(insert(USAGE).values(scope=limit.scope, key=limit.key, at=now))
