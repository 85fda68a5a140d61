"""SearchFeedback: what search learns from tickets and visitors at a publish.

Resolved tickets whose answers linked documents, and the queries that are asked most, from the
ticket database beside the index. Without a database nothing is learned; one that cannot be read is
reported, and indexing goes on. The votes are counted in ``kb.search.index.resolved_tickets``, the
words learned in ``kb.search.scoring.translations``, the queries in ``kb.analytics.query_log``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from kb.database import DatabaseLocation, database_exists
from kb.errors import KbError
from kb.search.documents import ResolvedTicket, SuggestionOutcome

MAX_QUERIES = 50

#: Part of a query in which the query log has masked what identifies a person.
_MASK = "["


@dataclass(frozen=True, slots=True)
class SearchFeedback:
    """``solved`` are the tickets that vote, ``tickets`` all that were resolved by documents, and
    ``words`` are the words, each with a document, that enough of their customers used for it.
    ``outcomes`` are what visitors made of suggestions. ``asked`` are (query, audience, times), the
    most frequent first. ``note`` says why there is no feedback, when the reason is not simply that
    there are no tickets.
    """

    solved: tuple[ResolvedTicket, ...] = ()
    tickets: tuple[ResolvedTicket, ...] = ()
    words: frozenset[tuple[str, str]] = frozenset()
    outcomes: tuple[SuggestionOutcome, ...] = ()
    asked: tuple[tuple[str, str, int], ...] = ()
    note: str = ""

    @property
    def stamp(self) -> str:
        """Identifies the tickets that vote and the words that are known; "" when there are none.

        That one customer more uses a word is no reason to publish.
        """
        if not self.solved and not self.words:
            return ""
        digest = hashlib.blake2b(digest_size=16)
        tickets = ((ticket.solved_at, ticket.title, ticket.documents) for ticket in self.solved)
        for row in sorted(tickets):
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
        for pair in sorted(self.words):
            digest.update(repr(pair).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def read_feedback(
    location: DatabaseLocation, now: dt.datetime, *, queries: bool = False
) -> SearchFeedback:
    """The feedback in the ticket database; with ``queries`` what is asked most, too.

    Who stands behind the tickets is not looked at here (``kb.search.build.vouching``): none votes
    yet, and no words are known.
    """
    if not database_exists(location):
        return SearchFeedback()

    # Imports SQLAlchemy, for which a help centre without tickets need not wait.
    from kb.centre import read_usage

    try:
        usage = read_usage(location, now, max_queries=MAX_QUERIES if queries else 0)
    except KbError as error:
        return SearchFeedback(
            note=f"Search does not learn from resolved tickets in this run: {error.sentence}"
        )

    # A masked query is not what the visitor asked: it would find nothing that visitors find.
    asked = tuple(
        (row.query, row.audience, row.times) for row in usage.queries if _MASK not in row.query
    )
    return SearchFeedback(
        tickets=usage.lessons.tickets, asked=asked, outcomes=usage.lessons.outcomes
    )
