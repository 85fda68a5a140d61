"""The pages behind links in e-mails: "This solved it", and "Stop these e-mails".

Opening them changes nothing, since mail servers open links to scan them. Mail programs send the
form that stops e-mails by themselves (RFC 8058), without a cookie or a form token: the secret in
the address is what allows it.
"""

from __future__ import annotations

import contextlib

from flask import Blueprint, render_template, request

from kb.errors import Conflict, Invalid, KbError
from kb.mail.solving import SolvableTicket, SolveByLink
from kb.search.documents import PUBLIC, Document
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.staff.choices import STAFF_EVENTS
from webapp.context import centre, now

blueprint = Blueprint("mail_links", __name__, url_prefix="/mail")


@blueprint.get("/solved/<token>")
def solved(token: str) -> str:
    return _solved_page(token, _solving().ticket(token, now=now()))


@blueprint.post("/solved/<token>")
def solve(token: str) -> str | tuple[str, int]:
    solving = _solving()
    try:
        ticket = solving.solve(token, request.form.get("article", ""), now=now())
    except (Invalid, Conflict) as error:
        ticket = solving.ticket(token, now=now())
        return _solved_page(token, ticket, sentence=error.sentence), error.status
    return _solved_page(token, ticket, done=True)


@blueprint.get("/stop/<token>")
def show_stop(token: str) -> str:
    person_id, number = centre().mail_links.stop(token, now=now())
    stopped = centre().desk.staff.stoppable(person_id, number)
    return _stop_page(token, stopped=stopped, done=False)


@blueprint.post("/stop/<token>")
def stop(token: str) -> str:
    person_id, number = centre().mail_links.stop(token, now=now())
    stopped = centre().desk.staff.stop(person_id, number)
    return _stop_page(token, stopped=stopped, done=True)


def _solving() -> SolveByLink:
    tickets = TicketRepository(centre().database)
    return SolveByLink(centre().mail_links, tickets, centre().desk, centre().deflection)


def _solved_page(
    token: str, ticket: SolvableTicket, *, sentence: str = "", done: bool = False
) -> str:
    return render_template(
        "notifications/solved.html",
        token=token,
        ticket=ticket,
        articles=_articles(ticket),
        sentence=sentence,
        done=done,
    )


def _articles(ticket: SolvableTicket) -> list[Document]:
    """Those that the mail suggested and that are still there for its reader."""
    audience = PUBLIC if ticket.person.guest else ticket.person.audience
    articles = []
    for document_id in ticket.articles:
        with contextlib.suppress(KbError):
            articles.append(centre().searcher.article(document_id, audience=audience))
    return articles


def _stop_page(token: str, **values: object) -> str:
    titles = {event: row.title for event, row in STAFF_EVENTS.items()}
    return render_template("notifications/stop.html", token=token, titles=titles, **values)
