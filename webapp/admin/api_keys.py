"""API keys, for administrators: which there are, a new one, and the end of one.

The same as `kb token`. ``kb.programs`` has the rules.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid, KbError, NotFound
from kb.people.person import Person
from kb.programs.api_keys import DEFAULT_KEY_DAYS, MAX_KEY_DAYS, NewKey
from kb.programs.scopes import SCOPES
from webapp.context import centre, now

blueprint = Blueprint("api_keys", __name__, url_prefix="/programs/keys")


@blueprint.get("")
def overview() -> str:
    return _page()


def _page(*, made: NewKey | None = None, section: str = "", problem: KbError | None = None) -> str:
    return render_template(
        "admin/api_keys.html",
        keys=centre().api_keys.all(),
        scopes=SCOPES,
        made=made,
        section=section,
        problem=problem,
        done=request.args.get("done", ""),
        typed=MultiDict() if made else request.form,
        days=(DEFAULT_KEY_DAYS, MAX_KEY_DAYS),
    )


@blueprint.post("")
def add() -> Response | tuple[str, int]:
    """A new key, which this answer shows once."""
    form = request.form
    try:
        made = centre().api_keys.create(
            form.get("name", ""),
            form.getlist("scope"),
            _owner(form.get("person", "")),
            days=_days(form.get("days", "")),
            now=now(),
        )
    except Invalid as error:
        return _page(section="add", problem=error), error.status
    g.audited_key = made.key.id
    return make_response(_page(made=made), 201)


@blueprint.post("/<int(max=2147483647):key_id>/revoke")
def revoke(key_id: int) -> BaseResponse | tuple[str, int]:
    try:
        centre().api_keys.revoke(key_id, now=now())
    except NotFound as error:
        return _page(section="keys", problem=error), error.status
    return redirect(url_for("api_keys.overview", done="keys"), 303)


def _owner(address: str) -> Person | None:
    """The account in whose name a key acts. Raises Invalid for an address without one."""
    if not address.strip():
        return None
    person = centre().accounts.by_email(address)
    if person is None:
        raise Invalid(f"No active account exists for {address!r:.80}.", field="person")
    return person


def _days(text: str) -> int:
    """0, for which no key is valid, for what is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
