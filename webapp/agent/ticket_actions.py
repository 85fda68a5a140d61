"""Actions of agents on a ticket.

One view for all of them. The fields of a form, and the verb that it stands for, are a row of
``kb.tickets.lifecycle``; the actions below are more than one verb on one ticket, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid, NotFound, TooLarge, TooMany, Unavailable
from kb.people.person import Person
from kb.text import clean_text
from kb.tickets import actions
from kb.tickets.desk import Desk
from kb.tickets.lifecycle import UNDO_WINDOW, Side, Verb, next_status
from kb.tickets.queue import DRAFTED_FORMS
from webapp.agent import ticket_page
from webapp.context import centre, now
from webapp.customer.account import signed_in_person
from webapp.customer.action_forms import RefusedForm, command_of, form_rule
from webapp.problems import kb_error_response, public_sentence, retry_header, wants_json

blueprint = Blueprint("ticket_actions", __name__, url_prefix="/desk")


def _assign(desk: Desk, number: str, person: Person, form: MultiDict[str, str]) -> None:
    assignee = desk.queue.agent(person, form.get("agent", ""))
    desk.act(number, person, actions.assign(assignee), now=now())


def _merge(desk: Desk, number: str, person: Person, form: MultiDict[str, str]) -> None:
    into = form.get("into", "").strip().upper()
    desk.merge(number, person, into, key=_key(form), now=now())


def _split(desk: Desk, number: str, person: Person, form: MultiDict[str, str]) -> None:
    title, body = form.get("title", "").strip(), form.get("body", "")
    desk.split(number, person, title, body, key=_key(form), now=now())


def _watch(desk: Desk, number: str, person: Person, form: MultiDict[str, str]) -> None:
    desk.queue.watch(number, person, on=form.get("on", "").strip() != "no")


def _revoke_links(desk: Desk, number: str, person: Person, _form: MultiDict[str, str]) -> None:
    desk.act(number, person, actions.revoke_links(), now=now())


def _fields(desk: Desk, number: str, person: Person, form: MultiDict[str, str]) -> None:
    """Only what this agent has changed: another may have set the other fields meanwhile."""
    changed = {
        name: value
        for name, value in form.items()
        if (shown := form.get(ticket_page.SHOWN.format(name))) is None
        or clean_text(value) != clean_text(shown)
    }
    desk.act(number, person, actions.record(changed, centre().policy), key=_key(form), now=now())


def _undo(desk: Desk, number: str, person: Person, _form: MultiDict[str, str]) -> None:
    desk.undo(number, person, now=now())


#: Actions that are more than one verb on one ticket, or none.
OTHER_ACTIONS: Mapping[str, Callable[[Desk, str, Person, MultiDict[str, str]], None]] = (
    MappingProxyType(
        {
            "assign": _assign,
            "merge": _merge,
            "split": _split,
            "watch": _watch,
            "revoke-links": _revoke_links,
            "undo": _undo,
            ticket_page.FIELDS_FORM: _fields,
        }
    )
)


@blueprint.post("/<number>/replies", endpoint="reply", defaults={"form_name": "reply"})
@blueprint.post("/<number>/notes", endpoint="note", defaults={"form_name": "note"})
@blueprint.post(
    f"/<number>/{form_rule(Side.STAFF, 'assign', 'watch', 'revoke-links', 'undo', 'fields')}"
)
def act(number: str, form_name: str) -> BaseResponse | tuple[str, int]:
    """``form_name`` is that of its row. A refusal shows the page again with what was typed."""
    form, person = request.form, signed_in_person()
    try:
        carry_out(centre().desk, number, person, form_name, form)
    except (Invalid, Conflict, TooLarge, Unavailable) as error:
        if wants_json():
            raise
        refused = RefusedForm(form_name, public_sentence(error), form)
        return ticket_page.render(number, refused), error.status
    return redirect(url_for("ticket_page.show", number=number), 303)


def carry_out(
    desk: Desk, number: str, person: Person, form_name: str, form: MultiDict[str, str]
) -> None:
    """One action of an agent. Raises NotFound, Forbidden, Conflict, Invalid, TooLarge."""
    other = OTHER_ACTIONS.get(form_name)
    if other is not None:
        other(desk, number, person, form)
    else:
        command = command_of(form_name, Side.STAFF, form)
        desk.act(number, person, command, key=_key(form), now=now())
    if form_name in DRAFTED_FORMS:
        # What was typed meanwhile into the other forms of the page is kept for them.
        desk.queue.save_draft(number, person, form_name, "", now=now())


@blueprint.get("/<number>/confirm/<any(merge, void):form_name>")
def confirm(number: str, form_name: str) -> str | tuple[str, int]:
    """What a merge or a mark as spam or duplicate will do, asked once before it happens."""
    desk, viewer, form = centre().desk, signed_in_person(), request.args
    ticket = desk.ticket(number, viewer, now=now())
    into = None
    try:
        if form_name == "merge":
            desk.check_merge(number, viewer, form.get("into", "").strip())
            into = desk.ticket(form.get("into", "").strip(), viewer, now=now())
        else:
            next_status(ticket.row.status, Verb.VOID)
            actions.check_void(form.get("why", ""))
    except (Invalid, Conflict, NotFound) as error:
        refused = RefusedForm(form_name, public_sentence(error), form)
        return ticket_page.render(number, refused), error.status
    return render_template(
        "agent/confirm.html",
        ticket=ticket,
        form_name=form_name,
        into=into,
        why=form.get("why", ""),
        minutes=UNDO_WINDOW.seconds // 60,
        key=form.get("key", ""),
    )


@blueprint.post("/<number>/draft")
def save_draft(number: str) -> tuple[str, int]:
    """What an agent is typing, as typed: sent by a script a moment after the last key."""
    form, person = request.form, signed_in_person()
    name, body = form.get("form", ""), form.get("body", "")
    centre().desk.queue.save_draft(number, person, name, body, now=now())
    return "", 204


@blueprint.post("/<number>/secret/<field>")
def show_secret(number: str, field: str) -> str:
    """The secret of a field, shown to the assignee once. Reloading the page refuses."""
    secret = centre().desk.secrets.reveal(number, field, signed_in_person(), now=now())
    own = centre().policy.fields.get(field)
    title = own.title if own else field
    return render_template("agent/secret.html", number=number.upper(), title=title, secret=secret)


@blueprint.errorhandler(TooMany)
def too_many(error: TooMany) -> Response:
    """The ticket's page again, with what was typed: a limit is checked before the view runs."""
    if wants_json():
        return kb_error_response(error)
    arguments = request.view_args or {}
    if "form_name" not in arguments:
        return kb_error_response(error)
    refused = RefusedForm(arguments["form_name"], public_sentence(error), request.form)
    page = ticket_page.render(arguments["number"], refused)
    return make_response(page, error.status, retry_header(error))


def _key(form: MultiDict[str, str]) -> str:
    return form.get("key", "").strip()
