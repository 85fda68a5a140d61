"""Automatic mail: what no person wrote, and which is therefore never answered (RFC 3834).

Bounces, complaints, replies of absent people, and mailing lists, told from each other by headers,
and where programs set none, by their habits. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from kb.mail.envelope import Envelope
from kb.mail.parsing.message import ParsedMessage
from kb.people.person import email_address


class Automatic(StrEnum):
    BOUNCE = "bounce"  # a mail could not be delivered
    COMPLAINT = "complaint"  # somebody called a mail spam
    REPLY = "automatic reply"
    NOTICE = "automatic notice"
    LIST = "mailing list"


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """One address of a bounce. ``permanent``: trying again will not help."""

    address: str
    status: str = ""
    why: str = ""
    permanent: bool = True


_DAEMONS = re.compile(
    r"(?:mailer|mail|mailerr?)[-_.]?(?:daemon|deamon)|mdaemon|post[-_]?master|mail[-_]?system"
    r"|mailsystem|bounces?|double-bounce",
    re.I,
)
_BOUNCE_SUBJECT = re.compile(
    r"\s*(?:undeliver(?:ed|able)|undelivered mail|returned mail\b|mail delivery (?:fail|system|err"
    r"|stat)|delivery (?:status notification|failure|notification|report|error|has failed)"
    r"|failure notice|delivery failure|mail delivery failed|mail could not be delivered"
    r"|message (?:delivery|could not be) |non[- ]?deliver|nondeliverable|mail error"
    r"|mail system error|warning: (?:could not|message)|could not send message"
    r"|returned to sender|there was an error sending|loop alert|unzustellbar|nicht zustellbar"
    r"|échec de la|non remis|no se puede entregar|undeliverable message)",
    re.I,
)
_REPLY_SUBJECT = re.compile(
    r"\s*(?:\[?auto(?:matic|mated)?[- ]?(?:reply|response|respons|answer)\b"
    r"|out of (?:the )?office|away from (?:the |my )?office|autorespons?\w*\s*:|auto:"
    r"|away until|vacation\b|automatische antwort|abwesen|abwesenheits"
    r"|réponse automatique|absence du bureau|respuesta automática|fuera de la oficina"
    r"|resposta automática|ausência|risposta automatica|fuori sede|automatisch antwoord"
    r"|afwezig|autosvar|automatiskt svar|fraværende|automaattinen|automatyczna odpowiedź"
    r"|автоответ|自动回复|自動回覆|自動応答|不在|부재중)",
    re.I,
)
_CARRIER = re.compile(r"Error: Invalid user|could not be delivered to|Unable to deliver", re.I)
_FIELD = re.compile(
    r"^(?P<name>[\w-]{1,60}):[ \t]*(?P<value>[^\n]{0,1000}(?:\n[ \t][^\n]{0,1000}){0,5})", re.M
)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_SMTP_CODE = re.compile(r"(?<![\d.])([45]\d\d)[ -]")
_BRACKETED = re.compile(r"<([^<>\s@]{1,64}@[^<>\s@]{1,253})>")
_MOST_FAILURES = 50


def automatic_kind(
    message: ParsedMessage, envelope: Envelope, *, lists: Collection[str] = ()
) -> Automatic | None:
    """What kind of automatic mail it is; None for what a person may have written.

    ``lists`` are List-Ids that people's mail carries, because the mailbox is a mailing list.
    """
    report = _report_kind(message)
    if report is not None:
        return report
    if _is_bounce(message, envelope):
        return Automatic.BOUNCE
    submitted = message.header("auto-submitted").strip().lower()
    if submitted.startswith("auto-replied") or _is_automatic_reply(message):
        return Automatic.REPLY
    if submitted and not submitted.startswith("no"):
        return Automatic.NOTICE
    if _is_null(message, envelope):
        return Automatic.NOTICE
    if _is_list(message, lists):
        return Automatic.LIST
    return None


def _report_kind(message: ParsedMessage) -> Automatic | None:
    content_type = " ".join(message.header("content-type").lower().split())
    if "feedback-type:" in message.report.lower() or "feedback-report" in content_type:
        return Automatic.COMPLAINT
    if message.header("x-hmxmroriginalrecipient") or message.subject.lower().startswith(
        "complaint about message from"
    ):
        return Automatic.COMPLAINT
    if "disposition-notification" in content_type:
        return Automatic.NOTICE
    if message.media_type == "multipart/report" or message.report:
        return Automatic.BOUNCE
    return None


def _is_bounce(message: ParsedMessage, envelope: Envelope) -> bool:
    if message.header("x-failed-recipients"):
        return True
    origin = message.header("from").lower()
    address = message.senders[0].address if message.senders else ""
    local = address.partition("@")[0] or re.sub(r"[<>\s]", "", origin).partition("@")[0]
    is_daemon = bool(_DAEMONS.search(local)) or "mailer-daemon" in origin
    if is_daemon:
        return True
    own_words = f"{message.reply.text}\n{message.reply.quoted}"[:5_000]
    if address.endswith("@sns.amazonaws.com"):
        return '"notificationtype"' in own_words.lower()
    says_so = bool(_BOUNCE_SUBJECT.match(message.subject))
    is_robot = local in ("no-reply", "noreply", "sysadmin") or local.endswith("-admin")
    if is_robot or _is_null(message, envelope) or not address:
        return says_so or bool(_CARRIER.search(own_words))
    return says_so and bool(_STATUS.search(own_words) or _SMTP_CODE.search(own_words))


def _is_automatic_reply(message: ParsedMessage) -> bool:
    if any(message.header(name) for name in ("x-autoreply", "x-autorespond", "x-autoreply-from")):
        return True
    if message.header("precedence").strip().lower() == "auto_reply":
        return True
    if message.header("x-auto-response-suppress") and message.header(
        "x-ms-exchange-generated-message-source"
    ):
        return True
    return bool(_REPLY_SUBJECT.match(message.subject))


def _is_null(message: ParsedMessage, envelope: Envelope) -> bool:
    if envelope.sender is not None:
        return envelope.sender.strip("<> ") == ""
    return message.header("return-path").strip() == "<>"


def _is_list(message: ParsedMessage, lists: Collection[str]) -> bool:
    list_id = message.header("list-id").strip().lower()
    if list_id:
        name = list_id.rpartition("<")[2].strip("<> ")
        return name not in lists
    if message.header("precedence").strip().lower() in ("bulk", "list", "junk"):
        return not lists
    return bool(message.header("list-unsubscribe")) and not lists


def failed_deliveries(message: ParsedMessage) -> tuple[FailedDelivery, ...]:
    """The addresses of a bounce that did not get the mail, or not yet."""
    failures: dict[str, FailedDelivery] = {}
    for block in re.split(r"\n[ \t\r]*\n", message.report)[:1_000]:
        fields = {
            match["name"].lower(): " ".join(match["value"].split())
            for match in _FIELD.finditer(block[:20_000])
        }
        target = fields.get("final-recipient") or fields.get("original-recipient", "")
        address = email_address(target.rpartition(";")[2].strip("<> "))
        if address is None:
            continue
        status = _STATUS.search(fields.get("status", ""))
        action = fields.get("action", "failed").lower()
        failures[address] = FailedDelivery(
            address,
            status[1] if status else "",
            fields.get("diagnostic-code", "")[:300],
            permanent=action == "failed" and not (status and status[1].startswith("4")),
        )
        if len(failures) == _MOST_FAILURES:
            break
    if failures:
        return tuple(failures.values())
    words = f"{message.reply.text}\n{message.reply.quoted}"[:20_000]
    named = [message.header("x-failed-recipients"), *_BRACKETED.findall(words)[:1]]
    addresses = [email_address(part) for text in named for part in text.split(",")]
    found = next(filter(None, addresses), None)
    if found is None:
        return ()
    status, code = _STATUS.search(words), _SMTP_CODE.search(words)
    first = (status[1] if status else code[1] if code else "5")[0]
    return (FailedDelivery(found, status[1] if status else "", "", permanent=first == "5"),)
