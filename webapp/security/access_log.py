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
_HIDDEN_ARGUMENTS = frozenset({"secret", "ref", "name"})


def register(app: Flask, settings: Settings) -> None:
    """Number every request of ``app`` and write a record for it."""

    def begin() -> None:
        g.began = time.monotonic()
        g.request_id = _request_id(trusted=settings.trusted_proxies > 0)
        REQUEST_ID.set(g.request_id)

    def record(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        if LOG.isEnabledFor(logging.INFO):
            person = g.get("person")  # not looked up for the log's sake
            LOG.info(
                "%s %s",
                request.method,
                _route(),
                extra=facts(
                    status=response.status_code,
                    ms=round((time.monotonic() - g.began) * 1000, 1),
                    address=address(),
                    **({"person": person.id} if person else {}),
                ),
            )
        return response

    app.before_request_funcs.setdefault(None, []).insert(0, begin)
    app.after_request(record)


def _request_id(*, trusted: bool) -> str:
    """The proxy's own id where there is a trusted proxy, so that both logs can be joined."""
    request_id = request.headers.get("X-Request-ID", "")
    return request_id if trusted and _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(8)


def _route() -> str:
    """The rule of the route with its arguments, but for hidden ones; "-" for no route."""
    if request.url_rule is None:
        return "-"
    path = str(request.url_rule)
    for name, value in (request.view_args or {}).items():
        shown = "***" if name in _HIDDEN_ARGUMENTS else str(value)
        path = re.sub(rf"<(?:[^<>]*:)?{name}>", lambda _, shown=shown: shown, path)  # type: ignore[misc]
    return path
