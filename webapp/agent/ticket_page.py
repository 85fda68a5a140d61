"""A ticket's page for agents: its timeline, its forms, and what helps to answer it.

``ticket_actions`` receives the forms.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Sequence

from flask import Blueprint, Response, render_template, request

from kb.errors import KbError, Unavailable
from kb.people.person import Person
from kb.search.documents import PUBLIC
from kb.search.results import Hit
from kb.sla.form_fields import SiteField, SiteFieldKind, applies
from kb.tickets import actions
from kb.tickets.lifecycle import (
    UNDO_WINDOW,
    UNDOABLE_VERBS,
    VERBS,
    ActionForm,
    FieldKind,
    FormField,
    Side,
    Status,
    Verb,
)
from kb.tickets.queue import DRAFTED_FORMS
from kb.tickets.repository.agent_tools import Presence
from kb.tickets.ticket import Ticket, TicketRow
from webapp.agent.canned_replies import canned_replies
from webapp.context import audience, centre, now, settings
from webapp.customer.account import signed_in_person
from webapp.customer.action_forms import RefusedForm, offered_forms
from webapp.customer.tickets import fragment

blueprint = Blueprint("ticket_page", __name__, url_prefix="/desk")
SUGGESTED = 5  # articles, similar tickets and possible duplicates beside a ticket
FIELDS_FORM = "fields"
SHOWN = "shown-{}"  # the hidden input that says what a field held when the page was read
#: How a field of the site is entered, where a line is not enough.
_INPUTS = {
    SiteFieldKind.TEXT: FieldKind.TEXT,
    SiteFieldKind.CHOICE: FieldKind.CHOICE,
    SiteFieldKind.DATE: FieldKind.DATE,
}
DUPLICATE_LIKENESS = 0.6  # cosine of two titles from which they may be about one problem


@blueprint.get("/<number>")
def show(number: str) -> str:
    return render(number)


def render(number: str, refused: RefusedForm | None = None) -> str:
    """The page, with a form that was refused if there is one."""
    desk, viewer = centre().desk, signed_in_person()
    ticket = desk.ticket(number, viewer, now=now())
    placeholders = {"customer": ticket.row.customer, "number": ticket.number, "agent": viewer.name}
    with contextlib.suppress(Unavailable):  # reading goes on when nothing can be written
        desk.staff.saw(viewer, ticket.ownership.serial, now=now())
    canned = canned_replies(settings().content / "replies", placeholders)
    chosen = request.args.get("canned", "")
    duplicates = _possible_duplicates(ticket, viewer)
    mergeable = [row for row in duplicates if row.customer_id == ticket.row.customer_id]
    forms = (*offered_forms(ticket, Side.STAFF), *_fields_form(ticket))
    form_values = {
        FIELDS_FORM: {
            **ticket.fields,
            **{SHOWN.format(key): value for key, value in ticket.fields.items()},
        },
        "copies": {"copy_to": ", ".join(ticket.copy_to)},
        "merge": {"into": mergeable[0].number if mergeable else ""},
    }
    drafts = desk.queue.drafts(number, viewer)
    for name, body in drafts.items():
        form_values.setdefault(name, {})["body"] = body
    if chosen:  # without a script, a canned reply goes below what was typed
        words = next((reply.words for reply in canned if reply.name == chosen), "")
        typed = drafts.get("reply", "")
        form_values["reply"] = {"body": f"{typed}\n\n{words}".strip()}
    return render_template(
        "agent/ticket.html",
        ticket=ticket,
        forms=forms,
        form_values=form_values,
        drafted=DRAFTED_FORMS,
        undoable_until=_undoable_until(ticket),
        requester=desk.queue.requester(number, viewer, now=now()),
        refused=refused.shown_in(forms) if refused else None,
        others=_others(number, viewer),
        guest_links=desk.links.live(number, now=now()),
        upload_end=desk.large_files.link_end(number, now()),
        similar=[
            row
            for _, row in _by_likeness(
                ticket, desk.queue.similar(number, viewer, limit=SUGGESTED, now=now())
            )
        ],
        duplicates=duplicates,
        articles=_articles(ticket, refused.values.get("another", "") if refused else ""),
        problem=centre().problems.of_ticket(number),
        agents=desk.queue.agents(viewer),
        canned=canned,
        severities=centre().policy.severities,
        key=secrets.token_urlsafe(18),
    )


def _fields_form(ticket: Ticket) -> tuple[ActionForm, ...]:
    """The form for the fields that only agents see; none on a site without such fields."""
    policy = centre().policy
    facts = {
        **ticket.fields,
        "type": ticket.type,
        "topic": ticket.topic,
        "severity": ticket.severity,
        "product": ticket.row.product,
    }
    fields = tuple(
        field
        for key, own in actions.agent_fields(policy).items()
        if applies(own.when, facts)
        for field in (
            _input(key, own, ticket.fields.get(key, "")),
            FormField(SHOWN.format(key), FieldKind.HIDDEN),
        )
    )
    if not fields or ticket.row.status not in VERBS[Verb.RECORD].transitions:
        return ()
    return (ActionForm(FIELDS_FORM, "Fields for agents", "Save fields", fields),)


def _input(key: str, own: SiteField, value: str) -> FormField:
    """``value`` stays among the choices when the policy has dropped it since."""
    choices: tuple[tuple[str, str], ...] = ()
    if own.kind is SiteFieldKind.CHOICE:
        offered = dict.fromkeys(("", *own.choices, value))
        choices = tuple((choice, choice or "–") for choice in offered)
    kind = _INPUTS.get(own.kind, FieldKind.LINE)
    return FormField(key, kind, own.title, own.hint, choices=choices)


def _undoable_until(ticket: Ticket) -> dt.datetime | None:
    """Until when a merge or a mark as spam or duplicate can be undone; None afterwards."""
    ended = ticket.row.status in (Status.MERGED, Status.SPAM_OR_DUPLICATE)
    ends = [event.at for event in ticket.events if event.verb in UNDOABLE_VERBS]
    until = ends[-1] + UNDO_WINDOW if ended and ends else None
    return until if until and until >= now() else None


def _others(number: str, viewer: Person, *, answering: bool = False) -> tuple[Presence, ...]:
    """Which other agents have the ticket open, recording that this one has.

    Empty while nothing can be written: reading goes on.
    """
    try:
        return centre().desk.queue.present(number, viewer, answering=answering, now=now())
    except Unavailable:
        return ()


def _by_likeness(ticket: Ticket, rows: Sequence[TicketRow]) -> list[tuple[float, TicketRow]]:
    """The most similar titles first, weighted as in search; unsorted while there is no index."""
    try:
        likeness = centre().searcher.likeness(
            ticket.row.title, [row.title for row in rows], audience=audience()
        )
    except KbError:
        return [(0.0, row) for row in rows]
    return sorted(zip(likeness, rows, strict=True), key=lambda pair: -pair[0])


def _possible_duplicates(ticket: Ticket, viewer: Person) -> list[TicketRow]:
    """Open tickets about what may be the same problem.

    Those of the same requester, which can be merged, come first.
    """
    rows = centre().desk.queue.similar_active(ticket.number, viewer, limit=4 * SUGGESTED, now=now())
    alike = [row for likeness, row in _by_likeness(ticket, rows) if likeness >= DUPLICATE_LIKENESS]
    return sorted(alike, key=lambda row: row.customer_id != ticket.row.customer_id)[:SUGGESTED]


def _articles(ticket: Ticket, words: str) -> tuple[Hit, ...]:
    """Public documents that may answer the ticket; none while there is no index.

    Those that the requester has read are left out; those only shown may hold the answer. Without a
    script, ``words`` are what the agent looks for, and everything that matches is shown.
    """
    if words:
        try:
            return centre().searcher.suggest(words, audience=PUBLIC, limit=2 * SUGGESTED).hits
        except KbError:
            return ()
    read = {article.document_id for article in ticket.consulted if article.outcome != "shown"}
    limit = min(20, SUGGESTED + len(read))
    try:
        hits = centre().searcher.suggest(ticket.row.title, audience=PUBLIC, limit=limit).hits
    except KbError:
        return ()
    return tuple(hit for hit in hits if hit.id not in read)[:SUGGESTED]


@blueprint.get("/<number>/live")
def live(number: str) -> Response:
    """The part of the page that changes while it is open; also records that the agent is here."""
    desk, viewer = centre().desk, signed_in_person()
    ticket = desk.ticket(number, viewer, now=now())
    others = _others(number, viewer, answering=bool(request.args.get("answering")))
    return fragment("shared/live.html", ticket=ticket, others=others, staff=True)
