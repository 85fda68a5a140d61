"""Threading: to which ticket a mail belongs, and whether its sender may write there.

A signed reply address goes first, then the ids of mails that it answers, then a ticket number in
the subject. None of them is a permission: each counts only if the sender takes part in the ticket.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kb.mail.reply_addresses import NO_PERSON, ReplyToken
from kb.mail.rules.evidence import Evidence, Verdict
from kb.notifications.message_ids import serials_in
from kb.people.person import Person
from kb.tickets.lifecycle import Side, Status
from kb.tickets.permissions import Ownership, side_of

_NUMBER = re.compile(r"\[#?KB-(\d{1,12})\]", re.IGNORECASE)
_MOST_CANDIDATES = 5


class FoundBy(StrEnum):
    TOKEN = "reply address"  # noqa: S105 - how a ticket was found
    REFERENCES = "references"
    NUMBER = "ticket number"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ticket that a mail may belong to; ``token`` is that of a reply address."""

    serial: int
    found_by: FoundBy
    token: ReplyToken | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """What the decision needs to know of a ticket. ``copies`` are addresses that get its mails."""

    ownership: Ownership
    status: Status
    customer_email: str
    customer_guest: bool
    copies: Collection[str]
    merged_into: int | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """The accounts of a sender's address: ``account`` signs in, ``guest`` files without one."""

    address: str
    name: str = ""
    account: Person | None = None
    guest: Person | None = None


class Part(StrEnum):
    """What part a sender has in a ticket."""

    REQUESTER = "requester"
    COLLEAGUE = "colleague"
    COPY = "copy"
    AGENT = "agent"


def candidates(
    tokens: Sequence[ReplyToken],
    references: Sequence[str],
    subject: str,
    *,
    domains: Collection[str],
    received: Mapping[str, int],
) -> tuple[Candidate, ...]:
    """The tickets that a mail names, the surest first.

    ``domains`` are those of our own Message-IDs; ``received`` has the tickets of mails that came to
    us, by Message-ID.
    """
    found: dict[int, Candidate] = {}
    for token in tokens:
        found.setdefault(token.serial, Candidate(token.serial, FoundBy.TOKEN, token))
    for message_id in reversed(references):
        serials = [serial for domain in domains for serial in serials_in(message_id, domain)]
        if message_id in received:
            serials.append(received[message_id])
        for serial in serials:
            found.setdefault(serial, Candidate(serial, FoundBy.REFERENCES))
    for number in _NUMBER.findall(subject):
        found.setdefault(int(number), Candidate(int(number), FoundBy.NUMBER))
    return tuple(found.values())[:_MOST_CANDIDATES]


def part_of(
    candidate: Candidate, thread: Thread, writer: Writer, evidence: Evidence
) -> tuple[Part | None, str]:
    """The sender's part in the ticket, or None and why there is none, for agents.

    A reply address proves that somebody got our mail, so that it stands in for evidence; whoever
    lies about the domain (``fail``) has no part in anything.
    """
    if evidence.verdict is Verdict.FAIL:
        return None, "it fails the checks of its sender's domain"
    has_token = candidate.token is not None and _is_for(candidate.token, thread, writer)
    if candidate.token is not None and not has_token:
        return None, "its reply address was made for somebody else"
    if not (has_token or evidence.proven):
        return None, "its sender is not verified"
    account = writer.account
    if account is not None and account.is_staff:
        if not (has_token and evidence.proven):
            return None, "agents must answer to the reply address, from a verified address"
        return Part.AGENT, ""
    if writer.address == thread.customer_email:
        return Part.REQUESTER, ""
    if account is not None and side_of(account, thread.ownership) is Side.COLLEAGUE:
        return Part.COLLEAGUE, ""
    if writer.address in thread.copies:
        return Part.COPY, ""
    return None, "its sender does not take part in that ticket"


def _is_for(token: ReplyToken, thread: Thread, writer: Writer) -> bool:
    """Whether the reply address was given to the sender."""
    if token.person_id == NO_PERSON:
        return writer.address in thread.copies
    people = (writer.account, writer.guest)
    return any(person is not None and person.id == token.person_id for person in people)
