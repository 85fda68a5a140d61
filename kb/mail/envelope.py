"""What a mail server says about a mail beside the mail itself, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Envelope:
    """``sender`` is the return path, empty for the null one, None if nobody has said."""

    sender: str | None = None
    recipients: tuple[str, ...] = ()
    way: str = "pipe"  # pipe, lmtp, imap, maildir, hook


class Became(StrEnum):
    """What a mail becomes. The values are stored, but for the last two."""

    TICKET = "ticket"
    COMMENT = "comment"  # also a reply or a note of an agent
    QUARANTINED = "quarantined"  # an agent decides
    IGNORED = "ignored"  # kept, and nothing more: automatic mail
    DUPLICATE = "duplicate"  # it had its effect before
    WAITING = "waiting"  # it is read again later


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """``level`` is the title of the ticket's level, ``why`` a sentence for agents."""

    outcome: Became
    why: str
    ticket: str = ""
    level: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {
            "outcome": self.outcome.value,
            "ticket": self.ticket or None,
            "level": self.level or None,
            "evidence": dict(self.evidence),
            "why": self.why,
        }
