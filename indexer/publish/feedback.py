"""What did tickets and visitors teach since the last publish?

Resolved tickets whose answers linked documents, and the queries that are asked most, from the
ticket database beside the index, when there is one. Without it, or when it cannot be read, indexing
goes on and says so. Not for voting (``kb.search.index.resolved_tickets``) nor for counting
(``kb.analytics.query_log``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

from kb.errors import KbError
from kb.search.index.resolved_tickets import ResolvedTicket

#: The newest resolved tickets that vote: what was linked years ago is not what one links now, and
#: each costs every publish a tenth of a millisecond.
VOTERS = 5_000
QUERIES = 50
_FILE = "tickets.db"


@dataclass(frozen=True, slots=True)
class SearchFeedback:
    """``asked`` are (query, audience, times), most frequent first; ``note`` says why there is
    nothing, if that is no matter of course."""

    solved: tuple[ResolvedTicket, ...] = ()
    asked: tuple[tuple[str, str, int], ...] = ()
    note: str = ""

    @property
    def stamp(self) -> str:
        """Differs when other tickets vote; "" when none does."""
        if not self.solved:
            return ""
        told = hashlib.blake2b(digest_size=16)
        for one in sorted((one.solved_at, one.title, one.documents) for one in self.solved):
            told.update(repr(one).encode("utf-8", "surrogatepass"))
        return told.hexdigest()


def read_feedback(data: Path, now: dt.datetime, *, queries: bool = False) -> SearchFeedback:
    """What the ticket database of ``data`` teaches; ``queries``: what is asked most, too."""
    if not (data / _FILE).exists():
        return SearchFeedback()
    # Brings SQLAlchemy, which a help centre without tickets never pays for.
    from kb.analytics.query_log import QueryLog
    from kb.database import open_database
    from kb.tickets.reports.resolved_links import resolved_links

    try:
        with contextlib.closing(open_database(data)) as database:
            solved = tuple(
                ResolvedTicket(one.title, one.document_ids, one.solved_at)
                for one in resolved_links(database, most=VOTERS)
            )
            found = QueryLog(database).frequent(now=now, most=QUERIES) if queries else ()
    except KbError as error:
        return SearchFeedback(note=f"Resolved tickets do not vote in this run: {error.sentence}")
    # A mask stands for what nobody else may read: asking with it would find nothing anybody finds.
    return SearchFeedback(
        solved, tuple((one.query, one.audience, one.times) for one in found if "[" not in one.query)
    )
