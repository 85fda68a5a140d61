"""What does an agent do next?

The queue by due time and the agent's view of a ticket: reply, note, assign, solve. Only staff come here (the policy
table); what each verb means is ``kb.tickets.desk``'s.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Forbidden, Invalid, TooLarge, Unavailable
from kb.tickets.person import Person
from webapp.attainment import BAR, HEIGHT, charts, mondays
from webapp.context import centre, now, person
from webapp.filing import uploads
from webapp.help import page_number
from webapp.problems import wants_json
from webapp.view import SOON

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
PER_PAGE = 25
WEEKS = 8  # on the board
MOST = 20  # tickets in each list of the board


def _agent() -> Person:
    someone = person()
    if someone is None:
        raise Forbidden("Your session has ended; sign in again.")
    return someone


@blueprint.get("")
def queue() -> str:
    names = ("words", "status", "level", "product")
    filters = {name: request.args.get(name, "").strip()[:200] for name in names}
    total, rows = centre().desk.queue(
        _agent(),
        status=filters["status"] or None,
        level=filters["level"],
        product=filters["product"],
        words=filters["words"],
        page=page_number(),
        now=now(),
    )
    return render_template(
        "desk.html",
        total=total,
        rows=rows,
        filters=filters,
        levels=centre().policy.levels,
        catalogue=centre().catalogue,
        page=page_number(),
        pages=-(-total // PER_PAGE),
    )


@blueprint.get("/board")
def board() -> str:
    """How the promises stand; a lead's first look in the morning."""
    found = centre().desk.board(_agent(), weeks=WEEKS, most=MOST, now=now())
    weeks = mondays(now().astimezone(dt.UTC).date(), WEEKS)
    titles = {key: level.title for key, level in centre().policy.levels.items()}
    drawn = charts(found.attainment, titles, weeks)
    return render_template(
        "board.html",
        board=found,
        charts=drawn,
        weeks=weeks,
        met=sum(chart.met for chart in drawn),
        total=sum(chart.total for chart in drawn),
        soon=sum(1 for row in found.coming if row.due and row.due.due and row.due.due - now() <= SOON),
        most=MOST,
        height=HEIGHT,
        bar_width=BAR,
    )


@blueprint.get("/<number>")
def show(number: str) -> str:
    return _page(number)


def _page(number: str, *, sentence: str = "", typed: str = "", typing: str = "") -> str:
    return render_template(
        "desk_ticket.html",
        ticket=centre().desk.ticket(number, _agent(), now=now()),
        key=secrets.token_urlsafe(18),
        note_key=secrets.token_urlsafe(18),
        sentence=sentence,
        typed=typed,
        typing=typing,
    )


def _do(
    number: str, act: Callable[[Person], None], *, typed: str = "", typing: str = ""
) -> BaseResponse | tuple[str, int]:
    """One verb; what cannot be done comes back with the page and the typed words."""
    try:
        act(_agent())
    except (Invalid, Conflict, TooLarge, Unavailable) as error:
        if wants_json():
            raise
        return _page(number, sentence=error.sentence, typed=typed, typing=typing), error.status
    return redirect(url_for("desk.show", number=number), 303)


@blueprint.post("/<number>/replies")
def reply(number: str) -> BaseResponse | tuple[str, int]:
    body, key, files = request.form.get("body", ""), request.form.get("key", ""), uploads(request)
    desk, at = centre().desk, now()
    return _do(
        number,
        lambda who: desk.reply(number, who, body, uploads=files, key=key, now=at),
        typed=body,
        typing="reply",
    )


@blueprint.post("/<number>/notes")
def note(number: str) -> BaseResponse | tuple[str, int]:
    body, key, files = request.form.get("body", ""), request.form.get("key", ""), uploads(request)
    desk, at = centre().desk, now()
    return _do(
        number,
        lambda who: desk.note(number, who, body, uploads=files, key=key, now=at),
        typed=body,
        typing="note",
    )


@blueprint.post("/<number>/assign")
def assign(number: str) -> BaseResponse | tuple[str, int]:
    return _do(number, lambda who: centre().desk.assign(number, who, request.form.get("agent", ""), now=now()))


@blueprint.post("/<number>/solve")
def solve(number: str) -> BaseResponse | tuple[str, int]:
    return _do(number, lambda who: centre().desk.solve(number, who, now=now()))
