"""Does the portal live, and can it answer?

``/healthz`` is for restarts: the process answers and its parts are open. ``/readyz`` is for load
balancers and names each part with its state. Nothing secret is told.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from kb.errors import KbError
from webapp.context import centre, now

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Tickets are needed to be ready; a missing index is told but filing works without it."""
    parts = {"tickets": _tickets(), "index": _index()}
    ready = parts["tickets"] == "ok"
    return jsonify(status="ok" if ready else "unavailable", parts=parts), 200 if ready else 503


def _tickets() -> str:
    try:
        centre().accounts.person("nobody", now=now())
    except KbError as error:
        return error.code
    return "ok"


def _index() -> str:
    try:
        return f"ok, generation {centre().searcher.generation}"
    except KbError as error:
        return error.code
