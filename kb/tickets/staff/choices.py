"""What each member of staff wants to be told of, and who is told of an event.

Rules only. Everybody has choices from the beginning: an agent is told of each new ticket at once.
Of one event a person is told once, for the reason that concerns the person most.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from kb.errors import Invalid
from kb.people.person import Role
from kb.timezones import time_zone_or_utc

_HOURS = "hours"  # how they are stored
_MENTION = re.compile(r"(?<![\w@.+-])@([\w.+-]{1,64}(?:@[\w.-]{1,190})?)")


class StaffEvent(StrEnum):
    """The values are stored."""

    NEW = "new"
    ANSWERED = "answered"
    ASSIGNED = "assigned"
    MENTIONED = "mentioned"
    WATCHED = "watched"
    ESCALATED = "escalated"
    AT_RISK = "at-risk"
    BREACHED = "breached"


class Reach(StrEnum):
    """The tickets about which somebody is notified. The values are stored."""

    NONE = "none"
    MINE = "mine"  # assigned to me; of what is about a person, what is about me
    UNASSIGNED = "unassigned"  # and mine
    ALL = "all"


@dataclass(frozen=True, slots=True)
class StaffEventRow:
    """What a page calls an event. ``personal`` events concern only the person in question."""

    title: str
    reason: str  # why somebody is told, in a mail
    personal: bool = False


STAFF_EVENTS: Mapping[StaffEvent, StaffEventRow] = MappingProxyType(
    {
        StaffEvent.NEW: StaffEventRow("New ticket", "A new ticket was filed."),
        StaffEvent.ANSWERED: StaffEventRow(
            "Message or action of a requester", "A requester sent a message or took an action."
        ),
        StaffEvent.ASSIGNED: StaffEventRow("Assigned to me", "You are the assignee.", True),
        StaffEvent.MENTIONED: StaffEventRow("Mentioned in a note", "Somebody mentioned you.", True),
        StaffEvent.WATCHED: StaffEventRow("Ticket that I watch", "You watch the ticket.", True),
        StaffEvent.ESCALATED: StaffEventRow("Escalated", "A requester asked for a supervisor."),
        StaffEvent.AT_RISK: StaffEventRow("SLA target at risk", "A target is due soon."),
        StaffEvent.BREACHED: StaffEventRow("SLA target breached", "A target was not met in time."),
    }
)
#: The events that concern a person most come first.
_PRIORITY = (
    StaffEvent.MENTIONED,
    StaffEvent.ASSIGNED,
    StaffEvent.ESCALATED,
    StaffEvent.BREACHED,
    StaffEvent.AT_RISK,
    StaffEvent.NEW,
    StaffEvent.ANSWERED,
    StaffEvent.WATCHED,
)


#: Mails about these follow the hours in which the target runs, not a person's own hours: at nine in
#: the morning, it is too late to hear about a target that was due at night.
_OF_TARGETS = frozenset({StaffEvent.AT_RISK, StaffEvent.BREACHED})


@dataclass(frozen=True, slots=True)
class StaffChoice:
    """What somebody wants to know about one event: for which tickets, whether also by mail, and
    whether mails may come at any hour.

    Otherwise, mails wait for the person's own hours, or for the business hours of the ticket's
    level. Mails about urgent tickets never wait.
    """

    reach: Reach
    mail: bool = True
    any_hour: bool = False


@dataclass(frozen=True, slots=True)
class StaffHours:
    """When somebody wants mails: on ``days`` (Monday is 0), from ``begin`` until ``end``, which is
    on the next day if it is the earlier of the two. In the person's own time zone.
    """

    begin: dt.time
    end: dt.time
    days: frozenset[int]

    def next(self, instant: dt.datetime, zone: str) -> dt.datetime:
        """The first instant of these hours from ``instant`` on."""
        place = ZoneInfo(time_zone_or_utc(zone))
        today = instant.astimezone(place).date()
        for offset in range(-1, 8):  # from yesterday, whose hours may last until now
            day = today + dt.timedelta(days=offset)
            if day.weekday() not in self.days:
                continue
            last = day + dt.timedelta(days=1) if self.end < self.begin else day
            begin = dt.datetime.combine(day, self.begin, place).astimezone(dt.UTC)
            if instant < dt.datetime.combine(last, self.end, place).astimezone(dt.UTC):
                return max(instant, begin)
        return instant


def staff_hours(begin: str, end: str, days: Iterable[str]) -> StaffHours:
    """From what a form or a row has: times such as 09:00, and numbers of days. Raises Invalid."""
    try:
        hours = StaffHours(
            dt.time.fromisoformat(begin), dt.time.fromisoformat(end), frozenset(map(int, days))
        )
    except ValueError:
        raise Invalid("Enter your hours as times, such as 09:00.", field="hours") from None
    if hours.begin == hours.end:
        raise Invalid("Your hours must begin and end at different times.", field="hours")
    if not hours.days or not hours.days <= set(range(7)):
        raise Invalid("Choose at least one day for your hours.", field="hours")
    return hours


_AT_ONCE = StaffChoice(Reach.ALL, any_hour=True)
_MINE, _UNASSIGNED, _ALL = map(StaffChoice, (Reach.MINE, Reach.UNASSIGNED, Reach.ALL))
_PERSONAL = {event: _MINE for event, row in STAFF_EVENTS.items() if row.personal}
#: Of an agent, and of a supervisor (an administrator) where there is no agent.
AGENT_CHOICES: Mapping[StaffEvent, StaffChoice] = MappingProxyType(
    {
        StaffEvent.NEW: _AT_ONCE,
        StaffEvent.ANSWERED: _UNASSIGNED,
        StaffEvent.ESCALATED: _UNASSIGNED,
        StaffEvent.AT_RISK: _UNASSIGNED,
        StaffEvent.BREACHED: _UNASSIGNED,
        **_PERSONAL,
    }
)
SUPERVISOR_CHOICES: Mapping[StaffEvent, StaffChoice] = MappingProxyType(
    {
        StaffEvent.NEW: StaffChoice(Reach.NONE),
        StaffEvent.ANSWERED: _MINE,
        StaffEvent.ESCALATED: _ALL,
        StaffEvent.AT_RISK: _MINE,
        StaffEvent.BREACHED: _ALL,
        **_PERSONAL,
    }
)
_ALONE = MappingProxyType({**AGENT_CHOICES, StaffEvent.ESCALATED: _ALL, StaffEvent.BREACHED: _ALL})


@dataclass(frozen=True, slots=True)
class StaffMember:
    """``products`` are those whose tickets the person wants to hear about; empty means all.

    ``hours`` are the person's own hours for mails, None for those of the ticket's level.
    """

    id: int
    email: str
    name: str
    choices: Mapping[StaffEvent, StaffChoice]
    products: frozenset[str] = frozenset()
    hours: StaffHours | None = None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class StaffNews:
    """That a member of staff is told of an event, and how."""

    member: StaffMember
    event: StaffEvent
    choice: StaffChoice

    def mail_due(self, now: dt.datetime, *, opens: dt.datetime, urgent: bool) -> dt.datetime:
        """When the mail leaves; ``opens``: when the level's business hours begin."""
        if urgent or self.choice.any_hour:
            return now
        if self.member.hours is None or self.event in _OF_TARGETS:
            return opens
        return self.member.hours.next(now, self.member.zone)


@dataclass(frozen=True, slots=True)
class StaffEventFacts:
    """What happened: ``event``, if it concerns more than single persons, and to what ticket.

    ``assignee`` is an address, or empty. ``about`` has the persons whom it concerns in particular,
    by address.
    """

    event: StaffEvent | None = None
    product: str = ""
    assignee: str = ""
    actor: str = ""
    about: Mapping[str, frozenset[StaffEvent]] = field(default_factory=dict)


def _default_choices(role: str, *, has_agents: bool) -> Mapping[StaffEvent, StaffChoice]:
    """If there are no agents, supervisors get what is for agents."""
    if role == Role.AGENT:
        return AGENT_CHOICES
    return SUPERVISOR_CHOICES if has_agents else _ALONE


def told_of(facts: StaffEventFacts, members: Iterable[StaffMember]) -> tuple[StaffNews, ...]:
    """Everybody who wants to know, except the actor."""
    news = []
    for member in members:
        event = _reason(facts, member)
        if event is not None and member.email != facts.actor:
            news.append(StaffNews(member, event, member.choices[event]))
    return tuple(news)


def _reason(facts: StaffEventFacts, member: StaffMember) -> StaffEvent | None:
    about = facts.about.get(member.email, frozenset())
    for event in _PRIORITY:
        reach = member.choices[event].reach
        if reach is Reach.NONE:
            continue
        if event in about:
            return event
        if event is facts.event and _reaches(reach, facts, member):
            return event
    return None


def _reaches(reach: Reach, facts: StaffEventFacts, member: StaffMember) -> bool:
    if facts.assignee == member.email:
        return True
    if reach is Reach.MINE or (member.products and facts.product not in member.products):
        return False
    return reach is Reach.ALL or not facts.assignee


def mentioned(body: str, members: Sequence[StaffMember]) -> frozenset[str]:
    """The addresses of the people whom a note mentions with ``@name``.

    By address, by its part before the @, or by the name without blanks. A first name counts if only
    one person has it.
    """
    handles: dict[str, set[str]] = {}
    for member in members:
        words = member.name.lower().split()
        local = member.email.partition("@")[0]
        for handle in {member.email, local, "".join(words), *words[:1]}:
            handles.setdefault(handle, set()).add(member.email)
    named = (match.lower().rstrip(".-+") for match in _MENTION.findall(body))
    found = (handles.get(name, set()) for name in named)
    return frozenset(next(iter(emails)) for emails in found if len(emails) == 1)


# --- as stored


def stored_choices(
    choices: Mapping[StaffEvent, StaffChoice], hours: StaffHours | None = None
) -> dict[str, dict[str, Any]]:
    """By event, and the hours beside the events."""
    stored: dict[str, dict[str, Any]] = {
        event.value: {
            "reach": choice.reach.value,
            "mail": choice.mail,
            "any_hour": choice.any_hour,
        }
        for event, choice in choices.items()
    }
    if hours is not None:
        stored[_HOURS] = {
            "from": f"{hours.begin:%H:%M}",
            "to": f"{hours.end:%H:%M}",
            "days": sorted(hours.days),
        }
    return stored


def read_hours(stored: Mapping[str, Any] | None) -> StaffHours | None:
    return staff_hours(stored["from"], stored["to"], stored["days"]) if stored else None


def read_members(rows: Sequence[Any]) -> tuple[StaffMember, ...]:
    """``rows`` are all members of staff, each with what it has stored, which may be nothing."""
    has_agents = any(row.role == Role.AGENT for row in rows)
    return tuple(
        StaffMember(
            row.id,
            row.email,
            row.name,
            read_choices(row.choices or {}, _default_choices(row.role, has_agents=has_agents)),
            frozenset(row.products or ()),
            read_hours((row.choices or {}).get(_HOURS)),
            row.zone,
        )
        for row in rows
    )


def read_choices(
    stored: Mapping[str, Mapping[str, Any]], defaults: Mapping[StaffEvent, StaffChoice]
) -> Mapping[StaffEvent, StaffChoice]:
    """The choices in a row, with the default for events that it lacks."""
    choices = dict(defaults)
    for event in StaffEvent:
        row = stored.get(event.value)
        if row is not None:
            choices[event] = StaffChoice(
                Reach(row["reach"]), bool(row["mail"]), bool(row["any_hour"])
            )
    return choices
