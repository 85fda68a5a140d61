"""How does each part of a decision become rows?

Functions on the connection of one transaction, called by ``kb.tickets.repository.repository`` and
the sweeper: number, event, words, promises, alarms, notices, coupon. What is saved was decided
before; nothing here knows a policy or a person's rights.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from kb.database.metadata import COUNTERS
from kb.database.statements import upsert
from kb.errors import Invalid
from kb.people.tables import COUPONS
from kb.tickets import sla_targets as promises
from kb.tickets.changeset import (
    Change,
    Coupon,
    Key,
    LinkedTicket,
    NewEvent,
    NewTicket,
)
from kb.tickets.repository import fulltext as words
from kb.tickets.sla_targets import Forecast, TargetRow
from kb.tickets.tables import (
    ANSWER_LINKS,
    ATTACHMENTS,
    CONSULTED,
    COUPON_USES,
    EVENTS,
    IDEMPOTENCY_KEYS,
    PROPOSALS,
    RATINGS,
    TARGETS,
    TICKET_LINKS,
)
from kb.tickets.ticket import Consulted, Status, Verb

# Built once: of a statement that is built for each call, half the time goes into building it.
_SAME_KEY = (
    IDEMPOTENCY_KEYS.c.person_id == bindparam("known_person"),
    IDEMPOTENCY_KEYS.c.key == bindparam("known_key"),
)
_BY_KEY = select(IDEMPOTENCY_KEYS.c.ticket_id).where(*_SAME_KEY)
_FILED_AS = (
    select(IDEMPOTENCY_KEYS.c.ticket_id, EVENTS.c.facts)
    .join_from(IDEMPOTENCY_KEYS, EVENTS, IDEMPOTENCY_KEYS.c.event_id == EVENTS.c.id)
    .where(*_SAME_KEY)
)
_OURS = COUNTERS.c.name == "ticket"
_COUNT_ON = update(COUNTERS).where(_OURS).values(value=COUNTERS.c.value + 1)
_COUNTED = select(COUNTERS.c.value).where(_OURS)


def serial_by_key(connection: Connection, key: Key) -> int | None:
    if not key.key:
        return None
    return connection.execute(_BY_KEY, _known_by(key)).scalar()


def filed_as(connection: Connection, key: Key) -> tuple[int, str] | None:
    if not key.key:
        return None
    found = connection.execute(_FILED_AS, _known_by(key)).first()
    return (found.ticket_id, str(found.facts.get("filed_as", ""))) if found else None


def _key_text(key: Key) -> str:
    return f"{key.scope}/{key.key}"


def _known_by(key: Key) -> dict[str, object]:
    return {"known_person": key.person_id, "known_key": _key_text(key)}


def keep_key(connection: Connection, key: Key, serial: int, event_id: int, at: dt.datetime) -> None:
    if key.key:
        values = {
            "person_id": key.person_id,
            "key": _key_text(key),
            "ticket_id": serial,
            "event_id": event_id,
        }
        connection.execute(insert(IDEMPOTENCY_KEYS), {**values, "at": at})


def next_serial(connection: Connection) -> int:
    connection.execute(_COUNT_ON)
    return int(connection.execute(_COUNTED).scalar_one())


def ticket_values(new: NewTicket, serial: int) -> dict[str, Any]:
    draft, at, first = new.draft, new.event.at, promises.next_due(new.forecast.target_rows)
    return {
        "id": serial,
        "customer_id": new.customer_id,
        "organisation_id": new.organisation_id,
        "title": draft.title,
        "type": draft.type.value,
        "status": Status.OPEN.value,
        "severity": draft.severity,
        "severity_title": new.severity_title,
        "severity_detail": draft.severity_detail,
        "product": draft.product,
        "module": draft.module,
        "version": draft.version,
        "level": new.level,
        "level_title": new.level_title,
        "level_why": new.level_why,
        "policy_version": new.policy_version,
        "coupon": draft.coupon,
        "episode": draft.episode,
        "copy_to": list(draft.copy_to),
        "urgent": new.urgent,
        "created_at": at,
        "updated_at": at,
        "next_due": first.due_at if first else None,
        "next_target": first.target if first else "",
        "next_at": new.forecast.next_at,
        "source": new.source,
    }


def changed_values(change: Change, at: dt.datetime) -> dict[str, Any]:
    values: dict[str, Any] = {
        "status": change.status.value,
        "updated_at": at,
        **foreseen(change.forecast),
    }
    if change.status in (Status.OPEN, Status.WAITING, Status.PAUSED):
        values["closed_at"] = None
    elif change.event.verb in ENDING:  # a note or a rating does not make it newly closed
        values["closed_at"] = at
    values |= change.values
    remind = values.get("remind_at")
    if remind is not None:
        values["next_at"] = min(remind, values["next_at"] or remind)
    return values


ENDING = (Verb.SOLVE, Verb.CANCEL, Verb.VOID, Verb.MERGE)


def foreseen(forecast: Forecast) -> dict[str, Any]:
    """The columns of a ticket that its promises decide."""
    first = promises.next_due(forecast.target_rows)
    return {
        "next_due": first.due_at if first else None,
        "next_target": first.target if first else "",
        "next_at": forecast.next_at,
    }


def add_event(connection: Connection, serial: int, event: NewEvent, *, title: str = "") -> int:
    """``title`` is to be found by its words; only a new ticket has one."""
    row = {
        "ticket_id": serial,
        "at": event.at,
        "verb": event.verb.value,
        "actor_id": event.actor_id,
        "actor": event.actor,
        "by_agent": event.by_agent,
        "public": event.public,
        "body": event.body,
        "facts": dict(event.facts),
    }
    key = connection.execute(insert(EVENTS), row).inserted_primary_key
    event_id = int(key[0]) if key else 0
    words.learn(connection, [{"id": event_id, "title": title, "said": event.body}])
    for position, file in enumerate(event.attachments):
        connection.execute(
            insert(ATTACHMENTS).values(
                ref=file.ref,
                ticket_id=serial,
                event_id=event_id,
                position=position,
                name=file.name,
                media_type=file.media_type,
                size=file.size,
                key=file.key,
            )
        )
    return event_id


def add_consulted(connection: Connection, serial: int, consulted: tuple[Consulted, ...]) -> None:
    for position, one in enumerate(consulted):
        connection.execute(
            insert(CONSULTED).values(
                ticket_id=serial,
                position=position,
                document_id=one.document_id,
                title=one.title,
                outcome=one.outcome,
            )
        )


def put_promises(connection: Connection, target_rows: Iterable[tuple[int, TargetRow]]) -> None:
    """``target_rows``: serials and their rows, new ones and those that changed."""
    rows = [_target_values(serial, one) for serial, one in target_rows]
    upsert(
        connection,
        TARGETS,
        rows,
        keys=("ticket_id", "target", "cycle"),
        update=(
            "level",
            "policy_version",
            "started_at",
            "due_at",
            "version_at",
            "met_at",
            "state",
            "grace",
        ),
    )


def _target_values(serial: int, one: TargetRow) -> dict[str, Any]:
    return {
        "ticket_id": serial,
        "target": one.target,
        "cycle": one.cycle,
        "level": one.level,
        "policy_version": one.policy_version,
        "started_at": one.started_at,
        "due_at": one.due_at,
        "version_at": one.version_at,
        "met_at": one.met_at,
        "state": one.state,
        "grace": one.grace,
    }


def add_kin(connection: Connection, serial: int, kin: LinkedTicket | None, at: dt.datetime) -> None:
    if kin is not None:
        values = {
            "ticket_id": serial,
            "other_id": kin.other,
            "kind": kin.kind,
            "since": kin.since,
            "at": at,
        }
        upsert(connection, TICKET_LINKS, values, keys=("ticket_id", "other_id"))


def add_rest(connection: Connection, serial: int, event_id: int, change: Change) -> None:
    """What only some verbs leave: coupon, proposal, rating, links, kin."""
    at = change.event.at
    if change.releases_coupon:
        mine = (COUPON_USES.c.ticket_id == serial, COUPON_USES.c.released_at.is_(None))
        connection.execute(update(COUPON_USES).where(*mine).values(released_at=at))
    _decide_proposal(connection, serial, change)
    if change.rating is not None:
        rating = {
            "ticket_id": serial,
            "person_id": change.event.actor_id,
            "score": change.rating.score,
            "words": change.rating.words,
            "at": at,
        }
        upsert(connection, RATINGS, rating, keys=("ticket_id",), update=("score", "words", "at"))
    for document_id, title in change.answers:
        linked = {
            "event_id": event_id,
            "ticket_id": serial,
            "document_id": document_id,
            "title": title,
        }
        connection.execute(insert(ANSWER_LINKS).values(linked))
    add_kin(connection, serial, change.kin, at)


def _decide_proposal(connection: Connection, serial: int, change: Change) -> None:
    at, asked = change.event.at, change.proposal
    if change.decides or asked is not None:
        standing = (PROPOSALS.c.ticket_id == serial, PROPOSALS.c.state == "open")
        decided = {"state": change.decides or "replaced", "decided_at": at}
        connection.execute(update(PROPOSALS).where(*standing).values(decided))
    if asked is not None:
        values = {
            "ticket_id": serial,
            "severity": asked.severity,
            "detail": asked.detail,
            "why": asked.why,
            "at": at,
        }
        connection.execute(insert(PROPOSALS).values(values))


def coupon(connection: Connection, code: str, person_id: int, now: dt.datetime) -> Coupon | None:
    used = (
        select(func.count())
        .select_from(COUPON_USES)
        .where(COUPON_USES.c.coupon_id == COUPONS.c.id, COUPON_USES.c.released_at.is_(None))
        .scalar_subquery()
    )
    row = connection.execute(
        select(COUPONS.c.id, COUPONS.c.rule, COUPONS.c.granted - used).where(
            COUPONS.c.code == code,
            COUPONS.c.person_id == person_id,
            COUPONS.c.valid_from <= now,
            COUPONS.c.valid_until > now,
        )
    ).first()
    return Coupon(row[0], row[1], row[2]) if row else None


def spent() -> Invalid:
    return Invalid(
        "This coupon is used up or not yours; leave it empty or give another.", field="coupon"
    )


def spend_coupon(connection: Connection, serial: int, new: NewTicket) -> None:
    if not new.draft.coupon:
        return
    found = coupon(connection, new.draft.coupon, new.customer_id, new.event.at)
    if found is None or found.left <= 0:
        raise spent()
    connection.execute(
        insert(COUPON_USES).values(coupon_id=found.id, ticket_id=serial, at=new.event.at)
    )
