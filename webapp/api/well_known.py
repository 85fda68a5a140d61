"""What do programs read that no person looks at?

The description of the API, the one-tag embed and robots.txt. All of it is the same for everybody.
"""

from __future__ import annotations

import json
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify, make_response

from webapp.context import settings

blueprint = Blueprint("machine", __name__)
HOUR = "public, max-age=3600"


@blueprint.get("/openapi.json")
def openapi() -> Response:
    description = json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))
    description["servers"] = [{"url": settings().base_url}]
    response = jsonify(description)
    response.headers["Cache-Control"] = HOUR
    return response


@blueprint.get("/embed.js")
def embed() -> Response:
    """The form's own suggestion list, for any page: one classic script, so that one tag is all it
    takes.
    """
    static = Path(current_app.static_folder or "")
    listing = (
        (static / "shared" / "combobox.js")
        .read_text(encoding="utf-8")
        .replace("export class", "class")
    )
    main = (static / "embed" / "main.js").read_text(encoding="utf-8")
    response = make_response(f"(() => {{\n{listing}\n{main}\n}})();\n")
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = HOUR
    # The tag stands on other sites; it reads nothing that is anybody's.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/robots.txt")
def robots() -> Response:
    closed = ("/tickets", "/desk", "/editor", "/account", "/api", "/sign-in")
    response = make_response("User-agent: *\n" + "".join(f"Disallow: {path}\n" for path in closed))
    response.mimetype = "text/plain"
    response.headers["Cache-Control"] = HOUR
    return response
