"""Accounts and organisations, for administrators: find one, change it, move it, merge it.

The same as `kb accounts`. ``kb.people.administration`` and ``kb.people.contacts`` have the rules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from types import MappingProxyType

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Forbidden, Invalid, KbError, NotFound
from kb.operations.audit import Action, AuditEntry
from kb.people.contacts import LicenceKind
from kb.people.person import ContactRole, Person, Role
from webapp.context import centre, now
from webapp.customer.account import signed_in_person
from webapp.security.rate_limits import address

blueprint = Blueprint("people", __name__, url_prefix="/people")

LISTED = 50
_REFUSALS = (Invalid, NotFound, Conflict, Forbidden)
Form = MultiDict[str, str]


@blueprint.get("")
def overview() -> str:
    accounts, words = centre().accounts, request.args.get("words", "").strip()[:200]
    listed = accounts.administration.search(words, limit=LISTED + 1)
    return render_template(
        "agent/people.html",
        words=words,
        accounts=listed[:LISTED],
        more=len(listed) > LISTED,
        organisations=accounts.contacts.organisations(signed_in_person()),
    )


# --- one account


@blueprint.get("/<int(max=2147483647):person_id>")
def show(person_id: int) -> str:
    return _account_page(person_id)


def _account_page(person_id: int, *, action: str = "", problem: KbError | None = None) -> str:
    accounts = centre().accounts
    account = accounts.administration.by_id(person_id)
    return render_template(
        "agent/account.html",
        account=account.person,
        active=account.active,
        organisations=accounts.contacts.organisations(signed_in_person()),
        roles=tuple(Role),
        contact_roles=tuple(ContactRole),
        section=action,
        problem=problem,
        done=request.args.get("done", ""),
        typed=request.form,
    )


def _set_profile(person: Person, form: Form) -> None:
    values = {name: form.get(name, "") for name in ("name", "phone", "location")}
    centre().accounts.set_profile(person, **values)


def _rename(person: Person, form: Form) -> None:
    centre().accounts.administration.rename(person, email=form.get("email", ""))


def _move(person: Person, form: Form) -> None:
    organisation = form.get("organisation", "")
    centre().accounts.administration.move(person, organisation, now=now())


def _set_role(person: Person, form: Form) -> None:
    if person.id == signed_in_person().id:
        raise Conflict("You cannot change your own role. Ask another administrator.", field="role")
    centre().accounts.administration.set_role(person, form.get("role", ""))


def _set_contact_roles(person: Person, form: Form) -> None:
    contacts = centre().accounts.contacts
    contacts.set_roles(signed_in_person(), person.id, form.getlist("contact_role"))


def _deactivate(person: Person, _form: Form) -> None:
    centre().accounts.contacts.deactivate(signed_in_person(), person.id, now=now())


def _reactivate(person: Person, _form: Form) -> None:
    centre().accounts.contacts.reactivate(signed_in_person(), person.id)


#: Last part of the address -> what it does to an account.
_ACTIONS: Mapping[str, Callable[[Person, Form], object]] = MappingProxyType(
    {
        "profile": _set_profile,
        "address": _rename,
        "organisation": _move,
        "role": _set_role,
        "contact-roles": _set_contact_roles,
        "deactivate": _deactivate,
        "reactivate": _reactivate,
    }
)


@blueprint.post(f"/<int(max=2147483647):person_id>/<any({', '.join(map(repr, _ACTIONS))}):action>")
def change(person_id: int, action: str) -> BaseResponse | tuple[str, int]:
    person = centre().accounts.administration.by_id(person_id).person
    try:
        _ACTIONS[action](person, request.form)
    except _REFUSALS as error:
        return _account_page(person_id, action=action, problem=error), error.status
    target = url_for("people.show", person_id=person_id, done=action, _anchor=action)
    return redirect(target, 303)


@blueprint.post("/<int(max=2147483647):person_id>/merge")
def merge(person_id: int) -> BaseResponse | tuple[str, int]:
    """Into the account whose address was typed; this account is gone afterwards."""
    person = centre().accounts.administration.by_id(person_id).person
    entry = AuditEntry(
        now(),
        Action.ACCOUNT_MERGED,
        actor_id=signed_in_person().id,
        address=address(),
        request_id=g.request_id,
    )
    try:
        if person.id == signed_in_person().id:
            raise Conflict("You cannot merge your own account into another one.", field="into")
        target = centre().personal_data.merge(person.email, request.form.get("into", ""), entry)
    except _REFUSALS as error:
        return _account_page(person_id, action="merge", problem=error), error.status
    return redirect(url_for("people.show", person_id=target.id, done="merge"), 303)


# --- organisations


@blueprint.post("/organisations")
def add_organisation() -> BaseResponse:
    contacts, name = centre().accounts.contacts, request.form.get("name", "")
    added = contacts.add_organisation(signed_in_person(), name, now=now())
    return redirect(url_for("people.organisation", organisation_id=added.id), 303)


@blueprint.get("/organisations/<int(max=2147483647):organisation_id>")
def organisation(organisation_id: int) -> str:
    return _organisation_page(organisation_id)


def _organisation_page(
    organisation_id: int, *, section: str = "", problem: KbError | None = None
) -> str:
    contacts, viewer = centre().accounts.contacts, signed_in_person()
    return render_template(
        "agent/organisation.html",
        organisation=contacts.organisation(viewer, organisation_id),
        contacts=contacts.all(viewer, organisation_id),
        licences=contacts.licences(viewer, organisation_id),
        section=section,
        problem=problem,
        done=request.args.get("done", ""),
        typed=request.form,
    )


@blueprint.post("/organisations/<int(max=2147483647):organisation_id>")
def set_organisation(organisation_id: int) -> BaseResponse | tuple[str, int]:
    """All fields of the form: the contract, the licence, and what contacts inherit."""
    form = request.form
    try:
        centre().accounts.contacts.set_organisation(
            signed_in_person(),
            organisation_id,
            category=form.get("category", "").strip(),
            shared_view="shared_view" in form,
            licence_addresses=form.get("licence_addresses", "").replace(",", " ").split(),
            contract_from=_day(form, "contract_from"),
            contract_until=_end(form, "contract_until"),
            location=form.get("location", "").strip(),
            phone=form.get("phone", "").strip(),
        )
    except _REFUSALS as error:
        page = _organisation_page(organisation_id, section="contract", problem=error)
        return page, error.status
    target = url_for("people.organisation", organisation_id=organisation_id, done="contract")
    return redirect(target, 303)


@blueprint.post("/organisations/<int(max=2147483647):organisation_id>/licences")
def set_licence(organisation_id: int) -> BaseResponse | tuple[str, int]:
    """Adds, replaces or removes the licence with a number."""
    contacts, viewer, form = centre().accounts.contacts, signed_in_person(), request.form
    number = form.get("number", "")
    try:
        if "remove" in form:
            contacts.remove_licence(viewer, organisation_id, number)
        else:
            contacts.set_licence(
                viewer,
                organisation_id,
                number,
                kind=form.get("kind", LicenceKind.LICENCE),
                product=form.get("product", ""),
                order_number=form.get("order_number", ""),
                bought_at=_day(form, "bought_at"),
                valid_from=_day(form, "valid_from"),
                valid_until=_end(form, "valid_until"),
            )
    except _REFUSALS as error:
        page = _organisation_page(organisation_id, section="licences", problem=error)
        return page, error.status
    target = url_for("people.organisation", organisation_id=organisation_id, done="licences")
    return redirect(target, 303)


def _day(form: Form, name: str) -> dt.datetime | None:
    """The start of a day in UTC, in which contracts begin and end. Raises Invalid."""
    text = form.get(name, "").strip()
    try:
        date = dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid(
            f"{text[:20]!r} is not a valid date. Write it like 2026-11-24.", field=name
        ) from None
    return dt.datetime.combine(date, dt.time(), tzinfo=dt.UTC) if date else None


def _end(form: Form, name: str) -> dt.datetime | None:
    """The first instant after a last day."""
    start = _day(form, name)
    return start + dt.timedelta(days=1) if start else None
