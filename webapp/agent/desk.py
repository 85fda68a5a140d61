"""The agents' queue, SLA performance and a ticket's page with replies and notes.

Only staff have access, see ``webapp.security.access_policy``. ``kb.tickets.desk`` does the work;
the other actions on a ticket are in ``ticket_actions``.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid, KbError, TooLarge, TooMany, Unavailable
from kb.people.person import Person
from kb.search.documents import PUBLIC
from kb.search.results import Hit
from kb.tickets import actions
from kb.tickets.queue import VIEW_FILTERS
from kb.tickets.repository.agent_tools import Presence
from kb.tickets.ticket import Ticket, TicketRow
from webapp.agent.canned_replies import canned_replies
from webapp.agent.sla_chart import BAR, HEIGHT, charts, mondays
from webapp.context import audience, centre, now, settings
from webapp.customer.account import signed_in_person
from webapp.customer.action_forms import midnight, offered_forms
from webapp.customer.help_centre import page_number
from webapp.customer.ticket_form import uploads
from webapp.customer.tickets import fragment
from webapp.formatting import AT_RISK
from webapp.problems import of_kb_error, public_sentence, wants_json

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
PER_PAGE = 25
WEEKS = 8  # of SLA attainment
LISTED = 20  # tickets in each list beside it
SUGGESTED = 5  # articles, similar tickets and possible duplicates beside a ticket
DUPLICATE_LIKENESS = 0.6  # cosine of two titles from which they may be about one problem


@blueprint.get("")
def queue() -> str:
    filters = {name: request.args.get(name, "").strip()[:200] for name in VIEW_FILTERS}
    filters_set = {name: value for name, value in filters.items() if value}
    total, rows = centre().desk.queue.tickets(
        signed_in_person(),
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
        agents=centre().desk.queue.agents(signed_in_person()),
        views=centre().desk.queue.views(signed_in_person()),
        catalogue=centre().catalogue,
        page=page_number(),
        pages=-(-total // PER_PAGE),
    )


@blueprint.post("/views")
def save_view() -> BaseResponse:
    """Saves the queue's filters under a name."""
    values = {name: request.form.get(name, "").strip() for name in VIEW_FILTERS}
    filters = {name: value for name, value in values.items() if value}
    centre().desk.queue.save_view(
        signed_in_person(),
        request.form.get("name", ""),
        filters,
        shared=bool(request.form.get("shared")),
    )
    return redirect(f"{url_for('desk.queue')}?{urlencode(filters)}", 303)


@blueprint.post("/views/<int(max=2147483647):view>/drop")
def drop_view(view: int) -> BaseResponse:
    centre().desk.queue.delete_view(signed_in_person(), view)
    return redirect(url_for("desk.queue"), 303)


@blueprint.get("/board")
def board() -> str:
    """SLA performance: what has breached, what is due next, and attainment by level and week."""
    board = centre().desk.queue.board(signed_in_person(), weeks=WEEKS, limit=LISTED, now=now())
    weeks = mondays(now().astimezone(dt.UTC).date(), WEEKS)
    titles = {key: level.title for key, level in centre().policy.levels.items()}
    drawn = charts(board.attainment, titles, weeks)
    return render_template(
        "agent/board.html",
        board=board,
        charts=drawn,
        weeks=weeks,
        met=sum(chart.met for chart in drawn),
        total=sum(chart.total for chart in drawn),
        at_risk=sum(
            1 for row in board.coming if row.due and row.due.due and row.due.due - now() <= AT_RISK
        ),
        most=LISTED,
        height=HEIGHT,
        bar_width=BAR,
        policy_problem=centre().watch.problem,
    )


@blueprint.get("/<number>")
def show(number: str) -> str:
    return page(number)


def page(number: str, *, sentence: str = "", typed: str = "", typing: str = "") -> str:
    desk, viewer = centre().desk, signed_in_person()
    ticket = desk.ticket(number, viewer, now=now())
    placeholders = {"customer": ticket.row.customer, "number": ticket.number, "agent": viewer.name}
    canned = canned_replies(settings().content / "replies", placeholders)
    wanted = request.args.get("canned", "")
    twins = _twins(ticket, viewer)
    mergeable = [row for row in twins if row.customer_id == ticket.row.customer_id]
    return render_template(
        "agent/ticket.html",
        ticket=ticket,
        forms=offered_forms(ticket),
        form_values={
            "copy_to": ", ".join(ticket.copy_to),
            "into": mergeable[0].number if mergeable else "",
        },
        others=_others(number, viewer),
        guest_links=desk.links.live(number, now=now()),
        similar=[
            row
            for _, row in _by_likeness(
                ticket, desk.queue.similar(number, viewer, limit=SUGGESTED, now=now())
            )
        ],
        twins=twins,
        articles=_articles(ticket),
        agents=desk.queue.agents(viewer),
        canned=canned,
        severities=centre().policy.severities,
        reasons=centre().policy.reasons.values(),
        key=secrets.token_urlsafe(18),
        note_key=secrets.token_urlsafe(18),
        sentence=sentence,
        typed=typed or next((reply.words for reply in canned if reply.name == wanted), ""),
        typing=typing or ("reply" if wanted else ""),
    )


def _others(number: str, viewer: Person, *, answering: bool = False) -> tuple[Presence, ...]:
    """Which other agents have the ticket open, recording that this one has.

    Empty while nothing can be written: reading goes on.
    """
    try:
        return centre().desk.queue.present(number, viewer, answering=answering, now=now())
    except Unavailable:
        return ()


def _by_likeness(ticket: Ticket, rows: Sequence[TicketRow]) -> list[tuple[float, TicketRow]]:
    """The most similar titles first, weighted as in search; unsorted while there is no index."""
    try:
        likeness = centre().searcher.likeness(
            ticket.row.title, [row.title for row in rows], audience=audience()
        )
    except KbError:
        return [(0.0, row) for row in rows]
    return sorted(zip(likeness, rows, strict=True), key=lambda pair: -pair[0])


def _twins(ticket: Ticket, viewer: Person) -> list[TicketRow]:
    """Open tickets about what may be the same problem.

    Those of the same requester, which can be merged, come first.
    """
    rows = centre().desk.queue.similar_active(ticket.number, viewer, limit=4 * SUGGESTED, now=now())
    near = [row for likeness, row in _by_likeness(ticket, rows) if likeness >= DUPLICATE_LIKENESS]
    return sorted(near, key=lambda row: row.customer_id != ticket.row.customer_id)[:SUGGESTED]


def _articles(ticket: Ticket) -> tuple[Hit, ...]:
    """Public documents that may answer the ticket; none while there is no index.

    Those that the requester has read are left out; those only shown may hold the answer.
    """
    read = {article.document_id for article in ticket.consulted if article.outcome != "shown"}
    limit = min(20, SUGGESTED + len(read))
    try:
        hits = centre().searcher.suggest(ticket.row.title, audience=PUBLIC, limit=limit).hits
    except KbError:
        return ()
    return tuple(hit for hit in hits if hit.id not in read)[:SUGGESTED]


@blueprint.get("/<number>/live")
def live(number: str) -> Response:
    """The part of the page that changes while it is open; also records that the agent is here."""
    desk, viewer = centre().desk, signed_in_person()
    ticket = desk.ticket(number, viewer, now=now())
    others = _others(number, viewer, answering=bool(request.args.get("answering")))
    return fragment("shared/live.html", ticket=ticket, others=others, staff=True)


def do(
    number: str, act: Callable[[Person], None], *, typed: str = "", typing: str = ""
) -> BaseResponse | tuple[str, int]:
    """One action; a refusal shows the page again with the typed text."""
    try:
        act(signed_in_person())
    except (Invalid, Conflict, TooLarge, Unavailable) as error:
        if wants_json():
            raise
        return page(number, sentence=error.sentence, typed=typed, typing=typing), error.status
    return redirect(url_for("desk.show", number=number), 303)


@blueprint.errorhandler(TooMany)
def too_many(error: TooMany) -> Response:
    """The ticket's page again, with what was typed: a limit is checked before the view runs."""
    arguments = request.view_args or {}
    number = arguments.get("number")
    if number is None or wants_json():
        return of_kb_error(error)
    typing = arguments.get("form_name") or (request.endpoint or "").rpartition(".")[2]
    typed = request.form.get("body", "")
    response = make_response(
        page(number, sentence=public_sentence(error), typed=typed, typing=typing), error.status
    )
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


@blueprint.post("/<number>/replies")
def reply(number: str) -> BaseResponse | tuple[str, int]:
    body, key, files = request.form.get("body", ""), request.form.get("key", ""), uploads(request)
    desk, time = centre().desk, now()
    return do(
        number,
        lambda viewer: desk.act(number, viewer, actions.reply(body, files), key=key, now=time),
        typed=body,
        typing="reply",
    )


@blueprint.post("/<number>/notes")
def note(number: str) -> BaseResponse | tuple[str, int]:
    body, key, files = request.form.get("body", ""), request.form.get("key", ""), uploads(request)
    desk, time = centre().desk, now()
    return do(
        number,
        lambda viewer: desk.act(number, viewer, actions.note(body, files), key=key, now=time),
        typed=body,
        typing="note",
    )


@blueprint.post("/<number>/assign")
def assign(number: str) -> BaseResponse | tuple[str, int]:
    desk = centre().desk

    def assign_to(viewer: Person) -> None:
        assignee = desk.queue.agent(viewer, request.form.get("agent", ""))
        desk.act(number, viewer, actions.assign(assignee), now=now())

    return do(number, assign_to)


@blueprint.post("/<number>/solve")
def solve(number: str) -> BaseResponse | tuple[str, int]:
    reason = request.form.get("reason", "")
    return do(
        number,
        lambda viewer: centre().desk.act(number, viewer, actions.solve(reason), now=now()),
    )
