"""The contacts of an organisation, for its administrators: invite, edit, deactivate and back.

``kb.people.contacts`` decides whose contacts they are and who may change them.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Forbidden, Invalid, TooMany
from kb.people.contacts import Contacts
from kb.people.person import ContactRole, Person
from webapp.context import centre, now
from webapp.customer.account import signed_in_person

blueprint = Blueprint("contacts", __name__, url_prefix="/account/contacts")


@blueprint.get("")
def overview() -> str:
    return _page(signed_in_person())


def _page(viewer: Person, *, sentence: str = "") -> str:
    contacts = centre().accounts.contacts
    return render_template(
        "customer/contacts.html",
        organisation=contacts.organisation(viewer),
        contacts=contacts.all(viewer, active=True),
        inactive=contacts.all(viewer, active=False),
        invitations=contacts.invitations(viewer, now=now()),
        roles=tuple(ContactRole),
        sentence=sentence,
        typed=request.form,
    )


def _change(change: Callable[[Contacts, Person], object]) -> tuple[str, int] | BaseResponse:
    viewer = signed_in_person()
    try:
        change(centre().accounts.contacts, viewer)
    except (Invalid, Conflict, Forbidden, TooMany) as error:
        return _page(viewer, sentence=error.sentence), error.status
    return redirect(url_for("contacts.overview"), 303)


@blueprint.post("")
def invite() -> tuple[str, int] | BaseResponse:
    form, roles, time = request.form, request.form.getlist("role"), now()
    email, name = form.get("email", ""), form.get("name", "")
    return _change(
        lambda contacts, viewer: contacts.invite(viewer, email, name, roles=roles, now=time)
    )


@blueprint.post("/invitations/<int:invitation>/withdraw")
def withdraw(invitation: int) -> tuple[str, int] | BaseResponse:
    return _change(lambda contacts, viewer: contacts.withdraw(viewer, invitation))


@blueprint.post("/<int:contact>")
def change(contact: int) -> tuple[str, int] | BaseResponse:
    form, roles = request.form, request.form.getlist("role")
    values = {name: form.get(name, "") for name in ("name", "location", "phone")}
    return _change(lambda contacts, viewer: contacts.change(viewer, contact, roles=roles, **values))


@blueprint.post("/<int:contact>/<any(deactivate, reactivate):state>")
def switch(contact: int, state: str) -> tuple[str, int] | BaseResponse:
    if state == "deactivate":
        time = now()
        return _change(lambda contacts, viewer: contacts.deactivate(viewer, contact, now=time))
    return _change(lambda contacts, viewer: contacts.reactivate(viewer, contact))
