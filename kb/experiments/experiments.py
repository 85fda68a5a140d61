"""Experiments of one help centre: starting and ending them, and counting what people open.

There is at most one at a time, so that each list has two rankings. What somebody opened is kept
until it ends; afterwards only the result is.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kb.analytics.deflection import Visit
from kb.database import Database
from kb.errors import Conflict, Invalid, KbError, NotFound, Unavailable
from kb.experiments.experiment import Experiment
from kb.experiments.repository import ExperimentRepository
from kb.search.interleaving import Team, Trial
from kb.search.query.curation_file import CurationFile, read_curations
from kb.search.searcher import Searcher, published_curations

LOG = logging.getLogger(__name__)
#: Where the portal looks for files that can be tried, in the site's folder.
EXPERIMENT_FOLDER = "experiments"
_REREAD_AFTER = dt.timedelta(seconds=1)
#: Document -> the ranking that picked it, of a text that was typed.
TeamsOf = Callable[[str, Trial], Mapping[str, Team]]


class Experiments:
    """Safe for many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._repository = ExperimentRepository(database)
        self._running: tuple[dt.datetime | None, Experiment | None] = (None, None)

    def running(self, now: dt.datetime) -> Experiment | None:
        """The one in progress, at most a second old; the last one known while the database cannot
        be read.
        """
        read_at, experiment = self._running
        if read_at is None or abs(now - read_at) >= _REREAD_AFTER:
            try:
                experiment = self._repository.running()
            except Unavailable as error:
                LOG.warning("The experiment was not read: %s", error.sentence)
            self._running = (now, experiment)
        return experiment

    def trial(self, now: dt.datetime) -> Trial | None:
        """What suggestions are interleaved with."""
        experiment = self.running(now)
        return _trial(experiment, now) if experiment else None

    def latest(self) -> Experiment | None:
        """The one in progress or the last one, with its result."""
        return self._repository.latest()

    def start(self, name: str, curations: CurationFile, *, now: dt.datetime) -> Experiment:
        """Raises Conflict while another one runs, Invalid for a file that changes nothing."""
        if not curations.values:
            raise Invalid(f"{name} changes nothing. Add curations, synonyms or weights.")
        if not self._repository.start(name, curations.values, now):
            raise Conflict("An experiment is running. End it first.")
        self._running = (None, None)
        experiment = self.latest()
        assert experiment
        return experiment

    def end(self, *, now: dt.datetime) -> Experiment:
        """Everybody is shown the published ranking again. Raises NotFound while none runs."""
        ended = self._repository.end(now)
        self._running = (None, None)
        if ended is None:
            raise NotFound("No experiment is running.")
        return ended

    def count_result(
        self, who: str, query: str, document_id: str, teams_of: TeamsOf, *, now: dt.datetime
    ) -> None:
        """Counts what somebody opened of the results of a search, as ``count`` does. ``who`` is
        ``person:ID`` or ``visit:ID``.
        """
        try:
            experiment = self.running(now)
            if experiment is not None:
                self._credit(experiment, who, query, document_id, teams_of, now)
        except KbError as error:
            LOG.info("not counted in the experiment: %s", error.sentence)

    def _credit(
        self,
        experiment: Experiment,
        who: str,
        text: str,
        document_id: str,
        teams_of: TeamsOf,
        now: dt.datetime,
    ) -> None:
        team = teams_of(text, _trial(experiment, now)).get(document_id.partition("#")[0])
        if team is not None:
            self._repository.credit(experiment.id, who, team, now)

    def count(
        self,
        episode: str,
        kind: str,
        payload: Mapping[str, Any],
        visit: Visit,
        teams_of: TeamsOf,
        *,
        now: dt.datetime,
    ) -> None:
        """Counts what a visitor opened, or said that it helped, for the ranking that picked it.

        Agents and bots do not count. A failure never affects the visitor.
        """
        opened = kind == "open" or (kind == "helped" and bool(payload.get("yes")))
        document_id = payload.get("id")
        if visit.apart or not opened or not isinstance(document_id, str):
            return
        try:
            experiment = self.running(now)
            text = self._repository.text_of_visit(episode) if experiment else ""
            if experiment is not None and text:
                who = f"person:{visit.person_id}" if visit.person_id else f"visit:{episode}"
                self._credit(experiment, who, text, document_id, teams_of, now)
        except KbError as error:
            LOG.info("not counted in the experiment: %s", error.sentence)


def _trial(experiment: Experiment, now: dt.datetime) -> Trial:
    return Trial(f"{experiment.id}", experiment.curations, f"{now:%Y-%m-%d}")


def candidate_files(content: Path) -> tuple[str, ...]:
    """The names of the files that can be tried."""
    return tuple(sorted(path.name for path in (content / EXPERIMENT_FOLDER).glob("*.toml")))


def read_candidate(path: Path, searcher: Searcher) -> CurationFile:
    """Raises Misconfigured for a file with mistakes, Invalid for a document that does not exist and
    for what is published already: between two equal rankings nobody ever decides.
    """
    curations = read_curations(path)
    if curations.values and curations.values == published_curations(searcher):
        raise Invalid(f"{path.name} is the same as the published curations. Change it first.")
    for document_id, line in curations.named:
        if not any(_sees(searcher, audience, document_id) for audience in searcher.audiences()):
            raise Invalid(f"{path.name}:{line}: There is no document {document_id}.")
    return curations


def _sees(searcher: Searcher, audience: str, document_id: str) -> bool:
    try:
        searcher.article(document_id, audience=audience)
    except NotFound:
        return False
    return True
