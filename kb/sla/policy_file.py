"""Reader of ``policies.toml``.

Turns a policy file into an SlaPolicy, or refuses it with all its mistakes, each with its line:
nothing starts on a broken file. ``kb.sla.calendar_file`` reads the calendars; ``kb.sla.policy``
defines the values.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from kb.errors import Misconfigured
from kb.sla.calendar import BusinessCalendar
from kb.sla.calendar_file import PolicyFileContext, read_calendar
from kb.sla.form_file import (
    choices_of,
    read_fields,
    read_groups,
    read_offers,
    read_required,
    read_topics,
    read_when,
    read_xml_files,
)
from kb.sla.mailbox_file import read_mailboxes
from kb.sla.open_time import DAY, Budget, Unit
from kb.sla.policy import (
    ANY_VALUE,
    ENTITLEMENT_FACTS,
    CouponRule,
    Development,
    Entitlement,
    Goal,
    Level,
    LevelChange,
    Reason,
    Severity,
    SlaPolicy,
    Threshold,
    TicketType,
    support_term,
)
from kb.toml_reader import TomlFile, TomlTable, nearest

SECTIONS = (
    "calendars",
    "levels",
    "severities",
    "types",
    "topics",
    "groups",
    "fields",
    "form",
    "offers",
    "entitlements",
    "coupons",
    "reasons",
    "mailboxes",
    "notices",
)
LEVEL_FIELDS = (
    "title",
    "description",
    "calendar",
    "first_response",
    "next_response",
    "resolution",
    "warn",
    "urgent",
    "change",
    "grace",
    "handover",
    "reopen_resets",
    "development",
    "support",
    "after_support",
    "updates",
    "services",
)
MAX_POLICY_BYTES = 1_000_000
#: A longer budget is a mistake rather than a target.
MAX_BUDGET_SECONDS = 3_650 * DAY

_TIME = re.compile(r"(?:(\d{1,6})h)?\s*(?:(\d{1,7})m)?\s*(?:(\d{1,9})s)?")
_DAYS = re.compile(r"(\d{1,4})(bd|d)")
_GOALS = {goal.value.replace(" ", "_"): goal for goal in Goal}


def load_policy(path: Path, *, today: dt.date | None = None) -> SlaPolicy:
    """The policy in ``path``.

    Each calendar must open in the ten years from ``today`` on (default: today in UTC). Raises
    Misconfigured with every mistake as ``file:line: sentence``, one per line.
    """
    return read_policy(path, today=today)[0]


def read_policy(path: Path, *, today: dt.date | None = None) -> tuple[SlaPolicy, TomlFile]:
    """As ``load_policy``, with the file, which knows the lines."""
    data = _bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Misconfigured(
            f"{path}:{line}: This is not UTF-8 text. Save the file as UTF-8."
        ) from None
    page = TomlFile(str(path), text)
    sources = [data]
    policy = _policy(
        page, PolicyFileContext(path.parent, today or dt.datetime.now(dt.UTC).date()), sources
    )
    page.refuse()
    return policy, page


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_POLICY_BYTES:
            raise Misconfigured(
                f"{path}:1: This file is larger than {MAX_POLICY_BYTES // 1_000_000} MB, too large "
                f"for a policy file."
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise Misconfigured(
            f"{path}:1: The policy file is missing. Every site needs one; copy an example."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Misconfigured(f"{path}: Cannot read the policy file: {reason}.") from None


def _policy(page: TomlFile, around: PolicyFileContext, sources: list[bytes]) -> SlaPolicy:
    top = page.top
    top.only(SECTIONS)
    for section in ("calendars", "levels", "severities"):
        if not top.data.get(section):
            top.wrong(f"The file has no {section}. Add at least one [{section}.NAME].")
    calendars = _calendars(top, around, sources)
    names = top.table("calendars").data
    levels = {key: _level(key, table, names) for key, table in top.tables("levels")}
    types = {key: _type(key, table) for key, table in _types(top)}
    topics, groups = read_topics(top), read_groups(top)
    form = {"severity": tuple(top.table("severities").data), "type": tuple(types)}
    fields = read_fields(top, form | {"topic": tuple(topics)})
    known = {"type": tuple(types), "topic": tuple(topics), **choices_of(fields)}
    _check_terms(top, levels)
    severities = {key: _severity(key, table, known) for key, table in top.tables("severities")}
    coupons = {key: _coupon(key, table, levels) for key, table in top.tables("coupons")}
    values: dict[str, Collection[str]] = {
        "severity": tuple(severities),
        "type": tuple(types),
        "coupon": tuple(coupons),
    }
    return SlaPolicy(
        version=hashlib.blake2b(b"\0".join(sources), digest_size=8).hexdigest(),
        calendars=MappingProxyType(calendars),
        levels=MappingProxyType(levels),
        severities=MappingProxyType(severities),
        types=MappingProxyType(types),
        entitlements=_entitlements(top, levels, values),
        coupons=MappingProxyType(coupons),
        reasons=MappingProxyType(
            {key: _reason(key, table) for key, table in top.tables("reasons")}
        ),
        topics=topics,
        groups=groups,
        fields=fields,
        required=read_required(top),
        offers=read_offers(top, {"severity": tuple(severities), **known}),
        xml_files=read_xml_files(top),
        tells_scheduled=_tells_scheduled(top),
        mailboxes=read_mailboxes(top, tuple(types), tuple(topics), severities),
    )


def _tells_scheduled(top: TomlTable) -> bool:
    notices = top.table("notices")
    notices.only(("scheduled",))
    return notices.flag("scheduled")


def _calendars(
    top: TomlTable, around: PolicyFileContext, sources: list[bytes]
) -> dict[str, BusinessCalendar]:
    calendars = {
        key: read_calendar(table, around, sources) for key, table in top.tables("calendars")
    }
    return {key: calendar for key, calendar in calendars.items() if calendar is not None}


def _title(key: str) -> str:
    return key.replace("-", " ").replace("_", " ").capitalize()


def _level(key: str, table: TomlTable, calendars: Collection[str]) -> Level:
    table.only(LEVEL_FIELDS)
    name = table.text("calendar")
    if name and name not in calendars:
        table.wrong(
            f"{table.name}: calendar {name!r} not found; {nearest(name, calendars)}", "calendar"
        )
    goals = {field: _budget(table, field) for field in _GOALS}
    if not any(field in table.data for field in _GOALS):
        table.wrong(
            f'{table.name} has no SLA target. Add a first_response, or "" for none on purpose.'
        )
    return Level(
        key=key,
        title=table.text("title", _title(key)),
        calendar=name,
        description=table.text("description", ""),
        first_response=goals["first_response"],
        next_response=goals["next_response"],
        resolution=goals["resolution"],
        warn=_warn(table),
        urgent=table.flag("urgent"),
        change=LevelChange(table.choice("change", [*LevelChange], LevelChange.RETROACTIVE)),
        grace=_seconds(table, "grace", "1h"),
        handover=table.flag("handover"),
        reopen_resets=table.flag("reopen_resets"),
        development=Development(table.choice("development", [*Development], Development.NO)),
        support=table.text("support", ""),
        after_support=table.text("after_support", ""),
        updates=table.text("updates", ""),
        services=tuple(text for _, text in table.words("services")),
    )


def _check_terms(top: TomlTable, levels: Mapping[str, Level]) -> None:
    """A support term that ends leads to another level, and not in a circle."""
    for key, table in top.tables("levels"):
        level = levels[key]
        if not level.after_support:
            continue
        if level.after_support not in levels:
            sentence = f"Level {level.after_support!r} not found; "
            table.wrong(sentence + nearest(level.after_support, levels), "after_support")
        elif levels[level.after_support].after_support or level.after_support == key:
            table.wrong(
                "The level that 'after_support' names cannot have one itself.", "after_support"
            )
        if support_term(level.support) is None:
            table.wrong(
                "'after_support' needs a term that ends, such as support = \"1 year\".",
                "after_support",
            )


def _budget(table: TomlTable, key: str) -> Budget | None:
    text = table.text(key, "")
    if not text:
        return None
    budget = parse_budget(text)
    if budget is None:
        table.wrong(
            f"{text!r} is not a duration. Write '24h', '1h30m', '3bd' (business days) or '14d' "
            "(calendar days).",
            key,
        )
    return budget


def parse_budget(text: str) -> Budget | None:
    """
    >>> parse_budget("1h30m"), parse_budget("soon")
    (Budget(amount=5400, unit=<Unit.OPEN_TIME: 'open_time'>), None)
    >>> parse_budget("3bd")
    Budget(amount=3, unit=<Unit.BUSINESS_DAYS: 'business_days'>)
    """
    days = _DAYS.fullmatch(text)
    if days is not None:
        count = int(days[1])
        unit = Unit.BUSINESS_DAYS if days[2] == "bd" else Unit.CALENDAR_DAYS
        return Budget(count, unit) if 0 < count <= 3650 else None
    seconds = _duration_seconds(text)
    return Budget(seconds) if seconds is not None else None


def _duration_seconds(text: str) -> int | None:
    """``1h30m`` as seconds; None for anything else, for zero, and for too long a time."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    return total if 0 < total <= MAX_BUDGET_SECONDS else None


def _seconds(table: TomlTable, key: str, default: str) -> int:
    text = table.text(key, default)
    seconds = _duration_seconds(text)
    if seconds is None:
        table.wrong(f"{text!r} is not a duration. Write '1h', '90m' or '30s'.", key)
    return seconds or 0


def _warn(table: TomlTable) -> tuple[Threshold, ...]:
    thresholds = []
    for place, text in table.words("warn"):
        threshold = _threshold(text)
        if threshold is None:
            sentence = (
                f"{text!r} is not a warning threshold. Write '50%' of the budget (1% to 99%), or "
                "'1h' of business hours before the due time."
            )
            table.file.wrong(place, sentence)
        else:
            thresholds.append(threshold)
    return tuple(thresholds)


def _threshold(text: str) -> Threshold | None:
    percent = re.fullmatch(r"([1-9]\d?)%", text)
    if percent is not None:
        return Threshold(percent=int(percent[1]))
    lead = _duration_seconds(text)
    return Threshold(lead=lead) if lead is not None else None


def _severity(key: str, table: TomlTable, known: Mapping[str, Collection[str]]) -> Severity:
    table.only(("title", "definition", "urgent", "parameter", "explanation", "when", "formerly"))
    parameter = table.choice("parameter", ("", "date"), "")
    required = table.data.get("explanation") == "required"
    return Severity(
        key=key,
        title=table.text("title"),
        definition=table.text("definition"),
        urgent=table.flag("urgent"),
        parameter=parameter or None,
        explanation_asked=required or table.flag("explanation"),
        explanation_required=required,
        when=read_when(table, known),
        formerly=tuple(text for _, text in table.words("formerly")),
    )


def _types(top: TomlTable) -> list[tuple[str, TomlTable]]:
    """The ticket types of the file, or the three default ones."""
    if "types" in top.data:
        return list(top.tables("types"))
    return [
        (key, TomlTable(top.file, ("types", key), {"title": _title(key)}))
        for key in ("question", "problem", "request")
    ]


def _type(key: str, table: TomlTable) -> TicketType:
    table.only(("title", "definition"))
    return TicketType(key, table.text("title"), table.text("definition", ""))


def _coupon(key: str, table: TomlTable, levels: Collection[str]) -> CouponRule:
    table.only(("title", "level", "per_year"))
    per_year = table.table("per_year")
    for category, count in per_year.data.items():
        if type(count) is not int or count < 1:
            per_year.wrong(
                f"{category!r} must be a whole number of coupons per year, 1 or more.", category
            )
    if not per_year.data:
        table.wrong(f"{table.name} needs 'per_year', such as per_year = {{ premium = 3 }}.")
    return CouponRule(
        key,
        table.text("title", _title(key)),
        _level_key(table, levels),
        MappingProxyType(per_year.data),
    )


def _reason(key: str, table: TomlTable) -> Reason:
    table.only(("title", "pauses", "until_reply", "closes"))
    closes = table.flag("closes")
    pauses = set() if closes or "pauses" in table.data else {Goal.RESOLUTION}
    for place, text in table.words("pauses"):
        if text in _GOALS:
            pauses.add(_GOALS[text])
        else:
            table.file.wrong(place, f"{text!r} is not an SLA target; {nearest(text, _GOALS)}")
    return Reason(key, table.text("title"), frozenset(pauses), table.flag("until_reply"), closes)


def _level_key(table: TomlTable, levels: Collection[str]) -> str:
    level = table.text("level")
    if level and level not in levels:
        table.wrong(f"Level {level!r} not found; {nearest(level, levels)}", "level")
    return level


def _entitlements(
    top: TomlTable, levels: Collection[str], values: Mapping[str, Collection[str]]
) -> tuple[Entitlement, ...]:
    tables = top.array("entitlements")
    if not tables:
        top.wrong("The file has no entitlements. Add [[entitlements]] with 'level' and 'why'.")
    rows = [_entitlement(table, levels, values) for table in tables]
    for number, row in enumerate(rows[:-1]):
        if not row.when:
            tables[number].wrong(
                "This entitlement matches every ticket, so the ones below it have no effect. Move "
                "it to the end."
            )
    if rows and rows[-1].when:
        tables[-1].wrong(
            "The last entitlement must match every ticket. Add one without 'when' below it."
        )
    return tuple(rows)


def _entitlement(
    table: TomlTable, levels: Collection[str], values: Mapping[str, Collection[str]]
) -> Entitlement:
    table.only(("when", "level", "why"))
    when = table.table("when")
    when.only(ENTITLEMENT_FACTS)
    rule = {}
    for fact in when.data:
        words = when.words(fact)
        if not words:
            when.wrong(f"{fact!r} has no value. Add at least one, or '*' for any.", fact)
        for place, word in words:
            if word != ANY_VALUE and fact in values and word not in values[fact]:
                sentence = f"{fact.capitalize()} {word!r} not found; {nearest(word, values[fact])}"
                when.file.wrong(place, sentence)
        rule[fact] = frozenset(word.casefold() for _, word in words)
    return Entitlement(MappingProxyType(rule), _level_key(table, levels), table.text("why"))
