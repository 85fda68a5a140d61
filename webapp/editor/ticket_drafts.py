"""The draft of an article from a resolved ticket, for agents: read it, and save it.

What may be private is found and listed; it is left out unless the agent keeps it on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid, Unavailable
from kb.gaps.article_draft import draft_text, save_draft
from kb.gaps.ticket_draft import TicketDraft, draft_of_ticket
from kb.people.person import Person
from kb.tickets.lifecycle import Verb
from kb.tickets.ticket import Ticket
from webapp.context import centre, now, settings
from webapp.customer.account import signed_in_person
from webapp.formatting import product_title

blueprint = Blueprint("ticket_drafts", __name__, url_prefix="/desk/<number>/article")
MAX_DRAFT = 60_000  # characters
_ANSWERS = (Verb.REPLY, Verb.LINK, Verb.SOLVE)


@blueprint.get("")
def show(number: str) -> str:
    return _page(number)


def _page(number: str, sentence: str = "", typed: str = "") -> str:
    viewer = signed_in_person()
    ticket = centre().desk.ticket(number, viewer, now=now())
    draft = _draft(ticket, viewer)
    kept = request.args.getlist("keep")
    masked = draft.without(kept)
    text = draft_text(masked.title, masked.aliases, now().date(), dict(masked.sections))
    return render_template(
        "editor/ticket_draft.html",
        ticket=ticket,
        facts=draft.facts,
        kept=kept,
        title=masked.title,
        text=typed or text,
        drafted=request.args.get("drafted", ""),
        sentence=sentence,
    )


@blueprint.post("")
def save(number: str) -> BaseResponse | tuple[str, int]:
    """Saves the text as it was sent, in the folder of drafts, which no index reads."""
    centre().desk.ticket(number, signed_in_person(), now=now())
    title, text = request.form.get("title", ""), request.form.get("text", "")
    try:
        if not text.strip() or len(text) > MAX_DRAFT:
            raise Invalid(f"A draft has 1 to {MAX_DRAFT:,} characters.", field="text")
        name = save_draft(settings().content, title, text.replace("\r\n", "\n"))
    except (Invalid, Conflict, Unavailable) as error:
        return _page(number, error.sentence, text), error.status
    return redirect(url_for("ticket_drafts.show", number=number, drafted=name), 303)


def _draft(ticket: Ticket, viewer: Person) -> TicketDraft:
    desk = centre().desk
    requester = desk.queue.requester(ticket.number, viewer, now=now()).person
    opened = [event for event in ticket.events if event.verb == Verb.OPEN]
    replies = [
        event.body
        for event in ticket.events
        if event.public and event.by_agent and event.verb in _ANSWERS
    ]
    names = {requester.name, requester.organisation, ticket.row.customer, ticket.row.organisation}
    return draft_of_ticket(
        ticket.row.title,
        asked=centre().deflection.titles_before(ticket.number),
        description=opened[0].body if opened else "",
        environment=list(_environment(ticket)),
        replies=replies,
        names={*names, *(event.actor for event in ticket.events)} - {"", None},
    )


def _environment(ticket: Ticket) -> Iterator[tuple[str, str]]:
    """Product, version and the site's fields that are chosen from a list: others may be private."""
    yield "Product", product_title(ticket.row.product) if ticket.row.product else ""
    yield "Module", ticket.module
    yield "Version", ticket.version
    for key, value in ticket.fields.items():
        own = centre().policy.fields.get(key)
        if own is not None and own.choices:
            yield own.title, value
