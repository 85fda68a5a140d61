"""Actions of agents on a ticket, besides replying and taking notes.

One route for all of them. The fields of a form, and the verb that it stands for, are a row of
``kb.tickets.lifecycle``; the three actions below are more than one verb on one ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flask import Blueprint, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb.people.person import Person
from webapp.agent.desk import do
from webapp.context import centre, now
from webapp.customer.action_forms import command_of

blueprint = Blueprint("handling", __name__, url_prefix="/desk")


def _merge(number: str, person: Person, form: MultiDict[str, str]) -> None:
    into = form.get("into", "").strip().upper()
    centre().desk.merge(number, person, into, key=_key(form), now=now())


def _split(number: str, person: Person, form: MultiDict[str, str]) -> None:
    title, body = form.get("title", "").strip(), form.get("body", "")
    centre().desk.split(number, person, title, body, key=_key(form), now=now())


def _watch(number: str, person: Person, form: MultiDict[str, str]) -> None:
    centre().desk.queue.watch(number, person, on=form.get("on", "").strip() != "no")


_OTHER_ACTIONS: Mapping[str, Callable[[str, Person, MultiDict[str, str]], None]] = MappingProxyType(
    {"merge": _merge, "split": _split, "watch": _watch}
)


@blueprint.post(
    "/<number>/<any(wait, pause, resume, 'no-answer', move, severity, link, copies, "
    "reopen, merge, split, void, watch):verb>"
)
def act(number: str, verb: str) -> BaseResponse | tuple[str, int]:
    """``verb`` is the name of the form."""
    form = request.form

    def carry_out(person: Person) -> None:
        other = _OTHER_ACTIONS.get(verb)
        if other is not None:
            other(number, person, form)
        else:
            command = command_of(verb, form)
            centre().desk.act(number, person, command, key=_key(form), now=now())

    return do(number, carry_out, typed=form.get("body", ""), typing=verb)


def _key(form: MultiDict[str, str]) -> str:
    return form.get("key", "").strip()
