"""What is handed to the store to be saved, and what a decision is made from?

Values only, between the desk (which decides) and ``kb.tickets.repository.repository`` (which saves
each in one transaction).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kb.database.usage_limits import UsageLimit
from kb.notifications.queue import NewNotice
from kb.sla.clock import SlaEvent
from kb.tickets.permissions import Ownership
from kb.tickets.sla_targets import Forecast, TargetRow
from kb.tickets.ticket import Attachment, Draft, Proposal, Rating, Status, Verb


@dataclass(frozen=True, slots=True)
class Key:
    """Names one intention of one person: the same key never does the same thing twice."""

    person_id: int
    scope: str  # what it is for: "opened", or a ticket's number
    key: str


@dataclass(frozen=True, slots=True)
class NewEvent:
    verb: Verb
    at: dt.datetime
    actor_id: int
    actor: str
    by_agent: bool
    public: bool
    body: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkedTicket:
    """Another ticket whose history counts for this one: ``merged`` into it, or ``split`` from it,
    ``since`` then.
    """

    other: int
    kind: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision about a ticket may rest on, read inside the transaction that saves it."""

    ownership: Ownership
    status: Status
    level: str
    level_title: str
    type: str
    severity: str
    product: str
    category: str
    licence: str
    coupon: str  # the code, empty once released
    coupon_level: str  # the level that the ticket was filed at, when it was filed with a coupon
    customer_email: str
    customer_guest: bool
    assignee_email: str
    watchers: tuple[str, ...]
    copy_to: tuple[str, ...]
    created: dt.datetime
    last_at: (
        dt.datetime
    )  # of the newest event: a clock that went back must not put an event before its cause
    last_word: str  # who spoke last in public: agent or customer
    remind_at: dt.datetime | None
    next_at: dt.datetime | None
    proposal: Proposal | None
    target_rows: tuple[TargetRow, ...]
    history: tuple[SlaEvent, ...]  # what the clock has heard of it


@dataclass(frozen=True, slots=True)
class Change:
    """One verb, decided. ``values`` are further columns of the ticket."""

    event: NewEvent
    status: Status
    forecast: Forecast
    notices: tuple[NewNotice, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    releases_coupon: bool = False
    proposal: Proposal | None = None  # asked now
    decides: str = ""  # agreed or declined: the state of the open proposal after this
    rating: Rating | None = None
    answers: tuple[tuple[str, str], ...] = ()  # ids and titles of linked documents
    kin: LinkedTicket | None = None


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket to be, without its number. ``notices`` are made once the number is known."""

    draft: Draft
    customer_id: int
    organisation_id: int | None
    severity_title: str
    level_title: str
    level_why: str
    level: str
    policy_version: str
    urgent: bool
    event: NewEvent
    forecast: Forecast
    notices: Callable[[str], tuple[NewNotice, ...]]
    limit: UsageLimit | None = None
    kin: LinkedTicket | None = None
    source: str = "web"


@dataclass(frozen=True, slots=True)
class Coupon:
    """A request at a better level: ``rule`` is its key in the policy, ``left`` how often it may
    still be used.
    """

    id: int
    rule: str
    left: int
