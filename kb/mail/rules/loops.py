"""Loops: two programs that answer each other, ended by the third round at the latest.

Automatic mail is never answered (``automatic``). This is for programs that do not identify
themselves: a sender of several mails within an hour gets no more answers. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Answers to one address within an hour: the third ticket is filed, and its sender not told.
_ANSWERED_PER_HOUR = 2
#: Further mails from one address within an hour wait for agents.
_FILED_PER_HOUR = 30
_FILED_UNPROVEN_PER_HOUR = 10
#: Answers to everybody within an hour.
_ANSWERS_PER_HOUR = 600
_PREFIX = re.compile(
    r"\s*(?:re|aw|antw|wg|fwd?|tr|rv|res|enc|sv|vs|vb|vl|odp|pd|ynt|ilt|bls|trs|atb|ref|回复|答复|转发"
    r"|回覆|轉寄)\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\s*\[#?KB-\d{1,12}\]\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recent:
    """Tickets that this sender, and everybody, has filed by mail within the last hour."""

    tickets: int = 0
    everybody: int = 0


def base_subject(subject: str) -> str:
    """A subject without "Re:" in any language, and without our number.

    >>> base_subject("AW: Re[2]: [#KB-1042] Printer")
    'Printer'
    """
    for _ in range(20):
        shorter = _NUMBER.sub(" ", subject, count=1).strip()
        match = _PREFIX.match(shorter)
        shorter = shorter[match.end() :].strip() if match else shorter
        if shorter == subject:
            break
        subject = shorter
    return subject


def must_wait(recent: Recent, *, proven: bool) -> str:
    """Why the next mail of a sender is not filed, empty if it is."""
    most = _FILED_PER_HOUR if proven else _FILED_UNPROVEN_PER_HOUR
    if recent.tickets >= most:
        return f"Its sender has filed {recent.tickets} tickets by e-mail within an hour."
    return ""


def skips_receipt(recent: Recent) -> bool:
    """Whether the sender is not told that the ticket was filed."""
    return recent.tickets >= _ANSWERED_PER_HOUR or recent.everybody >= _ANSWERS_PER_HOUR
