"""Lessons: what search learns from tickets and visits whenever an index is built."""

from __future__ import annotations

from dataclasses import dataclass

from kb.database import Database
from kb.insights.suggestion_outcomes import suggestion_outcomes
from kb.search.documents import ResolvedTicket, SuggestionOutcome
from kb.tickets.reports.resolved_links import resolved_links

#: The newest resolved tickets: what was linked years ago is not what one links now, and each costs
#: every publish a tenth of a millisecond.
_MOST_TICKETS = 5_000
#: The newest visits that are looked at for what became of their suggestions.
_MOST_VISITS = 5_000


@dataclass(frozen=True, slots=True)
class Lessons:
    """Tickets that documents resolved, and what visitors made of suggestions."""

    tickets: tuple[ResolvedTicket, ...] = ()
    outcomes: tuple[SuggestionOutcome, ...] = ()


def read_lessons(database: Database) -> Lessons:
    """Raises Unavailable."""
    return Lessons(
        tuple(
            ResolvedTicket(ticket.title, ticket.document_ids, ticket.solved_at, ticket.customer)
            for ticket in resolved_links(database, most=_MOST_TICKETS)
        ),
        suggestion_outcomes(database, most=_MOST_VISITS),
    )
