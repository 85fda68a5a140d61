"""Retries: when processing a mail is tried again, and when it is given up. Pure.

If the cause is not the mail, such as a database that is down or a full disk, the mail is tried
again for as long as the cause lasts. Only unexpected errors, and processes that ended while they
read the mail, count as tries. After the last try, agents decide about the mail. If a name server
does not answer whether the sender signed the mail, three tries wait for it; then the mail is
processed without this evidence.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

_MINUTE = dt.timedelta(minutes=1)
#: After the first try, the second, and so on.
_DELAYS = (_MINUTE, 5 * _MINUTE, 20 * _MINUTE, 60 * _MINUTE)
MOST_TRIES = len(_DELAYS) + 1
#: Tries that wait for evidence of the sender: its ticket must not wait for an hour.
_EVIDENCE_TRIES = 3


@dataclass(frozen=True, slots=True)
class RetryState:
    """``count`` tries have begun; the next one is due at ``after``, or immediately if None."""

    count: int = 0
    after: dt.datetime | None = None

    @property
    def exhausted(self) -> bool:
        return self.count >= MOST_TRIES

    @property
    def awaits_evidence(self) -> bool:
        """Whether this try may still be put off because the sender could not be verified yet."""
        return self.count <= _EVIDENCE_TRIES

    def due(self, now: dt.datetime) -> bool:
        return self.after is None or self.after <= now

    def begun(self, now: dt.datetime) -> RetryState:
        """Saved before the mail is read, so that a try that ends the process also counts."""
        count = self.count + 1
        return RetryState(count, now + _DELAYS[min(count, len(_DELAYS)) - 1])

    def put_off(self, now: dt.datetime) -> RetryState:
        """The state after a try that failed for a cause other than the mail: it does not count."""
        return replace(self, after=now + _MINUTE)
