"""What a site publishes about its support, as data: levels, schedule, versions, fields and scope.

Everything follows from the policy file and the catalogue: the pages, the ticket form and the API
show the same. Pure; ``today`` decides what lies ahead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kb.site.site_file import Site
from kb.sla.calendar import WEEKDAYS, BusinessCalendar, SpecialHours, WallSpan
from kb.sla.open_time import DAY, Budget, Unit, duration
from kb.sla.policy import Development, Level, SlaPolicy
from kb.tickets.catalogue import Catalogue

#: How far ahead closures and openings are published.
AHEAD = 366  # days

DEVELOPMENT_TITLES = {
    Development.NO: "Not passed on to development",
    Development.YES: "Can be passed on to development",
    Development.SAME_LEVEL: "Can be passed on to development, at the same level",
}


@dataclass(frozen=True, slots=True)
class OpenDays:
    """Weekdays in a row with the same hours: ``Monday to Thursday``, ``08:00–16:30``."""

    days: str
    hours: str


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A date on which the hours of the week do not hold. ``hours`` is empty for a whole day."""

    date: dt.date
    name: str
    hours: str = ""
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class PublishedCalendar:
    key: str
    title: str
    zone: str
    week: tuple[OpenDays, ...]
    special: tuple[SpecialDay, ...]
    levels: tuple[str, ...]  # titles of the levels that go by it


@dataclass(frozen=True, slots=True)
class PublishedLevel:
    """A support level in words. A target that does not exist is empty."""

    level: Level
    first_response: str
    next_response: str
    resolution: str
    calendar: str  # its title
    development: str


def published_calendars(policy: SlaPolicy, today: dt.date) -> tuple[PublishedCalendar, ...]:
    """Every calendar that a level goes by."""
    calendars = []
    for key, calendar in policy.calendars.items():
        levels = tuple(level.title for level in policy.levels.values() if level.calendar == key)
        if levels:
            week = tuple(_week(calendar))
            special = tuple(_special_days(calendar, today))
            zone = calendar.zone.key
            calendars.append(PublishedCalendar(key, _title(key), zone, week, special, levels))
    return tuple(calendars)


def published_levels(policy: SlaPolicy) -> tuple[PublishedLevel, ...]:
    return tuple(
        PublishedLevel(
            level,
            budget_words(level.first_response),
            budget_words(level.next_response),
            budget_words(level.resolution),
            _title(level.calendar),
            DEVELOPMENT_TITLES[level.development],
        )
        for level in policy.levels.values()
    )


def budget_words(budget: Budget | None) -> str:
    """
    >>> budget_words(Budget(2, Unit.BUSINESS_DAYS)), budget_words(Budget(3600)), budget_words(None)
    ('2 business days', '1 h', '')
    """
    if budget is None:
        return ""
    if budget.unit is Unit.OPEN_TIME:
        return duration(budget.amount)
    kind = "business" if budget.unit is Unit.BUSINESS_DAYS else "calendar"
    return f"{budget.amount} {kind} day{'s' if budget.amount != 1 else ''}"


def _title(key: str) -> str:
    return key.replace("-", " ").replace("_", " ").capitalize()


def _week(calendar: BusinessCalendar) -> Iterator[OpenDays]:
    first = 0
    for day in range(1, 8):
        if day < 7 and calendar.week[day] == calendar.week[first]:
            continue
        names = WEEKDAYS[first] if day - first == 1 else f"{WEEKDAYS[first]} to {WEEKDAYS[day - 1]}"
        yield OpenDays(names, _hours(calendar.week[first]) or "closed")
        first = day


def _hours(spans: tuple[WallSpan, ...]) -> str:
    return ", ".join(f"{_clock(start)}–{_clock(end)}" for start, end in spans)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


def _special_days(calendar: BusinessCalendar, today: dt.date) -> Iterator[SpecialDay]:
    for n in range(AHEAD):
        date = today + dt.timedelta(days=n)
        holiday = calendar.holidays.get(date)
        if holiday is not None and calendar.week[date.weekday()]:
            yield SpecialDay(date, str(holiday))
        for special in calendar.closed:
            if special.matches(date):
                yield SpecialDay(date, special.why or "Closed", _special_hours(special))
        for special in calendar.extra:
            if special.matches(date):
                hours = _hours(((special.start, special.end),))
                yield SpecialDay(date, special.why or "Open", hours, is_open=True)


def _special_hours(special: SpecialHours) -> str:
    whole = (special.start, special.end) == (0, DAY)
    return "" if whole else _hours(((special.start, special.end),))


def site_json(
    site: Site, policy: SlaPolicy, catalogue: Catalogue, today: dt.date, *, staff: bool
) -> dict[str, Any]:
    """The answer of ``GET /api/v1/site``. Fields for agents alone are named to ``staff`` only."""
    spellings = _spellings(policy, catalogue)
    return {
        "name": site.name,
        "types": [_named(kind) for kind in policy.types.values()],
        "topics": [_named(topic) for topic in policy.topics.values()],
        "severities": [
            _named(severity)
            | {
                "parameters": [
                    *([severity.parameter] if severity.parameter else ()),
                    *(["explanation"] if severity.explanation_asked else ()),
                ]
            }
            for severity in policy.severities.values()
        ],
        "products": [
            {
                "key": product.key,
                "title": product.title,
                "versions": [
                    {"name": version.name, "support_ends": _iso(version.support_ends)}
                    for version in product.versions
                ],
            }
            for product in catalogue.products
        ],
        "fields": [
            {
                "key": field.key,
                "title": field.title,
                "kind": field.kind.value,
                "required": field.required,
                "choices": list(field.choices),
                "when": {
                    name: sorted(spellings[name].get(value, value) for value in values)
                    for name, values in field.when.items()
                },
            }
            for field in policy.fields.values()
            if field.on_form or staff
        ],
        "scope": [
            {"topic": topic.key, "in": list(topic.in_scope), "out": list(topic.out_of_scope)}
            for topic in policy.topics.values()
            if topic.in_scope or topic.out_of_scope
        ],
        "schedule": [_calendar_json(each) for each in published_calendars(policy, today)],
        "levels": [_level_json(each) for each in published_levels(policy)],
    }


def _spellings(policy: SlaPolicy, catalogue: Catalogue) -> Mapping[str, Mapping[str, str]]:
    """Of each fact and field: folded value -> the value as the rest of the answer spells it.

    Conditions are kept folded. Whoever renders the form compares them with keys and choices.
    """
    values: dict[str, Iterable[str]] = {
        "product": (product.key for product in catalogue.products),
        "type": policy.types,
        "severity": policy.severities,
        "topic": policy.topics,
    }
    values |= {key: field.choices for key, field in policy.fields.items()}
    return {name: {text.casefold(): text for text in texts} for name, texts in values.items()}


def _named(value: Any) -> dict[str, Any]:
    return {"key": value.key, "title": value.title, "definition": value.definition}


def _iso(date: dt.date | None) -> str | None:
    return date.isoformat() if date else None


def _calendar_json(calendar: PublishedCalendar) -> dict[str, Any]:
    return {
        "key": calendar.key,
        "title": calendar.title,
        "zone": calendar.zone,
        "week": [{"days": row.days, "hours": row.hours} for row in calendar.week],
        "special": [
            {
                "date": day.date.isoformat(),
                "name": day.name,
                "hours": day.hours,
                "open": day.is_open,
            }
            for day in calendar.special
        ],
    }


def _level_json(published: PublishedLevel) -> dict[str, Any]:
    level = published.level
    return {
        "key": level.key,
        "title": level.title,
        "description": level.description,
        "calendar": level.calendar,
        "first_response": published.first_response,
        "next_response": published.next_response,
        "resolution": published.resolution,
        "support": level.support,
        "after_support": level.after_support,
        "updates": level.updates,
        "services": list(level.services),
        "development": level.development.value,
    }
