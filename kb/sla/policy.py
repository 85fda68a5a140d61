"""SLA policy: calendars, service levels, severities, and the entitlements that choose a level.

Values and one lookup, all pure. ``kb.sla.policy_file`` reads them from a file; ``kb.sla.clock``
counts time against them.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kb.errors import Invalid
from kb.sla.calendar import BusinessCalendar
from kb.sla.form_fields import ArticleOffer, CustomerGroup, SiteField, Topic
from kb.sla.open_time import Budget


class Goal(StrEnum):
    """What an SLA target measures."""

    FIRST = "first response"
    NEXT = "next response"
    RESOLUTION = "resolution"


class LevelChange(StrEnum):
    """How a running target continues when its ticket moves to another level."""

    # as if the ticket had always had the new level, pauses included
    RETROACTIVE = "retroactive"
    FROM_CHANGE = "from_change"  # the full budget from the change on
    PROPORTIONAL = "proportional"  # the same share of the budget remains


class Development(StrEnum):
    """Whether a ticket of a level may be escalated to development."""

    NO = "no"
    YES = "yes"
    SAME_LEVEL = "same_level"


@dataclass(frozen=True, slots=True)
class Threshold:
    """When to warn: at ``percent`` of the budget, or ``lead`` seconds of business hours before the
    due time.
    """

    percent: int = 0
    lead: int = 0

    def __str__(self) -> str:
        return f"{self.percent}%" if self.percent else f"{self.lead}s"


@dataclass(frozen=True, slots=True)
class Level:
    """One service level. A goal without a budget has no target."""

    key: str
    title: str
    calendar: str
    description: str = ""
    first_response: Budget | None = None
    next_response: Budget | None = None
    resolution: Budget | None = None
    warn: tuple[Threshold, ...] = ()
    urgent: bool = False
    change: LevelChange = LevelChange.RETROACTIVE
    # seconds of business hours that remain at least after a level change or a reopening
    grace: int = 3600
    handover: bool = False  # a next-response target starts when a ticket moves to this level
    reopen_resets: bool = False
    development: Development = Development.NO
    support: str = ""  # how long support lasts: "1 year", "unlimited"
    after_support: str = ""  # the level of whoever's support term is over; empty: it never ends
    updates: str = ""  # how long updates are free
    services: tuple[str, ...] = ()
    budgets: Mapping[Goal, Budget | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        budgets = {
            Goal.FIRST: self.first_response,
            Goal.NEXT: self.next_response,
            Goal.RESOLUTION: self.resolution,
        }
        # A frozen dataclass has no other way to store what it derives from its fields.
        object.__setattr__(self, "budgets", budgets)


@dataclass(frozen=True, slots=True)
class Severity:
    """A severity, with the definition that customers read when they choose one."""

    key: str
    title: str
    definition: str
    urgent: bool = False
    parameter: str | None = None  # "date": the customer must give one
    explanation_asked: bool = False  # the customer is asked to explain the urgency
    explanation_required: bool = False
    #: The tickets that can have it: fact or field -> its values.
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    formerly: tuple[str, ...] = ()  # earlier names, by which agents still find tickets


@dataclass(frozen=True, slots=True)
class TicketType:
    """A type of ticket, such as question or problem."""

    key: str
    title: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a ticket is pending, on hold or closed: the goals that it pauses, or that it closes."""

    key: str
    title: str
    pauses: frozenset[Goal] = frozenset({Goal.RESOLUTION})
    until_reply: bool = False  # a public reply of the customer ends the pause
    closes: bool = False


@dataclass(frozen=True, slots=True)
class CouponRule:
    """Priority requests at a better level: how many a contract year grants each category."""

    key: str
    title: str
    level: str
    per_year: Mapping[str, int]


class Updates(StrEnum):
    """Where the conversation about a ticket of a mailbox goes on."""

    SITE = "site"  # mails only say that there is news; answers to them are not read
    MAIL = "mail"
    BOTH = "both"


class ClosedReply(StrEnum):
    """What an answer to a closed ticket does."""

    REOPEN = "reopen"
    FILE = "file"  # files a new ticket that names the closed one


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address to which people write. Empty texts say nothing about the ticket.

    ``organisation`` is the only one whose people get more than the lowest level here. ``lists`` are
    the List-Ids under which mail reaches the address, when it is itself a mailing list.
    """

    address: str
    product: str = ""
    type: str = ""
    topic: str = ""
    severity: str = ""
    language: str = ""
    organisation: str = ""
    updates: Updates = Updates.BOTH
    closed: ClosedReply = ClosedReply.REOPEN
    lists: frozenset[str] = frozenset()


#: The facts about a ticket that entitlements may match.
ENTITLEMENT_FACTS = (
    "category",
    "group",
    "organisation",
    "domain",
    "licence",
    "severity",
    "type",
    "topic",
    "product",
    "coupon",
    "channel",
)
ANY_VALUE = "*"
#: How a ticket can be filed.
CHANNELS = ("web", "api", "mail")


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One row of the entitlement table: if every fact in ``when`` has one of its values, the ticket
    gets ``level``, and ``why`` is the reason that people see.
    """

    when: Mapping[str, frozenset[str]]
    level: str
    why: str

    def matches(self, facts: Mapping[str, str]) -> bool:
        return all(_holds(values, facts.get(fact, "")) for fact, values in self.when.items())


def _holds(values: frozenset[str], fact: str) -> bool:
    folded = fact.strip().casefold()
    return folded in values or (ANY_VALUE in values and bool(folded))


@dataclass(frozen=True, slots=True)
class VerifiedRequester:
    """What entitlements know of whoever files a ticket with a proven address.

    ``category`` is the customer category in force, ``licence`` that of a licence with the address.
    """

    email: str = ""
    category: str = ""
    licence: str = ""
    organisation: str = ""


#: Of an address that is not proven, nothing counts.
UNVERIFIED = VerifiedRequester()


@dataclass(frozen=True, slots=True)
class LevelChoice:
    """A level and the sentence that tells customer and agent why it applies."""

    level: Level
    why: str


def support_term(text: str) -> tuple[int, str] | None:
    """How long support lasts; None for what is not a number of days, months or years.

    >>> support_term("1 year"), support_term("30 days"), support_term("unlimited")
    ((1, 'year'), (30, 'day'), None)
    """
    match = re.fullmatch(r"(\d{1,3}) (day|month|year)s?", text)
    return (int(match[1]), match[2]) if match else None


def later(at: dt.datetime, count: int, unit: str) -> dt.datetime:
    """``count`` days, months or years after ``at``; a day that a month lacks is its last one."""
    if unit == "day":
        return at + dt.timedelta(days=count)
    months = at.month - 1 + (count if unit == "month" else 12 * count)
    year, month = at.year + months // 12, months % 12 + 1
    day = min(at.day, calendar.monthrange(year, month)[1])
    return at.replace(year=year, month=month, day=day)


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """The policy of a site. Mappings keep the order of the file; ``version`` is a content hash."""

    version: str
    calendars: Mapping[str, BusinessCalendar]
    levels: Mapping[str, Level]
    severities: Mapping[str, Severity]
    types: Mapping[str, TicketType]
    entitlements: tuple[Entitlement, ...]
    coupons: Mapping[str, CouponRule]
    reasons: Mapping[str, Reason]
    topics: Mapping[str, Topic] = field(default_factory=dict)
    groups: Mapping[str, CustomerGroup] = field(default_factory=dict)
    fields: Mapping[str, SiteField] = field(default_factory=dict)
    required: frozenset[str] = frozenset()  # fields of every form that this site requires
    offers: tuple[ArticleOffer, ...] = ()
    xml_files: frozenset[str] = frozenset()  # endings of XML that can be attached as it is
    mailboxes: Mapping[str, Mailbox] = field(default_factory=dict)  # by address
    tells_scheduled: bool = False  # the requester, when an agent becomes responsible

    def group(self, email: str, organisation: str) -> str:
        """The first group that includes a verified address or its organisation."""
        groups = self.groups.values()
        return next((group.key for group in groups if group.includes(email, organisation)), "")

    def choose(
        self, facts: Mapping[str, str], requester: VerifiedRequester = UNVERIFIED
    ) -> LevelChoice:
        """The level of a ticket: the first row that matches wins.

        ``facts`` are those of the ticket, named as in ENTITLEMENT_FACTS. ``coupon`` is the key of a
        valid coupon, never the code that somebody typed.
        """
        facts = {
            "category": requester.category,
            "licence": requester.licence,
            "organisation": requester.organisation,
            "domain": requester.email.rpartition("@")[2],
            "group": self.group(requester.email, requester.organisation),
            **facts,
        }
        for row in self.entitlements:
            if row.matches(facts):
                return LevelChoice(self.levels[row.level], row.why)
        raise Invalid(
            "No service level applies to this ticket. The last entitlement in the policies must "
            "match every ticket."
        )

    def after_term(
        self, choice: LevelChoice, since: dt.datetime | None, at: dt.datetime
    ) -> LevelChoice:
        """The choice, or the level that follows once the support term from ``since`` on is over."""
        level, term = choice.level, support_term(choice.level.support)
        if not level.after_support or since is None or term is None:
            return choice
        ended = later(since, *term)
        if at < ended:
            return choice
        why = f"The support term of the level {level.title} ended on {ended.day} {ended:%B %Y}."
        return LevelChoice(self.levels[level.after_support], why)

    def level(self, key: str) -> Level:
        """Raises Invalid for a level that is not in the policies."""
        if key not in self.levels:
            raise Invalid(
                f"Level {key!r} not found. Levels: {', '.join(self.levels)}.", field="level"
            )
        return self.levels[key]

    def calendar(self, level: Level) -> BusinessCalendar:
        return self.calendars[level.calendar]

    def next_open(self, level: str, time: dt.datetime) -> dt.datetime | None:
        """The first instant from ``time`` on at which the level's calendar is open.

        None when ten years hold none. Raises Invalid for a level that is not in the policies.
        """
        return self.calendar(self.level(level)).next_open(time)

    def urgent(self, level: Level, severity: str) -> bool:
        """Whether a ticket goes before others in the queue."""
        chosen = self.severities.get(severity)
        return level.urgent or (chosen is not None and chosen.urgent)
