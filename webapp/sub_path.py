"""A portal below a path of its host, as in ``https://example.com/support``.

``KB_BASE_URL`` says which path. Proxies pass requests on with it, so that no header has to be
believed. Flask then writes it before every address that ``url_for`` makes. Addresses that the index
contains (articles, pictures) know nothing of it and get it here, on their way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, request
from jinja2 import pass_context
from jinja2.runtime import Context

from kb.errors import NotFound
from kb.settings import Settings
from webapp.context import settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: What the machine itself asks, without the proxy: these are answered at both addresses.
_LOCAL_PATHS = ("/healthz", "/readyz")
OUTSIDE = "askfirst.outside"
#: Addresses in published HTML that begin at the root of the portal, and not of another host.
_ROOTED = re.compile(r'(<(?:a|img)\b(?:[^>"]|"[^"]*")*?\s(?:href|src)=")/(?!/)')


class SubPath:
    """The WSGI wrapper that moves the path from the address of the page to that of the portal."""

    def __init__(self, inner: WSGIApplication, path: str) -> None:
        self._inner = inner
        self._path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        environ["SCRIPT_NAME"] = self._path
        if path == self._path or path.startswith(f"{self._path}/"):
            environ["PATH_INFO"] = path.removeprefix(self._path) or "/"
        elif path not in _LOCAL_PATHS:
            environ[OUTSIDE] = True
        return self._inner(environ, start_response)


def register(app: Flask, settings: Settings) -> None:
    app.add_template_filter(_portal_path_filter, "portal_path")
    app.add_template_filter(portal_links)
    if settings.base_path:
        app.before_request(_refuse_outside)
        # Flask's documented way to wrap an application.
        app.wsgi_app = SubPath(app.wsgi_app, settings.base_path)  # type: ignore[method-assign]


def _refuse_outside() -> None:
    """Answering there, too, would hide that the proxy cuts the path off, until a link fails."""
    if request.environ.get(OUTSIDE):
        raise NotFound(
            f"The portal is at {settings().base_url}. If you came from there, its proxy must pass "
            "on the whole path."
        )


def portal_path(path: str) -> str:
    """An address of the portal, such as ``/help/doc/install``, as browsers need it."""
    return settings().base_path + path


@pass_context
def _portal_path_filter(_context: Context, path: str) -> str:
    # With the context: Jinja would compute it for constants when it compiles a template, and
    # compiled templates can be kept for a portal at another path.
    return portal_path(path)


def portal_links(html: str) -> str:
    """Published HTML with its links to the portal and its pictures as browsers need them."""
    path = settings().base_path
    return _ROOTED.sub(rf"\g<1>{path}/", html) if path else html
