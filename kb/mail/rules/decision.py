"""The decision about a mail: which ticket it belongs to, who acts, and what happens. Pure.

When in doubt, a mail becomes a new ticket at the lowest level, or waits for an agent; never a part
of somebody else's ticket. The sentences are for agents.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from kb import ids
from kb.mail.envelope import Became
from kb.mail.parsing.message import ParsedMessage
from kb.mail.rules.automatic import Automatic
from kb.mail.rules.evidence import Evidence
from kb.mail.rules.loops import Recent, must_wait, skips_receipt
from kb.mail.rules.threading import Candidate, FoundBy, Part, Thread, Writer, part_of
from kb.sla.policy import ClosedReply, Mailbox, Updates
from kb.text import has_visible_text
from kb.tickets.lifecycle import ACTIVE, Status, Verb

#: The first line of an agent's mail that becomes an internal note.
NOTE_COMMAND = "#note"
_CLOSED = (Status.RESOLVED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Everything that a decision is made from. ``threads`` are candidates with their tickets."""

    message: ParsedMessage
    mailbox: Mailbox | None
    automatic: Automatic | None
    evidence: Evidence
    writer: Writer | None
    threads: Sequence[tuple[Candidate, Thread]] = ()
    recent: Recent = field(default_factory=Recent)
    own_addresses: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. ``serial`` is the ticket that it is about; ``verb`` acts on it as ``part``."""

    became: Became
    why: str
    serial: int | None = None
    verb: Verb | None = None
    part: Part | None = None
    tells: bool = True
    asks_to_confirm: bool = False


def decide_mail(arrival: Arrival) -> Plan:
    message, writer, mailbox = arrival.message, arrival.writer, arrival.mailbox
    named = arrival.threads[0][1].ownership.serial if arrival.threads else None
    if arrival.automatic is not None:
        return _automatic(arrival.automatic, named)
    if writer is None:
        count = len(message.senders)
        fault = f"It has {count} senders." if count else "It has no sender with an address."
        return Plan(Became.QUARANTINED, fault, named)
    if writer.address in arrival.own_addresses:
        return Plan(Became.IGNORED, "It comes from an address of this portal.", named)
    if mailbox is None:
        return Plan(Became.QUARANTINED, "The policies file has no mailbox.", named)

    reasons = []
    for candidate, thread in arrival.threads:
        number = ids.ticket_number(thread.ownership.serial)
        part, why = part_of(candidate, thread, writer, arrival.evidence)
        if part is not None:
            plan, why = _answer(arrival, mailbox, candidate, thread, part)
            if plan is not None:
                return plan
        elif _is_of_agent(candidate, writer):
            return Plan(Became.QUARANTINED, f"It mentions {number}, but {why}.", named)
        reasons.append(f"It mentions {number}, but {why}.")
    return _new_ticket(arrival, named, reasons)


def _automatic(kind: Automatic, serial: int | None) -> Plan:
    if kind in (Automatic.NOTICE, Automatic.LIST):
        return Plan(Became.QUARANTINED, f"It is automatic: {kind}.", serial)
    return Plan(Became.IGNORED, f"It is automatic: {kind}.", serial)


def _is_of_agent(candidate: Candidate, writer: Writer) -> bool:
    """An agent's answer whose sender is not verified never becomes a new ticket of the agent."""
    is_staff = writer.account is not None and writer.account.is_staff
    return is_staff and candidate.found_by in (FoundBy.TOKEN, FoundBy.REFERENCES)


def _answer(
    arrival: Arrival, mailbox: Mailbox, candidate: Candidate, thread: Thread, part: Part
) -> tuple[Plan | None, str]:
    """A message on the ticket; None, and why, if the ticket takes no more."""
    message, serial = arrival.message, thread.ownership.serial
    how = f"It was found by {candidate.found_by}; its sender is the {part}."
    if not (has_visible_text(message.reply.text) or message.files):
        return Plan(Became.QUARANTINED, f"{how} It has no new text.", serial), ""
    if part is Part.AGENT:
        return _of_agent(message, thread, how), ""
    if mailbox.updates is Updates.SITE:
        return Plan(Became.IGNORED, f"{how} Answers to {mailbox.address} are not read.", serial), ""
    if thread.status in ACTIVE:
        return Plan(Became.COMMENT, how, serial, Verb.COMMENT, part), ""
    reopens = mailbox.closed is ClosedReply.REOPEN and part is not Part.COLLEAGUE
    if thread.status in _CLOSED and reopens:
        return Plan(Became.COMMENT, how, serial, Verb.REOPEN, part), ""
    return None, "the ticket is closed"


def _of_agent(message: ParsedMessage, thread: Thread, how: str) -> Plan:
    serial = thread.ownership.serial
    first, _, _ = message.reply.text.partition("\n")
    if first.strip().lower() == NOTE_COMMAND:
        return Plan(Became.COMMENT, how, serial, Verb.NOTE, Part.AGENT)
    if thread.status not in ACTIVE:
        why = f"{how} The ticket is closed; agents reopen it on its page."
        return Plan(Became.QUARANTINED, why, serial)
    return Plan(Became.COMMENT, how, serial, Verb.REPLY, Part.AGENT)


def _new_ticket(arrival: Arrival, named: int | None, reasons: Sequence[str]) -> Plan:
    wait = must_wait(arrival.recent, proven=arrival.evidence.proven)
    if wait:
        return Plan(Became.QUARANTINED, wait, named)
    proof = "Its sender is verified." if arrival.evidence.proven else "Its sender is not verified."
    tells = not skips_receipt(arrival.recent)
    quiet = () if tells else ("Its sender got no receipt, because of many e-mails in one hour.",)
    return Plan(
        Became.TICKET,
        " ".join((proof, *reasons, *quiet)),
        tells=tells,
        asks_to_confirm=not arrival.evidence.proven,
    )
