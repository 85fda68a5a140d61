"""What visitors made of the suggestions that they were shown, for search to learn from.

A visit proves something when its windows are over (see ``outcomes``): a suggestion was accepted
when somebody read it, or said that it helped, and filed no ticket; all were ignored when a ticket
was filed and none was read. Everything else is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import case, select

from kb.analytics.deflection import REOPENED
from kb.analytics.episode import Arm
from kb.analytics.outcomes import READ_SECONDS
from kb.analytics.tables import EPISODE_EVENTS, EPISODES
from kb.database import Database
from kb.people.tables import PEOPLE
from kb.search.documents import SuggestionOutcome

_CHUNK = 500
_PUBLIC = "public"  # the audience of somebody who is not signed in


@dataclass(slots=True)
class _Seen:
    shown: list[str] = field(default_factory=list)
    read: dict[str, float] = field(default_factory=dict)
    helped: list[str] = field(default_factory=list)
    rejected: set[str] = field(default_factory=set)
    filed: bool = False


def suggestion_outcomes(database: Database, *, most: int) -> tuple[SuggestionOutcome, ...]:
    """The outcomes of the newest visits that prove something, newest last.

    The person of an outcome is an account. All people without an account who typed the same title
    count as one person.
    """
    is_known = EPISODES.c.person_id.is_not(None) & ~PEOPLE.c.guest
    visits = (
        select(
            EPISODES.c.id,
            EPISODES.c.title,
            case((is_known, EPISODES.c.person_id)).label("account"),
            case((is_known, PEOPLE.c.audience), else_=_PUBLIC).label("audience"),
        )
        .outerjoin_from(EPISODES, PEOPLE, EPISODES.c.person_id == PEOPLE.c.id)
        .where(
            EPISODES.c.counted,
            EPISODES.c.would_show,
            EPISODES.c.arm != Arm.HOLDOUT.value,
            ~EPISODES.c.apart,
            EPISODES.c.title != "",
        )
        .order_by(EPISODES.c.started_at.desc(), EPISODES.c.id)
        .limit(most)
    )
    with database.read() as connection:
        rows = connection.execute(visits).all()
        seen: defaultdict[str, _Seen] = defaultdict(_Seen)
        ids = [row.id for row in rows]
        for low in range(0, len(ids), _CHUNK):
            events = (
                select(EPISODE_EVENTS)
                .where(EPISODE_EVENTS.c.episode_id.in_(ids[low : low + _CHUNK]))
                .order_by(EPISODE_EVENTS.c.id)
            )
            for event in connection.execute(events):
                _see(seen[event.episode_id], event.kind, event.facts)

    outcomes = []
    for row in reversed(rows):
        visit = seen[row.id]
        outcome = _judged(visit)
        if outcome is not None:
            document_id, accepted = outcome
            person = f"account {row.account}"
            if row.account is None:
                person = f"title {' '.join(row.title.casefold().split())}"
            outcomes.append(
                SuggestionOutcome(row.title, row.audience, person, document_id, accepted)
            )
    return tuple(outcomes)


def _see(visit: _Seen, kind: str, facts: Mapping[str, Any]) -> None:
    document, shown = facts.get("id"), facts.get("ids")
    if kind == "shown" and isinstance(shown, list):
        visit.shown = [name for name in shown if isinstance(name, str)] or visit.shown
    elif kind == "open" and isinstance(document, str):
        dwell = facts.get("dwell_ms")
        seconds = dwell / 1000 if isinstance(dwell, int | float) else 0.0
        visit.read[document] = visit.read.get(document, 0.0) + max(seconds, 0.0)
    elif kind in ("submit", REOPENED):
        visit.filed = True
    elif kind == "helped" and isinstance(document, str):
        if facts.get("yes") is True:
            visit.helped.append(document)
        else:
            visit.rejected.add(document)


def _judged(visit: _Seen) -> tuple[str, bool] | None:
    """The document, and whether it was accepted; None where nothing is proven."""
    read = [
        document
        for document, seconds in visit.read.items()
        if seconds >= READ_SECONDS and document not in visit.rejected
    ]
    accepted = [*visit.helped, *read]
    if accepted and not visit.filed:
        return accepted[0], True
    if visit.filed and not accepted and visit.shown:
        return visit.shown[0], False
    return None
