"""The page on which somebody confirms having sent the e-mail that a ticket began with.

Opening it changes nothing, since mail servers open links to scan them.
"""

from __future__ import annotations

from flask import Blueprint, render_template

from kb.errors import Conflict
from kb.mail.confirming import ConfirmByLink
from kb.tickets.repository.repository import TicketRepository
from webapp.context import centre, now

blueprint = Blueprint("mail_confirm", __name__, url_prefix="/mail/confirm")


@blueprint.get("/<token>")
def show(token: str) -> str:
    ticket = _confirming().ticket(token, now=now())
    return render_template("mail/confirm.html", ticket=ticket, token=token)


@blueprint.post("/<token>")
def confirm(token: str) -> str | tuple[str, int]:
    confirming = _confirming()
    try:
        ticket = confirming.confirm(token, now=now())
    except Conflict as error:
        ticket = confirming.ticket(token, now=now())
        page = render_template(
            "mail/confirm.html", ticket=ticket, token=token, sentence=error.sentence
        )
        return page, error.status
    return render_template("mail/confirm.html", ticket=ticket, token=token)


def _confirming() -> ConfirmByLink:
    joined = centre()
    tickets = TicketRepository(joined.database)
    return ConfirmByLink(joined.mail_links, tickets, joined.inbox.mails, joined.desk, joined.policy)
