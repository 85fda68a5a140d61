"""Sessions in signed cookies: Flask's own, with the signer made once, and a look at a cookie
without a request.
"""

from __future__ import annotations

import functools

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.sansio.http import parse_cookie

_REMEMBERED = 1024  # cookies of visitors
_LONGEST = 2048  # characters of cookies that are remembered


class SessionCookies(SecureCookieSessionInterface):
    """The sessions of one application, whose keys and settings no longer change."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        signer = super().get_signing_serializer(app)
        assert signer is not None  # there is a key
        self._signer = signer
        self._name = self.get_cookie_name(app)
        self._lifetime = int(app.permanent_session_lifetime.total_seconds())
        self._is_visitor = functools.lru_cache(_REMEMBERED)(self._holds_no_account)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:
        del app
        return self._signer

    def is_visitor(self, cookies: str) -> bool:
        """Whether nobody is signed in with these cookies, and their session stays as it is.

        By the signature of the session alone: we gave it to this browser. What a cookie said is
        remembered for a while, for one that has expired since also.
        """
        if f"{self._name}=" not in cookies:
            return True
        if len(cookies) > _LONGEST:
            return self._holds_no_account(cookies)
        return self._is_visitor(cookies)

    def _holds_no_account(self, cookies: str) -> bool:
        value = parse_cookie(cookies).get(self._name)
        if not value:
            return True
        try:
            data = self._signer.loads(value, max_age=self._lifetime)
        except BadSignature:
            return True
        return not data.get("token") and not data.get("_permanent")
