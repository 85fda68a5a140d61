"""What every request counts for ``/metrics``, in one hook that exists only with ``KB_METRICS``.

``kb.operations.metrics`` has the metrics themselves. A metric names routes and never addresses.
"""

from __future__ import annotations

import time

from flask import Flask, Response, g, request

from kb.settings import Settings
from webapp.security.admission import Admission

_FILED = {("tickets.file", 303), ("api.file", 201)}
_REFUSED = {("account.check_sign_in", 403), ("account.check_sign_in", 429), ("oidc.back", 403)}
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")


def register(app: Flask, settings: Settings, entrance: Admission) -> None:
    """Count the requests of ``app``, if the settings say so."""
    if not settings.metrics:
        return
    from kb.operations.metrics import RequestMetrics

    metrics = RequestMetrics(settings.data)

    def count(response: Response) -> Response:
        method = request.method if request.method in _METHODS else "other"
        route = str(request.url_rule) if request.url_rule else "-"
        status = f"{response.status_code // 100}xx"
        metrics.requests.labels(method, route, status).observe(time.monotonic() - g.began)

        answered = request.endpoint or "", response.status_code
        if answered == ("api.suggest", 200):
            metrics.suggestions.labels(_outcome(response.get_data())).inc()
        elif answered in _FILED:
            metrics.tickets.inc()
        elif answered in _REFUSED:
            metrics.refused_sign_ins.inc()
        return response

    app.after_request(count)
    entrance.on_refusal = metrics.overloaded.inc


def _outcome(body: bytes) -> str:
    """Quotes in what somebody typed are escaped, so that it cannot be taken for these.

    >>> _outcome(b'{"query":"x","generation":"1","partial":false,"suggestions":[]}')
    'abstained'
    """
    if b',"partial":true,"suggestions":[' in body:
        return "partial"
    return "abstained" if body.endswith(b'"suggestions":[]}') else "answered"
