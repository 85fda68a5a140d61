"""Mail templates: the subject and the text of every kind of notice.

Pure: the facts of a notice in, an ``EmailMessage`` out, with the headers that keep robots from
answering robots (RFC 3834). A mail never contains what somebody typed, so that nobody can send
their words through the portal to others.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from types import MappingProxyType
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from kb.notifications.caps import QUESTION
from kb.notifications.message_ids import message_id, thread_id
from kb.notifications.outbox import ClaimedMessage
from kb.timezones import time_zone_or_utc

#: The longest line that RFC 5322 allows: nothing is folded, since some clients unfold badly.
_MAIL_POLICY = SMTP.clone(max_line_length=998)


@dataclass(frozen=True, slots=True)
class Sender:
    """The portal as the sender: its name, its public URL and its mail address."""

    name: str
    base_url: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def mail_sender(name: str, base_url: str, address: str) -> Sender:
    """An empty ``address`` stands for noreply at the host of the portal."""
    host = urlsplit(base_url).hostname or "localhost"
    return Sender(name, base_url, address or f"noreply@{host}")


#: Kind of notice about an account -> subject and text. Those about tickets are handed in.
ACCOUNT_MAIL_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "register": (
            "Complete your registration",
            "We received a request to create an account for this address.\n"
            "If you did not make this request, ignore this e-mail.",
        ),
        "exists": (
            "You already have an account",
            "We received a request to create an account for this address, which already has one.\n"
            "If you do not know your password, reset it on the sign-in page.",
        ),
        "invite": (
            "You are invited",
            "An organisation has invited you to become one of its contacts. The link shows which "
            "one.\n"
            "If you did not expect this, ignore this e-mail: you have no account until you accept.",
        ),
        "join": (
            "You are invited",
            "An organisation invites you to become one of its contacts with your account. The link "
            "shows which one.\n"
            "If you did not expect this, ignore this e-mail: nothing changes until you accept.",
        ),
        "deactivated": (
            "Your account was deactivated",
            "An administrator of your organisation has deactivated your account. You can no longer "
            "sign in.\n"
            "If this is a mistake, ask the administrator to reactivate it.",
        ),
        "account-merged": (
            "Your accounts were merged",
            "Our support team has merged two of your accounts into one. Sign in with the address "
            "that the support team gave you; your tickets are there.\n"
            "If you did not ask for this, tell our support team.",
        ),
        "address": (
            "Confirm your new address",
            "We received a request to use this address for an existing account.\n"
            "If you did not make this request, ignore this e-mail: nothing changes.",
        ),
        "address-changed": (
            "Your address was changed",
            "The address of your account was changed. You now sign in with the new address.\n"
            "If you did not change it, tell our support team immediately.",
        ),
        "reset": (
            "Reset your password",
            "We received a request to reset the password of your account.\n"
            "If you did not make this request, ignore this e-mail.",
        ),
        "changed": (
            "Your password was changed",
            "Your password was changed, and you were signed out everywhere else.\n"
            "If you did not change it, reset your password on the sign-in page immediately.",
        ),
        "factor-added": (
            "A second factor was added",
            "An authenticator app or a passkey was added to your account. You now sign in with it "
            "after your password.\n"
            "If you did not add it, reset your password on the sign-in page immediately, and ask "
            "an administrator to reset your second factor.",
        ),
        "factor-removed": (
            "A second factor was removed",
            "An authenticator app or a passkey was removed from your account.\n"
            "If you did not remove it, reset your password on the sign-in page immediately.",
        ),
        "factor-reset": (
            "Your second factor was reset",
            "An administrator removed your authenticator app, your passkeys and your recovery "
            "codes. You were signed out everywhere.\n"
            "Set up a second factor again after you sign in. If you did not ask for this, tell an "
            "administrator.",
        ),
        "factor-refused": (
            "Wrong codes for your account",
            "Somebody entered your password today, and then several wrong codes.\n"
            "If this was not you, somebody else knows your password: reset it on the sign-in page "
            "immediately.",
        ),
        "recovery-used": (
            "A recovery code was used",
            "Somebody signed in to your account with your password and a recovery code. This code "
            "no longer works.\n"
            "If this was not you, reset your password on the sign-in page immediately, and ask an "
            "administrator to reset your second factor.",
        ),
        "recovery-renewed": (
            "You have new recovery codes",
            "New recovery codes were created for your account. The earlier codes no longer work.\n"
            "If you did not create them, reset your password on the sign-in page immediately.",
        ),
    }
)
#: The kind of the weekly mail for managers, whose figures come with the notice.
INSIGHTS_MAIL = "insights"
_RECEIVED = ("We received your ticket", "")
_OTHER_EVENT = ("Ticket updated", "There is a new event on a ticket.")
_ACCOUNT_LINKS = ("register", "invite", "join", "reset", "address")


def notice_mail(
    notice: ClaimedMessage,
    sender: Sender,
    texts: Mapping[str, tuple[str, str]] = ACCOUNT_MAIL_TEXTS,
    *,
    secret: str = "",
) -> EmailMessage:
    """One notice as a mail, with the subject and the text that ``texts`` has for its kind.

    ``secret`` opens the ticket for a guest, is the single-use link of an account, or is that with
    which a copy confirms or stops.
    """
    number = notice.facts.get("number", "")
    is_receipt = _is_receipt(notice)
    if is_receipt:
        subject, text = _receipt(notice.facts, number)
    elif notice.kind == INSIGHTS_MAIL:
        subject, text = "Insights of the week", notice.facts["text"]
    else:
        subject, text = texts.get(notice.kind, _OTHER_EVENT)

    links = _link(notice, sender, number, secret)
    is_copy = bool(notice.facts.get("copy"))
    if is_copy and notice.kind != QUESTION:
        links += [
            "",
            "You receive a copy because the requester entered your address. To stop these e-mails:",
        ]
        links.append(_copy_page(sender, secret))
    stop = notice.facts.get("stop", "")
    if stop:
        links += ["", "To stop these e-mails:", f"{sender.base_url}{stop}"]
    body = "\n".join([text, "", *links, "", *_footer(sender)])
    if number:
        subject = f"[#{number}] {subject}"
    mail = _mail(sender, notice.recipient, subject, body, notice.key, number)
    mail["Auto-Submitted"] = "auto-replied" if is_receipt else "auto-generated"
    if is_copy:
        _add_unsubscribe(mail, _copy_page(sender, secret))
    elif stop:
        _add_unsubscribe(mail, f"{sender.base_url}{stop}")
    return mail


def _add_unsubscribe(mail: EmailMessage, page: str) -> None:
    """RFC 8058: one click in the mail program."""
    mail["List-Unsubscribe"] = f"<{page}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _copy_page(sender: Sender, token: str) -> str:
    return f"{sender.base_url}/copies/{token}"


def digest_mail(notices: Sequence[ClaimedMessage], sender: Sender, zone: str) -> EmailMessage:
    """All SLA warnings and breaches for one person in one mail, in the order of their times."""
    notices = sorted(notices, key=lambda notice: (notice.facts["at"], notice.id))
    breaches = sum(notice.kind == "breached" for notice in notices)
    warnings = len(notices) - breaches
    counts = []
    if breaches:
        counts.append(f"{breaches} SLA {'target' if breaches == 1 else 'targets'} breached")
    if warnings:
        counts.append(f"{warnings} at risk")

    lines = [_alarm_line(notice, zone) for notice in notices]
    body = "\n".join([*lines, "", f"{sender.base_url}/desk", "", *_footer(sender)])
    key = "+".join(notice.key for notice in notices)
    mail = _mail(sender, notices[0].recipient, ", ".join(counts), body, key, "")
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def news_mail(
    notices: Sequence[ClaimedMessage],
    sender: Sender,
    texts: Mapping[str, tuple[str, str]],
    secret_of: Callable[[ClaimedMessage], str],
) -> EmailMessage:
    """What was held for one person in one mail: for each ticket what happened, and its link."""
    tickets: dict[str, list[ClaimedMessage]] = {}
    for notice in sorted(notices, key=lambda notice: notice.id):
        tickets.setdefault(notice.facts.get("number", ""), []).append(notice)

    lines: list[str] = []
    stop = ""
    for number, of_ticket in tickets.items():
        last = of_ticket[-1]
        secret = secret_of(last)
        events = Counter(
            (_RECEIVED if _is_receipt(notice) else texts.get(notice.kind, _OTHER_EVENT))[0]
            for notice in of_ticket
        )
        counted = [f"{event} ({n} times)" if n > 1 else event for event, n in events.items()]
        lines += [f"{number}: {', '.join(counted)}"]
        lines += [
            _receipt(notice.facts, number)[1] for notice in of_ticket[:1] if _is_receipt(notice)
        ]
        lines += [*_link(last, sender, number, secret), ""]
        if last.facts.get("copy") and last.kind != QUESTION:
            stop = stop or _copy_page(sender, secret)
            lines[-1:] = ["To stop these e-mails:", _copy_page(sender, secret), ""]

    count = len(tickets)
    subject = "Updates on your ticket" if count == 1 else f"Updates on {count} tickets"
    if notices[0].kind == QUESTION:
        subject = texts[QUESTION][0]
        lines[:0] = [texts[QUESTION][1], ""]
    body = "\n".join([*lines, *_footer(sender)])
    key = "+".join(notice.key for notice in notices)
    number = next(iter(tickets)) if count == 1 else ""
    if number:
        subject = f"[#{number}] {subject}"
    mail = _mail(sender, notices[0].recipient, subject, body, key, number)
    mail["Auto-Submitted"] = "auto-generated"
    if stop:
        _add_unsubscribe(mail, stop)
    return mail


def _alarm_line(notice: ClaimedMessage, zone: str) -> str:
    facts = notice.facts
    state = "breached, was due"
    if notice.kind == "warned":
        state = f"at risk ({facts['threshold']}), due"
    delay = " (recorded late)" if facts.get("late") else ""
    due = _local_time(facts["due"], zone)
    return f"{facts['number']}  {facts['target']} {state} {due}, {facts['level']}{delay}"


def _is_receipt(notice: ClaimedMessage) -> bool:
    return notice.kind == "opened"


def _receipt(facts: Mapping[str, str], number: str) -> tuple[str, str]:
    text = f"We received your ticket {number}. Its support level is {facts.get('level', '')}."
    due = facts.get("due", "")
    if due:
        reply_by = _local_time(due, facts.get("zone", "UTC"))
        text += f"\nOur promise: you get a reply by {reply_by}."
    else:
        text += "\nThis support level has no target for the first response."
    return _RECEIVED[0], text


def _local_time(iso: str, zone: str) -> str:
    local = dt.datetime.fromisoformat(iso).astimezone(ZoneInfo(time_zone_or_utc(zone)))
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} ({local.tzname()})"


def _link(notice: ClaimedMessage, sender: Sender, number: str, secret: str) -> list[str]:
    if notice.kind in _ACCOUNT_LINKS:
        url = f"{sender.base_url}/account/{notice.kind}/{secret}"
        return [url, "", "The link works once and expires soon."]
    if "path" in notice.facts:
        return [f"{sender.base_url}{notice.facts['path']}"]
    if not number:
        return [f"{sender.base_url}/sign-in"]
    if notice.kind == QUESTION:
        return [_copy_page(sender, secret)]
    if notice.facts.get("copy"):
        return [f"{sender.base_url}/tickets/{number}"]
    if notice.facts.get("staff"):
        return [f"{sender.base_url}/desk/{number}"]
    number = notice.facts.get("into", number)
    if notice.facts.get("guest") and not secret:  # no link opens the ticket any longer
        return [sender.base_url]
    return [f"{sender.base_url}/tickets/{number}" + (f"?key={secret}" if secret else "")]


def _footer(sender: Sender) -> list[str]:
    return [
        "-- ",
        f"{sender.name}. This reply-to address is not monitored; please use the page linked above.",
    ]


def _mail(
    sender: Sender, recipient: str, subject: str, text: str, key: str, number: str
) -> EmailMessage:
    mail = EmailMessage(policy=_MAIL_POLICY)
    mail["From"] = Address(sender.name, addr_spec=sender.address)
    mail["To"] = Address(addr_spec=recipient)
    mail["Subject"] = subject
    mail["Message-ID"] = message_id(key, number, sender.domain)
    if number:
        thread = thread_id(number, sender.domain)
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    mail["Precedence"] = "bulk"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(text + "\n", charset="utf-8")
    return mail
