"""Actions of agents on a ticket, besides replying and taking notes.

One route for all of them. The fields of a form, and the verb that it stands for, are a row of
``kb.tickets.lifecycle``; the four actions below are more than one verb on one ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flask import Blueprint, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import TooMany
from kb.people.person import Person
from kb.tickets.lifecycle import Side
from webapp.agent.desk import do, too_many
from webapp.context import centre, now
from webapp.customer.action_forms import command_of, form_rule

blueprint = Blueprint("ticket_actions", __name__, url_prefix="/desk")
blueprint.register_error_handler(TooMany, too_many)


def _merge(number: str, person: Person, form: MultiDict[str, str]) -> None:
    into = form.get("into", "").strip().upper()
    centre().desk.merge(number, person, into, key=_key(form), now=now())


def _split(number: str, person: Person, form: MultiDict[str, str]) -> None:
    title, body = form.get("title", "").strip(), form.get("body", "")
    centre().desk.split(number, person, title, body, key=_key(form), now=now())


def _watch(number: str, person: Person, form: MultiDict[str, str]) -> None:
    centre().desk.queue.watch(number, person, on=form.get("on", "").strip() != "no")


def _revoke_links(number: str, person: Person, _form: MultiDict[str, str]) -> None:
    centre().desk.links.revoke(number, person, now=now())


_OTHER_ACTIONS: Mapping[str, Callable[[str, Person, MultiDict[str, str]], None]] = MappingProxyType(
    {"merge": _merge, "split": _split, "watch": _watch, "revoke-links": _revoke_links}
)


@blueprint.post(f"/<number>/{form_rule(Side.STAFF, 'watch', 'revoke-links')}")
def act(number: str, form_name: str) -> BaseResponse | tuple[str, int]:
    """``form_name`` is that of its row."""
    form = request.form

    def carry_out(person: Person) -> None:
        other = _OTHER_ACTIONS.get(form_name)
        if other is not None:
            other(number, person, form)
        else:
            command = command_of(form_name, form)
            centre().desk.act(number, person, command, key=_key(form), now=now())

    return do(number, carry_out, typed=form.get("body", ""), typing=form_name)


def _key(form: MultiDict[str, str]) -> str:
    return form.get("key", "").strip()
