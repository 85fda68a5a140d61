"""The staff of the help centre, for administrators: who has a second factor, and its reset."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid, NotFound
from kb.people.person import Person, Role
from webapp.context import centre, now
from webapp.customer.account import signed_in_person

blueprint = Blueprint("staff", __name__, url_prefix="/staff")


@blueprint.get("")
def overview() -> str:
    factors = centre().accounts.second_factors
    return render_template(
        "agent/staff.html",
        staff=[(member, factors.of(member)) for member in _staff()],
        rule=factors.rule,
        done=request.args.get("done", ""),
    )


@blueprint.post("/<int:member>/reset-factor")
def reset_factor(member: int) -> BaseResponse:
    """Raises NotFound for anybody but staff, Invalid for oneself."""
    if member == signed_in_person().id:
        raise Invalid("Remove your own second factor on the page of your account.")
    person = next((person for person in _staff() if person.id == member), None)
    if person is None:
        raise NotFound("No active member of staff has this number.")
    centre().accounts.second_factors.reset(person, now=now())
    return redirect(url_for("staff.overview", done=person.id), 303)


def _staff() -> list[Person]:
    return [person for person in centre().accounts.all() if person.role is not Role.CUSTOMER]
