"""An agent's notifications, and the agent's choices."""

from __future__ import annotations

import contextlib

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid, Unavailable
from kb.sla.calendar import WEEKDAYS
from kb.tickets.staff.choices import (
    STAFF_EVENTS,
    Reach,
    StaffChoice,
    StaffEvent,
    StaffHours,
    staff_hours,
)
from kb.tickets.staff.notifications import reaches_of
from webapp.context import asker, centre, now
from webapp.customer.account import signed_in_person

blueprint = Blueprint("staff_news", __name__, url_prefix="/desk/notifications")

#: What the page calls the choices of tickets; for events about a person, it is yes or no.
REACH_TITLES = {
    Reach.NONE: "None",
    Reach.MINE: "Assigned to me",
    Reach.UNASSIGNED: "Assigned to me, and unassigned",
    Reach.ALL: "All",
}
_PERSONAL_TITLES = {Reach.NONE: "No", Reach.MINE: "Yes"}


@blueprint.get("")
def show() -> str:
    return render_template(
        "notifications/staff_news.html",
        news=centre().desk.staff.news(signed_in_person()),
        titles={event: row.title for event, row in STAFF_EVENTS.items()},
    )


@blueprint.post("/seen")
def mark_seen() -> BaseResponse:
    centre().desk.staff.saw(signed_in_person(), now=now())
    return redirect(url_for("staff_news.show"), 303)


@blueprint.get("/choices")
def choices() -> str:
    return _choices_page()


@blueprint.post("/choices")
def choose() -> BaseResponse | tuple[str, int]:
    chosen = {}
    try:
        for event in StaffEvent:
            reach = request.form.get(f"reach-{event}", "")
            if reach not in tuple(Reach):
                raise Invalid(f"Choose tickets for “{STAFF_EVENTS[event].title}”.")
            chosen[event] = StaffChoice(
                Reach(reach), f"mail-{event}" in request.form, f"any-hour-{event}" in request.form
            )
        centre().desk.staff.choose(
            signed_in_person(),
            chosen,
            request.form.getlist("product"),
            _sent_hours(),
            known_products=[product.key for product in centre().catalogue.products],
        )
    except Invalid as error:
        return _choices_page(error.sentence), error.status
    return redirect(url_for("staff_news.choices", saved=1), 303)


def _sent_hours() -> StaffHours | None:
    """Raises Invalid."""
    form = request.form
    if form.get("hours") != "own":
        return None
    return staff_hours(form.get("from", ""), form.get("to", ""), form.getlist("day"))


def _choices_page(sentence: str = "") -> str:
    member = centre().desk.staff.member(signed_in_person())
    return render_template(
        "notifications/choices.html",
        member=member,
        events=STAFF_EVENTS,
        reaches={
            event: [
                (reach, (_PERSONAL_TITLES if row.personal else REACH_TITLES)[reach])
                for reach in reaches_of(event)
            ]
            for event, row in STAFF_EVENTS.items()
        },
        products=centre().catalogue.products,
        days=WEEKDAYS,
        saved="saved" in request.args,
        sentence=sentence,
    )


def unseen_news() -> int:
    """How much the agent has not seen, for the bar of every page; 0 while nobody can say."""
    viewer = asker()
    if viewer is None or not viewer.is_staff:
        return 0
    with contextlib.suppress(Unavailable):
        return centre().desk.staff.unseen(viewer)
    return 0
