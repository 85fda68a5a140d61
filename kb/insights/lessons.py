"""Lessons: what search learns from tickets and visits whenever an index is built."""

from __future__ import annotations

from dataclasses import dataclass

from kb.database import Database
from kb.insights.suggestion_outcomes import suggestion_outcomes
from kb.search.documents import ResolvedTicket, SuggestionOutcome
from kb.tickets.reports.resolved_links import resolved_links

#: Only the newest resolved tickets: agents no longer link what they linked years ago, and each
#: ticket adds a tenth of a millisecond to every publish.
_MOST_TICKETS = 5_000
#: Only the newest visits tell what became of their suggestions.
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
