"""Requests of programs: the API key in ``Authorization: Bearer``, and whether it opens the route.

A request with a key is the key's and nobody else's: a cookie beside it counts for nothing. Outside
the API the header means nothing, since proxies put values of their own there.
"""

from __future__ import annotations

from flask import g, request

from kb.errors import Forbidden, ScopeMissing
from kb.people.person import Person
from kb.programs.api_keys import ApiKey
from kb.programs.scopes import SCOPES, audience_of_scopes
from webapp.context import centre, now
from webapp.security.access_policy import OPENED_BY


def is_api() -> bool:
    """Whether the request is for an address of the API."""
    return request.path.startswith("/api/")


def read_authorization() -> None:
    """Looks up the key of a request to the API. Raises Unauthorized for one that opens nothing."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if is_api() and scheme.lower() == "bearer" and request.method != "OPTIONS":
        g.api_key = centre().api_keys.open(secret.strip(), now=now())


def check_scope(key: ApiKey) -> None:
    """Raises ScopeMissing, naming the scope, and Forbidden for a route that is open to no key."""
    method = "GET" if request.method == "HEAD" else request.method
    scopes = OPENED_BY.get((request.endpoint or "", method), ())
    if not scopes:
        raise Forbidden("API keys do not open this address. Sign in to the portal instead.")
    held = [scope for scope in scopes if scope in key.scopes]
    if not held:
        names = " or ".join(scopes)
        raise ScopeMissing(f"This API key lacks the scope {names}.", scopes=scopes)
    if key.person is None:
        roles = [role for scope in held if (role := SCOPES[scope].stands_in) is not None]
        audience = audience_of_scopes(key.scopes)
        g.stand_in = Person(0, "", key.name, roles[0], audience=audience)
