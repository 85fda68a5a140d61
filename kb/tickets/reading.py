"""How do rows become a ticket again?

Functions on an open connection, so that whoever calls them reads one consistent snapshot. Lists of tickets are the
business of ``kb.tickets.lists``; nothing here writes.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, select

from kb.tickets import access, promises
from kb.tickets.access import Ownership
from kb.tickets.changes import Facts
from kb.tickets.lists import row_of
from kb.tickets.promises import Promised
from kb.tickets.schema import ATTACHMENTS, CONSULTED, EVENTS, PEOPLE, TARGETS, TICKETS
from kb.tickets.ticket import Attachment, Consulted, Event, Status, Ticket, Type, Verb


def facts(connection: Connection, serial: int) -> Facts:
    assignee = PEOPLE.alias()
    query = (
        select(TICKETS, PEOPLE.c.email.label("customer_email"), assignee.c.email.label("assignee_email"))
        .select_from(TICKETS.join(PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id))
        .outerjoin(assignee, TICKETS.c.assignee_id == assignee.c.id)
        .where(TICKETS.c.id == serial)
    )
    row = connection.execute(query).first()
    if row is None:
        raise access.absent()
    happened = select(EVENTS.c.at, EVENTS.c.verb, EVENTS.c.by_agent).where(EVENTS.c.ticket_id == serial)
    events = connection.execute(happened.order_by(EVENTS.c.id)).all()
    return Facts(
        ownership=Ownership(row.id, row.customer_id, row.organisation_id),
        status=Status(row.status),
        level=row.level,
        customer_email=row.customer_email,
        assignee_email=row.assignee_email or "",
        copy_to=tuple(row.copy_to),
        last_at=events[-1].at,
        promised=_promised(connection, serial),
        history=tuple(
            told
            for event in events
            for told in promises.told(Verb(event.verb), event.at, by_agent=event.by_agent, level=row.level)
        ),
    )


def _promised(connection: Connection, serial: int) -> tuple[Promised, ...]:
    query = select(TARGETS).where(TARGETS.c.ticket_id == serial).order_by(TARGETS.c.id)
    return tuple(
        Promised(
            target=row.target,
            started_at=row.started_at,
            due_at=row.due_at,
            level=row.level,
            policy_version=row.policy_version,
            cycle=row.cycle,
            state=row.state,
            met_at=row.met_at,
            ledger=tuple(row.ledger),
        )
        for row in connection.execute(query)
    )


def ticket(connection: Connection, found: Any, internal: bool, now: dt.datetime) -> Ticket:
    serial = found["id"]
    promised = _promised(connection, serial)
    dues = tuple(promises.due(one.target, one.state, one.due_at, one.met_at, now) for one in promised)
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
        ledger=promised[0].ledger if promised else (),
        consulted=_consulted(connection, serial),
        events=_events(connection, serial, internal),
    )


def _consulted(connection: Connection, serial: int) -> tuple[Consulted, ...]:
    query = select(CONSULTED).where(CONSULTED.c.ticket_id == serial).order_by(CONSULTED.c.position)
    return tuple(Consulted(row.document_id, row.title, row.outcome) for row in connection.execute(query))


def _events(connection: Connection, serial: int, internal: bool) -> tuple[Event, ...]:
    files: dict[int, list[Attachment]] = {}
    held = select(ATTACHMENTS).where(ATTACHMENTS.c.ticket_id == serial).order_by(ATTACHMENTS.c.position)
    for row in connection.execute(held):
        files.setdefault(row.event_id, []).append(attachment(row))
    query = select(EVENTS).where(EVENTS.c.ticket_id == serial).order_by(EVENTS.c.id)
    if not internal:
        query = query.where(EVENTS.c.public)
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
        )
        for row in connection.execute(query)
    )


def attachment(row: Any) -> Attachment:
    return Attachment(row.ref, row.name, row.media_type, row.size, row.key)
