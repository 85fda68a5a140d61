"""The audit log, for administrators: who did what to the installation, newest first."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from kb.errors import Invalid
from kb.operations.audit import Action, AuditLog
from webapp.context import centre

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

PER_PAGE = 100
_TITLES = {action: action.value.replace("-", " ").capitalize() for action in Action} | {
    Action.SIGN_IN_REFUSED: "Sign-in refused",
}


@blueprint.get("")
def show() -> str:
    """A page of entries. Pages follow ids, so that new entries move nothing."""
    text = request.args.get("before", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Invalid("Entries are numbered; use the links of the page.", field="before")
    entries = AuditLog(centre().database).page(before=int(text), limit=PER_PAGE + 1)
    return render_template(
        "agent/audit.html",
        entries=entries[:PER_PAGE],
        older=entries[PER_PAGE - 1].id if len(entries) > PER_PAGE else 0,
        newest=text == "0",
        names={person.id: person.name for person in centre().accounts.all()},
        titles=_TITLES,
    )
