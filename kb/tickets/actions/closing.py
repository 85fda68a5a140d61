"""Closing: resolve, cancel, mark as spam or duplicate, reopen, and the rating afterwards."""

from __future__ import annotations

from dataclasses import replace

from kb.errors import Conflict, Invalid
from kb.tickets.changeset import Effects, TicketFacts
from kb.tickets.decision import Command, Context
from kb.tickets.drafts import available
from kb.tickets.lifecycle import CLOSED_FOR_A_REASON, UNDO_WINDOW, Verb
from kb.tickets.ticket import Rating

VOID_REASONS = ("spam", "duplicate")


def solve(reason: str = "", *, body: str = "") -> Command:
    """``reason`` is a closing reason of the policies, or empty. Raises Invalid.

    ``body`` is a last message to the customer.
    """
    return replace(_close(Verb.SOLVE, reason), body=body)


def cancel(reason: str = "") -> Command:
    """As ``solve``, for a ticket that ends without a resolution."""
    return _close(Verb.CANCEL, reason)


def reopen(body: str) -> Command:
    """Opens a resolved or cancelled ticket again; ``body`` restates the question."""
    return Command(Verb.REOPEN, body=body)


def void(why: str) -> Command:
    """Spam or a duplicate: no SLA applied, and a coupon is given back. Raises Invalid.

    Nobody is notified of spam.
    """

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del context
        check_void(why)
        facts = {"why": why, **facts_before(ticket)}
        return Effects(facts, silent=why == "spam", releases_coupon=bool(ticket.coupon))

    return Command(Verb.VOID, effects)


def check_void(why: str) -> None:
    """Raises Invalid for an unknown reason."""
    if why not in VOID_REASONS:
        raise Invalid(f"Unknown reason {why!r:.40}. {available(VOID_REASONS)}", field="why")


def facts_before(ticket: TicketFacts) -> dict[str, str]:
    """What an undo needs, as facts of the event that ends the ticket."""
    facts = {"before": ticket.status.value}
    if ticket.remind_at is not None:
        facts["remind_at"] = ticket.remind_at.isoformat()
    return facts


def undo() -> Command:
    """The ticket is as it was before it was merged or marked. Raises Conflict when it is too late.

    Of a merge this is one half: see ``merge_split.undo_merge``.
    """

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        end = ticket.end
        if end is None or context.at > end.at + UNDO_WINDOW:
            minutes = UNDO_WINDOW.seconds // 60
            raise Conflict(f"This can be undone only within {minutes} minutes. File a new ticket.")
        return Effects(
            values={"merged_into": None, "remind_at": end.remind_at},
            silent=not end.public,
            undoes=end,
            recomputes=True,
        )

    return Command(Verb.UNDO, effects)


def rate(score: int, body: str = "") -> Command:
    """1 to 5 after the ticket was closed; a later rating replaces it. Raises Invalid."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        if not 1 <= score <= 5:
            raise Invalid("A rating is a number from 1 (bad) to 5 (good).", field="score")
        return Effects({"score": str(score)}, rating=Rating(score, context.body, context.at))

    return Command(Verb.RATE, effects, body)


def _close(verb: Verb, reason: str) -> Command:
    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        if not reason:
            return Effects(values={"closed_for": ""})
        closing = {
            entry.key: entry.title for entry in context.policy.reasons.values() if entry.closes
        }
        if reason not in closing:
            raise Invalid(f"Unknown reason {reason!r:.60}. {available(closing)}", field="reason")
        title = closing[reason]
        facts = {"reason": reason, "title": title}
        return Effects(facts, {"closed_for": title}, notice=CLOSED_FOR_A_REASON)

    return Command(verb, effects)
