"""Files for programs, the same for everybody: /openapi.json and the embed."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from kb.errors import NotFound
from kb.operations.signing_key import signing_keys
from webapp.api.embed_pack import signed_pack
from webapp.api.embed_script import embed_file
from webapp.api.reference import description
from webapp.context import centre, settings

blueprint = Blueprint("well_known", __name__)
HOUR = "public, max-age=3600"
PACK_LIFETIME = "public, max-age=300, stale-while-revalidate=86400, stale-if-error=604800"


@blueprint.get("/openapi.json")
def openapi() -> Response:
    policy = centre().policy
    keys = {"types": tuple(policy.types), "severities": tuple(policy.severities)}
    response = jsonify({**description(keys), "servers": [{"url": settings().base_url}]})
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


@blueprint.get("/embed-pack.js")
def embed_pack_reader() -> Response:
    """What reads a pack, as a module."""
    return _script("/embed-pack.js")


@blueprint.get("/embed-pack.txt")
def embed_pack() -> Response:
    """Public titles and headings, signed, where the operator publishes them."""
    if not settings().embed_pack:
        raise NotFound("This help centre publishes no pack. KB_EMBED_PACK=yes turns it on.")
    response = make_response(signed_pack(centre().searcher, signing_keys(settings())[0]))
    response.mimetype = "text/plain"
    response.headers["Cache-Control"] = PACK_LIFETIME
    return _for_all_sites(response)


def _script(address: str) -> Response:
    response = make_response(embed_file(address).body)
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = HOUR
    return _for_all_sites(response)


def _for_all_sites(response: Response) -> Response:
    # Pages of other sites load it, and check it (Subresource Integrity); it holds nothing private.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
