"""What is handed to the store to be saved, and what a decision is made from?

Values only, between the desk (which decides) and ``kb.tickets.store`` (which saves each in one transaction).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kb.sla.clock import SlaEvent
from kb.tickets.access import Ownership
from kb.tickets.promises import Promised
from kb.tickets.ticket import Attachment, Draft, Status, Verb


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
class NewNotice:
    """Somebody to be told. ``facts`` never holds what a customer typed: notices must not carry a stranger's words."""

    kind: str
    recipient: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision about a ticket may rest on, read inside the transaction that saves it."""

    ownership: Ownership
    status: Status
    level: str
    customer_email: str
    assignee_email: str
    copy_to: tuple[str, ...]
    last_at: dt.datetime  # of the newest event: a clock that went back must not put an event before its cause
    promised: tuple[Promised, ...]
    history: tuple[SlaEvent, ...]  # what the clock has heard of it


@dataclass(frozen=True, slots=True)
class Change:
    """One verb, decided."""

    event: NewEvent
    status: Status
    promised: tuple[Promised, ...]
    notices: tuple[NewNotice, ...] = ()
    assignee_id: int | None = None  # set by the verb ASSIGN only


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
    promised: tuple[Promised, ...]
    notices: Callable[[str], tuple[NewNotice, ...]]


@dataclass(frozen=True, slots=True)
class Coupon:
    """A request at a better level: ``rule`` is its key in the policy, ``left`` how often it may still be used."""

    id: int
    rule: str
    left: int
