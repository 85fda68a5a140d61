"""How is a failure told?

One shape: a sentence for the person on an HTML page, or the same as RFC 9457
``application/problem+json`` for programs. Expected failures are ``KbError``s and say so themselves;
anything else is logged and told in one sentence.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, json, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from kb.errors import KbError
from kb.settings import Settings
from webapp.context import asker

LOG = logging.getLogger("askfirst.portal")

#: HTTP status -> (title, sentence) for failures that no KbError describes.
SENTENCES: dict[int, tuple[str, str]] = {
    400: (
        "This request could not be read",
        "Something in the request is malformed; go back and try again.",
    ),
    401: ("Please sign in", "This page is for people who are signed in."),
    403: ("Not for you", "You may not see this page."),
    404: (
        "Nothing here",
        "There is no page at this address; search for it, or start from the home page.",
    ),
    405: ("Not this way", "This address cannot be used like that; go back and try again."),
    409: ("That does not fit", "Something changed meanwhile; reload the page and look again."),
    413: (
        "Too large",
        "What you sent is too large; send smaller or fewer files, and a very long text as a file.",
    ),
    415: ("Unknown format", "Send the request as application/json."),
    422: ("Something needs another look", "Some of what you sent cannot be used as it is."),
    429: ("A little slower, please", "That was too much at once; wait a moment and try again."),
    500: (
        "That was our fault",
        "Something went wrong on our side; it is logged. Try again in a moment.",
    ),
    503: ("Back in a moment", "A part of the portal is not ready; try again in a moment."),
}

NOTHING_SAVED = (
    "A part of the portal is not ready or very busy; nothing was saved. Try again in a moment."
)


def register(app: Flask) -> None:
    app.register_error_handler(KbError, of_kb_error)
    app.register_error_handler(CSRFError, of_csrf)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_anything)


def of_kb_error(error: KbError) -> Response:
    """An expected failure, told as it tells itself."""
    sentence = told(error)
    fields = getattr(error, "fields", None) or ({error.field: sentence} if error.field else {})
    response = problem(error.status, sentence, code=error.code, fields=fields)
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 415:
        response.headers["Accept"] = (
            "application/json"  # what would have been read (RFC 9110, 15.5.16)
        )
    return response


def told(error: KbError) -> str:
    """The sentence for whoever asks. The cause of a failure of ours names paths and commands: staff
    and the log get it, everybody else a plain sentence."""
    if error.status < 500:
        return error.sentence
    LOG.error("%s on %s: %s", error.code, request.path, error.sentence)
    someone = asker()
    if someone and someone.is_staff:
        return error.sentence
    return NOTHING_SAVED if request.method == "POST" else SENTENCES[503][1]


def of_csrf(error: CSRFError) -> Response:
    LOG.info("form token refused on %s: %s", request.path, error.description)
    return problem(
        400,
        "The page had been open too long or cookies are off; reload it and send it again.",
        code="csrf",
    )


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    title, sentence = SENTENCES.get(status, SENTENCES[500 if status >= 500 else 400])
    if status == 400 and request.routing_exception is error:
        sentence = (
            "This portal does not answer to that host name; the operator can set KB_BASE_URL to it."
        )
    response = problem(status, sentence, code=title.lower().replace(" ", "-"))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _of_anything(error: Exception) -> Response:
    LOG.exception("unexpected failure on %s %s", request.method, request.path, exc_info=error)
    return problem(500, SENTENCES[500][1], code="internal")


def problem(
    status: int, sentence: str, *, code: str, fields: dict[str, str] | None = None
) -> Response:
    """The failure as JSON for programs, as a page for people."""
    title = SENTENCES.get(status, SENTENCES[500 if status >= 500 else 400])[0]
    if wants_json():
        return _json(status, sentence, code=code, title=title, fields=fields or {})
    try:
        facts = {
            "status": status,
            "title": title,
            "sentence": sentence,
            "typed": _typed(),
            "back": _back(),
        }
        page = render_template("shared/problem.html", **facts)
    except Exception:
        # The page itself needs what is broken (an untrusted host, the store): say it plainly.
        LOG.debug("the problem page could not be rendered", exc_info=True)
        g.person = None
        return make_response(
            f"{title}. {sentence}\n", status, {"Content-Type": "text/plain; charset=utf-8"}
        )
    return make_response(page, status)


def _typed() -> str:
    """The words of a form that was refused, to be given back; nothing when the form itself cannot
    be read.
    """
    names = (
        ("body", "description", "reason")
        if request.endpoint == "tickets.reopen"
        else ("body", "description")
    )
    try:
        return next((words for name in names if (words := request.form.get(name, ""))), "")
    except HTTPException:
        return ""


def _back() -> str:
    """The page of ours that a refused form stood on; empty when the browser does not say, or it was
    another site's.
    """
    if request.method in ("GET", "HEAD"):
        return ""
    parts = urlsplit(request.referrer or "")
    query = f"?{parts.query}" if parts.query else ""
    return f"/{parts.path.lstrip('/')}{query}" if parts.netloc == request.host else ""


def _json(status: int, sentence: str, *, code: str, title: str, fields: dict[str, str]) -> Response:
    shape: dict[str, Any] = {
        "type": f"urn:askfirst:problem:{code}",
        "title": HTTPStatus(status).phrase if status in tuple(HTTPStatus) else title,
        "status": status,
        "detail": sentence,
        "code": code,
        "instance": request.path,
    }
    if fields:
        shape["fields"] = fields
    return make_response(json.dumps(shape), status, {"Content-Type": "application/problem+json"})


def wants_json() -> bool:
    """The API speaks JSON always; a page does when a script of ours asks for it."""
    if request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(
        ["text/html", "application/json"], default="text/html"
    )
    return best == "application/json"


def logging_as(settings: Settings) -> None:
    """Levels of our own logger; the server keeps its own."""
    LOG.setLevel(settings.log_level)
