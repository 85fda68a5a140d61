"""Search with other aliases for one page: a temporary index for a comparison.

All other pages are carried over, so building it takes about as long as publishing one edited page,
and visitors do not notice it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from kb.database import Database
from kb.insights.suggestion_outcomes import suggestion_outcomes
from kb.search.build.vouching import vouched_tickets
from kb.search.documents import Document, ResolvedTicket, SuggestionOutcome
from kb.search.generations.generation import Generation
from kb.search.installation import search_engine
from kb.search.searcher import Searcher
from kb.temporary_folder import temporary_folder
from kb.tickets.reports.resolved_links import resolved_links

#: The most tickets and visits to learn from, as in ``kb index``.
_MOST_LESSONS = 5_000


class AliasCandidates:
    """``customers`` and ``false_suggestions`` are the settings with which the index is built."""

    def __init__(self, database: Database, *, customers: int, false_suggestions: int) -> None:
        self._database = database
        self._customers = customers
        self._false_suggestions = false_suggestions

    @contextlib.contextmanager
    def searcher(
        self, published: Generation, document: Document, aliases: Sequence[str]
    ) -> Iterator[Searcher]:
        """Answers like ``published``, but with additional aliases for one document."""
        tickets = [
            ResolvedTicket(link.title, link.document_ids, link.solved_at, link.customer)
            for link in resolved_links(self._database, most=_MOST_LESSONS)
        ]
        with contextlib.ExitStack() as stack:
            writer = stack.enter_context(
                search_engine(stack.enter_context(temporary_folder("kb-aliases-"))).writer(
                    previous=published,
                    operators=False,
                    meaning=bool(published.manifest.settings.get("meaning")),
                    false_suggestions=self._false_suggestions,
                )
            )
            writer.curations = published.curations()
            writer.resolved_tickets(vouched_tickets(tickets, self._customers))
            writer.customer_words(tickets, self._customers)
            writer.suggestion_outcomes(
                SuggestionOutcome(
                    each.title, each.audience, each.person, each.document_id, each.accepted
                )
                for each in suggestion_outcomes(self._database, most=_MOST_LESSONS)
            )
            store = stack.enter_context(contextlib.closing(published.store))
            if not writer.carry_over_all_but([document.id]):  # an earlier version has built it
                for page in store.all():
                    if page.id != document.id:
                        writer.add(page)
            writer.add(replace(document, aliases=(*document.aliases, *aliases)))
            prepared = writer.prepare(ledger={}, settings=published.manifest.settings)
            yield stack.enter_context(Searcher.on(prepared))
