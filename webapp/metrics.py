"""What every request counts for ``/metrics``, in one hook that exists only with ``KB_METRICS``.

``kb.operations.metrics`` has the metrics themselves. A metric names routes and never addresses.
"""

from __future__ import annotations

import time

from flask import Flask, Response, g, request

from kb.settings import Settings
from webapp.hot_routes import HotRoutes
from webapp.security.admission import Admission

_SUGGESTED = ("api.suggest", 200)
_FILED = {("tickets.file", 303), ("ticket_api.file", 201)}
_REFUSED = {("account.check_sign_in", 403), ("account.check_sign_in", 429), ("oidc.back", 403)}
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")


def register(app: Flask, settings: Settings, entrance: Admission, hot_routes: HotRoutes) -> None:
    """Count the requests of ``app``, if the settings say so."""
    if not settings.metrics:
        return
    from kb.operations.metrics import RequestMetrics

    metrics = RequestMetrics(settings.data)

    def count(response: Response) -> Response:
        method = request.method if request.method in _METHODS else "other"
        route = str(request.url_rule) if request.url_rule else "-"
        answered = request.endpoint or "", response.status_code
        body = response.get_data() if answered == _SUGGESTED else b""
        observe(method, route, answered, time.monotonic() - g.began, body)
        return response

    def observe(
        method: str, route: str, answered: tuple[str, int], seconds: float, body: bytes
    ) -> None:
        status = f"{answered[1] // 100}xx"
        metrics.requests.labels(method, route, status).observe(seconds)
        if answered == _SUGGESTED:
            metrics.suggestions.labels(_outcome(body)).inc()
        elif answered in _FILED:
            metrics.tickets.inc()
        elif answered in _REFUSED:
            metrics.refused_sign_ins.inc()

    app.after_request(count)
    hot_routes.observe = observe
    entrance.on_refusal = metrics.overloaded.inc


def _outcome(body: bytes) -> str:
    """Quotes in what somebody typed are escaped, so that it cannot be taken for these.

    >>> _outcome(b'{"query":"x","generation":"1","partial":false,"suggestions":[]}')
    'abstained'
    """
    if b',"partial":true,' in body:
        return "partial"
    return "abstained" if b',"suggestions":[]' in body else "answered"
