"""How are values shown on a page?

Jinja filters and tests: highlights, instants in the reader's zone, due times in words, plain text
with links. Every filter escapes first and only then adds marks. Pure but for the zone and the time,
which come from the request.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Flask, request
from markupsafe import Markup, escape

from kb.search.documents import Document
from kb.search.results import Passage
from kb.sla.open_time import duration
from kb.tickets.ticket import Event, TargetView
from webapp.context import centre
from webapp.context import now as request_now
from webapp.context import zone as request_zone

KIND_TITLES: Mapping[str, str] = MappingProxyType({"doc": "Guide", "faq": "FAQ", "forum": "Forum"})
KIND_PLACES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"doc": ("docs", "Guides"), "faq": ("faq", "Questions & answers"), "forum": ("forum", "Forum")}
)
STATUS_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "open": "With support",
        "waiting": "Waiting for the customer",
        "paused": "Paused",
        "solved": "Solved",
        "cancelled": "Cancelled",
        "merged": "Merged",
        "void": "Void",
    }
)
#: verb of an event -> what the actor did; names in braces are facts of the event.
EVENT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "opened": "filed this ticket",
        "replied": "replied",
        "linked": "answered with",
        "commented": "wrote",
        "noted": "noted",
        "assigned": "assigned it to {agent}",
        "copied": "changed who gets copies",
        "awaited": "waits for the customer",
        "paused": "paused it: {title}",
        "resumed": "took it up again",
        "dismissed": "saw that no answer is needed",
        "moved": "moved it to {title}",
        "proposed": "proposes the severity “{title}”",
        "agreed": "agreed to the severity “{title}”",
        "declined": "kept the severity",
        "escalated": "escalated it to the supervisor",
        "solved": "marked it solved",
        "cancelled": "cancelled it",
        "reopened": "re-opened it",
        "rated": "rated it {score} of 5",
        "merged": "merged it into {into}",
        "absorbed": "merged {from} into it",
        "split": "made a ticket of its own of a part: {title}",
        "voided": "voided it: {why}",
    }
)
#: state of a promise -> (tone for the colour, icon, words before the time)
DUE_TONES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "late": ("bad", "alert", "Overdue"),
        "soon": ("warn", "clock", "Due"),
        "running": ("calm", "clock", "Due"),
        "paused": ("quiet", "pause", "Paused"),
        "met": ("good", "check", "Kept"),
        "breached": ("bad", "alert", "Missed"),
        "cancelled": ("quiet", "minus", "Ended"),
    }
)
SOON = dt.timedelta(hours=2)
_LINK = re.compile(r"https?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]}]")
_FACT = re.compile(r"\{(\w+)\}")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def register(app: Flask) -> None:
    for function in (
        client_words,
        coupon_words,
        event_words,
        documents_of,
        marked,
        when,
        seconds_words,
        linked,
        day,
        due_tone,
        due_words,
        size,
        zone_label,
        ledger_moment,
        span_words,
    ):
        app.template_filter(function.__name__)(function)
    app.jinja_env.globals |= {
        "KIND_TITLES": KIND_TITLES,
        "KIND_PLACES": KIND_PLACES,
        "STATUS_TITLES": STATUS_TITLES,
    }
    app.add_template_global(with_query, "with_query")
    app.add_template_global(contents, "contents")
    app.add_template_global(opens_with_text, "opens_with_text")


def marked(passage: Passage) -> Markup:
    """A passage with its spans as ``<mark>``; the text is escaped piece by piece.

    >>> marked(Passage("a <b> c", ((2, 5),)))
    Markup('a <mark>&lt;b&gt;</mark> c')
    """
    pieces, at = [], 0
    for start, end in passage.spans:
        if not at <= start <= end <= len(passage.text):
            continue
        pieces += [
            escape(passage.text[at:start]),
            Markup("<mark>"),
            escape(passage.text[start:end]),
            Markup("</mark>"),
        ]
        at = end
    pieces.append(escape(passage.text[at:]))
    return Markup("").join(pieces)


def linked(text: str) -> Markup:
    """Plain text with http and https addresses as links; line breaks are the style sheet's
    business.
    """
    pieces, at = [], 0
    for match in _LINK.finditer(text):
        address = match[0]
        pieces.append(escape(text[at : match.start()]))
        pieces.append(Markup('<a href="{0}" rel="nofollow noopener ugc">{0}</a>').format(address))
        at = match.end()
    pieces.append(escape(text[at:]))
    return Markup("").join(pieces)


def moment(at: dt.datetime, zone: ZoneInfo, now: dt.datetime) -> str:
    """``Tue 24 Nov 15:00`` in ``zone``; the year is told when it is not this one."""
    local = at.astimezone(zone)
    year = f" {local.year}" if local.year != now.astimezone(zone).year else ""
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}{year} {local:%H:%M}"


def zone_name(at: dt.datetime, zone: ZoneInfo) -> str:
    """``CET`` where the zone has letters for it, else ``UTC+5:30``."""
    local = at.astimezone(zone)
    letters = local.tzname() or ""
    if letters.isalpha():
        return letters
    minutes = round((local.utcoffset() or dt.timedelta()).total_seconds() / 60)
    sign, (hours, rest) = "+" if minutes >= 0 else "−", divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def zone_label(at: dt.datetime) -> str:
    return zone_name(at, request_zone())


def when(at: dt.datetime | None, *, zone: bool = True) -> Markup:
    """An instant as ``<time>`` in the reader's zone."""
    if at is None:
        return Markup("—")
    here = request_zone()
    text = moment(at, here, request_now()) + (f" {zone_name(at, here)}" if zone else "")
    utc = at.astimezone(dt.UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M}", text
    )


def day(date: dt.date | str | None) -> str:
    """``24 November 2026`` without a zone: a date is the same everywhere. A hit carries its date in
    ISO form.
    """
    date = dt.date.fromisoformat(date) if isinstance(date, str) and date else date
    return f"{date.day} {date:%B} {date.year}" if isinstance(date, dt.date) else ""


def coupon_words(left: int | None) -> str:
    """How many priority requests were left before this one; empty without a valid code (X13)."""
    if left is None:
        return ""
    return (
        "Uses your last priority request."
        if left == 1
        else f"Uses one of the {left} priority requests you have left."
    )


def support_ends(product: str, version: str) -> dt.date | None:
    """The last day on which a version is supported; None when no end is known (B37)."""
    return centre().catalogue.support_ends(product, version)


def span_words(span: dt.timedelta) -> str:
    """The two largest units: ``3 days 4 h``, ``2 h 5 min``, ``less than a minute``."""
    minutes = int(abs(span).total_seconds() // 60)
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [f"{days} day{'s' if days > 1 else ''}"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes and not days else []
    return " ".join(parts) or "less than a minute"


def due_tone(due: TargetView, now: dt.datetime | None = None) -> tuple[str, str, str]:
    """(tone, icon, word) of a promise; colour is never the only carrier."""
    now = now or request_now()
    state: str = due.state
    if _overdue(due, now):
        state = "late"
    elif state == "running" and due.due is not None and due.due - now <= SOON:
        state = "soon"
    return DUE_TONES.get(state, DUE_TONES["running"])


def due_words(due: TargetView, now: dt.datetime | None = None) -> str:
    """``Due in 3 h 20 min``, ``Overdue by 2 h``, ``Paused``, ``Kept``."""
    now = now or request_now()
    if due.due is not None and _overdue(due, now):
        return f"Overdue by {span_words(now - due.due)}"
    if due.state != "running":
        return due_tone(due, now)[2]
    return f"Due in {span_words(due.due - now)}" if due.due else "No time promised"


#: What a browser says of itself -> how it is called, the first that fits.
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
)


def client_words(client: str) -> str:
    """``Firefox on Windows``, from what a browser says; else its first word.

    >>> client_words("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    browser = next((name for mark, name in _BROWSERS if mark in client), client.split("/")[0][:40])
    system = next((name for mark, name in (*_SYSTEMS, ("Linux", "Linux")) if mark in client), "")
    return " on ".join(filter(None, (browser, system))) or "An unknown program"


def event_words(event: Event) -> str:
    """What somebody did, with the facts of the event; a fact that is missing leaves no brace
    behind.
    """
    if event.facts.get("handed_over"):
        return f"handed it over to {event.facts['handed_over']}"
    if event.facts.get("split_from"):
        return f"made this of a part of {event.facts['split_from']}"
    words = EVENT_WORDS.get(event.verb, event.verb)
    return _FACT.sub(lambda found: event.facts.get(found[1], ""), words).strip(" :")


def documents_of(event: Event) -> list[tuple[str, str]]:
    """(id, title) of the articles that an answer links to."""
    rows = event.facts.get("documents", "").splitlines() if event.verb == "linked" else []
    return [(id_, title or id_) for id_, _, title in (row.partition("\t") for row in rows)]


def _overdue(due: TargetView, now: dt.datetime) -> bool:
    """Late and still not answered; a promise that was kept too late is "missed"."""
    return (
        due.state in ("running", "breached")
        and due.met_at is None
        and due.due is not None
        and due.due <= now
    )


def size(count: int) -> str:
    """Bytes in decimal units."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def seconds_words(seconds: str) -> str:
    """
    >>> seconds_words("5400")
    '1 h 30 min'
    """
    return duration(int(seconds))


def ledger_moment(text: str) -> Markup | str:
    """An instant of a derivation, kept as ISO text; what is no instant is shown as it is."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    return when(at, zone=False) if at.tzinfo else text


def with_query(**changes: Any) -> str:
    """This page's address with some query values changed; None or "" removes one, and a page number
    restarts.
    """
    values = {name: value for name, value in request.args.items() if name != "page"}
    for name, value in changes.items():
        values.pop(name, None)
        if value not in (None, ""):
            values[name] = str(value)
    return f"{request.path}?{urlencode(values)}" if values else request.path


def opens_with_text(document: Document) -> bool:
    """Whether an article begins with a paragraph of its own; its summary would say the same twice."""
    return (
        bool(document.sections)
        and not document.sections[0].path
        and bool(document.sections[0].text)
    )


def contents(document: Document) -> list[tuple[int, str, str]]:
    """(depth from 0, anchor, heading) of an article's own headings, two levels deep, each anchor
    once.
    """
    found: dict[str, tuple[int, str, str]] = {}
    for section in document.sections:
        if section.anchor and section.path:
            found.setdefault(section.anchor, (len(section.path), section.anchor, section.path[-1]))
    entries = list(found.values())
    top = min((depth for depth, _, _ in entries), default=1)
    return [
        (depth - top, anchor, heading)
        for depth, anchor, heading in _drop_title(entries, document, top)
    ]


def _drop_title(
    entries: Iterable[tuple[int, str, str]], document: Document, top: int
) -> list[tuple[int, str, str]]:
    return [entry for entry in entries if entry[0] - top < 2 and entry[2] != document.title]
