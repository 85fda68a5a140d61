"""Who is promised what?

An ``SlaPolicy`` is everything a support site promises: calendars, levels, severities, and the table
of entitlements that chooses the level of a ticket from facts. Values and one lookup, pure; the file
they come from is read by ``kb.sla.policy_file`` and the counting is done by ``kb.sla.clock``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kb.errors import Invalid
from kb.sla.calendar import BusinessCalendar
from kb.sla.open_time import Budget


class Goal(StrEnum):
    """What is promised a time for."""

    FIRST = "first response"
    NEXT = "next response"
    RESOLUTION = "resolution"


class LevelChange(StrEnum):
    """How a target that runs already is counted when its ticket moves to a level."""

    RETROACTIVE = (
        "retroactive"  # as if the ticket had been at this level all the time, pauses included
    )
    FROM_CHANGE = "from_change"  # the whole budget anew from the move on
    PROPORTIONAL = "proportional"  # the share of the budget that is left stays the same


class Development(StrEnum):
    """Whether a ticket of a level may go to development (capabilities X12, X17)."""

    NO = "no"
    YES = "yes"
    SAME_LEVEL = "same_level"


@dataclass(frozen=True, slots=True)
class Threshold:
    """When to warn: at ``percent`` of the budget, or ``lead`` seconds of open time before the due
    instant.
    """

    percent: int = 0
    lead: int = 0

    def __str__(self) -> str:
        return f"{self.percent}%" if self.percent else f"{self.lead}s"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of service. A goal without a budget is not promised."""

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
    grace: int = (
        3600  # seconds of open time, after a move or a re-opening that would already be late
    )
    handover: bool = False  # the clock starts when a ticket is moved to this level (X16)
    reopen_resets: bool = False
    development: Development = Development.NO
    support: str = ""  # how long support lasts: "1 year", "unlimited"
    updates: str = ""  # how long updates are free
    services: tuple[str, ...] = ()

    def budget(self, goal: Goal) -> Budget | None:
        return {
            Goal.FIRST: self.first_response,
            Goal.NEXT: self.next_response,
            Goal.RESOLUTION: self.resolution,
        }[goal]


@dataclass(frozen=True, slots=True)
class Severity:
    """How bad it is, with the definition the customer reads while choosing (B8)."""

    key: str
    title: str
    definition: str
    urgent: bool = False
    parameter: str | None = None  # "date": the customer must add one (B9)
    explanation_asked: bool = False  # why it is so urgent (B17)


@dataclass(frozen=True, slots=True)
class TicketType:
    """What a customer may bring (V11)."""

    key: str
    title: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a ticket waits or ends (X10, X28). ``pauses`` empty and ``closes`` true: it only ends."""

    key: str
    title: str
    pauses: frozenset[Goal] = frozenset({Goal.RESOLUTION})
    until_reply: bool = False  # any public word of the customer ends the pause
    closes: bool = False


@dataclass(frozen=True, slots=True)
class CouponRule:
    """Requests at a better level, so many in a contract year for each customer category (X13)."""

    key: str
    title: str
    level: str
    per_year: Mapping[str, int]


#: What may be asked about a ticket before its level is known.
ENTITLEMENT_FACTS = (
    "category",
    "group",
    "licence",
    "severity",
    "type",
    "topic",
    "product",
    "coupon",
    "channel",
)
ANY_VALUE = "*"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One row: when every fact in ``when`` has one of the values, the ticket gets ``level`` because
    of ``why``.
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
class LevelChoice:
    """A level and the sentence that customer and agent see as its evidence."""

    level: Level
    why: str


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """All promises of a site. Mappings keep the order of the file; ``version`` names its content."""

    version: str
    calendars: Mapping[str, BusinessCalendar]
    levels: Mapping[str, Level]
    severities: Mapping[str, Severity]
    types: Mapping[str, TicketType]
    entitlements: tuple[Entitlement, ...]
    coupons: Mapping[str, CouponRule]
    reasons: Mapping[str, Reason]

    def choose(self, facts: Mapping[str, str]) -> LevelChoice:
        """The level for a ticket of which ``facts`` are known (names in FACTS); the first row that
        matches wins.

        ``coupon`` is the key of a coupon that was found valid, never the code somebody typed.
        """
        for row in self.entitlements:
            if row.matches(facts):
                return LevelChoice(self.levels[row.level], row.why)
        raise Invalid(
            "No level is promised for this ticket; the last entitlement in the policies must "
            "match all."
        )

    def level(self, key: str) -> Level:
        """Raises Invalid for a level that is not in the policies."""
        if key not in self.levels:
            raise Invalid(
                f"There is no level {key!r}; there are {', '.join(self.levels)}.", field="level"
            )
        return self.levels[key]

    def calendar(self, level: Level) -> BusinessCalendar:
        return self.calendars[level.calendar]

    def urgent(self, level: Level, severity: str) -> bool:
        """Whether a ticket is served out of turn (X7)."""
        found = self.severities.get(severity)
        return level.urgent or (found is not None and found.urgent)
