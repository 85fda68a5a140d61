"""Finding the gaps of a help centre: what was asked, and what its index has for it."""

from __future__ import annotations

import datetime as dt
import math

from kb.database import Database
from kb.errors import KbError
from kb.gaps.gaps import BestPage, Gap, find_gaps
from kb.gaps.repository import GapRepository
from kb.search.searcher import Searcher

#: The confidence from which a page that was not shown may answer after all.
LIKELY_PAGE = 0.25


class GapFinder:
    def __init__(self, database: Database, searcher: Searcher) -> None:
        self._repository = GapRepository(database)
        self._searcher = searcher

    def find(self, now: dt.datetime) -> tuple[Gap, ...]:
        """Finds all gaps and keeps them. With 2,000 texts it takes some ten seconds."""
        gaps = find_gaps(self._repository.asked(now), self._best_page)
        self._repository.replace(gaps, now)
        return gaps

    def _best_page(self, text: str) -> BestPage | None:
        """As the public is answered: most people who search are not signed in."""
        try:
            shown = self._searcher.suggest(text, limit=1)
            best = shown if shown.hits else self._searcher.suggest(text, limit=1, doubt=-math.inf)
        except KbError:
            return None
        if not best.hits:
            return None
        hit = best.hits[0]
        likely = (hit.confidence or 0.0) >= LIKELY_PAGE
        return BestPage(hit.id, shown=bool(shown.hits), likely=likely)
