"""Deflection episodes and votes: what suggestions did for a visitor.

Facts only: one row for each event, one vote for each voter and document; rates are computed from
them elsewhere. What a visitor typed is scrubbed of addresses, long numbers and secrets before it is
stored, and network addresses are never stored.
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

EPISODE_EVENT_KINDS = ("form_open", "query", "shown", "open", "helped", "submit", "close")
MAX_PAYLOAD_LENGTH = 4096  # characters of JSON
MAX_EPISODE_EVENTS = 500
_EPISODE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MASKS = (
    (re.compile(r"[^\s@]+@[^\s@]+"), "[address]"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]{20,}"), "[secret]"),
    (re.compile(r"\d(?:[ -]?\d){5,}"), "[number]"),
)


class Deflection:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self, episode: str, kind: str, payload: Mapping[str, Any], *, now: dt.datetime
    ) -> None:
        """Adds one event to an episode, which begins with its first event.

        Raises Invalid for a wrong episode, kind or payload, TooLarge and TooMany.
        """
        if not _EPISODE_ID.fullmatch(episode):
            raise Invalid("An episode must have 1 to 64 letters, digits, - or _.", field="episode")
        if kind not in EPISODE_EVENT_KINDS:
            raise Invalid(
                f"{kind!r:.40} is not a valid kind. Give one of {', '.join(EPISODE_EVENT_KINDS)}.",
                field="kind",
            )
        facts = _check_payload(payload)

        with self._database.write() as connection:
            new_episode = {"id": episode, "started_at": now, "last_at": now, "events": 0}
            upsert(connection, EPISODES, new_episode, keys=("id",))

            this_episode = EPISODES.c.id == episode
            events = connection.execute(select(EPISODES.c.events).where(this_episode)).scalar_one()
            if events >= MAX_EPISODE_EVENTS:
                raise TooMany(
                    f"An episode has at most {MAX_EPISODE_EVENTS} events.", retry_after=1800
                )
            connection.execute(
                update(EPISODES)
                .where(this_episode)
                .values(last_at=now, events=EPISODES.c.events + 1)
            )
            connection.execute(
                insert(EPISODE_EVENTS).values(episode_id=episode, kind=kind, at=now, facts=facts)
            )

    def helpful(self, document_id: str, yes: bool, voter: str, now: dt.datetime) -> None:
        """Saves a vote, which replaces the voter's earlier one on the document. Raises Invalid."""
        if not ids.may_be_document_id(document_id):
            raise Invalid("This is not a valid document id.", field="document_id")
        if not 1 <= len(voter) <= 200 or not voter.isprintable():
            raise Invalid("A voter must have 1 to 200 printable characters.", field="voter")

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
        """How many voters said yes, and how many no."""
        query = select(FEEDBACK.c.helpful).where(FEEDBACK.c.document_id == document_id)
        with self._database.read() as connection:
            votes = connection.execute(query).scalars().all()
        return sum(votes), len(votes) - sum(votes)


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


def scrub(text: str) -> str:
    """Masks addresses, long numbers and what looks like a secret.

    >>> scrub("alice@example.com pays 4111 1111 1111 1111 with AKIA4EXAMPLE12345678Z9")
    '[address] pays [number] with [secret]'
    """
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def _check_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(dict(payload), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Invalid("The payload is not a valid JSON object.", field="payload") from None
    if len(text) > MAX_PAYLOAD_LENGTH:
        raise TooLarge(
            f"The payload has more than {MAX_PAYLOAD_LENGTH} characters.", field="payload"
        )
    return {key: _scrub_value(value) for key, value in json.loads(text).items()}


def _scrub_value(value: Any) -> Any:
    """Scrubs every text in a JSON value, at any depth; the payload limit bounds the depth."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, list):
        return [_scrub_value(element) for element in value]
    if isinstance(value, dict):
        return {key: _scrub_value(element) for key, element in value.items()}
    return value
