"""Access log and request ids: one record for each answered request.

A record names the route and not the address that was typed: queries hold what people asked, and
the links of guests open their tickets. The id of the request is in every record that is written
while it is answered, in the header ``X-Request-ID``, and on error pages of programs.
"""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from kb.operations.logs import REQUEST_ID, facts
from kb.settings import Settings
from webapp.security.rate_limits import address

LOG = logging.getLogger("askfirst.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
#: Arguments of routes that are never written down: keys, and names that people gave to files.
_HIDDEN_ARGUMENTS = frozenset({"secret", "token", "ref", "name"})


def register(app: Flask, settings: Settings) -> None:
    """Number every request of ``app`` and write a record for it."""

    def begin() -> None:
        g.began = time.monotonic()
        proxies_id = request.headers.get("X-Request-ID", "") if settings.trusted_proxies else ""
        g.request_id = begin_request(proxies_id)

    def record(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        if LOG.isEnabledFor(logging.INFO):
            person = g.get("person")  # not looked up for the log's sake
            facts_of_person = {"person": person.id} if person else {}
            seconds = time.monotonic() - g.began
            status = response.status_code
            log_request(
                request.method, logged_route(), status, seconds, address(), **facts_of_person
            )
        return response

    app.before_request_funcs.setdefault(None, []).insert(0, begin)
    app.after_request(record)


def begin_request(proxies_id: str) -> str:
    """The id of a request: that of a trusted proxy, if any, so that both logs can be joined."""
    request_id = proxies_id if _REQUEST_ID.fullmatch(proxies_id) else secrets.token_hex(8)
    REQUEST_ID.set(request_id)
    return request_id


def log_request(
    method: str, route: str, status: int, seconds: float, address: str, **more: int
) -> None:
    """The record of a request that has been answered."""
    if LOG.isEnabledFor(logging.INFO):
        milliseconds = round(seconds * 1000, 1)
        values = facts(status=status, ms=milliseconds, address=address, **more)
        LOG.info("%s %s", method, route, extra=values)


def logged_route() -> str:
    """The rule of the route with its arguments, but for hidden ones; "-" for no route."""
    if request.url_rule is None:
        return "-"
    path = str(request.url_rule)
    for name, value in (request.view_args or {}).items():
        shown = "***" if name in _HIDDEN_ARGUMENTS else str(value)
        path = re.sub(rf"<(?:[^<>]*:)?{name}>", lambda _, shown=shown: shown, path)  # type: ignore[misc]
    return path
