"""Codes of authenticator apps: TOTP as RFC 6238 defines it, with SHA-1, 30 seconds and six digits.

Other parameters are standard, too, but common apps ignore them silently. Pure functions; that a
code is used only once needs the database (``kb.people.repository.second_factors``).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

PERIOD, DIGITS = 30, 6
#: Steps before and after the present one that are accepted, since clocks differ and people type.
CODE_WINDOW = 1
_SECRET_BYTES = 20  # as RFC 4226, section 4, recommends


def new_app_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of one step: the dynamic truncation of RFC 4226, section 5.3."""
    mac = hmac.new(secret, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def step_at(now: dt.datetime) -> int:
    return int(now.timestamp()) // PERIOD


def matching_step(secret: bytes, code: str, *, now: dt.datetime, after: int = -1) -> int | None:
    """The step whose code this is, in the window and after the last used one; None if there is
    none. Blanks in the code are ignored.
    """
    typed = "".join(code.split()).encode(errors="surrogatepass")
    present = step_at(now)
    for step in range(present - CODE_WINDOW, present + CODE_WINDOW + 1):
        is_equal = hmac.compare_digest(typed, code_at(secret, step).encode())
        if is_equal and step > after:
            return step
    return None


def base32(secret: bytes) -> str:
    """The secret as people type it into an app."""
    return base64.b32encode(secret).decode()


def app_address(secret: bytes, *, issuer: str, account: str) -> str:
    """What the QR code holds, in the format that authenticator apps share."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    parameters = {"secret": base32(secret), "issuer": issuer, "digits": DIGITS, "period": PERIOD}
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"
