"""Assignment: which arm of the experiment somebody belongs to.

By account if known, else by visit. A hash decides, so that nothing has to be stored, and every tab
and server process decides alike.
"""

from __future__ import annotations

import hashlib

from kb.analytics.episode import Arm

#: So that nobody else's hash of an account goes with ours.
_PURPOSE = "askfirst holdout"


def assigned_arm(person_id: int | None, episode: str, *, percent: int) -> Arm:
    """The arm if ``percent`` of people are held out. Without an experiment (0), there is none.

    With a smaller percentage, those who are still held out were held out before, too.
    """
    if not percent:
        return Arm.NONE
    identity = f"episode:{episode}" if person_id is None else f"person:{person_id}"
    digest = hashlib.sha256(f"{_PURPOSE} {identity}".encode("utf-8", "surrogatepass")).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    return Arm.HOLDOUT if position < percent / 100 else Arm.TREATMENT
