"""Which version of a static file is this?

Adds the hash of a file's content to its address, so that browsers may keep it for a year and still
see a change at once. Not for content of the help centre: that is ``/media``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

YEAR = 31_536_000


def register(app: Flask) -> None:
    app.config["ASSET_HASHES"] = {}
    app.add_template_global(asset, "asset")
    app.after_request(_keep)


def asset(name: str) -> str:
    """``/static/site.css?v=1f2e3d4c``."""
    return url_for("static", filename=name, v=_hash(name))


def _hash(name: str) -> str:
    hashes: dict[str, str] = current_app.config["ASSET_HASHES"]
    if name not in hashes:
        body = (Path(current_app.static_folder or "") / name).read_bytes()
        hashes[name] = hashlib.blake2b(body, digest_size=6).hexdigest()
    return hashes[name]


def _keep(response: Response) -> Response:
    """Forever under the hashed address; under the bare one (a module importing another) the browser
    asks again.
    """
    if request.endpoint == "static" and response.status_code in (200, 304):
        name = (request.view_args or {}).get("filename", "")
        if request.args.get("v") == _hash(name):
            response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        else:
            response.headers["Cache-Control"] = "no-cache"
    return response
