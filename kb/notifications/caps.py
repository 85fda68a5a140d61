"""Caps: how many mails about tickets leave in an hour, to one mailbox, by one sender, altogether.

Rules only. What exceeds a cap is held until there is room again; then everything that was held for
a recipient leaves as one mail. Mails about accounts have limits of their own where they are
requested. A member of staff gets the first few mails of a storm at once, and the others as one mail
when ten minutes have passed; warnings and breaches are one mail anyway.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kb.database.usage_limits import UsageLimit

#: Asking somebody whether they want to be copied.
QUESTION = "asked"
#: Kinds of mails that a requester can cause in turns, for ever.
_TURNS = frozenset({"solved", "cancelled", "reopened"})
#: One turn and back is news; what follows within the hour is one mail.
_TURNS_PER_HOUR = 2
_QUESTIONS_PER_DAY = 3
#: How many mails one member of staff gets separately within the window; more is a storm.
STAFF_AT_ONCE, STORM = 5, dt.timedelta(minutes=10)
_ALARMS = frozenset({"warned", "breached"})
_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MailCaps:
    """``per_hour`` counts the mails that requesters cause; agents' replies are never held for it.

    ``mailbox`` gives the same text for all spellings of an address.
    """

    per_recipient: int = 6
    per_sender: int = 60
    per_hour: int = 1000
    mailbox: Callable[[str], str] = str.lower


def limits_of(
    caps: MailCaps,
    kind: str,
    recipient: str,
    ticket_id: int | None,
    facts: Mapping[str, Any],
    *,
    held: bool,
) -> tuple[UsageLimit, ...]:
    """Every limit that one mail counts against; ``held`` for one that was held before."""
    if ticket_id is None:
        return ()
    mailbox, sender = caps.mailbox(recipient), str(facts.get("sender", ""))
    limits = []
    if sender and kind in _TURNS and not held:
        limits.append(_limit("mail turn", f"{ticket_id} {mailbox}", _TURNS_PER_HOUR))
    if facts.get("staff"):
        if kind not in _ALARMS:
            limits.append(_limit("mail to staff", mailbox, STAFF_AT_ONCE, STORM))
        return tuple(limits)

    limits.append(_limit("mail to", mailbox, caps.per_recipient))
    if kind == QUESTION:
        limits.append(_limit("mail question", mailbox, _QUESTIONS_PER_DAY, _DAY))
    if sender:
        limits.append(_limit("mail by", sender, caps.per_sender))
        limits.append(_limit("mail", "everybody", caps.per_hour))
    return tuple(limits)


def _limit(scope: str, key: str, maximum: int, window: dt.timedelta = _HOUR) -> UsageLimit:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return UsageLimit(scope, digest, maximum, window, message="")
