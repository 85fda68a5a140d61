"""E-mails about which an agent has to decide, and those that had no effect."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid
from webapp.context import centre, now
from webapp.customer.account import signed_in_person

blueprint = Blueprint("quarantine", __name__, url_prefix="/desk/mail")


@blueprint.get("")
def listing() -> str:
    """A page of them. Pages follow ids, so that new ones move nothing."""
    text = request.args.get("before", "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Invalid("There is no such e-mail. Use the links on the page.", field="before")
    before = int(text) if text else None
    ignored = bool(request.args.get("ignored"))
    inbox = centre().inbox
    mails = inbox.mails
    page = mails.ignored(before=before) if ignored else mails.quarantine(before=before)
    delayed = 0 if ignored else inbox.spool.delayed()
    return render_template("mail/quarantine.html", mails=page, ignored=ignored, delayed=delayed)


@blueprint.get("/<int:mail_id>")
def show(mail_id: int) -> str:
    inbox = centre().inbox
    mail = inbox.mails.get(mail_id)
    text = inbox.text(mail) if inbox.spool.has(mail.file) else ""
    return render_template("mail/received.html", mail=mail, text=text)


@blueprint.get("/<int:mail_id>/original")
def original(mail_id: int) -> Response:
    """As a file to save: nothing in it is shown by a browser."""
    inbox = centre().inbox
    response = make_response(inbox.original(inbox.mails.get(mail_id)))
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = f'attachment; filename="e-mail-{mail_id}.eml"'
    return response


@blueprint.post("/<int:mail_id>/file")
def file(mail_id: int) -> BaseResponse:
    number = centre().inbox.file_quarantined(mail_id, signed_in_person(), now=now())
    return redirect(url_for("ticket_page.show", number=number), 303)


@blueprint.post("/<int:mail_id>/dismiss")
def dismiss(mail_id: int) -> BaseResponse:
    centre().inbox.dismiss(mail_id, signed_in_person(), now=now())
    return redirect(url_for("quarantine.listing"), 303)
