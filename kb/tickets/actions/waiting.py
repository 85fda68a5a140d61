"""Waiting: pending for the customer, on hold for others, and what ends either."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from kb.errors import Conflict, Invalid
from kb.sla.clock import CUSTOMER
from kb.sla.policy import Goal
from kb.tickets.changeset import Effects, TicketFacts
from kb.tickets.decision import Command, Context
from kb.tickets.drafts import available
from kb.tickets.lifecycle import Verb
from kb.tickets.sla_targets import RUNNING_STATES
from kb.tickets.ticket import Upload


def set_to_pending(
    body: str = "",
    *,
    reason: str = CUSTOMER,
    until: dt.datetime | None = None,
    uploads: Sequence[Upload] = (),
) -> Command:
    """Sets the ticket to pending until the customer writes, or until the date ``until``.

    ``body`` asks the question. Raises Conflict without one when the customer wrote last, Invalid
    for a reason that a message of the customer does not end and for an ``until`` in the past.
    """
    reason = reason or CUSTOMER
    asks = bool(body.strip() or uploads)

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        allowed = {
            entry.key: entry.title
            for entry in context.policy.reasons.values()
            if entry.until_reply and not entry.closes
        }
        if reason != CUSTOMER and reason not in allowed:
            raise _unknown_reason(reason, allowed)
        if not asks and ticket.last_speaker != "agent":
            raise Conflict(
                "The customer wrote last. Enter your question as the message, or reply first."
            )
        facts = {"said": "yes"} if asks else {}
        facts |= {**_until(until, context.at), "reason": reason}
        return Effects(facts, {"remind_at": until})

    return Command(Verb.SET_TO_PENDING, effects, body, uploads)


def pause(reason: str, *, until: dt.datetime | None = None, body: str = "") -> Command:
    """Stops the clock for a reason that a message of the customer does not end. Raises Invalid."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        allowed = {
            entry.key: entry.title
            for entry in context.policy.reasons.values()
            if not (entry.closes or entry.until_reply)
        }
        if reason not in allowed:
            raise _unknown_reason(reason, allowed)
        facts = {**_until(until, context.at), "reason": reason, "title": allowed[reason]}
        return Effects(facts, {"remind_at": until})

    return Command(Verb.PAUSE, effects, body)


def resume() -> Command:
    return Command(Verb.RESUME)


def no_reply_needed() -> Command:
    """The customer's last message needs no reply (a thank-you): the next-response target ends.

    Raises Conflict before the first reply, which every ticket gets.
    """

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del context
        if any(
            row.state in RUNNING_STATES and row.target == Goal.FIRST for row in ticket.target_rows
        ):
            raise Conflict("Nobody has replied to this ticket yet. Reply first.")
        return Effects()

    return Command(Verb.NO_REPLY_NEEDED, effects)


def _until(until: dt.datetime | None, instant: dt.datetime) -> Mapping[str, str]:
    if until is None:
        return {}
    if until.tzinfo is None or until <= instant:
        raise Invalid("The reopening date is in the past. Enter a later one.", field="until")
    return {"until": until.isoformat()}


def _unknown_reason(reason: str, allowed: Mapping[str, str]) -> Invalid:
    return Invalid(f"Unknown reason {reason!r:.60}. {available(allowed)}", field="reason")
