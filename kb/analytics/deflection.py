"""What did suggestions do for a visitor: shown, opened, solved, or filed anyway?

Facts only, one row for each event and one vote for each voter; rates are computed from them
elsewhere. What a visitor typed is scrubbed of addresses, long numbers and secrets before it is
kept, and no network address is kept at all.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from kb import ids
from kb.analytics.tables import EPISODE_EVENTS, EPISODES, FEEDBACK
from kb.database import Database
from kb.database.statements import upsert
from kb.errors import Invalid, TooLarge, TooMany

KINDS = ("form_open", "query", "shown", "open", "helped", "submit", "close")
PAYLOAD_LIMIT = 4096  # characters as JSON
EVENT_LIMIT = 500  # in one episode
_EPISODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DOCUMENT = re.compile(r"[\w./-]{1,300}")
_SCRUBBED = (
    (re.compile(r"[^\s@]+@[^\s@]+"), "[address]"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]{20,}"), "[secret]"),
    (re.compile(r"\d(?:[ -]?\d){5,}"), "[number]"),
)


class Deflection:
    """The book of episodes and votes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self, episode: str, kind: str, payload: Mapping[str, Any], *, now: dt.datetime
    ) -> None:
        """Adds one event. Raises Invalid for an unknown kind or episode, TooLarge and TooMany
        beyond the bounds.
        """
        if not _EPISODE.fullmatch(episode):
            raise Invalid("An episode is 1 to 64 letters, digits, - or _.", field="episode")
        if kind not in KINDS:
            raise Invalid(
                f"{kind!r:.40} is no kind of event; give {', '.join(KINDS)}.", field="kind"
            )
        facts = _bounded(payload)
        with self._database.write() as connection:
            begun = {"id": episode, "started_at": now, "last_at": now, "events": 0}
            upsert(connection, EPISODES, begun, keys=("id",))
            this = EPISODES.c.id == episode
            if (
                connection.execute(select(EPISODES.c.events).where(this)).scalar_one()
                >= EVENT_LIMIT
            ):
                raise TooMany(f"An episode has at most {EVENT_LIMIT} events.", retry_after=1800)
            connection.execute(
                update(EPISODES).where(this).values(last_at=now, events=EPISODES.c.events + 1)
            )
            connection.execute(
                insert(EPISODE_EVENTS).values(episode_id=episode, kind=kind, at=now, facts=facts)
            )

    def helpful(self, document_id: str, yes: bool, voter: str, now: dt.datetime) -> None:
        """One vote a voter and document; a later one replaces it. Raises Invalid."""
        if not _DOCUMENT.fullmatch(document_id):
            raise Invalid("This is no document's id.", field="document_id")
        if not 1 <= len(voter) <= 200 or not voter.isprintable():
            raise Invalid("A vote needs a voter of 1 to 200 characters.", field="voter")
        vote = {"document_id": document_id, "voter": voter, "helpful": yes, "at": now}
        with self._database.write() as connection:
            upsert(
                connection,
                FEEDBACK,
                vote,
                keys=("document_id", "voter"),
                update=("helpful", "at"),
            )

    def votes(self, document_id: str) -> tuple[int, int]:
        """How many said yes, and how many no."""
        query = select(FEEDBACK.c.helpful).where(FEEDBACK.c.document_id == document_id)
        with self._database.read() as connection:
            said = connection.execute(query).scalars().all()
        return sum(said), len(said) - sum(said)


def end_episode(
    connection: Connection, episode: str, person_id: int, ticket_id: int, now: dt.datetime
) -> None:
    """Notes that an episode ended with a ticket, in the transaction that files it."""
    row = {
        "id": episode,
        "started_at": now,
        "last_at": now,
        "person_id": person_id,
        "ticket_id": ticket_id,
    }
    upsert(connection, EPISODES, row, keys=("id",), update=("last_at", "person_id", "ticket_id"))
    facts = {"ticket": ids.ticket_number(ticket_id)}
    connection.execute(
        insert(EPISODE_EVENTS).values(episode_id=episode, kind="submit", at=now, facts=facts)
    )


def scrub(words: str) -> str:
    """
    >>> scrub("alice@example.com pays 4111 1111 1111 1111 with AKIA4EXAMPLE12345678Z9")
    '[address] pays [number] with [secret]'
    """
    for pattern, mask in _SCRUBBED:
        words = pattern.sub(mask, words)
    return words


def _bounded(payload: Mapping[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(dict(payload), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Invalid("The payload is no JSON object.", field="payload") from None
    if len(text) > PAYLOAD_LIMIT:
        raise TooLarge(f"The payload has more than {PAYLOAD_LIMIT} characters.", field="payload")
    return {key: _scrubbed(value) for key, value in json.loads(text).items()}


def _scrubbed(value: Any) -> Any:
    """Every text in it scrubbed, however deep; the size is bounded before."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, list):
        return [_scrubbed(one) for one in value]
    if isinstance(value, dict):
        return {key: _scrubbed(one) for key, one in value.items()}
    return value
