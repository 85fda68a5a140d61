"""What is a ticket, and what may happen to it?

Values and one table of moves. Pure: nothing here stores, sends or reads a clock. The promise
(level, targets) is the business of ``kb.sla``; who may see a ticket is decided in
``kb.tickets.permissions``.
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
    PAUSED = "paused"  # a third party or a release is awaited (X10)
    SOLVED = "solved"
    CANCELLED = "cancelled"
    VOID = "void"  # spam, or filed twice: nothing was promised
    MERGED = "merged"  # goes on in another ticket


class Verb(StrEnum):
    """What people do to a ticket; each leaves one event."""

    OPEN = "opened"
    REPLY = "replied"  # a public comment by an agent
    LINK = "linked"  # an answer that is a link to articles (X27)
    COMMENT = "commented"  # a public comment by the customer
    NOTE = "noted"  # an internal note
    ASSIGN = "assigned"
    COPY = "copied"  # other addresses get the notices
    AWAIT = "awaited"  # the customer's answer, with a reason
    PAUSE = "paused"
    RESUME = "resumed"
    DISMISS = "dismissed"  # a word that needs no answer: a thank-you
    MOVE = "moved"  # to another level
    PROPOSE = "proposed"  # another severity (B10)
    AGREE = "agreed"
    DECLINE = "declined"
    ESCALATE = "escalated"  # a word to the supervisor (X32)
    SOLVE = "solved"
    CANCEL = "cancelled"
    REOPEN = "reopened"
    RATE = "rated"  # X30
    MERGE = "merged"  # into another ticket
    ABSORB = "absorbed"  # another ticket
    SPLIT = "split"  # a part became its own ticket
    VOID = "voided"


_O, _W, _P, _S, _C = Status.OPEN, Status.WAITING, Status.PAUSED, Status.SOLVED, Status.CANCELLED
_FROM = (_O, _W, _P, _S, _C)
#: What each verb makes of a status: the columns are open, waiting, paused, solved, cancelled; None:
#: refused.
_MOVES: Mapping[Verb, tuple[Status | None, ...]] = {
    Verb.REPLY: (_W, _W, _P, None, None),
    Verb.LINK: (_W, _W, _P, None, None),
    Verb.COMMENT: (_O, _O, _P, None, None),
    Verb.NOTE: (_O, _W, _P, _S, _C),
    Verb.ASSIGN: (_O, _W, _P, None, None),
    Verb.COPY: (_O, _W, _P, None, None),
    Verb.AWAIT: (_W, _W, _W, None, None),
    Verb.PAUSE: (_P, _P, _P, None, None),
    Verb.RESUME: (None, _O, _O, None, None),
    Verb.DISMISS: (_W, None, None, None, None),
    Verb.MOVE: (_O, _W, _P, None, None),
    Verb.PROPOSE: (_O, _W, _P, None, None),
    Verb.AGREE: (_O, _W, _P, None, None),
    Verb.DECLINE: (_O, _W, _P, None, None),
    Verb.ESCALATE: (_O, _O, _P, _S, _C),
    Verb.SOLVE: (_S, _S, _S, None, None),
    Verb.CANCEL: (_C, _C, _C, None, None),
    Verb.REOPEN: (None, None, None, _O, _O),
    Verb.RATE: (None, None, None, _S, _C),
    Verb.MERGE: (Status.MERGED, Status.MERGED, Status.MERGED, None, None),
    Verb.ABSORB: (_O, _W, _P, None, None),
    Verb.SPLIT: (_O, _W, _P, None, None),
    Verb.VOID: (Status.VOID, Status.VOID, Status.VOID, None, None),
}
#: (status, verb) -> the status after. What is not here is refused and changes nothing.
TRANSITIONS: Mapping[tuple[Status, Verb], Status] = MappingProxyType(
    {
        **{
            (s, verb): to
            for verb, row in _MOVES.items()
            for s, to in zip(_FROM, row, strict=True)
            if to is not None
        },
        (Status.VOID, Verb.NOTE): Status.VOID,
        (Status.MERGED, Verb.NOTE): Status.MERGED,
    }
)
#: Still to be ended.
ACTIVE = (Status.OPEN, Status.WAITING, Status.PAUSED)


def after(status: Status, verb: Verb) -> Status:
    """The status after ``verb``. Raises Conflict, saying both, when the table has no such move."""
    try:
        return TRANSITIONS[status, verb]
    except KeyError:
        done = _DONE.get(verb, f"be {verb.value}")
        raise Conflict(f"{_IS[status]}, so it cannot {done}; {_INSTEAD[status]}.") from None


#: What is refused, in words that follow "it cannot".
_DONE: Mapping[Verb, str] = MappingProxyType(
    {
        Verb.REPLY: "be answered",
        Verb.LINK: "be answered",
        Verb.COMMENT: "take comments",
        Verb.COPY: "be copied to others",
        Verb.AWAIT: "wait for the customer",
        Verb.DISMISS: "have an answer waived",
        Verb.MOVE: "move to another level",
        Verb.PROPOSE: "get another severity",
        Verb.AGREE: "get another severity",
        Verb.DECLINE: "keep its severity by declining",
        Verb.REOPEN: "be re-opened",
        Verb.ABSORB: "take another ticket in",
    }
)
_IS: Mapping[Status, str] = MappingProxyType(
    {
        Status.OPEN: "This ticket is open and the next word is ours",
        Status.WAITING: "This ticket is open and waits for the customer",
        Status.PAUSED: "This ticket is paused",
        Status.SOLVED: "This ticket is solved",
        Status.CANCELLED: "This ticket is cancelled",
        Status.MERGED: "This ticket is merged into another",
        Status.VOID: "This ticket does not count",
    }
)
_INSTEAD: Mapping[Status, str] = MappingProxyType(
    {
        Status.OPEN: "nothing was changed",
        Status.WAITING: "nothing was changed",
        Status.PAUSED: "nothing was changed",
        Status.SOLVED: "re-open it first",
        Status.CANCELLED: "re-open it first",
        Status.MERGED: "go on in the ticket that it was merged into",
        Status.VOID: "file a new one",
    }
)


@dataclass(frozen=True, slots=True)
class Consulted:
    """One document that suggestions put before the customer (capability X4, feature "consulted
    trail").

    ``outcome`` is the furthest it came: shown, opened or rejected ("I still need help" after
    reading it).
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
    id: int = 0


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
    """One promise of a ticket as people see it. ``state`` is running, paused, met, breached or
    cancelled.
    """

    target: str  # first response, next response, resolution
    state: str
    due: dt.datetime | None
    met_at: dt.datetime | None = None
    cycle: int = 1
    grace: bool = False  # put off, because a move or a re-opening would have been late at once
    #: Every second of it: from, to, state, why, seconds. A promise is the same whether this is told
    #: or not.
    ledger: tuple[Mapping[str, str], ...] = field(default=(), compare=False)


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
    customer_id: int = 0
    product: str = ""
    urgent: bool = False
    escalated: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """Another severity that support proposes and the customer agrees to or not. ``state`` is open
    while asked.
    """

    severity: str
    detail: str
    why: str
    at: dt.datetime
    state: str = "open"


@dataclass(frozen=True, slots=True)
class Rating:
    """1 (bad) to 5 (good) stars by the customer, and perhaps a few words."""

    score: int
    words: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """A warning or breach of a target at its computed instant; ``threshold`` is breach, 50% or
    3600s.
    """

    target: str
    cycle: int
    threshold: str
    due: dt.datetime
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its page shows it; what the viewer may not see (internal notes) is already
    absent.
    """

    row: TicketRow
    type: Type
    module: str
    version: str
    severity_title: str
    severity_detail: str
    level_why: str  # the evidence for the level, one sentence
    copy_to: tuple[str, ...]
    dues: tuple[Due, ...]
    ledger: tuple[
        Mapping[str, str], ...
    ]  # the derivation of the first due time: from, to, state, why
    consulted: tuple[Consulted, ...]
    events: tuple[Event, ...]
    level_key: str = ""
    severity: str = ""
    proposal: Proposal | None = None  # only one that is open
    rating: Rating | None = None
    remind_at: dt.datetime | None = None  # when a pause ends by itself
    waiting_for: str = ""  # the title of the reason, while it waits or is paused
    merged_into: str = ""  # a number
    related: tuple[
        str, ...
    ] = ()  # numbers merged into this one, split from it, or it was split from
    coupon: str = ""  # for its owner and staff: the code that was used, empty once released
    alarms: tuple[Alarm, ...] = ()  # for staff
    watchers: tuple[str, ...] = ()  # for staff: names

    @property
    def number(self) -> str:
        return self.row.number
