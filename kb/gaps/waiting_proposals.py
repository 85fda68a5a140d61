"""Proposals whose effect an editor wants to see: the worker compares, the page shows the result."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from kb.database import Database
from kb.database.statements import claim, is_unclaimed
from kb.errors import KbError
from kb.gaps.effects import EffectComparison, ProposalEffect
from kb.gaps.proposals import GapProposal
from kb.gaps.tables import GAP_PROPOSALS

#: A comparison takes seconds. If a worker ends during it, it is done again after this time.
_LEASE = dt.timedelta(minutes=10)
_MOST_ATTEMPTS = 3
_STORED = 50
_WAITS = GAP_PROPOSALS.c.ended_at.is_(None)


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """``effect`` is None until it is computed; ``problem`` says why it could not be."""

    proposal: GapProposal
    effect: ProposalEffect | None
    problem: str

    @property
    def waits(self) -> bool:
        return self.effect is None and not self.problem


class WaitingProposals:
    def __init__(self, database: Database) -> None:
        self._database = database

    def order(self, proposal: GapProposal, now: dt.datetime) -> int:
        """The number of the proposal. A proposal that is already waiting is not added again."""
        row = {"document_id": proposal.document, "words": list(proposal.words), "asked_at": now}
        with self._database.write() as connection:
            same = select(GAP_PROPOSALS).where(
                _WAITS, GAP_PROPOSALS.c.document_id == proposal.document
            )
            for waiting in connection.execute(same):
                if waiting.words == row["words"]:
                    return int(waiting.id)
            connection.execute(insert(GAP_PROPOSALS), row)
            newest = select(GAP_PROPOSALS.c.id).order_by(GAP_PROPOSALS.c.id.desc()).limit(_STORED)
            connection.execute(delete(GAP_PROPOSALS).where(GAP_PROPOSALS.c.id.not_in(newest)))
            return int(connection.execute(newest.limit(1)).scalar_one())

    def stored(self, number: int) -> StoredProposal | None:
        query = select(GAP_PROPOSALS).where(GAP_PROPOSALS.c.id == number)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        effect = ProposalEffect.from_json(row.effect) if row.effect else None
        return StoredProposal(GapProposal(row.document_id, tuple(row.words)), effect, row.problem)

    def compare_next(self, comparison: EffectComparison, now: dt.datetime) -> int:
        """Computes the effect that has waited longest. Returns 0 if none is waiting, else 1."""
        oldest = select(GAP_PROPOSALS).where(_WAITS).order_by(GAP_PROPOSALS.c.id).limit(1)
        with self._database.read() as connection:
            # A read does not wait for the writers.
            unclaimed = oldest.where(is_unclaimed(GAP_PROPOSALS, now))
            if connection.execute(unclaimed).first() is None:
                return 0
        with self._database.write() as connection:
            rows = claim(connection, oldest, lease=_LEASE, now=now)
            if not rows:
                return 0
            row = rows[0]
            this = update(GAP_PROPOSALS).where(GAP_PROPOSALS.c.id == row.id)
            connection.execute(this.values(attempts=row.attempts + 1))
        result: dict[str, object] = {
            "problem": "The effect could not be computed: the worker stopped at each attempt."
        }
        if row.attempts < _MOST_ATTEMPTS:
            try:
                proposal = GapProposal(row.document_id, tuple(row.words))
                result = {"effect": comparison.effect(proposal, now).as_json()}
            except KbError as error:
                result = {"problem": error.sentence}
        with self._database.write() as connection:
            connection.execute(this.values(ended_at=now, **result))
        return 1
