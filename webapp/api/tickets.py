"""Tickets for programs: file one, list and read them, and every action that a page offers.

One address takes all actions. Their names, fields and rules are rows of ``kb.tickets.lifecycle``,
read and carried out by the functions behind the pages; ``actions`` of a ticket lists those that its
viewer can use now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request, url_for
from werkzeug.datastructures import MultiDict

from kb.errors import Invalid, NotFound, PreconditionFailed, Unauthorized
from kb.people.person import Person
from kb.tickets.lifecycle import ActionForm, FieldKind, FormField, Side
from kb.tickets.permissions import side_of
from kb.tickets.repository.lists import ACTIVE_STATUSES, QueuePlace, place_of
from kb.tickets.ticket import Ticket
from webapp.agent.ticket_actions import OTHER_ACTIONS, carry_out
from webapp.api.paging import (
    LARGEST_NUMBER,
    conditional,
    cursor_after,
    cursor_of,
    cursor_values,
    not_of_this_list,
    page_of,
)
from webapp.api.ticket_json import listed_ticket, ticket_json
from webapp.api.v1 import api_blueprint, choices_named, instant_json, json_body
from webapp.context import centre, now, person, reader, settings
from webapp.customer.action_forms import FORM_VERBS, command_of, midnight
from webapp.customer.ticket_form import (
    check_form,
    file_once,
    held_links,
    read_form,
    read_json_form,
)
from webapp.customer.tickets import attached_file, own_tickets_alike
from webapp.security.rate_limits import count

blueprint: Blueprint = api_blueprint("ticket_api")

#: Actions of agents that are more than one verb on one ticket, as the API describes them.
_OTHERS: Mapping[str, ActionForm] = {
    "assign": ActionForm(
        "assign",
        "Assign to an agent",
        fields=(FormField("agent", FieldKind.LINE, "Address of the agent", required=True),),
    ),
    "watch": ActionForm(
        "watch",
        "Be notified of everything, or no longer",
        fields=(
            FormField(
                "on", FieldKind.CHOICE, "Be notified", choices=(("yes", "Yes"), ("no", "No"))
            ),
        ),
    ),
    "undo": ActionForm("undo", "Undo a merge or a mark as spam or duplicate"),
}


# --- filing


@blueprint.post("/tickets")
def file() -> Response:
    """Files a ticket, once per ``Idempotency-Key``; a key of the API may send files with it."""
    is_multipart = request.mimetype == "multipart/form-data"
    form = read_form(request.form) if is_multipart else read_json_form(json_body())
    form["add_facts"] = "yes"
    form["key"] = request.headers.get("Idempotency-Key", "") or form["key"]
    with choices_named(form):
        checked = check_form(form, request.files)
    number, customer = file_once(checked, channel="api")
    secret = held_links().get(number)
    path = (
        url_for("tickets.show", number=number, key=secret)
        if secret and not person()
        else url_for("tickets.show", number=number)
    )
    row = centre().desk.filed(number, customer, now=now())
    promised = {"level": row.level, "due": instant_json(row.due.due if row.due else None)}
    response = make_response(jsonify(number=number, url=settings().origin + path, **promised), 201)
    response.headers["Location"] = path
    return response


@blueprint.get("/tickets/alike")
def own_tickets() -> Response:
    """Open tickets of the person, or shared with them, that a half-typed title may be about."""
    viewer = person()
    rows = own_tickets_alike(viewer, request.args.get("q", "")) if viewer else ()
    return jsonify(
        tickets=[
            {
                "number": row.number,
                "title": row.title,
                "status": row.status,
                "customer": row.customer,
                "url": url_for("tickets.show", number=row.number),
            }
            for row in rows
        ]
    )


# --- reading


@blueprint.get("/tickets")
def mine() -> Response:
    """The person's own tickets, or those of the organisation, the newest first."""
    arguments = request.args
    total, rows = centre().desk.mine(
        _viewer(),
        status=arguments.get("status"),
        words=arguments.get("words", "")[:200],
        since=midnight(arguments.get("since", ""), "since", days=0),
        until=midnight(arguments.get("until", ""), "until", days=1),
        company=arguments.get("whose", "") == "company",
        below=cursor_after("tickets") or None,
        now=now(),
    )
    last = int(rows[-1].number.rpartition("-")[2]) if total > len(rows) and rows else 0
    return page_of(
        "tickets",
        [listed_ticket(row) for row in rows],
        cursor_of("tickets", last) if last else None,
    )


@blueprint.get("/queue")
def queue() -> Response:
    """What to answer next; closed tickets with another status, the newest first."""
    arguments, viewer = request.args, _viewer()
    if arguments.get("assignee") == "me" and not viewer.id:
        raise Invalid("A key without a person has no tickets of its own.", field="assignee")
    status = arguments.get("status") or ACTIVE_STATUSES
    total, rows = centre().desk.queue.tickets(
        viewer,
        status=status,
        level=arguments.get("level", ""),
        product=arguments.get("product", ""),
        words=arguments.get("words", "")[:200],
        since=midnight(arguments.get("since", ""), "since", days=0),
        until=midnight(arguments.get("until", ""), "until", days=1),
        assignee=arguments.get("assignee", ""),
        field=arguments.get("field", "")[:200],
        after=_place_after(),
        now=now(),
    )
    following = None
    if total > len(rows):
        place = place_of(rows[-1], status)
        instant = place.instant.isoformat() if place.instant else ""
        following = cursor_of("queue", place.urgent, instant, place.serial)
    return page_of("tickets", [listed_ticket(row) for row in rows], following)


def _place_after() -> QueuePlace | None:
    """Where the cursor of the request says that the page begins. Raises Invalid."""
    values = cursor_values("queue", bool, str, int)
    if not values:
        return None
    urgent, text, serial = values
    try:
        instant = dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        raise not_of_this_list() from None
    is_instant = instant is None or instant.tzinfo is not None
    if not is_instant or not 0 <= serial < LARGEST_NUMBER:
        raise not_of_this_list()
    return QueuePlace(urgent, instant, serial)


@blueprint.get("/agents")
def agents() -> Response:
    """Everybody to whom a ticket can be assigned."""
    staff = centre().desk.queue.agents(_viewer())
    listed = [{"name": agent.name, "email": agent.email} for agent in staff]
    return conditional(jsonify(agents=listed))


@blueprint.get("/tickets/<number>")
def show(number: str) -> Response:
    """One ticket as the page shows it to the same person."""
    viewer = _viewer()
    return conditional(_shown(centre().desk.ticket(number, viewer, now=now()), viewer))


def _shown(ticket: Ticket, viewer: Person) -> Response:
    is_staff = side_of(viewer, ticket.ownership) is Side.STAFF
    return jsonify(ticket_json(ticket, viewer, _OTHERS.values() if is_staff else ()))


@blueprint.get("/attachments/<ref>")
def attachment(ref: str) -> Response:
    """A file of a ticket, always as a download."""
    return attached_file(*centre().desk.attachment(ref, _viewer()))


def _viewer() -> Person:
    viewer = reader()
    if viewer is None:
        raise Unauthorized("Your session has ended. Sign in again.")
    return viewer


# --- actions


@blueprint.post("/tickets/<number>/actions/<action>")
def act(number: str, action: str) -> Response:
    """One action, once per ``Idempotency-Key``; answers with the ticket as it is then.

    ``If-Match`` makes it depend on the ticket being as it was read (RFC 9110, 13.1.1): that it is
    so when the action begins is compared here, that it stays so by the transaction that saves.
    Raises NotFound, Forbidden, Conflict, Invalid by field, and PreconditionFailed.
    """
    viewer = person()
    if viewer is None:
        raise Unauthorized("A key without a person can’t act on tickets.")
    desk = centre().desk
    ticket = desk.ticket(number, viewer, now=now())
    is_staff = side_of(viewer, ticket.ownership) is Side.STAFF
    if action not in FORM_VERBS and not (is_staff and action in OTHER_ACTIONS):
        raise NotFound(f"There is no action {action[:40]!r}. The ticket lists the available ones.")
    count("desk" if is_staff else "ticket")
    form = _sent_fields()
    form["key"] = request.headers.get("Idempotency-Key", "")
    if request.headers.get("If-Match"):
        is_same = _is_match(ticket, viewer)
        if not is_same and not form["key"]:
            raise PreconditionFailed("The ticket has changed since you read it. Read it again.")
        # Whoever repeats a request has changed the ticket with the first one: the desk knows keys.
        desk = desk.if_unchanged(ticket if is_same else replace(ticket, revision=0))
    if is_staff:
        carry_out(desk, number, viewer, action, form)
    else:
        command = command_of(action, Side.OWNER, form)
        desk.act(number, viewer, command, key=form["key"], now=now())
    response = _shown(centre().desk.ticket(number, viewer, now=now()), viewer)
    response.add_etag()
    return response


def _is_match(ticket: Ticket, viewer: Person) -> bool:
    present = _shown(ticket, viewer)
    present.add_etag()
    tag, _ = present.get_etag()
    return request.if_match.contains(tag or "")


def _sent_fields() -> MultiDict[str, str]:
    """The fields of an action, as a form would send them."""
    if request.mimetype == "multipart/form-data":
        return MultiDict(request.form)
    form: MultiDict[str, str] = MultiDict()
    for name, value in json_body().items():
        if name == "documents":
            form.setlist("document", _texts(name, value))
        elif isinstance(value, list):
            form[name] = ", ".join(_texts(name, value))
        else:
            form[name] = _field_text(name, value)
    return form


def _texts(name: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise Invalid(f"{name[:40]} must be a list of strings.", field=name[:40])
    return [_field_text(name, each) for each in value]


def _field_text(name: str, value: Any) -> str:
    """Raises Invalid for what is neither a text nor a number, and for lone surrogates."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value) if isinstance(value, int) and abs(value) < 2**53 else value
    if not isinstance(text, str) or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Invalid(f"{name[:40]!r} must be a text or a number.", field="body")
    return text
