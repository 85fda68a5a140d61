"""Tickets as the API shows them: a row of a list, and a whole ticket as its viewer sees it.

What a viewer may not see is not in the values that come here, see ``kb.tickets.desk``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import url_for

from kb.people.person import Person
from kb.tickets.lifecycle import ActionForm, FieldKind, FormField, Side
from kb.tickets.permissions import side_of
from kb.tickets.ticket import Attachment, Event, TargetView, Ticket, TicketRow
from webapp.api.v1 import instant_json
from webapp.customer.action_forms import offered_forms
from webapp.formatting import documents_of, due_view, event_words, status_title, ticket_fields


def listed_ticket(row: TicketRow) -> dict[str, Any]:
    """A ticket in a list."""
    return {
        "number": row.number,
        "title": row.title,
        "status": row.status,
        "severity": row.severity,
        "level": row.level,
        "product": row.product,
        "requester": row.customer,
        "organisation": row.organisation,
        "assignee": row.assignee or None,
        "created": instant_json(row.created),
        "updated": instant_json(row.updated),
        "due": _target(row.due) if row.due else None,
        "urgent": row.urgent,
        "escalated": row.escalated,
        "closed_for": row.closed_for or None,
        "url": url_for("tickets.show", number=row.number),
    }


def ticket_json(ticket: Ticket, viewer: Person, others: Iterable[ActionForm]) -> dict[str, Any]:
    """``others`` are actions besides those of the state machine."""
    side = side_of(viewer, ticket.ownership)
    is_staff = side is Side.STAFF
    rating = ticket.rating
    # Whoever has no account can only read.
    actions = (*offered_forms(ticket, side), *others) if side and viewer.id else ()
    return {
        **listed_ticket(ticket.row),
        "status_title": status_title(ticket.row.status, own=not is_staff),
        "waiting_for": ticket.waiting_for or None,
        "type": ticket.type,
        "topic": ticket.topic,
        "module": ticket.module,
        "version": ticket.version,
        "severity_title": ticket.severity_title,
        "severity_detail": ticket.severity_detail,
        "severity_explanation": ticket.severity_explanation,
        "fields": {field.key: field.value for field in ticket_fields(ticket, staff=is_staff)},
        "level_why": ticket.level_why,
        "targets": [_target(target) for target in ticket.dues],
        "ledger": [dict(line) for line in ticket.ledger],
        "copy_to": list(ticket.copy_to),
        "consulted": [
            {"id": each.document_id, "title": each.title, "outcome": each.outcome}
            for each in ticket.consulted
        ],
        "proposed_severity": ticket.proposal.severity if ticket.proposal else None,
        "rating": {"score": rating.score, "words": rating.words} if rating else None,
        "reopens": instant_json(ticket.remind_at),
        "release": ticket.release.name if ticket.release else None,
        "merged_into": ticket.merged_into or None,
        "related": list(ticket.related),
        "events": [_event(event) for event in ticket.events],
        "actions": [_action(form) for form in actions],
    }


def _target(target: TargetView) -> dict[str, Any]:
    return {
        "target": target.target,
        "state": due_view(target).state,
        "due": instant_json(target.due),
        "met": instant_json(target.met_at),
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": instant_json(event.at),
        "verb": event.verb,
        "text": event_words(event),
        "actor": event.actor,
        "by_agent": event.by_agent,
        "public": event.public,
        "body": event.body,
        "links": [{"url": url, "title": title} for url, title in documents_of(event)],
        "attachments": [_attachment(each) for each in event.attachments],
    }


def _attachment(attachment: Attachment) -> dict[str, Any]:
    return {
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "url": url_for("ticket_api.attachment", ref=attachment.ref),
    }


def _action(form: ActionForm) -> dict[str, Any]:
    return {
        "name": form.name,
        "title": form.title,
        "takes_files": form.files,
        "fields": [_field(field) for field in form.fields],
    }


def _field(field: FormField) -> dict[str, Any]:
    choices = field.choices if isinstance(field.choices, tuple) else ()
    return {
        "name": field.name,
        "kind": field.kind,
        "label": field.label,
        "required": field.required or field.kind is FieldKind.CHOICE,
        "choices": [{"value": value, "title": title} for value, title in choices],
    }
