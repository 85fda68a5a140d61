"""Interleaving: two rankings in one list of suggestions or results, to see which is preferred.

Team draft (Radlinski, Kurup and Joachims, "How does clickthrough data reflect retrieval quality?",
CIKM 2008): in each round, a coin says which ranking picks first, and each picks its best document
that is not in the list yet. What people open is counted for the ranking that picked it.

The coin depends only on the text and the day, so a list does not change while somebody reads it,
and is the same for all server processes and for the code that counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Any

from kb.search.results import Hit, Results, Suggestions, Tier

_MOST_ROUNDS = 128  # the bits of a coin; more than any list has


class Team(StrEnum):
    PRESENT = "present"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Trial:
    """Curations that are tried beside the published ones: ``name`` says which, ``day`` when."""

    name: str
    curations: Mapping[str, Any]
    day: str

    def seed(self, text: str) -> str:
        return f"{self.name} {self.day} {' '.join(text.lower().split())}"


def team_draft(
    present: Sequence[str], candidate: Sequence[str], limit: int, seed: str
) -> list[tuple[str, Team]]:
    """The list that is shown, with the ranking that picked each document."""
    digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()
    coin = int.from_bytes(digest[: _MOST_ROUNDS // 8], "big")
    rankings = {Team.PRESENT: present, Team.CANDIDATE: candidate}
    drafted: dict[str, Team] = {}
    for number in range(_MOST_ROUNDS):
        first = Team.CANDIDATE if coin >> number & 1 else Team.PRESENT
        order = (first, *(team for team in Team if team is not first))
        before = len(drafted)
        for team in order:
            best = next((name for name in rankings[team] if name not in drafted), None)
            if best is not None:
                drafted[best] = team
        if len(drafted) == before or len(drafted) >= limit:
            break
    return list(drafted.items())[:limit]


def teams(
    present: Sequence[Hit], candidate: Sequence[Hit], *, limit: int, seed: str
) -> Mapping[str, Team]:
    """Document -> the ranking for which it counts; empty where both rankings are the same, as what
    people open then says nothing.
    """
    own, other = ([hit.id for hit in hits] for hits in (present, candidate))
    return {} if own == other else dict(team_draft(own, other, limit, seed))


def interleaved(
    present: Suggestions, candidate: Suggestions, *, limit: int, seed: str
) -> Suggestions:
    """One answer of both. What is quoted above the list is what both would quote."""
    drafted = teams(present.hits, candidate.hits, limit=limit, seed=seed)
    if not drafted:
        return present
    hits = _by_id(present.hits, candidate.hits)
    shown = sorted((hits[name] for name in drafted), key=lambda hit: hit.tier is Tier.PERHAPS)
    same = present.answer if present.answer == candidate.answer else None
    leads = same is not None and bool(shown) and shown[0].id == same.document
    return replace(
        present,
        hits=tuple(shown),
        partial=present.partial or candidate.partial,
        log_odds=max(present.log_odds, candidate.log_odds),
        answer=same if leads else None,
    )


def interleaved_page(
    present: Results, candidate: Results, *, page: int, per_page: int, seed: str
) -> Results:
    """One page of both searches, each of which has all results up to this page. What a page shows
    does not depend on how many pages somebody asks for.
    """
    start = (page - 1) * per_page
    names = [hit.id for hit in present.hits][start:]
    drafted = teams(present.hits, candidate.hits, limit=page * per_page, seed=seed)
    if drafted:
        names = list(drafted)[start:]
    hits = _by_id(present.hits, candidate.hits)
    same = present.answer if present.answer == candidate.answer else None
    leads = same is not None and names[:1] == [same.document]
    return replace(
        present,
        hits=tuple(hits[name] for name in names),
        partial=present.partial or candidate.partial,
        answer=same if leads else None,
        page=page,
        per_page=per_page,
        mixed=True,
    )


def _by_id(*lists: Sequence[Hit]) -> dict[str, Hit]:
    hits: dict[str, Hit] = {}
    for hit in chain(*lists):
        hits.setdefault(hit.id, hit)
    return hits


class Arms:
    """Both rankings of one generation, each as a function of a text. Safe to share: answers are
    computed again if two threads ask at once.
    """

    def __init__(
        self,
        trial: Trial,
        present: Callable[..., Suggestions],
        candidate: Callable[..., Suggestions],
        *,
        remember: int,
    ) -> None:
        self.trial = trial
        self._arms = (present, candidate)
        self._remember = remember
        self._answers: dict[tuple[object, ...], Suggestions] = {}

    def suggest(self, text: str, audience: str, *, limit: int, **how: Any) -> Suggestions:
        key = (text, audience, limit, how.get("standpoint"), how.get("settled"))
        answer = self._answers.get(key)
        if answer is None:
            present, candidate = self._both(text, audience, limit=limit, **how)
            seed = self.trial.seed(text)
            answer = interleaved(present, candidate, limit=limit, seed=seed)
            if self._remember and not answer.partial:
                if len(self._answers) >= self._remember:
                    self._answers.clear()
                self._answers[key] = answer
        return answer

    def teams(self, text: str, audience: str, *, limit: int, **how: Any) -> Mapping[str, Team]:
        present, candidate = self._both(text, audience, limit=limit, **how)
        return teams(present.hits, candidate.hits, limit=limit, seed=self.trial.seed(text))

    def _both(
        self, text: str, audience: str, *, limit: int, **how: Any
    ) -> tuple[Suggestions, Suggestions]:
        present, candidate = (arm(text, audience, limit=limit, **how) for arm in self._arms)
        return present, candidate
