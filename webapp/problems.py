"""Failures, as one sentence on a page or as an RFC 9457 problem document.

Expected failures are ``KbError``s, which carry their sentence, code and HTTP status. Failures that
only HTTP knows have a row in ``HTTP_PROBLEMS``. Everything else is logged with its traceback and
answered with status 500.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import Flask, Response, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from kb.errors import KbError, ScopeMissing, Unauthorized
from webapp.context import asker

LOG = logging.getLogger("askfirst.portal")


class HttpProblem(NamedTuple):
    """``code`` is part of the API; ``title`` and ``sentence`` are for people."""

    code: str
    title: str
    sentence: str


HTTP_PROBLEMS: Mapping[int, HttpProblem] = MappingProxyType(
    {
        400: HttpProblem(
            "this-request-could-not-be-read",
            "Bad request",
            "The request is malformed. Go back and try again.",
        ),
        401: HttpProblem("please-sign-in", "Sign in required", "Sign in to see this page."),
        403: HttpProblem("not-for-you", "Access denied", "You don’t have access to this page."),
        404: HttpProblem(
            "nothing-here",
            "Page not found",
            "There is no page at this address. Search for it, or start at the help centre.",
        ),
        405: HttpProblem(
            "not-this-way",
            "Method not allowed",
            "This address does not accept such a request. Go back and try again.",
        ),
        409: HttpProblem(
            "that-does-not-fit",
            "Conflict",
            "Something has changed in the meantime. Reload the page and try again.",
        ),
        413: HttpProblem(
            "too-large",
            "Too large",
            "The upload is too large. Send fewer or smaller files, and attach long text as a file.",
        ),
        415: HttpProblem(
            "unknown-format", "Unsupported format", "Send the request as application/json."
        ),
        422: HttpProblem(
            "something-needs-another-look", "Invalid input", "Some of the values are not valid."
        ),
        429: HttpProblem(
            "a-little-slower,-please",
            "Too many requests",
            "You have sent too many requests. Wait a moment and try again.",
        ),
        500: HttpProblem(
            "that-was-our-fault",
            "Something went wrong",
            "An error occurred on our side and was logged. Try again in a moment.",
        ),
        503: HttpProblem(
            "back-in-a-moment",
            "Temporarily unavailable",
            "The portal is not ready to answer this. Try again in a moment.",
        ),
    }
)

PROBLEM_TYPE = "application/problem+json"  # RFC 9457

NOT_SAVED = "The portal is very busy or not ready. Nothing was saved. Try again in a moment."
UNKNOWN_HOST = (
    "This portal does not answer to this host name. The operator can set KB_BASE_URL to it."
)
EXPIRED_PAGE = (
    "The page was open for too long, or cookies are off. Reload the page and send it again."
)


def register(app: Flask) -> None:
    app.register_error_handler(KbError, kb_error_response)
    app.register_error_handler(CSRFError, csrf_error_response)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_anything)


def kb_error_response(error: KbError) -> Response:
    sentence = public_sentence(error)
    fields = getattr(error, "fields", None) or ({error.field: sentence} if error.field else {})

    response = problem(error.status, sentence, code=error.code, fields=fields)
    response.headers.update(retry_header(error))
    if isinstance(error, Unauthorized | ScopeMissing):
        response.headers["WWW-Authenticate"] = _challenge(error)
    if error.status == 415:
        # What would have been read (RFC 9110, 15.5.16).
        response.headers["Accept"] = "application/json"
    return response


def _challenge(error: Unauthorized | ScopeMissing) -> str:
    """What was missing (RFC 6750, section 3)."""
    if isinstance(error, ScopeMissing):
        return f'Bearer error="insufficient_scope", scope="{" ".join(error.scopes)}"'
    return 'Bearer error="invalid_token"' if "Authorization" in request.headers else "Bearer"


def retry_header(error: KbError) -> dict[str, str]:
    """After how many seconds to try again, empty if that does not help."""
    return {"Retry-After": f"{error.retry_after}"} if error.retry_after else {}


def public_sentence(error: KbError) -> str:
    """The sentence for the person who asked.

    The cause of a failure of ours names paths and commands: it goes to staff and to the log.
    """
    if error.status < 500:
        return error.sentence

    LOG.error("%s on %s: %s", error.code, request.path, error.sentence)
    person = asker()
    if person and person.is_staff:
        return error.sentence
    return NOT_SAVED if request.method == "POST" else HTTP_PROBLEMS[503].sentence


def csrf_error_response(error: CSRFError) -> Response:
    LOG.info("form token refused on %s: %s", request.path, error.description)
    return problem(400, EXPIRED_PAGE, code="csrf")


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())

    row = _http_problem(status)
    unknown_host = status == 400 and request.routing_exception is error
    response = problem(status, UNKNOWN_HOST if unknown_host else row.sentence, code=row.code)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _of_anything(error: Exception) -> Response:
    LOG.exception("unexpected failure on %s %s", request.method, request.path, exc_info=error)
    return problem(500, HTTP_PROBLEMS[500].sentence, code="internal")


def _http_problem(status: int) -> HttpProblem:
    return HTTP_PROBLEMS.get(status, HTTP_PROBLEMS[500 if status >= 500 else 400])


def problem(
    status: int, sentence: str, *, code: str, fields: Mapping[str, str] | None = None
) -> Response:
    """The failure as JSON for programs, as a page for people."""
    title = _http_problem(status).title
    if wants_json():
        return _problem_document(status, sentence, code=code, title=title, fields=fields or {})

    try:
        page = render_template(
            "shared/problem.html",
            status=status,
            code=code,
            title=title,
            sentence=sentence,
            typed=_typed_text(),
            back=_referring_page(),
        )
    except Exception:
        # The page itself needs what is broken (an untrusted host, the database): plain text then.
        LOG.debug("the problem page could not be rendered", exc_info=True)
        g.person = None
        return make_response(
            f"{title}. {sentence}\n", status, {"Content-Type": "text/plain; charset=utf-8"}
        )
    return make_response(page, status)


def _typed_text() -> str:
    """The text of a refused form, to give it back; empty when the form cannot be read."""
    names = ["body", "description"]
    if request.endpoint == "tickets.reopen":
        names.append("reason")
    try:
        return next((text for name in names if (text := request.form.get(name, ""))), "")
    except HTTPException:
        return ""


def _referring_page() -> str:
    """The page of this portal that a refused form stood on; empty for any other origin."""
    if request.method in ("GET", "HEAD"):
        return ""
    parts = urlsplit(request.referrer or "")
    query = f"?{parts.query}" if parts.query else ""
    return f"/{parts.path.lstrip('/')}{query}" if parts.netloc == request.host else ""


def _problem_document(
    status: int, sentence: str, *, code: str, title: str, fields: Mapping[str, str]
) -> Response:
    instance = request.script_root + request.path
    body = problem_body(status, sentence, code=code, title=title, instance=instance, fields=fields)
    return make_response(body, status, {"Content-Type": PROBLEM_TYPE})


def problem_body(
    status: int,
    sentence: str,
    *,
    code: str,
    title: str = "",
    instance: str,
    fields: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A problem document; ``title`` is for a status that HTTP has no name for."""
    document: dict[str, Any] = {
        "type": f"urn:askfirst:problem:{code}",
        "title": HTTPStatus(status).phrase if status in tuple(HTTPStatus) else title,
        "status": status,
        "detail": sentence,
        "code": code,
        "instance": instance,
    }
    if fields:
        document["fields"] = dict(fields)
    return json.dumps(document)


def wants_json() -> bool:
    """The API always answers with JSON; a page does when one of our scripts asks for it."""
    if request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(
        ["text/html", "application/json"], default="text/html"
    )
    return best == "application/json"
