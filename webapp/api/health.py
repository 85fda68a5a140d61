"""Health checks, without secrets.

``/healthz`` answers while the process runs and is for restarts. ``/readyz`` names each part with
its state and is for load balancers.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from kb.errors import KbError
from kb.notifications.outbox import LATE_AFTER, Outbox
from kb.operations import heartbeats
from webapp.context import centre, now

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Ready means that tickets can be filed and survive. Other parts are reported beside it."""
    parts = {
        "tickets": _tickets(),
        "index": _index(),
        "worker": _worker(),
        "outbox": _outbox(),
    }
    ready = parts["tickets"] == "ok"
    return jsonify(status="ok" if ready else "unavailable", parts=parts), 200 if ready else 503


def _tickets() -> str:
    """Whether a row reaches the disk: a full disk can still be read, and refuses every filing."""
    try:
        heartbeats.beat(centre().database, heartbeats.PORTAL, now())
    except KbError as error:
        return error.code
    return "ok"


def _index() -> str:
    try:
        answers, published = centre().searcher.generation, centre().index.published_name()
        if answers != published:
            return f"generation {answers} answers instead of {published}"
        return f"ok, generation {answers}"
    except KbError as error:
        return error.code


def _worker() -> str:
    try:
        beat = heartbeats.last_beat(centre().database, heartbeats.WORKER)
        ended = heartbeats.last_beat(centre().database, heartbeats.WORKER_ENDED)
    except KbError as error:
        return error.code
    if ended is not None and (beat is None or beat < ended):
        return f"ended by itself at {ended:%Y-%m-%dT%H:%M:%SZ}"
    if beat is None:
        return "never started"
    if now() - beat > heartbeats.DEAD_AFTER:
        return f"stopped since {beat:%Y-%m-%dT%H:%M:%SZ}"
    if ended is not None and now() - ended < heartbeats.RECENT:
        return f"ok, restarted at {ended:%Y-%m-%dT%H:%M:%SZ}"
    return "ok"


def _outbox() -> str:
    """Whether messages leave: "late" when one has waited for a quarter of an hour."""
    try:
        oldest = Outbox(centre().database).oldest_due(now())
    except KbError as error:
        return error.code
    late = oldest is not None and now() - oldest > LATE_AFTER
    return f"late since {oldest:%Y-%m-%dT%H:%M:%SZ}" if late else "ok"
