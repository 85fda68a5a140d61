"""Personal data, for administrators: what is held about an address, as a file, and its erasure.

Addresses travel in the body of requests only, so that no history and no log of a proxy has them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid, KbError, NotFound, Unavailable
from kb.operations.audit import Action, AuditEntry
from kb.operations.backup_schedule import kept_backups
from kb.privacy.export import section_sizes
from webapp.context import centre, now, settings
from webapp.customer.account import signed_in_person
from webapp.query_counter import save_held_queries
from webapp.security.rate_limits import address

blueprint = Blueprint("personal_data", __name__, url_prefix="/personal-data")

#: An export up to this size is made in memory.
_IN_MEMORY = 8 * 1024 * 1024
_REFUSALS = (Invalid, NotFound, Conflict, Unavailable)


@blueprint.get("")
def show() -> str:
    erased = request.args.get("erased", "")
    return _page(erased=int(erased) if erased.isascii() and erased.isdigit() else None)


@blueprint.post("")
def look_up() -> str | tuple[str, int]:
    try:
        document = centre().personal_data.held(_typed(), now=now())
    except _REFUSALS as error:
        return _refusal(error)
    return _page(document)


@blueprint.post("/export")
def export() -> BaseResponse | tuple[str, int]:
    """A ZIP file with one document and the attachments."""
    personal_data = centre().personal_data
    try:
        document = personal_data.export(_typed(), _entry())
    except _REFUSALS as error:
        return _refusal(error)
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the response closes it
    personal_data.write_zip(document, file)
    file.seek(0)
    return send_file(file, "application/zip", as_attachment=True, download_name="person.zip")


@blueprint.post("/erase")
def erase() -> BaseResponse | tuple[str, int]:
    """After the address was typed once more."""
    personal_data = centre().personal_data
    typed, again = _typed(), request.form.get("again", "").strip()
    try:
        if typed.casefold() != again.casefold():
            sentence = "The two addresses differ. Nothing was erased."
            return _page(personal_data.held(typed, now=now()), sentence=sentence), Invalid.status
        save_held_queries()  # or they would be saved after the erasure
        erasure = personal_data.erase(typed, _entry())
    except _REFUSALS as error:
        return _refusal(error)
    return redirect(url_for("personal_data.show", erased=erasure.tickets), 303)


def _typed() -> str:
    return request.form.get("email", "").strip()


def _entry() -> AuditEntry:
    """Who asks; what was done is added when it is."""
    return AuditEntry(
        now(),
        Action.PERSON_EXPORTED,
        actor_id=signed_in_person().id,
        address=address(),
        request_id=g.request_id,
    )


def _refusal(error: KbError) -> tuple[str, int]:
    return _page(sentence=error.sentence), error.status


def _page(
    document: Mapping[str, Any] | None = None, *, sentence: str = "", erased: int | None = None
) -> str:
    backups, backups_problem = [], ""
    try:
        backups = kept_backups(settings())
    except Unavailable as error:
        backups_problem = error.sentence
    return render_template(
        "agent/personal_data.html",
        email=document["address"] if document else _typed(),
        held=section_sizes(document or {}),
        sentence=sentence,
        erased=erased,
        backups=backups,
        backups_problem=backups_problem,
    )
