"""What is a ticket, and what may happen to it?

Values and one table of moves. Pure: nothing here stores, sends or reads a clock. The promise (level, targets) is the
business of ``kb.sla``; who may see a ticket is decided in ``kb.tickets.access``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from kb.errors import Conflict


class Type(StrEnum):
    """What the customer brings (capability V11)."""

    QUESTION = "question"
    PROBLEM = "problem"
    REQUEST = "request"


class Status(StrEnum):
    OPEN = "open"  # the next word is ours
    WAITING = "waiting"  # a public reply was given; the next word is the customer's
    SOLVED = "solved"
    CANCELLED = "cancelled"


class Verb(StrEnum):
    """What people do to a ticket; each leaves one event."""

    OPEN = "opened"
    REPLY = "replied"  # a public comment by an agent
    COMMENT = "commented"  # a public comment by the customer
    NOTE = "noted"  # an internal note
    ASSIGN = "assigned"
    SOLVE = "solved"
    CANCEL = "cancelled"
    REOPEN = "reopened"


#: (status, verb) -> the status after. What is not here is refused and changes nothing.
TRANSITIONS: Mapping[tuple[Status, Verb], Status] = MappingProxyType(
    {
        (Status.OPEN, Verb.REPLY): Status.WAITING,
        (Status.OPEN, Verb.COMMENT): Status.OPEN,
        (Status.OPEN, Verb.NOTE): Status.OPEN,
        (Status.OPEN, Verb.ASSIGN): Status.OPEN,
        (Status.OPEN, Verb.SOLVE): Status.SOLVED,
        (Status.OPEN, Verb.CANCEL): Status.CANCELLED,
        (Status.WAITING, Verb.REPLY): Status.WAITING,
        (Status.WAITING, Verb.COMMENT): Status.OPEN,
        (Status.WAITING, Verb.NOTE): Status.WAITING,
        (Status.WAITING, Verb.ASSIGN): Status.WAITING,
        (Status.WAITING, Verb.SOLVE): Status.SOLVED,
        (Status.WAITING, Verb.CANCEL): Status.CANCELLED,
        (Status.SOLVED, Verb.NOTE): Status.SOLVED,
        (Status.SOLVED, Verb.REOPEN): Status.OPEN,
        (Status.CANCELLED, Verb.NOTE): Status.CANCELLED,
        (Status.CANCELLED, Verb.REOPEN): Status.OPEN,
    }
)


def after(status: Status, verb: Verb) -> Status:
    """The status after ``verb``. Raises Conflict, naming both, when the table has no such move."""
    try:
        return TRANSITIONS[status, verb]
    except KeyError:
        raise Conflict(f"A {status} ticket cannot be {verb}; re-open it first.") from None


@dataclass(frozen=True, slots=True)
class Consulted:
    """One document that suggestions put before the customer (capability X4, feature "consulted trail").

    ``outcome`` is the furthest it came: shown, opened or rejected ("I still need help" after reading it).
    """

    document_id: str
    title: str
    outcome: str


OUTCOMES = ("shown", "opened", "rejected")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrives: the client's file name and the bytes, nothing believed yet."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """What a customer typed into the form, already checked by ``kb.tickets.drafts.check``."""

    title: str
    type: Type
    severity: str
    description: str
    product: str = ""
    module: str = ""
    version: str = ""
    severity_detail: str = ""  # the parameter of a severity such as "if not solved before ---" (B9)
    copy_to: tuple[str, ...] = ()
    attachments: tuple[Upload, ...] = ()
    consulted: tuple[Consulted, ...] = ()
    coupon: str = ""
    episode: str = ""  # the deflection episode this draft ends


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the append-only history. ``public`` events are shown to the customer."""

    at: dt.datetime
    verb: Verb
    actor: str  # a name to show: "Alice Archer", "Support"
    by_agent: bool
    public: bool
    body: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored file. ``key`` is the address of its content; ``ref`` is what a link carries."""

    ref: str
    name: str
    media_type: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class Due:
    """One promise of a ticket as people see it. ``state`` is running, paused, met, breached or cancelled."""

    target: str  # first response, next response, resolution
    state: str
    due: dt.datetime | None
    met_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket in a list."""

    number: str
    title: str
    status: Status
    severity: str
    level: str  # the level's title, for people
    customer: str
    organisation: str
    assignee: str
    created: dt.datetime
    updated: dt.datetime
    due: Due | None  # the earliest running promise
    product: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its page shows it; what the viewer may not see (internal notes) is already absent."""

    row: TicketRow
    type: Type
    module: str
    version: str
    severity_title: str
    severity_detail: str
    level_why: str  # the evidence for the level, one sentence
    copy_to: tuple[str, ...]
    dues: tuple[Due, ...]
    ledger: tuple[Mapping[str, str], ...]  # the derivation of the first due time: from, to, state, why
    consulted: tuple[Consulted, ...]
    events: tuple[Event, ...]

    @property
    def number(self) -> str:
        return self.row.number
