"""How is a ticket kept, so that it is there as a whole or not at all?

One transaction per verb: what is decided (by the desk, purely) and everything that follows from it (number, event,
promise, files, notices) are saved together. Lists are in ``kb.tickets.lists``; nothing here knows a policy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from kb import ids
from kb.errors import Invalid
from kb.tickets import access, promises, reading
from kb.tickets.access import Ownership
from kb.tickets.changes import Change, Coupon, Facts, Key, NewEvent, NewNotice, NewTicket
from kb.tickets.database import Database
from kb.tickets.lists import ROWS, TicketLists
from kb.tickets.people_store import PeopleStore
from kb.tickets.promises import Promised
from kb.tickets.schema import (
    ATTACHMENTS,
    CONSULTED,
    COUNTERS,
    COUPON_USES,
    COUPONS,
    EPISODE_EVENTS,
    EPISODES,
    EVENTS,
    KEYS,
    LINKS,
    NOTICES,
    TARGETS,
    TICKETS,
)
from kb.tickets.ticket import Attachment, Consulted, Status, Ticket, Verb


class TicketStore:
    """Tickets in one database, with their ``lists`` and ``people``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.lists = TicketLists(database)
        self.people = PeopleStore(database)

    def serial_by_key(self, key: Key) -> int | None:
        """The ticket that this key has already made or changed."""
        with self._database.read() as connection:
            return _serial_by_key(connection, key)

    def open(self, new: NewTicket, key: Key) -> int:
        """Saves a ticket and returns its serial; with a key seen before, only that ticket's serial.

        Raises Invalid when the coupon is spent, Unavailable when nothing could be saved.
        """
        with self._database.write() as connection:
            known = _serial_by_key(connection, key)
            if known is not None:
                return known
            serial = _next_serial(connection)
            connection.execute(insert(TICKETS).values(_ticket_values(new, serial)))
            event_id = _add_event(connection, serial, new.event)
            _add_consulted(connection, serial, new.draft.consulted)
            _put_promises(connection, serial, new.promised)
            _spend_coupon(connection, serial, new)
            _end_episode(connection, serial, new)
            _add_notices(connection, serial, event_id, new.notices(ids.ticket_number(serial)), new.event.at)
            _keep_key(connection, key, serial, event_id, new.event.at)
            return serial

    def change(self, serial: int, decide: Callable[[Facts], Change], key: Key) -> None:
        """Saves what ``decide`` makes of the ticket as it is now; an error of ``decide`` leaves no trace.

        Raises NotFound, and does nothing for a key seen before.
        """
        with self._database.write() as connection:
            facts = reading.facts(connection, serial)
            if _serial_by_key(connection, key) is not None:
                return
            change = decide(facts)
            at = change.event.at
            event_id = _add_event(connection, serial, change.event)
            _put_promises(connection, serial, change.promised)
            connection.execute(update(TICKETS).where(TICKETS.c.id == serial).values(_changed_values(change, at)))
            _add_notices(connection, serial, event_id, change.notices, at)
            _keep_key(connection, key, serial, event_id, at)

    def facts(self, serial: int) -> Facts:
        """Raises NotFound."""
        with self._database.read() as connection:
            return reading.facts(connection, serial)

    def ticket(self, serial: int, internal: Callable[[Ownership], bool], *, now: dt.datetime) -> Ticket:
        """The whole ticket. ``internal`` says whether its reader sees notes, or raises NotFound."""
        with self._database.read() as connection:
            found = connection.execute(ROWS.where(TICKETS.c.id == serial)).mappings().first()
            if found is None:
                raise access.absent()
            whole = internal(Ownership(found["id"], found["customer_id"], found["organisation_id"]))
            return reading.ticket(connection, found, whole, now)

    def attachment(self, ref: str) -> tuple[Ownership, bool, Attachment] | None:
        """Whose it is, whether its event is public, and what it is."""
        query = (
            select(ATTACHMENTS, TICKETS.c.customer_id, TICKETS.c.organisation_id, EVENTS.c.public)
            .select_from(ATTACHMENTS.join(TICKETS, ATTACHMENTS.c.ticket_id == TICKETS.c.id))
            .join(EVENTS, ATTACHMENTS.c.event_id == EVENTS.c.id)
            .where(ATTACHMENTS.c.ref == ref)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Ownership(row.ticket_id, row.customer_id, row.organisation_id), row.public, reading.attachment(row)

    def attachment_count(self, serial: int) -> int:
        with self._database.read() as connection:
            count = select(func.count()).select_from(ATTACHMENTS).where(ATTACHMENTS.c.ticket_id == serial)
            return connection.execute(count).scalar_one()

    def add_link(self, serial: int, person_id: int, token_hash: bytes, *, now: dt.datetime, until: dt.datetime) -> None:
        """Keeps the hash of a secret that opens this one ticket."""
        with self._database.write() as connection:
            connection.execute(
                insert(LINKS).values(
                    token_hash=token_hash, ticket_id=serial, person_id=person_id, created_at=now, expires_at=until
                )
            )

    def link_holder(self, token_hash: bytes, *, now: dt.datetime) -> tuple[int, int] | None:
        """The serial and the person that a secret stands for; None when it is unknown or over."""
        query = select(LINKS.c.ticket_id, LINKS.c.person_id).where(
            LINKS.c.token_hash == token_hash, LINKS.c.expires_at > now
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return (row.ticket_id, row.person_id) if row else None

    def coupon(self, code: str, person_id: int, *, now: dt.datetime) -> Coupon | None:
        """The coupon behind a code; None when it is not this person's, or not now."""
        with self._database.read() as connection:
            return _coupon(connection, code, person_id, now)


def _serial_by_key(connection: Connection, key: Key) -> int | None:
    if not key.key:
        return None
    query = select(KEYS.c.ticket_id).where(KEYS.c.person_id == key.person_id, KEYS.c.key == _key_text(key))
    return connection.execute(query).scalar()


def _key_text(key: Key) -> str:
    return f"{key.scope}/{key.key}"


def _keep_key(connection: Connection, key: Key, serial: int, event_id: int, at: dt.datetime) -> None:
    if key.key:
        values = {"person_id": key.person_id, "key": _key_text(key), "ticket_id": serial, "event_id": event_id}
        connection.execute(insert(KEYS).values(**values, at=at))


def _next_serial(connection: Connection) -> int:
    ours = COUNTERS.c.name == "ticket"
    connection.execute(update(COUNTERS).where(ours).values(value=COUNTERS.c.value + 1))
    return int(connection.execute(select(COUNTERS.c.value).where(ours)).scalar_one())


def _ticket_values(new: NewTicket, serial: int) -> dict[str, Any]:
    draft, at, first = new.draft, new.event.at, promises.next_due(new.promised)
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
    }


def _changed_values(change: Change, at: dt.datetime) -> dict[str, Any]:
    first = promises.next_due(change.promised)
    closed = change.status in (Status.SOLVED, Status.CANCELLED)
    values: dict[str, Any] = {
        "status": change.status.value,
        "updated_at": at,
        "next_due": first.due_at if first else None,
        "next_target": first.target if first else "",
    }
    if change.event.verb is not Verb.NOTE:  # a note on a closed ticket does not make it newly closed
        values["closed_at"] = at if closed else None
    if change.event.verb is Verb.ASSIGN:
        values["assignee_id"] = change.assignee_id
    return values


def _add_event(connection: Connection, serial: int, event: NewEvent) -> int:
    key = connection.execute(
        insert(EVENTS).values(
            ticket_id=serial,
            at=event.at,
            verb=event.verb.value,
            actor_id=event.actor_id,
            actor=event.actor,
            by_agent=event.by_agent,
            public=event.public,
            body=event.body,
            facts=dict(event.facts),
        )
    ).inserted_primary_key
    event_id = int(key[0]) if key else 0
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


def _add_consulted(connection: Connection, serial: int, consulted: tuple[Consulted, ...]) -> None:
    for position, one in enumerate(consulted):
        connection.execute(
            insert(CONSULTED).values(
                ticket_id=serial, position=position, document_id=one.document_id, title=one.title, outcome=one.outcome
            )
        )


def _put_promises(connection: Connection, serial: int, promised: tuple[Promised, ...]) -> None:
    for one in promised:
        change = {"state": one.state, "met_at": one.met_at}
        values = {
            "ticket_id": serial,
            "target": one.target,
            "cycle": one.cycle,
            "level": one.level,
            "policy_version": one.policy_version,
            "started_at": one.started_at,
            "due_at": one.due_at,
            "ledger": [dict(line) for line in one.ledger],
            **change,
        }
        put = upsert(TARGETS).values(values)
        unique = (TARGETS.c.ticket_id, TARGETS.c.target, TARGETS.c.cycle)
        connection.execute(put.on_conflict_do_update(index_elements=unique, set_=change))


def _coupon(connection: Connection, code: str, person_id: int, now: dt.datetime) -> Coupon | None:
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
    return Invalid("This coupon is used up or not yours; leave it empty or give another.", field="coupon")


def _spend_coupon(connection: Connection, serial: int, new: NewTicket) -> None:
    if not new.draft.coupon:
        return
    found = _coupon(connection, new.draft.coupon, new.customer_id, new.event.at)
    if found is None or found.left <= 0:
        raise spent()
    connection.execute(insert(COUPON_USES).values(coupon_id=found.id, ticket_id=serial, at=new.event.at))


def _end_episode(connection: Connection, serial: int, new: NewTicket) -> None:
    episode, at = new.draft.episode, new.event.at
    if not episode:
        return
    values = {"id": episode, "started_at": at, "last_at": at, "person_id": new.customer_id, "ticket_id": serial}
    ends = {"last_at": at, "person_id": new.customer_id, "ticket_id": serial}
    connection.execute(upsert(EPISODES).values(values).on_conflict_do_update(index_elements=["id"], set_=ends))
    facts = {"ticket": ids.ticket_number(serial)}
    connection.execute(insert(EPISODE_EVENTS).values(episode_id=episode, kind="submit", at=at, facts=facts))


def _add_notices(
    connection: Connection, serial: int, event_id: int, notices: tuple[NewNotice, ...], at: dt.datetime
) -> None:
    for notice in notices:
        connection.execute(
            upsert(NOTICES)
            .values(
                key=f"{notice.kind}/{serial}/{event_id}/{notice.recipient}",
                ticket_id=serial,
                event_id=event_id,
                kind=notice.kind,
                recipient=notice.recipient,
                facts=dict(notice.facts),
                due_at=at,
            )
            .on_conflict_do_nothing(index_elements=["key"])
        )
