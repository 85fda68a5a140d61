"""Static files under addresses that carry the hash of their content.

Browsers may keep such a file for a year and still see a change at once. Pictures of the help
centre are not static files: ``/media`` serves them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, Response, current_app, request

from webapp.formatting import url_path

YEAR = 31_536_000  # seconds


def register(app: Flask) -> None:
    app.config["ASSET_HASHES"] = {}
    app.add_template_global(asset, "asset")
    app.after_request(_set_lifetime)


def asset(name: str) -> str:
    """``/static/shared/site.css?v=1f2e3d4c``."""
    return url_path("static", filename=name, v=_hash(name))


def _hash(name: str) -> str:
    hashes: dict[str, str] = current_app.config["ASSET_HASHES"]
    if name not in hashes:
        content = (Path(current_app.static_folder or "") / name).read_bytes()
        hashes[name] = hashlib.blake2b(content, digest_size=6).hexdigest()
    return hashes[name]


def _set_lifetime(response: Response) -> Response:
    """A year under the hashed address; without the hash the browser asks again each time.

    Modules import each other without the hash.
    """
    # OPTIONS gets a 200 for a file that does not exist, too.
    is_read = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
    if request.endpoint == "static" and is_read:
        name = (request.view_args or {}).get("filename", "")
        if request.args.get("v") == _hash(name):
            response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        else:
            response.headers["Cache-Control"] = "no-cache"
    return response
