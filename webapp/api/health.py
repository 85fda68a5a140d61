"""Health checks, without secrets.

``/healthz`` answers while the process runs and is for restarts. ``/readyz`` names each part with
its state and is for load balancers.
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
    """Ready means that tickets can be filed. A missing index is reported, but filing works."""
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
