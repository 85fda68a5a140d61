"""Deflection episodes and votes: what suggestions did for a visitor.

Facts only: one row for each visit and event, one vote for each voter and document. What became of a
visit is decided by ``outcomes``, and counted by ``kb.insights``. What a visitor typed is scrubbed
of addresses, long numbers and secrets before it is stored, and network addresses are never stored.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from kb import ids
from kb.analytics.assignment import assigned_arm
from kb.analytics.episode import Arm
from kb.analytics.tables import EPISODE_EVENTS, EPISODES, FEEDBACK
from kb.database import Database
from kb.database.statements import upsert
from kb.errors import Invalid, TooLarge, TooMany
from kb.text import clean_text

#: The name of the form for visits that begin in the mail that confirms a ticket.
MAIL_FORM = "mail"
#: A ticket that an article had solved was reopened. Visitors cannot send this event.
REOPENED = "reopened"
EPISODE_EVENT_KINDS = ("form_open", "query", "shown", "open", "helped", "submit", "close")
MAX_PAYLOAD_LENGTH = 4096  # characters of JSON
MAX_EPISODE_EVENTS = 500
MAX_REASON = 500  # characters of why an article was of no help
MAX_TITLES_BEFORE = 5
_MAX_TITLE = 300  # characters
_EPISODE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MASKS = (
    (re.compile(r"[^\s@]+@[^\s@]+"), "[address]"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]{20,}"), "[secret]"),
    (re.compile(r"\d(?:[ -]?\d){5,}"), "[number]"),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Where an event comes from: the website and the form, who is signed in, and the product that
    the form is about. ``apart``: an agent or a bot.
    """

    portal: str = ""
    form: str = ""
    product: str = ""
    person_id: int | None = None
    organisation_id: int | None = None
    apart: bool = False


class VisitStep(NamedTuple):
    """One event of a visit, with what is of the right type in it: anybody can send events."""

    at: dt.datetime
    kind: str
    query: str
    documents: tuple[str, ...]
    seconds: int
    helped: bool


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """A visit for the agent who gets the ticket that came of it; ``ticket`` is one filed here."""

    at: dt.datetime
    portal: str
    form: str
    product: str
    arm: Arm
    ticket: str
    steps: tuple[VisitStep, ...]


_UNKNOWN_VISIT = Visit()


class Deflection:
    """``holdout`` is the percentage of people who see no suggestions, so that their effect can be
    measured. 0: there is no experiment.
    """

    def __init__(self, database: Database, *, holdout: int = 0) -> None:
        self._database = database
        self._holdout = holdout

    def arm(self, episode: str, person_id: int | None) -> Arm:
        """Whether suggestions are hidden in a visit that begins now."""
        return assigned_arm(person_id, episode, percent=self._holdout)

    def record(
        self,
        episode: str,
        kind: str,
        payload: Mapping[str, Any],
        visit: Visit = _UNKNOWN_VISIT,
        *,
        now: dt.datetime,
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

        with self._database.write(f"episode {episode}") as connection:
            upsert(connection, EPISODES, self._new_row(episode, visit, now), keys=("id",))

            this_episode = EPISODES.c.id == episode
            events = connection.execute(select(EPISODES.c.events).where(this_episode)).scalar_one()
            if events >= MAX_EPISODE_EVENTS:
                raise TooMany(
                    f"An episode has at most {MAX_EPISODE_EVENTS} events.", retry_after=1800
                )
            changes = {"last_at": now, "events": EPISODES.c.events + 1, **_learned(visit)}
            if visit.person_id is not None:  # known since somebody signed in during the visit
                changes["arm"] = self.arm(episode, visit.person_id).value
            title = facts.get("q")
            if kind == "query" and isinstance(title, str) and title.strip():
                changes["title"] = title[:_MAX_TITLE]
            if kind == "shown" and facts.get("ids"):
                changes["would_show"] = True
            connection.execute(update(EPISODES).where(this_episode).values(changes))
            connection.execute(
                insert(EPISODE_EVENTS).values(episode_id=episode, kind=kind, at=now, facts=facts)
            )

    def _new_row(self, episode: str, visit: Visit, now: dt.datetime) -> dict[str, Any]:
        return {
            "id": episode,
            "started_at": now,
            "last_at": now,
            "events": 0,
            "portal": visit.portal,
            "form": visit.form,
            "arm": self.arm(episode, visit.person_id).value,
            "share": self._holdout,
        }

    def shown(self, episode: str) -> tuple[str, ...]:
        """The ids of the documents that were shown last in an episode."""
        query = (
            select(EPISODE_EVENTS.c.facts)
            .where(EPISODE_EVENTS.c.episode_id == episode, EPISODE_EVENTS.c.kind == "shown")
            .order_by(EPISODE_EVENTS.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            facts = connection.execute(query).scalar()
        return tuple(facts.get("ids", ())) if facts else ()

    def titles_before(self, number: str) -> tuple[str, ...]:
        """What was typed in the visit that ended with a ticket, in order; only settled queries."""
        query = (
            select(EPISODE_EVENTS.c.facts)
            .join(EPISODES, EPISODES.c.id == EPISODE_EVENTS.c.episode_id)
            .where(
                EPISODES.c.ticket_id == ids.ticket_serial(number), EPISODE_EVENTS.c.kind == "query"
            )
            .order_by(EPISODE_EVENTS.c.id)
        )
        with self._database.read() as connection:
            texts = [str(facts.get("q", "")) for facts in connection.execute(query).scalars()]
        settled = [
            text
            for text, following in pairwise([*texts, ""])
            if text and not following.lower().startswith(text.lower())
        ]
        return tuple(dict.fromkeys(settled))[-MAX_TITLES_BEFORE:]

    def helpful(
        self, document_id: str, yes: bool, voter: str, now: dt.datetime, *, reason: str = ""
    ) -> None:
        """Saves a vote, which replaces the voter's earlier one on the document. Raises Invalid."""
        if not ids.may_be_document_id(document_id):
            raise Invalid("This is not a valid document id.", field="document_id")
        if not 1 <= len(voter) <= 200 or not voter.isprintable():
            raise Invalid("A voter must have 1 to 200 printable characters.", field="voter")
        if len(reason) > MAX_REASON:
            raise Invalid(f"Use at most {MAX_REASON} characters.", field="reason")

        vote = {
            "document_id": document_id,
            "voter": voter,
            "helpful": yes,
            "at": now,
            "reason": scrub(" ".join(clean_text(reason).split())),
        }
        with self._database.write_beside() as connection:
            upsert(
                connection,
                FEEDBACK,
                vote,
                keys=("document_id", "voter"),
                update=("helpful", "at", "reason"),
            )

    def visit(self, episode: str) -> VisitRecord | None:
        """What is recorded of a visit; None if it does not exist or was deleted."""
        events = (
            select(EPISODE_EVENTS.c.at, EPISODE_EVENTS.c.kind, EPISODE_EVENTS.c.facts)
            .where(EPISODE_EVENTS.c.episode_id == episode)
            .order_by(EPISODE_EVENTS.c.id)
        )
        with self._database.read() as connection:
            row = connection.execute(select(EPISODES).where(EPISODES.c.id == episode)).first()
            steps = tuple(_step(*step) for step in connection.execute(events))
        if row is None:
            return None
        ticket = ids.ticket_number(row.ticket_id) if row.ticket_id else ""
        return VisitRecord(
            row.started_at, row.portal, row.form, row.product, Arm(row.arm), ticket, steps
        )

    def votes(self, document_id: str) -> tuple[int, int]:
        """How many voters said yes, and how many no."""
        query = select(FEEDBACK.c.helpful).where(FEEDBACK.c.document_id == document_id)
        with self._database.read() as connection:
            votes = connection.execute(query).scalars().all()
        return sum(votes), len(votes) - sum(votes)


def _step(at: dt.datetime, kind: str, facts: Mapping[str, Any]) -> VisitStep:
    query, names, milliseconds = facts.get("q"), facts.get("ids"), facts.get("dwell_ms")
    documents = (facts.get("id"), *(names if isinstance(names, list) else ()))
    return VisitStep(
        at,
        kind,
        query if isinstance(query, str) else "",
        tuple(name for name in documents if isinstance(name, str)),
        int(milliseconds / 1000) if isinstance(milliseconds, int | float) else 0,
        facts.get("yes") is True,
    )


def _learned(visit: Visit) -> dict[str, Any]:
    """What an event can add to its episode: somebody signed in, or chose a product."""
    facts = {
        "product": visit.product,
        "person_id": visit.person_id,
        "organisation_id": visit.organisation_id,
        "apart": visit.apart,
    }
    return {name: value for name, value in facts.items() if value}


def end_episode(
    connection: Connection,
    episode: str,
    person_id: int,
    ticket_id: int,
    now: dt.datetime,
    *,
    title: str = "",
    product: str = "",
) -> None:
    """Notes that an episode ended with a ticket, in the transaction that files it."""
    row = {
        "id": episode,
        "started_at": now,
        "last_at": now,
        "person_id": person_id,
        "ticket_id": ticket_id,
        "product": product,
    }
    changed = ("last_at", "person_id", "ticket_id", "product")
    upsert(connection, EPISODES, row, keys=("id",), update=changed)
    # A form without a script tells of no title before.
    is_untold = (EPISODES.c.id == episode, EPISODES.c.title == "")
    connection.execute(update(EPISODES).where(*is_untold).values(title=scrub(title)[:_MAX_TITLE]))
    connection.execute(
        insert(EPISODE_EVENTS).values(episode_id=episode, kind="submit", at=now, facts={})
    )


def mail_episode(ticket_id: int) -> str:
    """The id of the episode that belongs to the mail which confirms a ticket."""
    return f"{MAIL_FORM}-{ticket_id}"


def reopen_episode(connection: Connection, ticket_id: int, now: dt.datetime) -> None:
    """Records, in the transaction that reopens a ticket, that no article solved it after all."""
    episode = mail_episode(ticket_id)
    solved = select(EPISODE_EVENTS.c.id).where(
        EPISODE_EVENTS.c.episode_id == episode, EPISODE_EVENTS.c.kind == "helped"
    )
    if connection.execute(solved.limit(1)).first() is not None:
        event = {"episode_id": episode, "kind": REOPENED, "at": now, "facts": {}}
        connection.execute(insert(EPISODE_EVENTS), event)


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
