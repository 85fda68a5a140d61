"""Save: how a new ticket, and each change of one, become rows.

Functions on the connection of one transaction, so that everything is saved or nothing is. What is
saved was decided before; nothing here knows a policy or a person's permissions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from kb import ids
from kb.analytics.deflection import end_episode, reopen_episode
from kb.database import Database
from kb.database.statements import announce_rows, upsert
from kb.database.usage_limits import count_use
from kb.errors import Invalid
from kb.notifications.queue import NewNotice, add_notices
from kb.notifications.tables import NOTICES
from kb.people.tables import COUPONS
from kb.tickets.changeset import (
    Change,
    Coupon,
    IdempotencyKey,
    LinkedTicket,
    NewEvent,
    NewTicket,
    ReleasePlan,
    TicketFacts,
    UndoableEnd,
)
from kb.tickets.lifecycle import ACTIVE, SECRET_DELETED, VERBS, Status, Verb
from kb.tickets.repository import fulltext
from kb.tickets.repository.copies import wanted_notices
from kb.tickets.repository.guest_links import delete_guest_links
from kb.tickets.repository.load import ticket_facts
from kb.tickets.sla_targets import Forecast, TargetRow
from kb.tickets.staff.repository import add_news
from kb.tickets.tables import (
    ANSWER_LINKS,
    ATTACHMENTS,
    CONSULTED,
    COUPON_USES,
    EVENTS,
    IDEMPOTENCY_KEYS,
    PROPOSALS,
    RATINGS,
    RELEASES,
    SECRETS,
    TARGETS,
    TICKET_LINKS,
    TICKETS,
    UPLOAD_LINKS,
)

# Built once: building a statement takes as long as executing it.
_ADD_TICKET, _ADD_EVENT, _ADD_KEY = insert(TICKETS), insert(EVENTS), insert(IDEMPOTENCY_KEYS)
_THIS_KEY = (
    IDEMPOTENCY_KEYS.c.person_id == bindparam("key_person"),
    IDEMPOTENCY_KEYS.c.key == bindparam("key_text"),
)
_SERIAL_BY_KEY = select(IDEMPOTENCY_KEYS.c.ticket_id).where(*_THIS_KEY)
_FILED_BY_KEY = (
    select(IDEMPOTENCY_KEYS.c.ticket_id, EVENTS.c.facts)
    .join_from(IDEMPOTENCY_KEYS, EVENTS, IDEMPOTENCY_KEYS.c.event_id == EVENTS.c.id)
    .where(*_THIS_KEY)
)


# --- Idempotency keys


def serial_by_key(connection: Connection, key: IdempotencyKey) -> int | None:
    """The ticket that the key has made or changed."""
    if not key.key:
        return None
    return connection.execute(_SERIAL_BY_KEY, _key_parameters(key)).scalar()


def filed_by_key(connection: Connection, key: IdempotencyKey) -> tuple[int, str] | None:
    """The ticket that the key has filed, and the fingerprint of its draft (once there was none)."""
    if not key.key:
        return None
    row = connection.execute(_FILED_BY_KEY, _key_parameters(key)).first()
    return (row.ticket_id, str(row.facts.get("filed_as", ""))) if row else None


def save_key(
    connection: Connection, key: IdempotencyKey, serial: int, event_id: int, instant: dt.datetime
) -> None:
    if key.key:
        row = {
            "person_id": key.person_id,
            "key": _key_text(key),
            "ticket_id": serial,
            "event_id": event_id,
            "at": instant,
        }
        connection.execute(_ADD_KEY, row)


def _key_text(key: IdempotencyKey) -> str:
    return f"{key.scope}/{key.key}"


def _key_parameters(key: IdempotencyKey) -> dict[str, object]:
    return {"key_person": key.person_id, "key_text": _key_text(key)}


# --- A new ticket


def file_once(
    database: Database, connection: Connection, new: NewTicket, key: IdempotencyKey
) -> tuple[int, str]:
    """As ``save_ticket``, unless the key has filed a ticket: then that one is meant.

    The serial, and the fingerprint of the draft that was filed.
    """
    filed_before = filed_by_key(connection, key)
    if filed_before is not None:
        return filed_before
    return save_ticket(database, connection, new, key), key.filed_as


def save_ticket(
    database: Database, connection: Connection, new: NewTicket, key: IdempotencyKey
) -> int:
    """The new ticket's serial. Raises Invalid for a coupon that is used up, TooMany."""
    instant = new.event.at
    if new.limit is not None:
        count_use(connection, new.limit, instant)

    serial = database.next_value(connection, "ticket")
    connection.execute(_ADD_TICKET, _ticket_row(new, serial))
    title = indexed_title(new.draft.title, new.field_words)
    event_id = _save_event(connection, serial, new.event, title=title)
    if new.recorded is not None:
        _save_event(connection, serial, new.recorded)
    for position, document in enumerate(new.draft.consulted):
        row = {
            "ticket_id": serial,
            "position": position,
            "document_id": document.document_id,
            "title": document.title,
            "outcome": document.outcome,
        }
        connection.execute(insert(CONSULTED), row)

    save_targets(connection, [(serial, row) for row in new.forecast.target_rows])
    for name, secret in new.secrets.items():
        given = {
            "ticket_id": serial,
            "field": name,
            "title": secret.title,
            "sealed": secret.sealed,
            "given_at": instant,
        }
        connection.execute(insert(SECRETS), given)
    if new.draft.coupon:
        _use_coupon(connection, serial, new)
    if new.draft.episode:
        end_episode(
            connection,
            new.draft.episode,
            new.customer_id,
            serial,
            instant,
            title=new.draft.title,
            product=new.draft.product,
        )
    _save_link(connection, serial, new.link, instant)
    facts = {"number": ids.ticket_number(serial), "event": str(event_id)}
    notices = [replace(notice, facts={**facts, **notice.facts}) for notice in new.notices]
    wanted = wanted_notices(connection, serial, notices)
    add_notices(connection, serial, str(event_id), wanted, instant)
    add_news(connection, serial, new.news, instant, event_id)
    save_key(connection, key, serial, event_id, instant)
    return serial


def _ticket_row(new: NewTicket, serial: int) -> dict[str, Any]:
    draft, instant = new.draft, new.event.at
    return {
        "id": serial,
        "customer_id": new.customer_id,
        "organisation_id": new.organisation_id,
        "title": draft.title,
        "type": draft.type,
        "topic": draft.topic,
        "fields": dict(draft.fields),
        "field_words": new.field_words,
        "severity_explanation": draft.severity_explanation,
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
        "created_at": instant,
        "updated_at": instant,
        "source": new.source,
        **forecast_columns(new.forecast),
    }


def indexed_title(title: str, field_words: str) -> str:
    """The title as the full text has it: see ``tables.INDEXED_TITLE``."""
    return f"{title}\n{field_words}" if field_words else title


def _use_coupon(connection: Connection, serial: int, new: NewTicket) -> None:
    coupon = coupon_by_code(connection, new.draft.coupon, new.customer_id, new.event.at)
    if coupon is None or coupon.left <= 0:
        raise coupon_used_up()
    connection.execute(
        insert(COUPON_USES).values(coupon_id=coupon.id, ticket_id=serial, at=new.event.at)
    )


def coupon_by_code(
    connection: Connection, code: str, person_id: int, now: dt.datetime
) -> Coupon | None:
    """None for a code that is not this person's, or not valid now."""
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


def coupon_used_up() -> Invalid:
    return Invalid(
        "This coupon is used up, or it is not yours. Use another one, or leave the field empty.",
        field="coupon",
    )


# --- A change


def save_change(
    connection: Connection, serial: int, decide: Callable[[TicketFacts], Change]
) -> tuple[int, dt.datetime]:
    """Saves what ``decide`` makes of the ticket as it is now: the id and instant of the event.

    An error of ``decide`` leaves no trace, as the transaction ends with it. Raises NotFound.
    """
    ticket = ticket_facts(connection, serial)
    change = decide(ticket)
    effects, instant = change.effects, change.event.at
    event_id = _save_event(connection, serial, change.event)
    before = set(ticket.target_rows)
    save_targets(
        connection, [(serial, row) for row in change.forecast.target_rows if row not in before]
    )

    values: dict[str, Any] = {
        "status": change.status.value,
        "updated_at": instant,
        **forecast_columns(change.forecast),
        **change.values,
    }
    if change.status in ACTIVE:
        values["closed_at"] = None
    elif VERBS[change.event.verb].closes:  # a note or a rating does not close it once more
        values["closed_at"] = instant
    remind_at = values.get("remind_at")
    if remind_at is not None:
        values["next_at"] = min(remind_at, values["next_at"] or remind_at)
    if ticket.next_at is not None and ticket.next_at <= instant:
        # The sweeper is behind: it has yet to record what came due before this.
        values["next_at"] = ticket.next_at
    connection.execute(update(TICKETS).where(TICKETS.c.id == serial).values(values))
    _take_success_back(connection, serial, change.event)
    _undo_end(connection, serial, effects.undoes)
    if effects.releases_coupon:
        this_use = (COUPON_USES.c.ticket_id == serial, COUPON_USES.c.released_at.is_(None))
        connection.execute(update(COUPON_USES).where(*this_use).values(released_at=instant))
    _save_plan(connection, serial, effects.release)
    _save_proposal(connection, serial, change)
    if effects.rating is not None:
        rating = {
            "ticket_id": serial,
            "person_id": change.event.actor_id,
            "score": effects.rating.score,
            "words": effects.rating.words,
            "at": instant,
        }
        upsert(connection, RATINGS, rating, keys=("ticket_id",), update=("score", "words", "at"))
    for document_id, title in effects.answers:
        answer = {
            "event_id": event_id,
            "ticket_id": serial,
            "document_id": document_id,
            "title": title,
        }
        connection.execute(insert(ANSWER_LINKS), answer)
    _save_link(connection, serial, effects.link, instant)
    if effects.revokes_links:
        delete_guest_links(connection, serial)
    _save_upload_link(connection, serial, effects.upload_until)
    # The mail is written when it leaves, and says then what somebody wrote.
    written = {"event": str(event_id)}
    notices = [replace(notice, facts={**written, **notice.facts}) for notice in change.notices]
    wanted = wanted_notices(connection, serial, notices)
    if change.status not in ACTIVE and _wipe_secrets(connection, serial, instant):
        wanted.append(_reminder(serial, ticket))
    add_notices(connection, serial, str(event_id), wanted, instant)
    add_news(connection, serial, change.news, instant, event_id)
    return event_id, instant


def _save_upload_link(connection: Connection, serial: int, until: dt.datetime | None) -> None:
    if until is not None:
        row = {"ticket_id": serial, "expires_at": until}
        upsert(connection, UPLOAD_LINKS, row, keys=("ticket_id",), update=("expires_at",))


def _wipe_secrets(connection: Connection, serial: int, instant: dt.datetime) -> bool:
    """Whether there were any. Nothing of them is left; that they were given stays known."""
    kept = (SECRETS.c.ticket_id == serial, SECRETS.c.wiped_at.is_(None))
    wiped = update(SECRETS).where(*kept).values(sealed=b"", wiped_at=instant)
    return connection.execute(wiped).rowcount > 0


def _reminder(serial: int, ticket: TicketFacts) -> NewNotice:
    facts = {"number": ids.ticket_number(serial)}
    own = {**facts, "guest": "yes"} if ticket.customer_guest else facts
    return NewNotice(SECRET_DELETED, ticket.customer_email, own)


def _take_success_back(connection: Connection, serial: int, event: NewEvent) -> None:
    """A reopened ticket no longer counts as solved by an article."""
    if event.verb is Verb.REOPEN:
        reopen_episode(connection, serial, event.at)


def _undo_end(connection: Connection, serial: int, end: UndoableEnd | None) -> None:
    """Takes back what ended with the ticket: its coupon, and the mails that have not been sent."""
    if end is None:
        return
    released = (COUPON_USES.c.ticket_id == serial, COUPON_USES.c.released_at == end.at)
    connection.execute(update(COUPON_USES).where(*released).values(released_at=None))
    unsent = (
        NOTICES.c.ticket_id == serial,
        NOTICES.c.kind == end.verb.value,
        NOTICES.c.state == "pending",
    )
    connection.execute(delete(NOTICES).where(*unsent))


def delete_merge_link(connection: Connection, serial: int, merged: int) -> None:
    """The history of a ticket that was merged no longer counts for the other one."""
    this = (
        TICKET_LINKS.c.ticket_id == serial,
        TICKET_LINKS.c.other_id == merged,
        TICKET_LINKS.c.kind == "merged",
    )
    connection.execute(delete(TICKET_LINKS).where(*this))


def _save_plan(connection: Connection, serial: int, plan: ReleasePlan | None) -> None:
    """The ticket waits for the release, which is added when it is new. One that has shipped before
    is waited for again: perhaps the fix did not help.
    """
    if plan is None:
        return
    row = {"name": plan.name, "planned_at": plan.planned}
    changed = ("planned_at",) if plan.planned else ()
    upsert(connection, RELEASES, row, keys=("name",), update=changed)
    this = RELEASES.c.name == plan.name
    connection.execute(update(RELEASES).where(this).values(shipped_at=None))
    release_id = connection.execute(select(RELEASES.c.id).where(this)).scalar_one()
    of_ticket = update(TICKETS).where(TICKETS.c.id == serial)
    connection.execute(of_ticket.values(release_id=release_id))


def _save_proposal(connection: Connection, serial: int, change: Change) -> None:
    """Decides the open proposal, or replaces it by a new one."""
    instant, proposal = change.event.at, change.effects.proposal
    if proposal is None and not change.effects.decision:
        return
    is_open = (PROPOSALS.c.ticket_id == serial, PROPOSALS.c.state == "open")
    decided = change.effects.decision or "replaced"
    connection.execute(update(PROPOSALS).where(*is_open).values(state=decided))
    if proposal is not None:
        row = {
            "ticket_id": serial,
            "severity": proposal.severity,
            "detail": proposal.detail,
            "why": proposal.why,
            "at": instant,
        }
        connection.execute(insert(PROPOSALS), row)


# --- What both leave


def forecast_columns(forecast: Forecast) -> dict[str, Any]:
    """The columns of a ticket that its SLA targets decide."""
    first = forecast.first_due
    return {
        "next_due": first.due_at if first else None,
        "next_target": first.target if first else "",
        "next_at": forecast.next_at,
    }


def save_targets(connection: Connection, target_rows: Iterable[tuple[int, TargetRow]]) -> None:
    """``target_rows``: serials and their rows, those that are new and those that changed."""
    rows = [
        {
            "ticket_id": serial,
            "target": row.target,
            "cycle": row.cycle,
            "level": row.level,
            "policy_version": row.policy_version,
            "started_at": row.started_at,
            "due_at": row.due_at,
            "version_at": row.version_at,
            "met_at": row.met_at,
            "state": row.state.value,
            "grace": row.grace,
        }
        for serial, row in target_rows
    ]
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


def _save_event(connection: Connection, serial: int, event: NewEvent, *, title: str = "") -> int:
    """The event's id. ``title`` is indexed with the body; only a new ticket has one."""
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
    announce_rows(connection, EVENTS)
    primary_key = connection.execute(_ADD_EVENT, row).inserted_primary_key
    event_id = int(primary_key[0]) if primary_key else 0
    fulltext.index_event(connection, event_id, title, event.body)
    for position, file in enumerate(event.attachments):
        attachment = {
            "ref": file.ref,
            "ticket_id": serial,
            "event_id": event_id,
            "position": position,
            "name": file.name,
            "media_type": file.media_type,
            "size": file.size,
            "key": file.key,
        }
        connection.execute(insert(ATTACHMENTS), attachment)
    return event_id


def _save_link(
    connection: Connection, serial: int, link: LinkedTicket | None, instant: dt.datetime
) -> None:
    if link is not None:
        row = {
            "ticket_id": serial,
            "other_id": link.other,
            "kind": link.kind,
            "since": link.since,
            "at": instant,
        }
        upsert(connection, TICKET_LINKS, row, keys=("ticket_id", "other_id"))
