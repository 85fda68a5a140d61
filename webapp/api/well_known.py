"""Files for programs, the same for everybody: /openapi.json and /embed.js."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify, make_response

from webapp.context import settings

blueprint = Blueprint("well_known", __name__)
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
    """The ticket form's suggestions for any page, as one classic script that one tag loads."""
    static = Path(current_app.static_folder or "")
    combobox = (
        (static / "shared" / "combobox.js")
        .read_text(encoding="utf-8")
        .replace("export class", "class")
    )
    main = (static / "embed" / "main.js").read_text(encoding="utf-8")
    response = make_response(f"(() => {{\n{combobox}\n{main}\n}})();\n")
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = HOUR
    # Pages of other sites load it; it holds nothing private.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
