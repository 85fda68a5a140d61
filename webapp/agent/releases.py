"""Releases and defects that tickets wait for: when they are planned, and when they have shipped."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid
from webapp.context import centre, now
from webapp.customer.account import signed_in_person
from webapp.customer.action_forms import midnight

blueprint = Blueprint("releases", __name__, url_prefix="/desk/releases")


@blueprint.get("")
def overview() -> str:
    return _page()


def _page(*, sentence: str = "", refused: int = 0) -> str:
    told = request.args.get("told", "")
    return render_template(
        "agent/releases.html",
        releases=centre().desk.queue.releases(signed_in_person()),
        told=int(told) if told.isascii() and told.isdigit() else None,
        sentence=sentence,
        refused=refused,
    )


@blueprint.post("/<int(max=2147483647):release_id>/plan")
def plan(release_id: int) -> BaseResponse | tuple[str, int]:
    try:
        planned = midnight(request.form.get("planned", "").strip(), "planned", days=0)
        centre().desk.queue.set_planned(signed_in_person(), release_id, planned)
    except Invalid as error:
        return _page(sentence=error.sentence, refused=release_id), error.status
    return redirect(url_for("releases.overview"), 303)


@blueprint.post("/<int(max=2147483647):release_id>/ship")
def ship(release_id: int) -> BaseResponse:
    told = centre().desk.ship(release_id, signed_in_person(), now=now())
    return redirect(url_for("releases.overview", told=told), 303)
