"""The cookie of a browser that has signed in: it names the browser for each of its accounts.

It opens nothing. Wrong passwords that others try for the account do not delay the sign-in in such a
browser, see ``kb.people.accounts``. The cookie is signed and stored nowhere else.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

from __future__ import annotations

import secrets

from flask import current_app, request
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Response

from kb.people.credentials import digest
from kb.people.person import account_key
from webapp.context import settings
from webapp.security.guard import cookie_name

_DAY = 24 * 60 * 60  # seconds
_ACCOUNTS = 8  # that one browser is known for, the latest first
_NAME = "askfirst-device"


def known_device(email: str) -> str:
    """The name of this browser for the account, "" when it never signed in to it."""
    return _devices().get(_account(email), "")


def remember_device(response: Response, email: str) -> Response:
    """Gives the browser a new name for the account that it has just signed in to."""
    account = _account(email)
    devices = {account: secrets.token_urlsafe(12)}
    devices |= {name: device for name, device in _devices().items() if name != account}
    response.set_cookie(
        _cookie_name(),
        _serializer().dumps(dict(list(devices.items())[:_ACCOUNTS])),
        max_age=settings().device_days * _DAY,
        secure=settings().secure_cookies,
        httponly=True,
        samesite="Lax",
    )
    return response


def _devices() -> dict[str, str]:
    try:
        accounts = _serializer().loads(request.cookies.get(_cookie_name(), ""))
    except BadData:
        return {}
    return dict(accounts)


def _account(email: str) -> str:
    """A hash: the cookie should not show who uses the browser."""
    return digest(f"device {account_key(email)}").hex()[:16]


def _cookie_name() -> str:
    return cookie_name(settings(), _NAME)


def _serializer() -> URLSafeSerializer:
    keys = current_app.config["WTF_CSRF_SECRET_KEY"]  # the last one signs, all are accepted
    return URLSafeSerializer(keys, salt="device")
