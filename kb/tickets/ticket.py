"""Values of a ticket: what a customer drafts, what is stored, and what a page shows.

No rules live here. Statuses and verbs are in ``kb.tickets.lifecycle``, SLA targets are computed in
``kb.tickets.sla_targets``, and who may see a ticket is decided in ``kb.tickets.permissions``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from kb.sla.target import TargetState
from kb.tickets.lifecycle import ACTIVE, Status, Verb
from kb.tickets.permissions import Ownership


@dataclass(frozen=True, slots=True)
class Consulted:
    """A suggestion that the requester saw before filing.

    ``outcome`` is the furthest step: shown, opened, or rejected (read, and of no help).
    """

    document_id: str
    title: str
    outcome: str


OUTCOMES = ("shown", "opened", "rejected")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrives: the client's file name and the bytes, both unchecked."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Draft:
    """What a customer typed into the form, already checked by ``kb.tickets.drafts.check``."""

    title: str
    type: str
    severity: str
    description: str
    product: str = ""
    module: str = ""
    version: str = ""
    severity_detail: str = ""  # the parameter of a severity such as "needed by <date>"
    severity_explanation: str = ""
    topic: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)  # the site's own, by key
    secrets: Mapping[str, str] = field(default_factory=dict)  # those that are sealed
    copy_to: tuple[str, ...] = ()
    attachments: tuple[Upload, ...] = ()
    consulted: tuple[Consulted, ...] = ()
    coupon: str = ""
    episode: str = ""  # the deflection episode that this draft ends


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the append-only history. Customers see ``public`` events only."""

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
    """A stored file: ``key`` is the hash of its content, ``ref`` is what a link carries."""

    ref: str
    name: str
    media_type: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class TargetView:
    """One SLA target of a ticket as people see it at one instant."""

    target: str  # first response, next response, resolution
    state: TargetState
    due: dt.datetime | None
    met_at: dt.datetime | None = None
    cycle: int = 1
    grace: bool = False  # postponed: a move or a reopening would have breached it at once
    #: How the due time was calculated, second by second: from, to, state, why, seconds.
    #: Two views are equal whether or not they carry it.
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
    due: TargetView | None  # the running target that is due first
    customer_id: int = 0
    product: str = ""
    urgent: bool = False
    escalated: bool = False
    closed_for: str = ""  # why it was closed without a resolution, for people


@dataclass(frozen=True, slots=True)
class Proposal:
    """A severity that support proposes. ``state`` is open until the requester decides."""

    severity: str
    detail: str
    why: str
    at: dt.datetime
    state: str = "open"


@dataclass(frozen=True, slots=True)
class Rating:
    """The requester's rating from 1 (bad) to 5 (good), with an optional comment."""

    score: int
    words: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Release:
    """A release or a defect that tickets wait for; ``waiting`` counts those whose customers have
    not been told that it shipped.
    """

    id: int
    name: str
    planned: dt.datetime | None = None
    shipped: dt.datetime | None = None
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """A warning or breach of a target at its computed instant.

    ``threshold`` is ``breach``, or the warning's own, such as ``50%`` or ``3600s``.
    """

    target: str
    cycle: int
    threshold: str
    due: dt.datetime
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """That a secret was given, and what became of it; never the secret itself."""

    field: str
    title: str
    given_at: dt.datetime
    shown_at: dt.datetime | None = None
    shown_to: str = ""
    wiped_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its page shows it, without what its viewer may not see (internal notes)."""

    row: TicketRow
    ownership: Ownership
    type: str
    module: str
    version: str
    severity_title: str
    severity_detail: str
    level_why: str  # one sentence: why it has this support level
    copy_to: tuple[str, ...]
    dues: tuple[TargetView, ...]
    ledger: tuple[Mapping[str, str], ...]  # how the first due time was calculated
    consulted: tuple[Consulted, ...]
    events: tuple[Event, ...]
    level_key: str = ""
    severity: str = ""
    proposal: Proposal | None = None  # only an open one
    rating: Rating | None = None
    remind_at: dt.datetime | None = None  # when a pending or on-hold ticket reopens by itself
    waiting_for: str = ""  # the title of the reason while it is pending or on hold
    merged_into: str = ""  # a ticket number
    release: Release | None = None  # that it waits for, or that has shipped
    erased_at: dt.datetime | None = None  # when its texts were
    related: tuple[str, ...] = ()  # numbers of tickets merged into it, split from it, or its origin
    coupon: str = ""  # for its owner and staff: the code that was used, empty once released
    severity_explanation: str = ""
    topic: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)  # the site's own, by key
    secrets: tuple[GivenSecret, ...] = ()
    undelivered: bool = False  # a mail to the requester about it could not be delivered
    alarms: tuple[Alarm, ...] = ()  # for staff
    watchers: tuple[str, ...] = ()  # names, for staff
    revision: int = 0  # the id of its newest event, of which each change leaves one

    @property
    def number(self) -> str:
        return self.row.number

    @property
    def active(self) -> bool:
        """Neither resolved nor closed."""
        return self.row.status in ACTIVE
