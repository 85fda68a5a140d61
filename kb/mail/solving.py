"""Solving: a requester says, from the mail that confirms a ticket, that an article solved it."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, replace

from kb import ids
from kb.analytics.deflection import Deflection, mail_episode
from kb.errors import Invalid, KbError
from kb.mail.mail_links import MailLinks
from kb.people.person import Person
from kb.tickets import actions
from kb.tickets.desk import Desk
from kb.tickets.lifecycle import ACTIVE
from kb.tickets.permissions import link_not_found
from kb.tickets.repository.repository import TicketRepository


@dataclass(frozen=True, slots=True)
class SolvableTicket:
    """``articles`` are the ids of those that the mail suggested; ``active``: it is still open."""

    number: str
    person: Person
    articles: tuple[str, ...]
    active: bool


class SolveByLink:
    """Behind a link of ``MailLinks``, which needs no account."""

    def __init__(
        self, links: MailLinks, tickets: TicketRepository, desk: Desk, deflection: Deflection
    ) -> None:
        self._links = links
        self._tickets = tickets
        self._desk = desk
        self._deflection = deflection

    def ticket(self, token: str, *, now: dt.datetime) -> SolvableTicket:
        """What the link is about. Raises NotFound, also once the ticket is somebody else's."""
        serial, person_id = self._links.solved(token, now=now)
        ownership, status = self._tickets.ownership(serial)
        person = self._tickets.people.by_id(person_id)
        if person is None or ownership.customer_id != person_id:
            raise link_not_found()
        if person.guest:
            person = replace(person, holds=serial)
        return SolvableTicket(
            ids.ticket_number(serial),
            person,
            self._deflection.shown(mail_episode(serial)),
            status in ACTIVE,
        )

    def solve(self, token: str, article: str, *, now: dt.datetime) -> SolvableTicket:
        """Resolves the ticket, and counts the article as what solved it.

        Raises NotFound, Invalid for an article that the mail did not suggest, Conflict for a ticket
        that cannot be resolved.
        """
        ticket = self.ticket(token, now=now)
        if article not in ticket.articles:
            raise Invalid("Choose the article that solved it.", field="article")
        self._desk.act(ticket.number, ticket.person, actions.solve(), now=now)
        episode = mail_episode(ids.ticket_serial(ticket.number) or 0)
        with contextlib.suppress(KbError):  # it is resolved, which is what the person came for
            self._deflection.record(episode, "helped", {"id": article, "yes": True}, now=now)
        return self.ticket(token, now=now)
