"""Files for programs, the same for everybody: /openapi.json and the embed."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from webapp.api.embed_script import embed_file
from webapp.api.reference import description
from webapp.context import settings

blueprint = Blueprint("well_known", __name__)
HOUR = "public, max-age=3600"


@blueprint.get("/openapi.json")
def openapi() -> Response:
    response = jsonify({**description(), "servers": [{"url": settings().base_url}]})
    response.headers["Cache-Control"] = HOUR
    return response


@blueprint.get("/embed.js")
def embed() -> Response:
    """Suggestions for the forms of other sites, as one classic script that one tag loads."""
    return _script("/embed.js")


@blueprint.get("/embed-companion.js")
def embed_companion() -> Response:
    """What the embed loads once somebody types, as a module."""
    return _script("/embed-companion.js")


def _script(address: str) -> Response:
    response = make_response(embed_file(address).body)
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = HOUR
    # Pages of other sites load it, and check it (Subresource Integrity); it holds nothing private.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
