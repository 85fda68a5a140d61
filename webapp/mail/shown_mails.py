"""What pages of tickets and the queue show of e-mails, as functions of the templates."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask

from kb import ids
from kb.errors import Unavailable
from kb.mail.envelope import Became
from kb.mail.repository import ReceivedMail
from webapp.context import centre


def register(app: Flask) -> None:
    app.jinja_env.globals.update(
        mails_of=_mails_of,
        mails_without_effect=_mails_without_effect,
        quarantined_mails=lambda: centre().inbox.mails.quarantined(),
        unreachable=lambda address: centre().inbox.mails.unreachable(address),
    )


def _mails_of(number: str) -> dict[int, ReceivedMail]:
    """The e-mails that became messages of a ticket, by the event."""
    return {mail.event_id: mail for mail in _all(number) if mail.event_id is not None}


def _mails_without_effect(number: str) -> Sequence[ReceivedMail]:
    """E-mails about a ticket that are not in its timeline, such as automatic replies."""
    effects = (Became.TICKET, Became.COMMENT)
    return [mail for mail in _all(number) if mail.outcome not in effects]


def _all(number: str) -> Sequence[ReceivedMail]:
    """Empty while the database cannot be read: the page is shown without them."""
    try:
        return centre().inbox.mails.of_ticket(ids.ticket_serial(number) or 0)
    except Unavailable:
        return ()
