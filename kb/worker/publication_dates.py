"""Publication dates: whenever another generation goes live, its new articles are recorded."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging

from kb.database import Database
from kb.errors import KbError
from kb.insights.publications import note_publications, noted_publications
from kb.search.generations.generation import Generations

LOG = logging.getLogger(__name__)


class PublicationDates:
    """Articles of the first recorded generation have no date, because it is unknown how long they
    have been published. Articles that are published while no worker runs get the date of the next
    generation that a worker sees.
    """

    def __init__(self, index: Generations, database: Database) -> None:
        self._index = index
        self._database = database
        self._seen = ""

    def note(self, now: dt.datetime) -> int:
        """Returns 0, for there is nothing left to do."""
        del now  # it is the generation that says when it was published
        name = self._index.published_name() or ""
        if name not in ("", self._seen):
            try:
                self._note(name)
            except KbError as error:  # tried again with the next generation
                LOG.warning("The articles of generation %s: %s", name, error.sentence)
            self._seen = name
        return 0

    def _note(self, name: str) -> None:
        generation = self._index.verified(name, trusted=True)
        noted = noted_publications(self._database)
        created = dt.datetime.fromisoformat(generation.manifest.created) if noted else None
        with contextlib.closing(generation.store) as store:
            present = store.rows()
            dates = {article: created for article in present if article not in noted}
            for old in noted.keys() - present.keys() if dates else ():
                moved = store.document(old)  # it was published under its old id
                if moved is not None and moved.id in dates:
                    dates[moved.id] = noted[old]
        if dates:
            note_publications(self._database, dates)
