"""How does an organisation's administrator look after its contacts?

One page: who they are and what each looks after, invite, change, deactivate, reactivate. Whose
contacts they are, and who may do it, is decided by ``kb.people.contacts``; a stranger finds nothing
here.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Forbidden, Invalid
from kb.people.contacts import Contacts
from kb.people.person import ContactRole, Person
from webapp.context import centre, now, person

blueprint = Blueprint("contacts", __name__, url_prefix="/account/contacts")


def _signed_in() -> Person:
    someone = person()
    if someone is None:
        raise Forbidden("Your session has ended; sign in again.")
    return someone


@blueprint.get("")
def overview() -> str:
    return _page(_signed_in())


def _page(who: Person, *, sentence: str = "") -> str:
    contacts = centre().accounts.contacts
    return render_template(
        "customer/contacts.html",
        organisation=contacts.organisation(who),
        contacts=contacts.all(who, active=True),
        inactive=contacts.all(who, active=False),
        roles=tuple(ContactRole),
        sentence=sentence,
        typed=request.form,
    )


def _do(act: Callable[[Contacts, Person], object]) -> tuple[str, int] | BaseResponse:
    who = _signed_in()
    try:
        act(centre().accounts.contacts, who)
    except (Invalid, Conflict) as error:
        return _page(who, sentence=error.sentence), error.status
    return redirect(url_for("contacts.overview"), 303)


@blueprint.post("")
def invite() -> tuple[str, int] | BaseResponse:
    form, roles, at = request.form, request.form.getlist("role"), now()
    email, name = form.get("email", ""), form.get("name", "")
    return _do(lambda contacts, who: contacts.invite(who, email, name, roles=roles, now=at))


@blueprint.post("/<int:contact>")
def change(contact: int) -> tuple[str, int] | BaseResponse:
    form, roles = request.form, request.form.getlist("role")
    about = {name: form.get(name, "") for name in ("name", "location", "phone")}
    return _do(lambda contacts, who: contacts.change(who, contact, roles=roles, **about))


@blueprint.post("/<int:contact>/<any(deactivate, reactivate):state>")
def switch(contact: int, state: str) -> tuple[str, int] | BaseResponse:
    if state == "deactivate":
        return _do(lambda contacts, who: contacts.deactivate(who, contact))
    return _do(lambda contacts, who: contacts.reactivate(who, contact))
