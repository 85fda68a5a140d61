"""Signed tokens of other websites: whom such a website has signed in, so that its pages get the
suggestions for that person.

A JWT (RFC 7519) that the website's server signs, with a shared secret (HS256) or its private key
(EdDSA, RFC 8037). A token with any fault is ignored: its bearer counts as the public. It never
opens what only staff see, and no ticket.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kb.people.person import email_address
from kb.search.documents import PUBLIC, is_audience, normal_audience, visible_to

#: A token is made for one page view; a copied one expires just as soon.
LONGEST_LIFETIME = dt.timedelta(hours=1)
_CLOCK_SKEW = dt.timedelta(minutes=1)
_LONGEST_TOKEN = 4096  # characters
_LONGEST_NAME = 200
#: Time is an argument here, so the library does not look at its clock.
_OPTIONS: Mapping[str, Any] = {
    "require": ["aud", "iss", "iat", "exp"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key of a website; ``key`` is a secret or a public key."""

    algorithm: str
    key: str | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """What a token says. ``organisation`` is a name, ``email`` an address; "" for nothing.

    ``token_id`` names the token, ``expires_at`` is its end.
    """

    website: str
    token_id: str
    expires_at: dt.datetime
    audience: str = PUBLIC
    organisation: str = ""
    email: str = ""


class HostTokens:
    """Reads the tokens for the portal at ``portal``, its address. ``keys`` are words as
    ``KB_EMBED_KEYS`` has them; several of them are good at once, so that they can be rotated.
    """

    def __init__(self, portal: str, keys: Iterable[str]) -> None:
        self._portal = portal
        self._keys = dict(map(_host_key, keys))

    def identity(self, token: str, website: str, *, now: dt.datetime) -> HostIdentity | None:
        """Whom a token that ``website`` sends tells of; None for one that is not good, not now, or
        for another website or portal.
        """
        if len(token) > _LONGEST_TOKEN or not self._keys:
            return None
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(str(header.get("kid", "")))
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=self._portal,
                issuer=website,
                options=_OPTIONS,  # type: ignore[arg-type]  # a mapping that nobody changes
            )
            begins, ends = (_instant_of(claims[name]) for name in ("iat", "exp"))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        is_current = begins - _CLOCK_SKEW <= now < ends + _CLOCK_SKEW
        if not is_current or ends - begins > LONGEST_LIFETIME:
            return None
        return HostIdentity(
            website=website,
            token_id=str(claims.get("jti") or token.rpartition(".")[2])[:_LONGEST_NAME],
            expires_at=ends,
            audience=_audience_of_claim(claims.get("audience")),
            organisation=_name_of_claim(claims.get("organisation")),
            email=email_address(_name_of_claim(claims.get("person"))) or "",
        )


def _host_key(word: str) -> tuple[str, HostKey]:
    """A name and its key, from a word that the settings have checked."""
    name, algorithm, key = word.split(":", 2)
    if algorithm == "EdDSA":
        raw = base64.b64decode(key, validate=True)
        return name, HostKey(algorithm, Ed25519PublicKey.from_public_bytes(raw))
    return name, HostKey(algorithm, key)


def _instant_of(seconds: object) -> dt.datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(seconds)
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def _audience_of_claim(claim: object) -> str:
    """The public's, unless the claim names another one that is not for staff."""
    if not isinstance(claim, str) or not is_audience(claim):
        return PUBLIC
    audience = normal_audience(claim)
    return PUBLIC if "staff" in visible_to(audience) else audience


def _name_of_claim(claim: object) -> str:
    return claim if isinstance(claim, str) and len(claim) <= _LONGEST_NAME else ""
