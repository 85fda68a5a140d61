"""Retries: when a mail is read again that could not be, and when it is given up. Pure.

A cause outside the mail, such as a database that is down or a full disk, says nothing about it: it
is read again for as long as that lasts. Only what nobody expected counts as a try, and so does a
process that ended while it read the mail: after the last try, agents decide about it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

_MINUTE = dt.timedelta(minutes=1)
#: After the first try, the second, and so on.
_DELAYS = (_MINUTE, 5 * _MINUTE, 20 * _MINUTE, 60 * _MINUTE)
MOST_TRIES = len(_DELAYS) + 1


@dataclass(frozen=True, slots=True)
class RetryState:
    """``count`` tries were begun; the next one is due ``after`` an instant, None for at once."""

    count: int = 0
    after: dt.datetime | None = None

    @property
    def exhausted(self) -> bool:
        return self.count >= MOST_TRIES

    def due(self, now: dt.datetime) -> bool:
        return self.after is None or self.after <= now

    def begun(self, now: dt.datetime) -> RetryState:
        """Saved before the mail is read, so that a try which ends the process counts, too."""
        count = self.count + 1
        return RetryState(count, now + _DELAYS[min(count, len(_DELAYS)) - 1])

    def put_off(self, now: dt.datetime) -> RetryState:
        """The same tries, when something else than the mail was the cause."""
        return replace(self, after=now + _MINUTE)
