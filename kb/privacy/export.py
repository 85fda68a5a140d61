"""The export: everything that is held about a person, as one JSON document.

The sections are those of ``inventory``; tickets are written out with their messages. Of messages
by others it has what the person could read: the public ones in the person's own tickets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from kb import ids
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.privacy.inventory import INVENTORY, DataSubject, Holding, own_events, own_tickets
from kb.privacy.sweep import mentions
from kb.tickets.lifecycle import Verb
from kb.tickets.tables import ATTACHMENTS, EVENTS, TARGETS, TICKETS

EXPORT_FORMAT = 1
_TICKET_COLUMNS = (
    "title",
    "type",
    "status",
    "severity_title",
    "severity_detail",
    "severity_explanation",
    "topic",
    "fields",
    "product",
    "module",
    "version",
    "level_title",
    "level_why",
    "coupon",
    "source",
    "copy_to",
    "created_at",
    "updated_at",
    "closed_at",
)
_TARGET_COLUMNS = ("target", "cycle", "state", "started_at", "due_at", "met_at")


def held_about(connection: Connection, subject: DataSubject, now: dt.datetime) -> dict[str, Any]:
    """The document, without the sections that are empty."""
    sections = {
        "organisations": _organisations(connection, subject),
        "tickets": list(_tickets(connection, subject)),
        "messages_in_other_tickets": list(_messages_elsewhere(connection, subject)),
    }
    for holding in INVENTORY:
        readable = holding.readable or holding.about
        if holding.section and readable is not None:
            sections[holding.section] = list(_rows(connection, holding, readable(subject)))
    sections["mentions"] = [
        {"table": table, "rows": rows}
        for table, rows in mentions(connection, subject.address).items()
    ]
    return {
        "format": EXPORT_FORMAT,
        "address": subject.address,
        "exported_at": now.isoformat(),
        **{name: rows for name, rows in sections.items() if rows},
    }


def section_sizes(document: Mapping[str, Any]) -> dict[str, int]:
    """How many entries each section of the document has."""
    return {name: len(rows) for name, rows in document.items() if isinstance(rows, list)}


def attached_files(document: Mapping[str, Any]) -> dict[str, str]:
    """The path within the export of each attachment -> the key of its content."""
    return {row["file"]: row["key"] for row in document.get("attachments", ())}


def _rows(
    connection: Connection, holding: Holding, condition: ColumnElement[bool]
) -> Iterator[dict[str, Any]]:
    columns = [holding.table.c[name] for name in holding.shows]
    query = select(*columns).where(condition).order_by(*holding.table.primary_key)
    for row in connection.execute(query):
        fields = _fields(row, holding.shows)
        if holding.table is ATTACHMENTS:
            fields["file"] = _file_name(fields["ticket"], fields["key"], fields["name"])
        yield fields


def _fields(row: Row[Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The columns as JSON has them: times as text, a ticket by its number."""
    fields: dict[str, Any] = {}
    for name in names:
        value = getattr(row, name)
        if isinstance(value, dt.datetime):
            value = value.isoformat()
        if name == "ticket_id":
            name, value = "ticket", ids.ticket_number(value) if value else ""
        fields[name] = value
    return fields


def _file_name(number: str, key: str, name: str) -> str:
    """A path that two files of one name do not share."""
    return f"attachments/{number}/{key[:8]}-{name}"


def _organisations(connection: Connection, subject: DataSubject) -> list[dict[str, Any]]:
    """That of the accounts, and those whose licence names the address."""
    own = set(
        connection.execute(
            select(PEOPLE.c.organisation_id).where(PEOPLE.c.id.in_(subject.people))
        ).scalars()
    )
    return [
        {"name": row.name, "licence_names_address": subject.address in row.licence_addresses}
        for row in connection.execute(select(ORGANISATIONS).order_by(ORGANISATIONS.c.id))
        if row.id in own or subject.address in row.licence_addresses
    ]


def _tickets(connection: Connection, subject: DataSubject) -> Iterator[dict[str, Any]]:
    readable = EVENTS.c.public | own_events(subject)
    of_tickets = EVENTS.c.ticket_id.in_(own_tickets(subject))
    messages: dict[int, list[dict[str, Any]]] = {}
    query = select(EVENTS).where(of_tickets, readable).order_by(EVENTS.c.id)
    for event in connection.execute(query):
        messages.setdefault(event.ticket_id, []).append(_message(event, subject))

    targets: dict[int, list[dict[str, Any]]] = {}
    query = select(TARGETS).where(TARGETS.c.ticket_id.in_(own_tickets(subject)))
    for target in connection.execute(query.order_by(TARGETS.c.id)):
        targets.setdefault(target.ticket_id, []).append(_fields(target, _TARGET_COLUMNS))

    query = select(TICKETS).where(TICKETS.c.customer_id.in_(subject.people))
    for ticket in connection.execute(query.order_by(TICKETS.c.id)):
        yield {
            "number": ids.ticket_number(ticket.id),
            **_fields(ticket, _TICKET_COLUMNS),
            "messages": messages.get(ticket.id, []),
            "sla_targets": targets.get(ticket.id, []),
        }


def _messages_elsewhere(connection: Connection, subject: DataSubject) -> Iterator[dict[str, Any]]:
    query = select(EVENTS).where(
        EVENTS.c.actor_id.in_(subject.people), EVENTS.c.ticket_id.not_in(own_tickets(subject))
    )
    for event in connection.execute(query.order_by(EVENTS.c.id)):
        yield {"ticket": ids.ticket_number(event.ticket_id), **_message(event, subject)}


def _message(event: Row[Any], subject: DataSubject) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "by": event.actor,
        "own": event.actor_id in subject.people,
        "action": Verb(event.verb).value,
        "text": event.body,
    }
