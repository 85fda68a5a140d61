"""Mails of the tests, and an inbox of the tests' world that gets them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.message import EmailMessage

from kb.mail.envelope import Envelope, MailOutcome
from kb.mail.inbox import Inbox, MailSite, SenderTrust
from kb.mail.reply_addresses import ReplyAddresses, ReplyToken
from kb.mail.repository import MailRepository
from kb.mail.rules.evidence import Signatures
from kb.mail.spool import Spool
from kb.sla.policy import Mailbox
from kb.tickets.attachments.files import Attachments
from kb.tickets.drafts import FormLimits
from tests.world import CATALOGUE, FRIDAY, World

KEYS = ("k" * 48,)
DOMAIN = "portal.example.com"
SUPPORT = "support@vendor.example"
AUTHORITY = "mx.vendor.example"


def mailbox(**values: object) -> Mailbox:
    first = {"type": "problem", "severity": "question", **values}
    return Mailbox(SUPPORT, **first)  # type: ignore[arg-type]  # the values of the tests


def inbox(
    world: World,
    *boxes: Mailbox,
    authority: str = AUTHORITY,
    sealers: tuple[str, ...] = (),
    signed_by: Callable[[bytes], Signatures] | None = None,
) -> Inbox:
    """``signed_by`` is asked if there is no ``authority``."""
    mailboxes = {box.address: box for box in boxes or (mailbox(),)}
    return Inbox(
        Spool(world.data / "mail"),
        MailRepository(world.database),
        world.desk,
        world.accounts,
        Attachments(world.data / "attachments"),
        signing_keys=lambda: KEYS,
        site=MailSite(
            replace(world.policy, mailboxes=mailboxes),
            CATALOGUE,
            FormLimits(),
            DOMAIN,
            frozenset({f"noreply@{DOMAIN}", *mailboxes}),
        ),
        believed=SenderTrust(authority, sealers, signed_by),
    )


def mail(
    text: str = "It does not print.",
    *,
    sender: str = "Alice <alice@example.com>",
    to: str = SUPPORT,
    subject: str = "Cannot print",
    proven: bool = False,
    headers: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """``proven`` adds what the site's own mail server says."""
    message = EmailMessage()
    if proven:
        domain = sender.rpartition("@")[2].strip("> ")
        message["Authentication-Results"] = f"{AUTHORITY}; dmarc=pass header.from={domain}"
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text)
    for name, data in (files or {}).items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def receive(
    box: Inbox, raw: bytes, *, sender: str | None = None, now: dt.datetime = FRIDAY
) -> MailOutcome:
    return box.receive(raw, Envelope(sender), now=now)


def reply_address(serial: int, person_id: int, *, now: dt.datetime = FRIDAY) -> str:
    return ReplyAddresses(KEYS).mint(SUPPORT, ReplyToken(serial, person_id), now=now)
