"""Assignment: which agent is responsible for a ticket, and who else receives or opens it."""

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


def revoke_links() -> Command:
    """No link opens the ticket any longer; see ``kb.tickets.guest_links``."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket, context
        return Effects(revokes_links=True)

    return Command(Verb.REVOKE_LINKS, effects)


def set_copies(copy_to: Sequence[str]) -> Command:
    """All addresses that receive copies of the requester's mails. Raises Invalid."""

    def effects(ticket: TicketFacts, context: Context) -> Effects:
        del ticket
        return Effects(values={"copy_to": list(copy_addresses(copy_to, context.limits))})

    return Command(Verb.COPY, effects)
