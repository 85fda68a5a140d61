"""How do rows become a ticket again?

Functions on an open connection, so that whoever calls them reads one consistent snapshot. Lists of
tickets are the business of ``kb.tickets.repository.lists``; nothing here writes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from kb import ids
from kb.people.repository.people import entitled
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.tickets import permissions as access
from kb.tickets import sla_targets as promises
from kb.tickets.changeset import Facts
from kb.tickets.permissions import Ownership
from kb.tickets.repository.lists import row_of
from kb.tickets.sla_targets import TargetRow
from kb.tickets.tables import (
    ALARMS,
    ATTACHMENTS,
    CONSULTED,
    COUPON_USES,
    EVENTS,
    PROPOSALS,
    RATINGS,
    TARGETS,
    TICKET_LINKS,
    TICKETS,
    WATCHERS,
)
from kb.tickets.ticket import (
    Alarm,
    Attachment,
    Consulted,
    Event,
    Proposal,
    Rating,
    Status,
    Ticket,
    Type,
    Verb,
)

_ASSIGNEE = PEOPLE.alias("assignee")
_FACTS = (
    select(
        TICKETS,
        PEOPLE.c.email.label("customer_email"),
        PEOPLE.c.guest.label("customer_guest"),
        PEOPLE.c.category.label("own_category"),
        ORGANISATIONS.c.category.label("organisation_category"),
        ORGANISATIONS.c.shared_view,
        ORGANISATIONS.c.licence_addresses,
        ORGANISATIONS.c.contract_from,
        ORGANISATIONS.c.contract_until,
        _ASSIGNEE.c.email.label("assignee_email"),
        COUPON_USES.c.released_at.label("released_at"),
    )
    .select_from(TICKETS.join(PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id))
    .outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id)
    .outerjoin(_ASSIGNEE, TICKETS.c.assignee_id == _ASSIGNEE.c.id)
    .outerjoin(COUPON_USES, COUPON_USES.c.ticket_id == TICKETS.c.id)
)
#: What the public hears as somebody's word.
_WORDS = {
    Verb.REPLY: "agent",
    Verb.LINK: "agent",
    Verb.COMMENT: "customer",
    Verb.ESCALATE: "customer",
}


_STANDING = (
    select(
        TICKETS.c.id,
        TICKETS.c.customer_id,
        TICKETS.c.organisation_id,
        TICKETS.c.status,
        ORGANISATIONS.c.shared_view,
    )
    .select_from(TICKETS.outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id))
    .where(TICKETS.c.id == bindparam("serial"))
)


def standing(connection: Connection, serial: int) -> tuple[Ownership, Status]:
    """Raises NotFound."""
    row = connection.execute(_STANDING, {"serial": serial}).first()
    if row is None:
        raise access.absent()
    return Ownership(row.id, row.customer_id, row.organisation_id, bool(row.shared_view)), Status(
        row.status
    )


def facts(connection: Connection, serial: int) -> Facts:
    row = connection.execute(_FACTS.where(TICKETS.c.id == serial)).first()
    if row is None:
        raise access.absent()
    events = _happened(connection, (serial,))[serial]
    category, licence = entitled(row, row.customer_email, row.created_at)
    return Facts(
        ownership=Ownership(row.id, row.customer_id, row.organisation_id, bool(row.shared_view)),
        status=Status(row.status),
        level=row.level,
        level_title=row.level_title or row.level,
        type=row.type,
        severity=row.severity,
        product=row.product,
        category=category,
        licence=licence,
        coupon=row.coupon if row.released_at is None else "",
        coupon_level=_first_level(events, row.level) if row.coupon else "",
        customer_email=row.customer_email,
        customer_guest=row.customer_guest,
        assignee_email=row.assignee_email or "",
        watchers=watchers(connection, serial, "email"),
        copy_to=tuple(row.copy_to),
        created=row.created_at,
        last_at=events[-1].at,
        last_word=_last_word(events),
        remind_at=row.remind_at,
        next_at=row.next_at,
        proposal=_proposal(connection, serial),
        target_rows=target_rows(connection, (serial,)).get(serial, ()),
        history=_histories(connection, {serial: row.level}, {serial: events})[serial],
    )


def _last_word(events: Sequence[Any]) -> str:
    for event in reversed(events):
        if event.verb == Verb.AWAIT and event.facts.get("said"):
            return "agent"
        if event.public and Verb(event.verb) in _WORDS:
            return _WORDS[Verb(event.verb)]
    return "customer"


def _happened(connection: Connection, serials: Sequence[int]) -> dict[int, list[Any]]:
    """The events of each ticket without their texts."""
    c = EVENTS.c
    query = select(c.id, c.ticket_id, c.at, c.verb, c.by_agent, c.public, c.facts)
    found: dict[int, list[Any]] = {serial: [] for serial in serials}
    for row in connection.execute(query.where(c.ticket_id.in_(serials)).order_by(c.id)):
        found[row.ticket_id].append(row)
    return found


def histories(connection: Connection, levels: Mapping[int, str]) -> dict[int, tuple[SlaEvent, ...]]:
    """What the clock hears of each ticket, kin included. ``levels`` holds the serials and their
    levels of today.
    """
    return _histories(connection, levels, _happened(connection, list(levels)))


def _histories(
    connection: Connection, levels: Mapping[int, str], events: Mapping[int, list[Any]]
) -> dict[int, tuple[SlaEvent, ...]]:
    kin = connection.execute(
        select(TICKET_LINKS).where(TICKET_LINKS.c.ticket_id.in_(list(levels)))
    ).all()
    others = {row.other_id for row in kin} - set(levels)
    if others:
        events = {**events, **_happened(connection, sorted(others))}
    found = {serial: list(_heard(events[serial], level)) for serial, level in levels.items()}
    for row in kin:
        wanted = promises.FROM_MERGED if row.kind == "merged" else promises.FROM_WHOLE
        level = levels[row.ticket_id]
        if row.kind == "split":
            found[row.ticket_id].append(
                SlaEvent(
                    row.since,
                    SlaEventKind.ACCEPTED,
                    level=_first_level(events[row.ticket_id], level),
                )
            )
        taken = [
            one
            for one in _heard(events[row.other_id], level)
            if one.kind in wanted and one.at <= row.at
        ]
        found[row.ticket_id] += [_as(one, level) for one in taken]
    return {serial: tuple(heard) for serial, heard in found.items()}


def _as(one: SlaEvent, level: str) -> SlaEvent:
    """An acceptance of kin counts for its time, not for its level."""
    return SlaEvent(one.at, one.kind, level=level) if one.kind is SlaEventKind.ACCEPTED else one


def _heard(events: Sequence[Any], level: str) -> list[SlaEvent]:
    first = _first_level(events, level)
    return [
        one
        for event in events
        for one in promises.heard(
            Verb(event.verb), event.at, by_agent=event.by_agent, facts=event.facts, level=first
        )
    ]


def _first_level(events: Sequence[Any], level: str) -> str:
    """The level a ticket was filed at; those of old say it only by what they were moved from."""
    for event in events:
        if event.verb == Verb.OPEN and event.facts.get("level"):
            return str(event.facts["level"])
        if event.facts.get("from_level"):
            return str(event.facts["from_level"])
    return level


def target_rows(connection: Connection, serials: Sequence[int]) -> dict[int, tuple[TargetRow, ...]]:
    query = select(TARGETS).where(TARGETS.c.ticket_id.in_(serials)).order_by(TARGETS.c.id)
    found: dict[int, list[TargetRow]] = {}
    for row in connection.execute(query):
        one = TargetRow(
            target=row.target,
            started_at=row.started_at,
            due_at=row.due_at,
            level=row.level,
            policy_version=row.policy_version,
            cycle=row.cycle,
            state=row.state,
            met_at=row.met_at,
            version_at=row.version_at,
            grace=row.grace,
        )
        found.setdefault(row.ticket_id, []).append(one)
    return {serial: tuple(rows) for serial, rows in found.items()}


def watchers(connection: Connection, serial: int, column: str) -> tuple[str, ...]:
    query = (
        select(PEOPLE.c[column])
        .select_from(WATCHERS.join(PEOPLE, WATCHERS.c.person_id == PEOPLE.c.id))
        .where(WATCHERS.c.ticket_id == serial, PEOPLE.c.active)
        .order_by(PEOPLE.c.email)
    )
    return tuple(connection.execute(query).scalars())


def _proposal(connection: Connection, serial: int) -> Proposal | None:
    query = select(PROPOSALS).where(PROPOSALS.c.ticket_id == serial, PROPOSALS.c.state == "open")
    row = connection.execute(query.order_by(PROPOSALS.c.id.desc())).first()
    return Proposal(row.severity, row.detail, row.why, row.at) if row else None


def ticket(
    connection: Connection, found: Any, internal: bool, now: dt.datetime, *, owner: bool = True
) -> Ticket:
    """The whole ticket, without its ledger: that is derived from the policies by the desk."""
    serial = found["id"]
    rows = target_rows(connection, (serial,)).get(serial, ())
    dues = tuple(
        promises.due(
            one.target, one.state, one.due_at, one.met_at, now, cycle=one.cycle, grace=one.grace
        )
        for one in rows
    )
    rated = connection.execute(select(RATINGS).where(RATINGS.c.ticket_id == serial)).first()
    return Ticket(
        row=row_of(found, now),
        type=Type(found["type"]),
        module=found["module"],
        version=found["version"],
        severity_title=found["severity_title"],
        severity_detail=found["severity_detail"],
        level_why=found["level_why"],
        copy_to=tuple(found["copy_to"]),
        dues=dues,
        ledger=(),
        consulted=_consulted(connection, serial),
        events=_events(connection, serial, internal),
        level_key=found["level"],
        severity=found["severity"],
        proposal=_proposal(connection, serial),
        rating=Rating(rated.score, rated.words, rated.at) if rated else None,
        remind_at=found["remind_at"],
        merged_into=ids.ticket_number(found["merged_into"]) if found["merged_into"] else "",
        related=_related(connection, serial),
        coupon=_coupon(connection, serial, found["coupon"]) if owner or internal else "",
        alarms=_alarms(connection, serial) if internal else (),
        watchers=watchers(connection, serial, "name") if internal else (),
    )


def _coupon(connection: Connection, serial: int, code: str) -> str:
    used = select(COUPON_USES.c.ticket_id).where(
        COUPON_USES.c.ticket_id == serial, COUPON_USES.c.released_at.is_(None)
    )
    return code if code and connection.execute(used).first() else ""


def _related(connection: Connection, serial: int) -> tuple[str, ...]:
    kin = select(TICKET_LINKS.c.ticket_id, TICKET_LINKS.c.other_id).where(
        or_(TICKET_LINKS.c.ticket_id == serial, TICKET_LINKS.c.other_id == serial)
    )
    others = {one for row in connection.execute(kin) for one in row if one != serial}
    return tuple(ids.ticket_number(other) for other in sorted(others))


def _alarms(connection: Connection, serial: int) -> tuple[Alarm, ...]:
    query = select(ALARMS).where(ALARMS.c.ticket_id == serial).order_by(ALARMS.c.at, ALARMS.c.id)
    return tuple(
        Alarm(row.target, row.cycle, row.threshold, row.due_at, row.at)
        for row in connection.execute(query)
    )


def _consulted(connection: Connection, serial: int) -> tuple[Consulted, ...]:
    query = select(CONSULTED).where(CONSULTED.c.ticket_id == serial).order_by(CONSULTED.c.position)
    return tuple(
        Consulted(row.document_id, row.title, row.outcome) for row in connection.execute(query)
    )


def _events(connection: Connection, serial: int, internal: bool) -> tuple[Event, ...]:
    files: dict[int, list[Attachment]] = {}
    held = (
        select(ATTACHMENTS)
        .where(ATTACHMENTS.c.ticket_id == serial)
        .order_by(ATTACHMENTS.c.position)
    )
    for row in connection.execute(held):
        files.setdefault(row.event_id, []).append(attachment(row))
    seen = (
        EVENTS.c.ticket_id == serial
        if internal
        else and_(EVENTS.c.ticket_id == serial, EVENTS.c.public)
    )
    return tuple(
        Event(
            at=row.at,
            verb=Verb(row.verb),
            actor=row.actor,
            by_agent=row.by_agent,
            public=row.public,
            body=row.body,
            facts=row.facts,
            attachments=tuple(files.get(row.id, ())),
            id=row.id,
        )
        for row in connection.execute(select(EVENTS).where(seen).order_by(EVENTS.c.id))
    )


def attachment(row: Any) -> Attachment:
    return Attachment(row.ref, row.name, row.media_type, row.size, row.key)
