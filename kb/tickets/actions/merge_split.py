"""Merge and split: two tickets become one, or a part of a ticket becomes a new ticket.

Both touch two tickets in one transaction. No SLA time is lost on the way: the earliest start
counts, and so do the pauses.
"""

from __future__ import annotations

import datetime as dt

from kb import ids
from kb.errors import Conflict, Invalid
from kb.people.person import Person
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.tickets import drafts
from kb.tickets.actions.closing import facts_before, undo
from kb.tickets.actions.idempotency import verb_key
from kb.tickets.changeset import (
    Change,
    Effects,
    LinkedTicket,
    NewEvent,
    NewTicket,
    TicketFacts,
)
from kb.tickets.decision import Command, Context, Rules, decide
from kb.tickets.lifecycle import Verb, next_status
from kb.tickets.permissions import check_use
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.sla_targets import MERGED_EVENTS, SPLIT_EVENTS, as_merged, forecast
from kb.tickets.ticket import Draft


def undo_end(
    repository: TicketRepository, rules: Rules, person: Person, serial: int, *, now: dt.datetime
) -> None:
    """Undoes a merge or a mark as spam or duplicate. Raises NotFound, Forbidden, and Conflict when
    there is nothing to undo or it is too late.
    """
    ownership, status = repository.ownership(serial)
    check_use(person, Verb.UNDO, ownership)
    next_status(status, Verb.UNDO)
    end = repository.facts(serial).end
    target = ids.ticket_serial(end.into) if end and end.into else None

    def leave(ticket: TicketFacts) -> Change:
        def effects(ticket: TicketFacts, context: Context) -> Effects:
            del ticket, context
            return Effects({"from": ids.ticket_number(serial)}, recomputes=True)

        return decide(Command(Verb.SEPARATE, effects), person, ticket, rules, now)

    repository.undo(
        serial, target, lambda ticket: decide(undo(), person, ticket, rules, now), leave
    )


def check_merge(repository: TicketRepository, person: Person, source: int, target: int) -> None:
    """Raises NotFound, Forbidden, and Conflict for tickets that cannot be merged."""
    if source == target:
        raise Conflict("A ticket cannot be merged into itself. Enter the number of another one.")
    owners = []
    for serial, verb in ((source, Verb.MERGE), (target, Verb.ABSORB)):
        ownership, status = repository.ownership(serial)
        check_use(person, verb, ownership)
        next_status(status, verb)
        owners.append(ownership.customer_id)
    if owners[0] != owners[1]:
        raise Conflict(
            "These tickets belong to different requesters, who must not see each other's tickets. "
            "Answer them separately."
        )


def merge(
    repository: TicketRepository,
    rules: Rules,
    person: Person,
    source: int,
    target: int,
    *,
    key: str,
    now: dt.datetime,
) -> None:
    """``source`` continues in ``target``, where the earliest start and all pauses count.

    Raises NotFound, Forbidden, and Conflict for tickets of two requesters and for one ticket.
    """
    once = verb_key(person, Verb.MERGE, source, key)
    if repository.serial_by_key(once) is not None:
        return
    check_merge(repository, person, source, target)

    def leave(ticket: TicketFacts) -> Change:
        def effects(ticket: TicketFacts, context: Context) -> Effects:
            del context
            facts = {"into": ids.ticket_number(target), **facts_before(ticket)}
            return Effects(facts, {"merged_into": target})

        return decide(Command(Verb.MERGE, effects), person, ticket, rules, now)

    def absorb(ticket: TicketFacts, merged: TicketFacts) -> Change:
        def effects(ticket: TicketFacts, context: Context) -> Effects:
            del context
            return Effects(
                {"from": ids.ticket_number(source)},
                link=LinkedTicket(source, "merged", merged.created),
                history=tuple(
                    as_merged(event, ticket.level)
                    for event in merged.history
                    if event.kind in MERGED_EVENTS
                ),
            )

        return decide(Command(Verb.ABSORB, effects), person, ticket, rules, now)

    repository.merge(source, target, leave, absorb, once)


def split(
    repository: TicketRepository,
    rules: Rules,
    person: Person,
    serial: int,
    title: str,
    description: str,
    *,
    event: int | None,
    key: str,
    now: dt.datetime,
) -> int:
    """Makes a part of a ticket its own ticket of the same requester; returns its serial.

    ``event`` is the id of the message that asked for the part: its SLA counts from then, by default
    from the start, and pauses since then count too. Raises NotFound, Forbidden, Conflict, and
    Invalid for a title or description that no form would take.
    """
    once = verb_key(person, Verb.SPLIT, serial, key)
    made_before = repository.serial_by_key(once)
    if made_before is not None:
        return made_before
    ownership, status = repository.ownership(serial)
    check_use(person, Verb.SPLIT, ownership)
    next_status(status, Verb.SPLIT)

    ticket = repository.facts(serial)
    since = ticket.created if event is None else repository.event_at(serial, event)
    if since is None:
        raise Invalid("The ticket has no such message. Choose one of its comments.", field="event")
    named, text = drafts.split_texts(title, description, limits=rules.limits)
    draft = Draft(
        named,
        ticket.type,
        ticket.severity,
        text,
        product=ticket.product,
        topic=ticket.topic,
        copy_to=ticket.copy_to,
    )

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket, context
        return Effects({"title": named})

    return repository.split(
        serial,
        _part(ticket, person, draft, since, rules, now),
        lambda ticket: decide(Command(Verb.SPLIT, effects), person, ticket, rules, now),
        once,
    )


def _part(
    ticket: TicketFacts,
    person: Person,
    draft: Draft,
    since: dt.datetime,
    rules: Rules,
    now: dt.datetime,
) -> NewTicket:
    instant = max(now.replace(microsecond=0), ticket.last_at)
    policy = rules.policy
    severity = policy.severities.get(ticket.severity)
    level = policy.levels.get(ticket.level)
    number = ids.ticket_number(ticket.ownership.serial)
    event = NewEvent(
        Verb.OPEN,
        instant,
        person.id,
        person.name,
        by_agent=True,
        public=True,
        body=draft.description,
        facts={"level": ticket.level, "split_from": number},
    )
    pauses = [event for event in ticket.history if event.kind in SPLIT_EVENTS and event.at >= since]
    history = (SlaEvent(since, SlaEventKind.ACCEPTED, level=ticket.level), *pauses)
    return NewTicket(
        draft=draft,
        customer_id=ticket.ownership.customer_id,
        organisation_id=ticket.ownership.organisation_id,
        severity_title=severity.title if severity else ticket.severity,
        level_title=ticket.level_title,
        level_why=f"Split from {number}.",
        level=ticket.level,
        policy_version=policy.version,
        urgent=level is not None and policy.urgent(level, ticket.severity),
        event=event,
        forecast=forecast((), history, rules.versions, instant),
        link=LinkedTicket(ticket.ownership.serial, "split", since),
        source="split",
    )
