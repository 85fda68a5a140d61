"""Support level and severity: staff change the one, the requester agrees to the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from kb.errors import Conflict, Invalid
from kb.sla.policy import (
    UNVERIFIED,
    Development,
    Level,
    LevelChange,
    LevelChoice,
    Severity,
    SlaPolicy,
    VerifiedRequester,
)
from kb.text import clean_text
from kb.tickets.changeset import Effects, TicketFacts
from kb.tickets.decision import Command, Context
from kb.tickets.drafts import available, unknown_severity
from kb.tickets.lifecycle import HANDED_OVER, Verb
from kb.tickets.ticket import Proposal


def change_level(level: str, body: str, *, change: str = "") -> Command:
    """Moves the ticket to another level, with the reason that the requester reads.

    ``change`` is retroactive, from_change or proportional; empty: as the level defines. A coupon is
    given back. Raises Invalid for an unknown level or change, Conflict when the ticket has the
    level already or may not go to development.
    """

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        to = context.policy.level(level)
        if change and change not in tuple(LevelChange):
            raise Invalid(
                f"Unknown way to count {change!r:.40}. {available(LevelChange)}", field="change"
            )
        if ticket.level == to.key:
            raise Conflict(f"The ticket already has the support level {to.title}.")
        if to.handover and not _handover_changes_level(context.policy, ticket):
            return Effects({"handed_over": to.title}, notice=HANDED_OVER)

        facts = {"level": to.key, "from_level": ticket.level, "title": to.title, "change": change}
        return Effects(
            facts,
            _level_columns(context.policy, to, context.body, ticket.severity),
            releases_coupon=bool(ticket.coupon) and to.key != ticket.coupon_level,
        )

    return Command(Verb.CHANGE_LEVEL, effects, body)


def propose_severity(severity: str, body: str, *, detail: str = "") -> Command:
    """Asks the requester to agree to another severity; a later proposal replaces an open one.

    Raises Invalid for an unknown severity or without a reason, Conflict for the one that it has.
    """

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        proposed = _severity(context.policy, severity)
        if ticket.severity == severity:
            raise Conflict(f"The ticket already has the severity “{proposed.title}”.")
        detail_text = clean_text(detail)[: context.limits.detail]
        return Effects(
            {"severity": severity, "title": proposed.title},
            proposal=Proposal(severity, detail_text, context.body, context.at),
        )

    return Command(Verb.PROPOSE, effects, body)


def agree() -> Command:
    """The requester agrees to the proposed severity, and the level follows. Raises Conflict."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        policy, proposal = context.policy, _open_proposal(ticket)
        severity = _severity(policy, proposal.severity)
        facts = {
            "severity": severity.key,
            "title": severity.title,
            "from_severity": ticket.severity,
        }
        columns: dict[str, Any] = {
            "severity": severity.key,
            "severity_title": severity.title,
            "severity_detail": proposal.detail,
        }

        before = _entitled_level(policy, ticket, ticket.severity)
        after = _entitled_level(policy, ticket, severity.key)
        # Staff may have moved the ticket to another level: then it stays there.
        if before.level.key == ticket.level and after.level.key != ticket.level:
            facts |= {"level": after.level.key, "from_level": ticket.level}
            columns |= _level_columns(policy, after.level, after.why, severity.key)
        elif ticket.level in policy.levels:
            columns["urgent"] = policy.urgent(policy.levels[ticket.level], severity.key)
        return Effects(facts, columns, decision="agreed")

    return Command(Verb.AGREE, effects)


def decline(body: str = "") -> Command:
    """The requester keeps the severity. Raises Conflict without a proposal."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del context
        return Effects({"severity": _open_proposal(ticket).severity}, decision="declined")

    return Command(Verb.DECLINE, effects, body)


def confirm(requester: VerifiedRequester = UNVERIFIED, since: dt.datetime | None = None) -> Command:
    """The requester owns the address that the ticket was filed for, which sets the level anew.

    It becomes the one that the ticket would have had if ``requester`` had filed it.

    ``since`` is when the requester became a customer. A ticket that staff have moved stays there.
    """

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        policy = context.policy
        asked = {
            "severity": ticket.severity,
            "type": ticket.type,
            "topic": ticket.topic,
            "product": ticket.product,
            "channel": ticket.channel,
        }
        before = policy.choose(asked)
        after = policy.after_term(policy.choose(asked, requester), since, context.at)
        if before.level.key != ticket.level or after.level.key == ticket.level:
            return Effects()
        facts = {"level": after.level.key, "from_level": ticket.level}
        columns = _level_columns(policy, after.level, after.why, ticket.severity)
        return Effects(facts, columns)

    return Command(Verb.CONFIRM, effects)


def _handover_changes_level(policy: SlaPolicy, ticket: TicketFacts) -> bool:
    """Raises Conflict when the ticket may not be handed over to development."""
    level = policy.levels.get(ticket.level)
    development = level.development if level else Development.YES
    if development is Development.NO:
        raise Conflict(
            f"Tickets with the support level {ticket.level_title} cannot go to development."
        )
    return development is not Development.SAME_LEVEL


def _level_columns(policy: SlaPolicy, level: Level, why: str, severity: str) -> Mapping[str, Any]:
    urgent = policy.urgent(level, severity)
    return {"level": level.key, "level_title": level.title, "level_why": why, "urgent": urgent}


def _severity(policy: SlaPolicy, key: str) -> Severity:
    if key not in policy.severities:
        raise unknown_severity(key, policy)
    return policy.severities[key]


def _open_proposal(ticket: TicketFacts) -> Proposal:
    if ticket.proposal is None:
        raise Conflict("No other severity is proposed.")
    return ticket.proposal


def _entitled_level(policy: SlaPolicy, ticket: TicketFacts, severity: str) -> LevelChoice:
    """The level that a ticket like this one gets today with ``severity``."""
    coupon = next(
        (rule.key for rule in policy.coupons.values() if rule.level == ticket.coupon_level), ""
    )
    requester = VerifiedRequester(
        "" if ticket.customer_guest else ticket.customer_email,
        ticket.category,
        ticket.licence,
        ticket.organisation,
    )
    choice = policy.choose(
        {
            "severity": severity,
            "type": ticket.type,
            "topic": ticket.topic,
            "product": ticket.product,
            "coupon": coupon if ticket.coupon else "",
            "channel": ticket.channel,
        },
        requester,
    )
    return policy.after_term(choice, ticket.customer_since, ticket.created)
