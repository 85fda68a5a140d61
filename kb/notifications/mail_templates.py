"""What does a notice say, as a mail?

Pure: the facts of notices in, an ``EmailMessage`` out, with the headers that keep robots from
answering robots (RFC 3834). Nothing that somebody typed is ever in it, so that nobody can send
their words through us to others.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from types import MappingProxyType
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from kb.notifications.outbox import ClaimedMessage
from kb.timezones import time_zone_or_utc

_MAIL = SMTP.clone(max_line_length=998)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: the portal's name and address on the web, and the mail address."""

    name: str
    base_url: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def sender(name: str, base_url: str, address: str) -> Sender:
    """``address`` empty: noreply at the host of the portal."""
    host = urlsplit(base_url).hostname or "localhost"
    return Sender(name, base_url, address or f"noreply@{host}")


#: kind of a notice -> what the subject says, and what the mail says.
WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "replied": ("Support has answered", "Support has answered your ticket."),
        "linked": ("Support has answered", "Support has answered your ticket with articles."),
        "awaited": (
            "Support waits for your answer",
            "Support needs to know something from you to go on.",
        ),
        "commented": ("The customer has answered", "The customer has written in this ticket."),
        "paused": (
            "Your ticket is on hold",
            "Support waits for somebody else; the page of the ticket says for whom.",
        ),
        "moved": (
            "The level has changed",
            "Your ticket has another level now; its page says which and why.",
        ),
        "proposed": (
            "Another severity is proposed",
            "Support proposes another severity; please agree or decline.",
        ),
        "agreed": ("The severity was agreed", "The customer has agreed to the proposed severity."),
        "declined": ("The severity was declined", "The customer keeps the severity."),
        "escalated": (
            "A customer asks for a supervisor",
            "A customer has written to the supervisor about a ticket.",
        ),
        "solved": ("Solved", "The ticket is solved. Its page lets you re-open it."),
        "cancelled": ("Closed", "The ticket is closed. Its page lets you re-open it."),
        "reopened": ("Opened again", "The ticket is open again."),
        "merged": (
            "Your ticket goes on in another one",
            "Two tickets are about the same; its page says which.",
        ),
        "voided": ("Closed as a duplicate", "The ticket was filed twice and is closed."),
        "assigned": ("A ticket is yours now", "A ticket was given to you."),
        "noted": ("A colleague has left a note", "There is a new note in a ticket that you watch."),
        "resumed": ("A pause has ended", "The ticket is open again."),
        "split": ("A ticket was split", "A part of a ticket that you watch is its own ticket now."),
        "register": (
            "Finish your registration",
            "Somebody, probably you, wants an account for this address.",
        ),
        "exists": (
            "You have an account already",
            "Somebody, probably you, wanted an account for this address, which has one.\n"
            "If you do not know the password, ask for a new one on the sign-in page.",
        ),
        "invite": ("You are invited", "Your organisation gives you an account."),
        "reset": (
            "Set a new password",
            "Somebody, probably you, wants a new password for this address.",
        ),
        "changed": (
            "Your password was changed",
            "Your password was changed and every other sign-in has ended.\n"
            "If this was not you, ask for a new one on the sign-in page at once.",
        ),
    }
)
_TOKENS = ("register", "invite", "reset")


def mail_of(parcel: ClaimedMessage, who: Sender, *, secret: str = "") -> EmailMessage:
    """One notice as a mail. ``secret`` opens the ticket for a guest, or is the single-use link of
    an account.
    """
    number = parcel.facts.get("number", "")
    if parcel.kind == "opened":
        subject, said = _receipt(parcel.facts, number)
    else:
        subject, said = WORDS.get(
            parcel.kind, ("Something has happened", "Something has happened in a ticket.")
        )
    lines = [said, "", *_link(parcel, who, number, secret), "", *_foot(who)]
    head = f"[#{number}] {subject}" if number else subject
    message = _message(who, parcel.recipient, head, "\n".join(lines), parcel.key, number)
    message["Auto-Submitted"] = "auto-replied" if parcel.kind == "opened" else "auto-generated"
    return message


def digest(parcels: Sequence[ClaimedMessage], who: Sender, zone: str) -> EmailMessage:
    """All warnings and breaches for one person in one mail, in the order in which they fell."""
    ordered = sorted(parcels, key=lambda parcel: (parcel.facts["at"], parcel.id))
    lines = [_alarm(parcel, zone) for parcel in ordered]
    breaches = sum(parcel.kind == "breached" for parcel in ordered)
    warnings = len(ordered) - breaches
    parts = [
        _count(breaches, "promise broken", "promises broken"),
        _count(warnings, "due soon", "due soon"),
    ]
    subject = ", ".join(part for part in parts if part)
    text = "\n".join([*lines, "", f"{who.base_url}/desk", "", *_foot(who)])
    message = _message(
        who, ordered[0].recipient, subject, text, "+".join(parcel.key for parcel in ordered), ""
    )
    message["Auto-Submitted"] = "auto-generated"
    return message


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""


def _alarm(parcel: ClaimedMessage, zone: str) -> str:
    facts = parcel.facts
    state = "was due" if parcel.kind == "breached" else f"due ({facts['threshold']})"
    late = "; noticed late" if facts.get("late") else ""
    return (
        f"{facts['number']}  {facts['target']} {state} {_moment(facts['due'], zone)}, "
        f"{facts['level']}{late}"
    )


def _receipt(facts: Mapping[str, str], number: str) -> tuple[str, str]:
    due = facts.get("due", "")
    by = (
        f"You get an answer by {_moment(due, facts.get('zone', 'UTC'))}."
        if due
        else "No time is promised for it."
    )
    return (
        "Your ticket is accepted",
        f"Ticket {number} is accepted at the level {facts.get('level', '')}.\n{by}",
    )


def _moment(iso: str, zone: str) -> str:
    local = dt.datetime.fromisoformat(iso).astimezone(ZoneInfo(time_zone_or_utc(zone)))
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} ({local.tzname()})"


def _link(parcel: ClaimedMessage, who: Sender, number: str, secret: str) -> list[str]:
    if parcel.kind in _TOKENS:
        return [
            f"{who.base_url}/account/{parcel.kind}/{secret}",
            "",
            "The link works once, and soon no more.",
        ]
    if not number:
        return [f"{who.base_url}/sign-in"]
    if parcel.facts.get("staff"):
        return [f"{who.base_url}/desk/{number}"]
    return [f"{who.base_url}/tickets/{number}" + (f"?key={secret}" if secret else "")]


def _foot(who: Sender) -> list[str]:
    return [
        "-- ",
        f"{who.name}. Nobody reads answers to this mail; please write on the page above.",
    ]


def _message(
    who: Sender, recipient: str, subject: str, text: str, key: str, number: str
) -> EmailMessage:
    message = EmailMessage(policy=_MAIL)
    message["From"] = Address(who.name, addr_spec=who.address)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = subject
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{who.domain}>"
    if number:  # one thread for each ticket, whatever comes first
        root = f"<{number}@{who.domain}>"
        message["In-Reply-To"] = root
        message["References"] = root
    message["Precedence"] = "bulk"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text + "\n", charset="utf-8")
    return message
