"""Assignment: which agent is responsible for a ticket, and who else receives its e-mails."""

from __future__ import annotations

from collections.abc import Sequence

from kb.errors import Invalid
from kb.people.person import Person
from kb.tickets.changeset import Effects, TicketFacts
from kb.tickets.decision import Command, Context
from kb.tickets.drafts import copy_addresses
from kb.tickets.lifecycle import Verb


def assign(agent: Person) -> Command:
    """Makes ``agent`` the assignee, who is notified. Raises Invalid for a person not on staff."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket, context
        if not agent.is_staff:
            raise Invalid(f"{agent.email!r:.80} does not belong to an agent.", field="agent")
        return Effects({"agent": agent.name}, {"assignee_id": agent.id})

    return Command(Verb.ASSIGN, effects, notify=(agent.email,))


def set_copies(copy_to: Sequence[str]) -> Command:
    """All addresses that receive copies of the requester's mails. Raises Invalid."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        return Effects(values={"copy_to": list(copy_addresses(copy_to, context.limits))})

    return Command(Verb.COPY, effects)
