"""Changeset: what a decision is made from, and what it hands to the repository.

Values only. ``TicketFacts`` are read inside the transaction that saves the ``Change`` made from
them, so that two people who act at once are decided one after the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kb.database.usage_limits import UsageLimit
from kb.notifications.queue import NewNotice
from kb.sla.clock import SlaEvent
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.permissions import Ownership
from kb.tickets.sla_targets import Forecast, TargetRow
from kb.tickets.staff.choices import StaffMember, StaffNews
from kb.tickets.ticket import Attachment, Draft, Proposal, Rating


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Names one intention of one person: the same key never does the same thing twice."""

    person_id: int
    scope: str  # "opened", or a verb and the serial of a ticket
    key: str  # empty: every request is its own intention
    filed_as: str = ""  # the fingerprint of the draft, for a key that files a ticket


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
    """A ticket whose history counts for this one from ``since`` on: ``merged`` or ``split``."""

    other: int
    kind: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """What a ticket waits for; ``planned`` replaces the planned day of the release, if given."""

    name: str
    planned: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class UndoableEnd:
    """The merge or the mark as spam or duplicate that ended a ticket, and how it was before."""

    verb: Verb
    at: dt.datetime
    status: Status
    remind_at: dt.datetime | None
    into: str  # the number of the ticket into which it was merged
    public: bool  # nobody but staff sees that a ticket was spam


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What a decision about a ticket may depend on."""

    ownership: Ownership
    status: Status
    level: str
    level_title: str
    type: str
    topic: str
    severity: str
    product: str
    fields: Mapping[str, str]
    channel: str
    category: str
    licence: str
    organisation: str
    customer_since: dt.datetime | None  # when the support term began; None for a guest
    coupon: str  # the code, empty once released
    coupon_level: str  # the level that the ticket was filed at with a coupon
    customer_email: str
    customer_guest: bool
    assignee_email: str
    watchers: tuple[str, ...]
    copy_to: tuple[str, ...]
    confirmed: frozenset[str]  # the copies that asked for their mails themselves
    created: dt.datetime
    last_at: dt.datetime  # of the newest event: a clock set back must not reorder events
    last_speaker: str  # in public: agent or customer
    remind_at: dt.datetime | None
    next_at: dt.datetime | None
    proposal: Proposal | None
    target_rows: tuple[TargetRow, ...]
    history: tuple[SlaEvent, ...]  # what the SLA clock has heard
    end: UndoableEnd | None = None
    urgent: bool = False
    staff: tuple[StaffMember, ...] = ()  # all of them, with what they want to be told of
    revision: int = 0  # as of ``Ticket``


@dataclass(frozen=True, slots=True)
class Effects:
    """What a verb does besides leaving its event."""

    facts: Mapping[str, str] = field(default_factory=dict)  # of the event
    values: Mapping[str, Any] = field(default_factory=dict)  # columns of the ticket
    silent: bool = False  # nobody is notified, and the customer does not see the event
    releases_coupon: bool = False
    revokes_links: bool = False
    proposal: Proposal | None = None
    decision: str = ""  # on the open proposal: agreed or declined
    rating: Rating | None = None
    answers: tuple[tuple[str, str], ...] = ()  # ids and titles of linked documents
    link: LinkedTicket | None = None
    history: tuple[SlaEvent, ...] = ()  # taken over from the linked ticket
    release: ReleasePlan | None = None
    undoes: UndoableEnd | None = None
    recomputes: bool = False  # targets without an answer, as if they had not ended
    notice: str = ""  # the kind of the mail, where it is not the verb
    upload_until: dt.datetime | None = None  # until when its upload link takes files


@dataclass(frozen=True, slots=True)
class Change:
    """One verb, decided: everything that is saved in one transaction."""

    event: NewEvent
    status: Status
    forecast: Forecast
    effects: Effects
    values: Mapping[str, Any]
    notices: tuple[NewNotice, ...] = ()
    news: tuple[StaffNews, ...] = ()


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket without its number, which is added to the facts of its ``notices`` when saved."""

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
    notices: tuple[NewNotice, ...] = ()
    news: tuple[StaffNews, ...] = ()
    limit: UsageLimit | None = None
    link: LinkedTicket | None = None
    source: str = "web"
    field_words: str = ""  # what the full text has of the fields that customers see
    recorded: NewEvent | None = None  # what it has of those that only agents see
    secrets: Mapping[str, SealedSecret] = field(default_factory=dict)  # by field


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret that a customer gave, encrypted, with the title of its field."""

    title: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Coupon:
    """A priority request: ``rule`` is its key in the policies, ``left`` the uses that remain."""

    id: int
    rule: str
    left: int
