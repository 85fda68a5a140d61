"""Experiments as rows. Statements only; ``experiments`` has the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from kb.analytics.tables import EPISODES
from kb.database import Database
from kb.database.statements import upsert
from kb.experiments.experiment import Experiment, ExperimentResult, result_of
from kb.experiments.tables import EXPERIMENT_CREDITS, EXPERIMENTS
from kb.search.interleaving import Team

_RUNNING = EXPERIMENTS.c.ended_at.is_(None)


class ExperimentRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def running(self) -> Experiment | None:
        """Without its result."""
        with self._database.read() as connection:
            row = connection.execute(select(EXPERIMENTS).where(_RUNNING)).first()
        return _experiment(row, None) if row else None

    def latest(self) -> Experiment | None:
        query = select(EXPERIMENTS).order_by(EXPERIMENTS.c.id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return _experiment(row, _result(connection, row)) if row else None

    def start(self, name: str, curations: Mapping[str, Any], now: dt.datetime) -> bool:
        """False while another one runs."""
        row = {"name": name, "curations": dict(curations), "started_at": now}
        with self._database.write() as connection:
            if connection.execute(select(EXPERIMENTS.c.id).where(_RUNNING)).first() is not None:
                return False
            connection.execute(insert(EXPERIMENTS), row)
            return True

    def end(self, now: dt.datetime) -> Experiment | None:
        """The one that ran, with its result; None if none did."""
        with self._database.write() as connection:
            row = connection.execute(select(EXPERIMENTS).where(_RUNNING)).first()
            if row is None:
                return None
            result = _result(connection, row)
            this = update(EXPERIMENTS).where(EXPERIMENTS.c.id == row.id)
            connection.execute(this.values(ended_at=now, result=result.as_json()))
            of_this = EXPERIMENT_CREDITS.c.experiment_id == row.id
            connection.execute(delete(EXPERIMENT_CREDITS).where(of_this))
        return Experiment(row.id, row.name, row.curations, row.started_at, now, result)

    def text_of_visit(self, episode: str) -> str:
        """What was typed last; empty for an unknown visit."""
        query = select(EPISODES.c.title).where(EPISODES.c.id == episode)
        with self._database.read() as connection:
            return connection.execute(query).scalar() or ""

    def credit(self, experiment_id: int, who: str, team: Team, now: dt.datetime) -> None:
        row = {"experiment_id": experiment_id, "who": who, "at": now}
        row |= {"present": 0, "candidate": 0, team.value: 1}
        teams = tuple(each.value for each in Team)
        with self._database.write() as connection:
            upsert(
                connection,
                EXPERIMENT_CREDITS,
                row,
                keys=("experiment_id", "who"),
                update=("at",),
                add=teams,
            )


def _result(connection: Connection, row: Row[Any]) -> ExperimentResult:
    if row.result is not None:
        return ExperimentResult.from_json(row.result)
    query = select(EXPERIMENT_CREDITS.c.present, EXPERIMENT_CREDITS.c.candidate).where(
        EXPERIMENT_CREDITS.c.experiment_id == row.id
    )
    return result_of((present, candidate) for present, candidate in connection.execute(query))


def _experiment(row: Row[Any], result: ExperimentResult | None) -> Experiment:
    return Experiment(row.id, row.name, row.curations, row.started_at, row.ended_at, result)
