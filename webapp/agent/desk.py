"""What does an agent do next?

The queue by due time and the agent's view of a ticket: reply, note, assign, solve. Only staff come
here (the policy table); what each verb means is ``kb.tickets.desk``'s.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Forbidden, Invalid, KbError, TooLarge, Unavailable
from kb.people.person import Person
from kb.search.documents import PUBLIC
from kb.search.results import Hit
from kb.tickets import actions
from kb.tickets.queue import VIEW_FILTERS
from kb.tickets.repository.agent_tools import Presence
from kb.tickets.ticket import Ticket, TicketRow
from webapp.agent.canned_replies import ready
from webapp.agent.sla_chart import BAR, HEIGHT, charts, mondays
from webapp.context import audience, centre, now, person, settings
from webapp.customer.action_forms import midnight
from webapp.customer.help import page_number
from webapp.customer.ticket_form import uploads
from webapp.customer.tickets import fragment
from webapp.formatting import SOON
from webapp.problems import wants_json

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
PER_PAGE = 25
WEEKS = 8  # on the board
OFFERED = 5  # articles, and tickets like one
TWIN = 0.6  # the cosine from which two titles may be of the same problem
MOST = 20  # tickets in each list of the board


def agent() -> Person:
    someone = person()
    if someone is None:
        raise Forbidden("Your session has ended; sign in again.")
    return someone


@blueprint.get("")
def queue() -> str:
    filters = {name: request.args.get(name, "").strip()[:200] for name in VIEW_FILTERS}
    filters_set = {name: words for name, words in filters.items() if words}
    total, rows = centre().desk.queue.tickets(
        agent(),
        status=filters["status"] or None,
        level=filters["level"],
        product=filters["product"],
        words=filters["words"],
        since=midnight(filters["since"], "since", days=0),
        until=midnight(filters["until"], "until", days=1),
        assignee=filters["assignee"],
        page=page_number(),
        now=now(),
    )
    return render_template(
        "agent/queue.html",
        total=total,
        rows=rows,
        filters=filters,
        filters_set=filters_set,
        levels=centre().policy.levels,
        agents=centre().desk.queue.agents(agent()),
        views=centre().desk.queue.views(agent()),
        catalogue=centre().catalogue,
        page=page_number(),
        pages=-(-total // PER_PAGE),
    )


@blueprint.post("/views")
def save_view() -> BaseResponse:
    """The filters of the queue under a name of one's own."""
    narrowed = {name: request.form.get(name, "").strip() for name in VIEW_FILTERS}
    narrowed = {name: words for name, words in narrowed.items() if words}
    centre().desk.queue.save_view(
        agent(), request.form.get("name", ""), narrowed, shared=bool(request.form.get("shared"))
    )
    return redirect(f"{url_for('desk.queue')}?{urlencode(narrowed)}", 303)


@blueprint.post("/views/<int(max=2147483647):view>/drop")
def drop_view(view: int) -> BaseResponse:
    centre().desk.queue.delete_view(agent(), view)
    return redirect(url_for("desk.queue"), 303)


@blueprint.get("/board")
def board() -> str:
    """How the promises stand; a lead's first look in the morning."""
    found = centre().desk.queue.board(agent(), weeks=WEEKS, limit=MOST, now=now())
    weeks = mondays(now().astimezone(dt.UTC).date(), WEEKS)
    titles = {key: level.title for key, level in centre().policy.levels.items()}
    drawn = charts(found.attainment, titles, weeks)
    return render_template(
        "agent/board.html",
        board=found,
        charts=drawn,
        weeks=weeks,
        met=sum(chart.met for chart in drawn),
        total=sum(chart.total for chart in drawn),
        soon=sum(
            1 for row in found.coming if row.due and row.due.due and row.due.due - now() <= SOON
        ),
        most=MOST,
        height=HEIGHT,
        bar_width=BAR,
        policy_problem=centre().watch.problem,
    )


@blueprint.get("/<number>")
def show(number: str) -> str:
    return page(number)


def page(number: str, *, sentence: str = "", typed: str = "", typing: str = "") -> str:
    desk, who = centre().desk, agent()
    ticket = desk.ticket(number, who, now=now())
    about = {"customer": ticket.row.customer, "number": ticket.number, "agent": who.name}
    canned = ready(settings().content / "replies", about)
    wanted = request.args.get("canned", "")
    return render_template(
        "agent/ticket.html",
        ticket=ticket,
        others=_others(number, who),
        similar=[
            row
            for _, row in _by_likeness(
                ticket, desk.queue.similar(number, who, limit=OFFERED, now=now())
            )
        ],
        twins=_twins(ticket, who),
        articles=_articles(ticket),
        agents=desk.queue.agents(who),
        canned=canned,
        levels=centre().policy.levels,
        severities=centre().policy.severities,
        reasons=centre().policy.reasons.values(),
        key=secrets.token_urlsafe(18),
        note_key=secrets.token_urlsafe(18),
        sentence=sentence,
        typed=typed or next((one.words for one in canned if one.name == wanted), ""),
        typing=typing or ("reply" if wanted else ""),
    )


def _others(number: str, who: Person, *, answering: bool = False) -> tuple[Presence, ...]:
    """Who else is here, noting that we are; nobody is told while nothing can be written: reading
    goes on.
    """
    try:
        return centre().desk.queue.present(number, who, answering=answering, now=now())
    except Unavailable:
        return ()


def _by_likeness(ticket: Ticket, rows: Sequence[TicketRow]) -> list[tuple[float, TicketRow]]:
    """The likest titles first, by what words weigh in the help centre; as they came while there is
    no index.
    """
    try:
        alike = centre().searcher.likeness(
            ticket.row.title, [row.title for row in rows], audience=audience()
        )
    except KbError:
        return [(0.0, row) for row in rows]
    return sorted(zip(alike, rows, strict=True), key=lambda pair: -pair[0])


def _twins(ticket: Ticket, who: Person) -> list[TicketRow]:
    """Open tickets that may be of the same problem; those of the same customer, which can be
    merged, first.
    """
    rows = centre().desk.queue.similar_active(ticket.number, who, limit=4 * OFFERED, now=now())
    near = [row for alike, row in _by_likeness(ticket, rows) if alike >= TWIN]
    return sorted(near, key=lambda row: row.customer_id != ticket.row.customer_id)[:OFFERED]


def _articles(ticket: Ticket) -> tuple[Hit, ...]:
    """What may answer the ticket and everybody may read; none while there is no index."""
    try:
        return centre().searcher.suggest(ticket.row.title, audience=PUBLIC, limit=OFFERED).hits
    except KbError:
        return ()


@blueprint.get("/<number>/live")
def live(number: str) -> Response:
    """What changes while the page is open, as a piece of it; also says that the agent is still
    here.
    """
    desk, who = centre().desk, agent()
    ticket = desk.ticket(number, who, now=now())
    others = _others(number, who, answering=bool(request.args.get("answering")))
    return fragment("shared/live.html", ticket=ticket, others=others, staff=True)


def do(
    number: str, act: Callable[[Person], None], *, typed: str = "", typing: str = ""
) -> BaseResponse | tuple[str, int]:
    """One verb; what cannot be done comes back with the page and the typed words."""
    try:
        act(agent())
    except (Invalid, Conflict, TooLarge, Unavailable) as error:
        if wants_json():
            raise
        return page(number, sentence=error.sentence, typed=typed, typing=typing), error.status
    return redirect(url_for("desk.show", number=number), 303)


@blueprint.post("/<number>/replies")
def reply(number: str) -> BaseResponse | tuple[str, int]:
    body, key, files = request.form.get("body", ""), request.form.get("key", ""), uploads(request)
    desk, at = centre().desk, now()
    return do(
        number,
        lambda who: desk.act(number, who, actions.reply(body, files), key=key, now=at),
        typed=body,
        typing="reply",
    )


@blueprint.post("/<number>/notes")
def note(number: str) -> BaseResponse | tuple[str, int]:
    body, key, files = request.form.get("body", ""), request.form.get("key", ""), uploads(request)
    desk, at = centre().desk, now()
    return do(
        number,
        lambda who: desk.act(number, who, actions.note(body, files), key=key, now=at),
        typed=body,
        typing="note",
    )


@blueprint.post("/<number>/assign")
def assign(number: str) -> BaseResponse | tuple[str, int]:
    desk = centre().desk

    def give(who: Person) -> None:
        assignee = desk.queue.agent(who, request.form.get("agent", ""))
        desk.act(number, who, actions.assign(assignee), now=now())

    return do(number, give)


@blueprint.post("/<number>/solve")
def solve(number: str) -> BaseResponse | tuple[str, int]:
    reason = request.form.get("reason", "")
    return do(
        number,
        lambda who: centre().desk.act(number, who, actions.solve(reason), now=now()),
    )
