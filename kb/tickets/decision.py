"""Decision: what follows from one verb of one person on one ticket.

``decide`` is one pure function over the facts of the ticket: whether the person may use the verb,
the next status, the new SLA targets, and who is notified. The repository saves its result in the
transaction in which the facts were read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kb.people.person import Person
from kb.sla.policy import SlaPolicy
from kb.tickets import recipients
from kb.tickets.changeset import Change, Effects, NewEvent, TicketFacts
from kb.tickets.drafts import FormLimits
from kb.tickets.lifecycle import VERBS, Side, Status, Verb, next_status
from kb.tickets.permissions import check_use, side_of
from kb.tickets.sla_targets import PolicyVersions, clock_events, forecast, without_end
from kb.tickets.ticket import Attachment, Upload


@dataclass(frozen=True, slots=True)
class Rules:
    """What decisions go by: the policy in force, all that ever were, and the form's limits."""

    policy: SlaPolicy
    versions: PolicyVersions
    limits: FormLimits


@dataclass(frozen=True, slots=True)
class Context:
    """What a verb's effects may depend on besides the ticket. ``body`` is the checked message."""

    at: dt.datetime
    body: str
    policy: SlaPolicy
    limits: FormLimits


def no_effects(ticket: TicketFacts, context: Context) -> Effects:
    del ticket, context
    return Effects()


@dataclass(frozen=True, slots=True)
class Command:
    """One verb with what the person gave for it, made by the verb's function in ``actions``.

    ``effects`` looks at the ticket as it is when the command is decided, and may refuse it.
    """

    verb: Verb
    effects: Callable[[TicketFacts, Context], Effects] = no_effects
    body: str = ""
    uploads: Sequence[Upload] = ()
    notify: tuple[str, ...] = ()  # staff who become responsible, by address


def decide(
    command: Command,
    person: Person,
    ticket: TicketFacts,
    rules: Rules,
    now: dt.datetime,
    *,
    attachments: tuple[Attachment, ...] = (),
) -> Change:
    """Raises NotFound for a stranger, Forbidden, Conflict, and what ``command.effects`` raises."""
    check_use(person, command.verb, ticket.ownership)
    status = next_status(ticket.status, command.verb)

    instant = max(now.replace(microsecond=0), ticket.last_at)
    by_agent = side_of(person, ticket.ownership) is Side.STAFF
    context = Context(instant, command.body, rules.policy, rules.limits)
    effects = command.effects(ticket, context)
    history, target_rows = ticket.history, ticket.target_rows
    if effects.undoes is not None:
        status, history = effects.undoes.status, without_end(history)
    if effects.recomputes:
        target_rows = tuple(row for row in target_rows if row.met_at is not None)
    heard = clock_events(command.verb, instant, by_agent=by_agent, facts=effects.facts)
    event = NewEvent(
        verb=command.verb,
        at=instant,
        actor_id=person.id,
        actor=person.name,
        by_agent=by_agent,
        public=VERBS[command.verb].public and not effects.silent,
        body=command.body,
        facts=effects.facts,
        attachments=attachments,
    )
    told = recipients.staff_told(
        event,
        ticket,
        rules.policy,
        actor_email=person.email,
        silent=effects.silent,
        kind=effects.notice,
        assigned=command.notify,
    )
    # A reminder ends with the pause that it belongs to.
    paused = status in (Status.PENDING, Status.ON_HOLD)
    return Change(
        event=event,
        status=status,
        forecast=forecast(
            target_rows,
            (*history, *effects.history, *heard),
            rules.versions,
            instant,
        ),
        effects=effects,
        values={"remind_at": ticket.remind_at if paused else None, **effects.values},
        notices=(
            *recipients.notices(
                event,
                ticket,
                actor_email=person.email,
                silent=effects.silent,
                kind=effects.notice,
                copy_to=effects.values.get("copy_to", ticket.copy_to),
            ),
            *recipients.scheduled_notices(event, ticket, rules.policy),
            *told.notices,
        ),
        news=told.news,
    )
