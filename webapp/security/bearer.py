"""Requests of programs and of other websites: the header ``Authorization: Bearer``.

A request with an API key is the key's and nobody else's: a cookie beside it counts for nothing. A
token that a listed website has signed tells whose suggestions its page shows; one that is not good
says nothing. Outside the API the header means nothing, since proxies put values of their own there.
"""

from __future__ import annotations

import re
from typing import cast

from flask import Flask, current_app, g, request

from kb.errors import Forbidden, ScopeMissing
from kb.people.person import Person
from kb.programs.api_keys import ApiKey
from kb.programs.host_tokens import HostIdentity, HostTokens
from kb.programs.scopes import SCOPES, audience_of_scopes
from kb.settings import Settings
from webapp.context import centre, now, settings
from webapp.security.access_policy import OPENED_BY, SHARED
from webapp.security.rate_limits import RateLimits, address

_TOKENS = "askfirst.host-tokens"
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*")  # RFC 7515, section 3.1
#: Networks from which one token may come: a browser may use IPv4 and IPv6. Others have copied it.
_MOST_NETWORKS = 2


def register(app: Flask, settings: Settings) -> None:
    app.extensions[_TOKENS] = HostTokens(settings.base_url, settings.embed_keys)


def is_api() -> bool:
    """Whether the request is for an address of the API."""
    return request.path.startswith("/api/")


def read_authorization() -> None:
    """Looks up the key of a request to the API. Raises Unauthorized for one that is not valid."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if not is_api() or scheme.lower() != "bearer" or request.method == "OPTIONS":
        return
    secret, origin = secret.strip(), request.headers.get("Origin", "")
    if origin in settings().embed_origins or _JWT.fullmatch(secret):
        # Never an error, which would break the page of the other website.
        g.host_identity = _host_identity(secret, origin)
    else:
        g.api_key = centre().api_keys.open(secret, now=now())


def _host_identity(token: str, origin: str) -> HostIdentity | None:
    if request.endpoint not in SHARED or origin not in settings().embed_origins:
        return None
    tokens = cast("HostTokens", current_app.extensions[_TOKENS])
    identity = tokens.identity(token, origin, now=now())
    if identity is None:
        return None
    seconds = max(1, int((identity.expires_at - now()).total_seconds()))
    rates = cast("RateLimits", current_app.extensions["askfirst.rates"])
    name = f"token:{identity.token_id}"
    return identity if rates.is_of_first(name, address(), _MOST_NETWORKS, seconds) else None


def check_scope(key: ApiKey) -> None:
    """Raises ScopeMissing, naming the scope, and Forbidden for a route that is open to no key."""
    scopes = OPENED_BY.get((request.endpoint or "", request.method), ())
    if not scopes:
        raise Forbidden("This address does not accept API keys. Sign in to the portal instead.")
    held = [scope for scope in scopes if scope in key.scopes]
    if not held:
        names = " or ".join(scopes)
        raise ScopeMissing(f"This API key lacks the scope {names}.", scopes=scopes)
    if key.person is None:
        roles = [role for scope in held if (role := SCOPES[scope].stands_in) is not None]
        audience = audience_of_scopes(key.scopes)
        g.stand_in = Person(0, "", key.name, roles[0], audience=audience)
