"""Values as pages show them: Jinja filters and the tables of titles.

Highlights, links, times in the reader's time zone, due times, events and sizes. Every filter
escapes its input before it adds markup. Each noun has one table of titles: here ``KINDS``,
``DUE_STATES`` and ``OUTCOME_TITLES``; statuses and verbs have theirs in ``kb.tickets.lifecycle``.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from flask import Flask, request, url_for
from markupsafe import Markup, escape

from kb.ids import ticket_number
from kb.problems.problem import PROBLEM_STATUS_TITLES, ProblemStatus
from kb.search.display.sections import GuideSection
from kb.search.documents import Document
from kb.search.results import Answer, Hit, NearDuplicate, Passage
from kb.sla.form_fields import AGENTS, CUSTOMERS, SiteFieldKind
from kb.sla.open_time import duration
from kb.ticket_text import ticket_text
from kb.tickets.actions.conversation import is_web_address
from kb.tickets.attachments.pictures import SHOWN_FORMATS
from kb.tickets.lifecycle import STATUSES, VERBS, Status, Verb
from kb.tickets.ticket import Event, TargetView, Ticket
from kb.timezones import time_zone_or_utc
from webapp.context import centre
from webapp.context import now as request_now
from webapp.context import zone as request_zone
from webapp.sub_path import portal_path


class KindRow(NamedTuple):
    """How a kind of document is called: ``path`` is the address of its listing, ``noun`` counts."""

    title: str
    list_title: str
    path: str
    noun: str


KINDS: Mapping[str, KindRow] = MappingProxyType(
    {
        "doc": KindRow("Guide", "Guides", "docs", "guides"),
        "faq": KindRow("FAQ", "FAQ", "faq", "FAQ entries"),
        "forum": KindRow("Forum", "Forum", "forum", "threads"),
    }
)


_KEPT_PATHS = 1024
_DIRECTIVE_WORDS = 5  # of a passage at its beginning and its end, by which a browser finds it

#: What a visitor did with a suggestion before filing.
OUTCOME_TITLES: Mapping[str, str] = MappingProxyType(
    {"shown": "Shown", "opened": "Read", "rejected": "Read, didn’t help"}
)


class DueState(NamedTuple):
    """Colour (``tone``), icon and title: colour is never the only carrier of a state."""

    tone: str
    icon: str
    title: str


DUE_STATES: Mapping[str, DueState] = MappingProxyType(
    {
        "overdue": DueState("bad", "alert", "Overdue"),
        "at-risk": DueState("warn", "clock", "Due"),
        "running": DueState("calm", "clock", "Due"),
        "paused": DueState("quiet", "pause", "Paused"),
        "met": DueState("good", "check", "Met"),
        "breached": DueState("bad", "alert", "Breached"),
        "cancelled": DueState("quiet", "minus", "Cancelled"),
    }
)
#: A target that is due within this time and not met is at risk.
AT_RISK = dt.timedelta(hours=2)


class DueView(NamedTuple):
    """An SLA target as a badge shows it; ``state`` is a key of ``DUE_STATES``."""

    state: str
    tone: str
    icon: str
    text: str


#: Languages that are written from right to left.
_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_FACT = re.compile(r"\{(\w+)\}")

# Not strftime: its names follow the locale of the process.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: Mark in a User-Agent header -> name. The order matters: Edge and Opera also say Chrome, and all
#: of them say Safari.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def lang_attributes(language: str) -> Markup:
    """The attributes of an element whose text is in ``language``. If the language is unknown (""),
    the first letter decides the direction.

    >>> lang_attributes("ar"), lang_attributes("")
    (Markup('lang="ar" dir="rtl"'), Markup('dir="auto"'))
    """
    if not language:
        return Markup('dir="auto"')
    direction = "rtl" if language.split("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"
    return Markup('lang="{}" dir="{}"').format(language, direction)


def register(app: Flask) -> None:
    for function in (
        article_path,
        client_title,
        clock_in,
        coupon_note,
        day,
        documents_of,
        due_view,
        event_words,
        first_day,
        ledger_moment,
        in_place,
        iso_day,
        last_day,
        local_day,
        local_iso_day,
        marked,
        other_edition,
        problem_status,
        product_title,
        span_words,
        seconds_words,
        section_path,
        size,
        lang_attributes,
        status_title,
        ticket_text,
        ticket_number,
        when,
        when_json,
    ):
        app.template_filter(function.__name__)(function)

    app.jinja_env.globals |= {
        "KINDS": KINDS,
        "OUTCOME_TITLES": OUTCOME_TITLES,
        "SHOWN_PICTURES": SHOWN_FORMATS,
        "contents": contents,
        "opens_with_text": opens_with_text,
        "support_ends": support_ends,
        "ticket_fields": ticket_fields,
        "ticket_titles": ticket_titles,
        "url_for": url_path,
        "with_query": with_query,
    }


# --- text


def article_path(hit: Hit) -> str:
    """The address of a whole document, wherever the hit would open it."""
    return portal_path(hit.url.partition("#")[0])


def product_title(key: str) -> str:
    """The title of a product; its key once it has left the catalogue."""
    product = centre().catalogue.product(key)
    return product.title if product else key


def problem_status(status: ProblemStatus) -> str:
    return PROBLEM_STATUS_TITLES[status]


def section_path(section: GuideSection) -> str:
    return portal_path(f"/docs/{section.path}".rstrip("/"))


def marked(passage: Passage | Answer) -> Markup:
    """A passage or an answer with its spans as ``<mark>``; the text is escaped piece by piece.

    >>> marked(Passage("a <b> c", ((2, 5),)))
    Markup('a <mark>&lt;b&gt;</mark> c')
    """
    pieces: list[str] = []
    offset = 0

    for start, end in passage.spans:
        if not offset <= start <= end <= len(passage.text):
            continue
        before, inside = escape(passage.text[offset:start]), escape(passage.text[start:end])
        pieces += [before, "<mark>", inside, "</mark>"]
        offset = end

    pieces.append(escape(passage.text[offset:]))
    # All pieces are safe: a join by Markup would look at each once more.
    return Markup("".join(pieces))  # noqa: S704 - escaped above


def in_place(hit: Hit | Answer) -> str:
    """The address of a hit or an answer at the passage that it shows, which browsers mark.

    A text directive (WICG "URL Fragment Text Directives") with the first and the last words of the
    passage. When a browser does not find them, it goes to the heading above.
    """
    shown = (hit.passage.text if isinstance(hit, Hit) else hit.text).strip("… ")
    first, last = shown.split("\n", 1)[0].split(), shown.rsplit("\n", 1)[-1].split()
    if not first or not last:
        return hit.url
    ends = [" ".join(first[:_DIRECTIVE_WORDS])]
    if len(shown.split()) > _DIRECTIVE_WORDS:
        ends.append(" ".join(last[-_DIRECTIVE_WORDS:]))
    # A hyphen has a meaning of its own in a directive.
    directive = ",".join(quote(end, safe="").replace("-", "%2D") for end in ends)
    return f"{hit.url}{'' if '#' in hit.url else '#'}:~:text={directive}"


def other_edition(other: NearDuplicate) -> str:
    """What a document that says almost the same as another is called beside it."""
    return f"Version {other.version}" if other.version else other.product or other.title


def size(count: int) -> str:
    """A number of bytes in decimal units."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def client_title(client: str) -> str:
    """The browser and system of a User-Agent header; the header's first word for other programs.

    >>> client_title("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    program = client.split("/")[0][:40]
    browser = next((name for mark, name in _BROWSERS if mark in client), program)
    system = next((name for mark, name in _SYSTEMS if mark in client), "")
    return " on ".join(filter(None, (browser, system))) or "Unknown program"


# --- times


def moment(instant: dt.datetime, zone: ZoneInfo, now: dt.datetime) -> str:
    """``Tue 24 Nov 15:00`` in ``zone``, with the year when it is not this one."""
    local = instant.astimezone(zone)
    year = f" {local.year}" if local.year != now.astimezone(zone).year else ""
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}{year} {local:%H:%M}"


def zone_name(instant: dt.datetime, zone: ZoneInfo) -> str:
    """``CET`` where the zone has letters for it, else ``UTC+5:30``."""
    local = instant.astimezone(zone)
    abbreviation = local.tzname() or ""
    if abbreviation.isalpha():
        return abbreviation

    offset = round((local.utcoffset() or dt.timedelta()).total_seconds() / 60)
    sign = "+" if offset >= 0 else "−"
    hours, minutes = divmod(abs(offset), 60)
    return f"UTC{sign}{hours}" + (f":{minutes:02}" if minutes else "")


def when(instant: dt.datetime | None, *, zone: bool = True) -> Markup:
    """An instant as ``<time>`` in the reader's zone."""
    if instant is None:
        return Markup("—")

    reader_zone = request_zone()
    text = moment(instant, reader_zone, request_now())
    if zone:
        text += f" {zone_name(instant, reader_zone)}"

    utc = instant.astimezone(dt.UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M}", text
    )


def day(date: dt.date | str | None) -> str:
    """``24 November 2026``; a search hit carries its date in ISO form."""
    if isinstance(date, str) and date:
        date = dt.date.fromisoformat(date)
    return f"{date.day} {date:%B} {date.year}" if isinstance(date, dt.date) else ""


def first_day(start: dt.datetime | None) -> str:
    """The day of a contract's or licence's first instant; they begin and end in UTC."""
    return day(start.astimezone(dt.UTC).date()) if start else "—"


def last_day(end: dt.datetime | None) -> str:
    """The last day before an end, which is stored as the first instant after it."""
    return first_day(end - dt.timedelta(days=1)) if end else "—"


def local_day(instant: dt.datetime | None) -> str:
    """A planned day, which is stored as its midnight in the zone of whoever planned it."""
    return day(instant.astimezone(request_zone()).date()) if instant else "—"


def local_iso_day(instant: dt.datetime | None) -> str:
    """``local_day`` for an input of type date."""
    return instant.astimezone(request_zone()).date().isoformat() if instant else ""


def iso_day(instant: dt.datetime | None, days: int = 0) -> str:
    """The day for an input of type date, perhaps moved by ``days``."""
    if instant is None:
        return ""
    return (instant.astimezone(dt.UTC).date() + dt.timedelta(days=days)).isoformat()


def span_words(span: dt.timedelta) -> str:
    """The two largest units: ``3 days 4 h``, ``2 h 5 min``, ``less than a minute``."""
    minutes = int(abs(span).total_seconds() // 60)
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)

    parts = []
    if days:
        parts.append(f"{days} day{'s' if days > 1 else ''}")
    if hours:
        parts.append(f"{hours} h")
    if minutes and not days:
        parts.append(f"{minutes} min")
    return " ".join(parts) or "less than a minute"


def seconds_words(seconds: str) -> str:
    """
    >>> seconds_words("5400")
    '1 h 30 min'
    """
    return duration(int(seconds))


def ledger_moment(text: str) -> Markup | str:
    """An instant of a due date's calculation, stored as ISO text; other text is shown as it is."""
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    return when(instant, zone=False) if instant.tzinfo else text


def support_ends(product: str, version: str) -> dt.date | None:
    """The last day on which a version is supported; None when the catalogue has no end for it."""
    return centre().catalogue.support_ends(product, version)


def when_json(rule: Mapping[str, frozenset[str]]) -> str:
    """A condition for the form's script: fact or field -> the values that it may have."""
    return json.dumps({name: sorted(values) for name, values in rule.items()})


class ShownField(NamedTuple):
    """A field of the site on a ticket: the title of today, or its key once it is gone."""

    key: str
    title: str
    value: str
    is_link: bool


def ticket_fields(ticket: Ticket, staff: bool) -> list[ShownField]:
    """The site's own fields of a ticket, in the order of the form, as this side sees them."""
    own = centre().policy.fields
    side = AGENTS if staff else CUSTOMERS
    shown = [
        ShownField(key, field.title, ticket.fields[key], field.kind is SiteFieldKind.URL)
        for key, field in own.items()
        if key in ticket.fields and side in field.shown_to
    ]
    gone = [
        ShownField(key, key, value, is_link=False)
        for key, value in ticket.fields.items()
        if key not in own and staff
    ]
    return shown + gone


def ticket_titles(ticket: Ticket) -> Mapping[str, str]:
    """The titles of what a ticket has keys of; a key that is gone stands for itself."""
    policy, catalogue = centre().policy, centre().catalogue
    kind, topic = policy.types.get(ticket.type), policy.topics.get(ticket.topic)
    product = catalogue.product(ticket.row.product)
    return {
        "type": kind.title if kind else ticket.type.replace("-", " ").capitalize(),
        "topic": topic.title if topic else ticket.topic,
        "product": product.title if product else ticket.row.product,
    }


# --- tickets


def clock_in(instant: dt.datetime, zone: str) -> str:
    """What the clock shows in somebody's zone: whether to call now.

    >>> clock_in(dt.datetime(2026, 11, 24, 14, 0, tzinfo=dt.UTC), "Europe/Berlin")
    '15:00 in Europe/Berlin'
    """
    return f"{instant.astimezone(ZoneInfo(time_zone_or_utc(zone))):%H:%M} in {zone}"


def status_title(status: Status, own: bool = False) -> str:
    """The status for agents, or with ``own`` for the requester."""
    row = STATUSES[status]
    return row.owner_title or row.title if own else row.title


def due_view(due: TargetView, now: dt.datetime | None = None) -> DueView:
    """A target as a badge: ``Due in 3 h 20 min``, ``Overdue by 2 h``, ``Paused``, ``Met``."""
    now = now or request_now()
    state: str = due.state if due.state in DUE_STATES else "running"

    # A target that was met too late stays "breached"; one that is still open is "overdue".
    open_since = due.due if due.state in ("running", "breached") and due.met_at is None else None
    if open_since is not None and open_since <= now:
        state = "overdue"
    elif state == "running" and due.due is not None and due.due - now <= AT_RISK:
        state = "at-risk"

    row = DUE_STATES[state]
    text = row.title
    if state == "overdue" and due.due is not None:
        text = f"Overdue by {span_words(now - due.due)}"
    elif state in ("running", "at-risk"):
        text = f"Due in {span_words(due.due - now)}" if due.due else "No due time"
    return DueView(state, row.tone, row.icon, text)


def event_words(event: Event) -> str:
    """What the actor did; a fact that the event lacks leaves no brace behind."""
    if event.facts.get("handed_over"):
        return f"handed the ticket over to {event.facts['handed_over']}"
    if event.facts.get("split_from"):
        return f"split this ticket off {event.facts['split_from']}"
    if VERBS[event.verb].closes and event.facts.get("reason"):
        return f"closed the ticket: {event.facts.get('title', '')}"
    timeline = VERBS[Verb(event.verb)].timeline
    return _FACT.sub(lambda match: event.facts.get(match[1], ""), timeline).strip(" :")


def documents_of(event: Event) -> list[tuple[str, str]]:
    """(address, title) of the articles, sections and other pages that a reply links to."""
    if event.verb != "linked":
        return []
    rows = [line.partition("\t") for line in event.facts.get("documents", "").splitlines()]
    return [(_link_address(target), title or target) for target, _, title in rows]


def _link_address(target: str) -> str:
    if is_web_address(target):
        return target
    document_id, _, anchor = target.partition("#")
    return url_for("help_centre.article", document_id=document_id, _anchor=anchor or None)


def coupon_note(left: int | None) -> str:
    """How many priority requests remain before this one; empty without a valid code."""
    if left is None:
        return ""
    if left == 1:
        return "Uses your last priority request."
    return f"Uses one of your {left} remaining priority requests."


# --- pages


def url_path(endpoint: str, **values: Any) -> str:
    """``url_for`` without its options, cached: most of a page's 20 to 30 addresses are the same."""
    return _url_path(request.script_root, endpoint, tuple(values.items()))


@functools.lru_cache(_KEPT_PATHS)
def _url_path(_below: str, endpoint: str, values: tuple[tuple[str, Any], ...]) -> str:
    return url_for(endpoint, **dict(values))


def with_query(**changes: Any) -> str:
    """This page's address with some query values changed; None or "" removes one.

    The page number is dropped unless it is changed: another filter starts at the first page.
    """
    values = {name: value for name, value in request.args.items() if name != "page"}
    for name, value in changes.items():
        values.pop(name, None)
        if value not in (None, ""):
            values[name] = str(value)
    path = request.script_root + request.path
    pairs = [_encoded(name, value) for name, value in values.items()]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


@functools.lru_cache(_KEPT_PATHS)
def _encoded(name: str, value: str) -> str:
    """One parameter of a query, cached: all links of a page of results repeat the same ones."""
    return urlencode({name: value})


def opens_with_text(document: Document) -> bool:
    """Whether an article begins with a paragraph of its own, which a summary would only repeat."""
    first = document.sections[0] if document.sections else None
    return first is not None and not first.path and bool(first.text)


def contents(document: Document) -> list[tuple[int, str, str]]:
    """(depth from 0, anchor, heading) of an article's headings, without its title.

    Two levels deep; each anchor once.
    """
    headings: dict[str, tuple[int, str, str]] = {}
    for section in document.sections:
        if section.anchor and section.path:
            heading = (len(section.path), section.anchor, section.path[-1])
            headings.setdefault(section.anchor, heading)

    top = min((depth for depth, _, _ in headings.values()), default=1)
    return [
        (depth - top, anchor, heading)
        for depth, anchor, heading in headings.values()
        if depth - top < 2 and heading != document.title
    ]
