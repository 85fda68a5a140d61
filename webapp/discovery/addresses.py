"""Whole addresses, and which of a page's addresses is the one to remember."""

from __future__ import annotations

from urllib.parse import quote

from flask import Flask, request

from webapp.context import settings
from webapp.security.access_policy import PUBLIC_PAGES


def register(app: Flask) -> None:
    app.add_template_global(canonical_address)
    app.add_template_filter(whole_address)


def whole_address(path: str) -> str:
    """The public address of a path that browsers see, with the letters that URIs allow."""
    return settings().origin + quote(path, safe="/?=&%#,;:@!$'()*+~")


def canonical_address() -> str:
    """The address of this page without what only changes its look; "" for a page that nobody has
    to find, such as a form.
    """
    if request.endpoint not in PUBLIC_PAGES:
        return ""
    page = request.args.get("page", "1")
    query = f"?page={page}" if page.isascii() and page.isdigit() and page.strip("0") != "1" else ""
    return whole_address(request.script_root + request.path + query)
