"""The hook to which a mail provider posts e-mails."""

from __future__ import annotations

import contextlib

from flask import Blueprint, Response, jsonify, request

from kb.errors import Unavailable, UnknownFormat
from kb.mail.listeners.hook import mailgun_mail, signed_mail
from webapp.context import centre, now, settings

blueprint = Blueprint("mail_hook", __name__, url_prefix="/api/v1")


@blueprint.post("/mail")
def take() -> tuple[Response, int]:
    """202 when the e-mail is stored; the worker reads it if this process cannot."""
    secrets = settings().mail_hook_secret
    if not secrets:
        raise UnknownFormat("This portal does not accept e-mails here: set KB_MAIL_HOOK_SECRET.")
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raw, envelope = mailgun_mail(request.form, secrets, now=now())
    else:
        headers = {name.lower(): value for name, value in request.headers}
        raw, envelope = signed_mail(headers, request.get_data(), secrets, now=now())
    inbox = centre().inbox
    name = inbox.keep(raw, envelope)
    with contextlib.suppress(Unavailable):
        inbox.process(name, now=now())
    return jsonify(stored=True), 202
