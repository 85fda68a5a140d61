"""Request checks and security headers, for every route in one place.

Sessions, CSRF, trusted hosts, body and rate limits, the access table of ``access_policy``, and the
headers of every response. Whose ticket it is, ``kb.tickets.permissions`` decides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Forbidden, Unauthorized
from kb.operations.signing_key import signing_keys
from kb.people.second_factor.steps import MissingStep
from kb.settings import Settings
from webapp.context import api_key, half_sign_in, person, reader, settings
from webapp.security import bearer
from webapp.security.access_policy import (
    CACHEABLE,
    FORMS_WITHOUT_TOKEN,
    LARGE_UPLOADS,
    MAILS,
    POLICY,
    SHARED,
    UPLOADS,
    Access,
)
from webapp.security.bearer import is_api
from webapp.security.rate_limits import RateLimits
from webapp.security.sessions import SessionCookies

if TYPE_CHECKING:
    from kb.people.person import Person
    from kb.people.second_factor.steps import SignIn

FILES_PER_TICKET = 20
SMALL_BODY = 512 * 1024  # bytes
#: Text fields of one form, all together: a long description with a pasted log fits.
FORM_TEXT = 512 * 1024
FORM_PARTS = 100

CSP = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types askfirst",
    )
)

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": CSP,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)

# Beside SameSite cookies: forms carry a token as well.
csrf = CSRFProtect()


def protect(app: Flask, settings: Settings) -> None:
    """Installs all of this in ``app``. Raises Misconfigured without a usable signing key."""
    app.config.update(_config(settings))
    app.secret_key, *earlier = signing_keys(settings)
    # Sessions and forms that an earlier key signed go on; the last of the list signs.
    app.config["SECRET_KEY_FALLBACKS"] = earlier
    app.config["WTF_CSRF_SECRET_KEY"] = [*earlier, app.secret_key]
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        # Flask's documented way to wrap an application.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=0
        )
    app.session_interface = SessionCookies(app)
    rates = app.extensions["askfirst.rates"] = RateLimits(settings)
    app.before_request(partial(_limit_body, settings))
    app.before_request(bearer.read_authorization)
    app.before_request(_check_access)
    app.before_request(rates.check)
    csrf.init_app(app)
    app.before_request(_check_sender)
    app.after_request(partial(_harden, settings=settings))
    app.after_request(rates.tell)


def _config(settings: Settings) -> dict[str, object]:
    return {
        "SESSION_COOKIE_NAME": cookie_name(settings, "askfirst"),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "SESSION_COOKIE_PATH": "/",
        # That of the cookie, at most: the row of the session ends earlier.
        "PERMANENT_SESSION_LIFETIME": max(
            dt.timedelta(hours=settings.session_hours), dt.timedelta(days=settings.remember_days)
        ),
        "MAX_CONTENT_LENGTH": SMALL_BODY,
        "MAX_FORM_MEMORY_SIZE": FORM_TEXT,
        "MAX_FORM_PARTS": FORM_PARTS,
        "TRUSTED_HOSTS": trusted_hosts(settings),
        # A form may stay open for a day: the token lives as long as its session.
        "WTF_CSRF_TIME_LIMIT": None,
        # The token is bound to the session. A browser may send no Referer, and a proxy may listen
        # on a port that its Host header does not name.
        "WTF_CSRF_SSL_STRICT": False,
    }


def cookie_name(settings: Settings, name: str) -> str:
    """``name`` with the prefix that binds a cookie to this host, and with the portal's path, so
    that two portals on one host do not sign each other's people out. All cookies have the path /:
    the prefix requires it.
    """
    prefix = "__Host-" if settings.secure_cookies else ""
    return f"{prefix}{name}{settings.base_path.replace('/', '-')}"


def trusted_hosts(settings: Settings) -> list[str]:
    """The host names that this portal answers to: its public address and this machine."""
    public = urlsplit(settings.base_url).hostname or "localhost"
    names = dict.fromkeys([public, "localhost", "127.0.0.1", "::1"])
    return [BracketedAddress(f"[{name}]") if ":" in name else name for name in names]


class BracketedAddress(str):
    """An IPv6 address in brackets, which Werkzeug would otherwise cut at its first colon."""

    __slots__ = ()

    def partition(self, sep: str, /) -> tuple[str, str, str]:
        del sep
        return str(self), "", ""


def _limit_body(settings: Settings) -> None:
    """Uploads may be large, every other body is small. Werkzeug enforces it while reading."""
    if request.endpoint in UPLOADS:
        request.max_content_length = (
            settings.attachment_megabytes * FILES_PER_TICKET * 1024 * 1024 + SMALL_BODY
        )
    elif request.endpoint in MAILS:  # a form may carry it in an encoding of three characters
        request.max_content_length = settings.mail_megabytes * 3 * 1024 * 1024 + SMALL_BODY
        request.max_form_memory_size = request.max_content_length
    elif request.endpoint in LARGE_UPLOADS:
        request.max_content_length = settings.upload_megabytes * 1024 * 1024 + SMALL_BODY


def _check_access() -> BaseResponse | None:
    """Applies the route's policy; a route without one is closed."""
    if request.endpoint is None or request.method == "OPTIONS":
        return None  # no such page, or a preflight: no view runs
    access = POLICY.get((request.endpoint, request.method))
    if access is None:
        raise Forbidden(
            "This page has no access policy and stays closed. Please report this to the operator."
        )
    if (key := api_key()) is not None:
        bearer.check_scope(key)
        return None if access is Access.ANYONE else _admit(access, reader())
    if access in (Access.ANYONE, Access.HOLDER):
        return None
    half = half_sign_in()
    return _admit(access, person()) if half is None else _lead_on(access, half)


#: What a session opens while a step of signing in is missing.
_OPEN_TO = {MissingStep.PROVE: Access.SECOND_STEP, MissingStep.ENROL: Access.ENROLMENT}


def _lead_on(access: Access, half: SignIn) -> BaseResponse | None:
    if access is _OPEN_TO[half.missing]:
        return None
    if is_api():
        raise Unauthorized("You are not signed in yet. Complete the second step, then try again.")
    if request.method not in ("GET", "HEAD"):
        raise Forbidden("You are not signed in yet. Complete the second step, then try again.")
    if access is not Access.ENROLMENT:
        session["next"] = request.full_path.rstrip("?")
    return redirect(next_step(half), 303)


def next_step(half: SignIn) -> str:
    """The page of the step that is missing."""
    if half.missing is MissingStep.PROVE:
        return url_for("second_step.ask")
    return url_for("second_factor.overview")


def _admit(access: Access, viewer: Person | None) -> BaseResponse | None:
    if viewer is None and is_api():
        raise Unauthorized(
            "Send an API key in the header Authorization: Bearer, or sign in to the portal."
        )
    if viewer is None:
        if request.method in ("GET", "HEAD"):
            target = None if access is Access.SECOND_STEP else request.full_path.rstrip("?")
            return redirect(url_for("account.sign_in", next=target), 303)
        raise Forbidden("Your session has ended. Sign in again, then repeat the action.")
    if access is Access.SECOND_STEP:
        if request.method in ("GET", "HEAD"):
            return redirect(url_for("help_centre.home"), 303)
        raise Forbidden("You are signed in already.")
    if access is Access.ENROLMENT and viewer.role == "customer":
        raise Forbidden("Second factors are for agents, editors and administrators.")
    if access is Access.STAFF and not viewer.is_staff:
        raise Forbidden("The queue is for agents. Your own tickets are under My tickets.")
    if access is Access.EDITOR and not edits(viewer):
        raise Forbidden("This page is for editors of the help centre.")
    if access is Access.ADMIN and viewer.role != "admin":
        raise Forbidden("This page is for administrators.")
    return None


def edits(viewer: Person | None) -> bool:
    """Whether the person may publish."""
    return viewer is not None and viewer.role in ("editor", "admin")


def _harden(response: Response, settings: Settings) -> Response:
    """Security, cache and CORS headers of every response, errors included."""
    own = {name for name, _ in response.headers}
    # All at once: setting one after the other looks through all of them each time.
    response.headers.extend([header for header in HEADERS.items() if header[0] not in own])
    if settings.secure_cookies:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    is_kept = request.endpoint in CACHEABLE or "is_public" in g
    if not is_kept or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    if request.endpoint in SHARED:
        _share(response, settings)
    return response


def _share(response: Response, settings: Settings) -> None:
    """CORS for the listed origins only, and never with cookies."""
    if "Vary" in response.headers:
        response.vary.add("Origin")
    else:  # much faster than parsing the header
        response.headers["Vary"] = "Origin"
    origin = request.headers.get("Origin", "")
    if origin in settings.embed_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["Access-Control-Max-Age"] = "600"


def exempt_forms(app: Flask) -> None:
    """Takes the forms of public pages out of the check of tokens; ``_check_sender`` has them."""
    for endpoint in FORMS_WITHOUT_TOKEN:
        csrf.exempt(app.view_functions[endpoint])


def _check_sender() -> None:
    """A form without a token has to come from our own pages, as its browser says.

    Every browser that sends forms says so, in Sec-Fetch-Site or in Origin; for others, a token
    counts as everywhere.
    """
    if request.endpoint not in FORMS_WITHOUT_TOKEN or request.method != "POST":
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site == "same-origin" if site else origin in _own_origins()
    if not is_own:
        csrf.protect()


def _own_origins() -> tuple[str, str]:
    return request.host_url.rstrip("/"), settings().origin


def own_site() -> bool:
    """Whether a JSON request comes from our own pages or a program, not from another site."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
    if site == "same-origin":  # as the browser sees it, whatever port a proxy has
        return True
    if origin is None:
        return site == "none"
    return origin in _own_origins()


def safe_next(target: str | None) -> str:
    """A path on this site to go to after signing in; anything else is the home page.

    >>> safe_next("//evil.example"), safe_next("/tickets?page=2")
    ('/', '/tickets?page=2')
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return "/"
    if "\\" in target or any(character <= " " or character == "\x7f" for character in target):
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target
