"""Signing in with an OpenID Connect provider that the operator configures; off by default.

The authorization code flow with PKCE, state and nonce; PyJWT (the ``oidc`` extra) verifies the
signatures. The result is a verified e-mail address and nothing else: whose account that is, and
what the person may do, is decided as for everybody else. Askfirst is not a provider for others.

Sources: OpenID Connect Core 1.0 (section 3.1), OpenID Connect Discovery 1.0, RFC 7636 (PKCE), RFC
9207 (issuer identification).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import http.client
import importlib.util
import json
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

from kb.errors import Forbidden, Misconfigured, Unavailable
from kb.people.person import email_address

REQUEST_TIMEOUT = 5.0  # seconds for each request to the provider
_MAX_RESPONSE_SIZE = 256 * 1024  # bytes
#: The provider's metadata and keys are fetched again after this time.
_METADATA_LIFETIME = dt.timedelta(hours=1)
#: Keys are fetched early for an unknown key id, but not more often than this.
KEY_REFRESH_INTERVAL = dt.timedelta(minutes=1)
_CLOCK_SKEW = dt.timedelta(minutes=1)
#: A sign-in must be completed within this time.
MAX_SIGN_IN_DURATION = dt.timedelta(minutes=15)
#: Signatures only: never "none", and never a secret that both sides know.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")

_FAILED = "The sign-in was not completed. Start again, or sign in with your password."


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A sign-in in progress, kept by the browser that began it and stored nowhere else."""

    state: str
    nonce: str
    verifier: str
    at: int  # seconds since 1970

    def as_dict(self) -> dict[str, str | int]:
        return {"state": self.state, "nonce": self.nonce, "verifier": self.verifier, "at": self.at}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PendingSignIn:
        """Raises Forbidden for anything but what ``as_dict`` returned."""
        try:
            return cls(
                str(values["state"]),
                str(values["nonce"]),
                str(values["verifier"]),
                int(values["at"]),
            )
        except (KeyError, TypeError, ValueError):
            raise Forbidden(_FAILED) from None


@dataclass(frozen=True, slots=True)
class _Metadata:
    """The provider's description of itself, and its keys by key id."""

    fetched_at: dt.datetime
    document: Mapping[str, Any]
    keys: Mapping[str, Any]


class OidcProvider:
    """One provider. Safe for many threads."""

    def __init__(self, issuer: str, client_id: str, client_secret: str = "") -> None:
        """Raises Misconfigured without the ``oidc`` extra, a client id, or an encrypted address."""
        if any(importlib.util.find_spec(name) is None for name in ("jwt", "cryptography")):
            raise Misconfigured("KB_OIDC_ISSUER requires an extra: pip install 'askfirst[oidc]'.")
        if not client_id:
            raise Misconfigured("KB_OIDC_ISSUER requires KB_OIDC_CLIENT_ID.")
        if not _is_secure(issuer):
            raise Misconfigured(
                "KB_OIDC_ISSUER must be an https address; http is allowed on this machine only."
            )
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._fetching = threading.Lock()
        self._metadata: _Metadata | None = None

    def begin(self, redirect_uri: str, now: dt.datetime) -> tuple[str, PendingSignIn]:
        """The URL to send the browser to, and what the browser must keep. Raises Unavailable."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        pending = PendingSignIn(state, nonce, verifier, int(now.timestamp()))
        parameters = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email",
            "state": state,
            "nonce": nonce,
            "code_challenge": _base64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint", now)
        separator = "&" if urlsplit(endpoint).query else "?"
        return f"{endpoint}{separator}{urlencode(parameters)}", pending

    def finish(
        self,
        response: Mapping[str, str],
        pending: PendingSignIn,
        redirect_uri: str,
        now: dt.datetime,
    ) -> str:
        """The verified address in the provider's response to ``begin``.

        Raises Forbidden for a response that is refused, forged, too late or about an unverified
        address, Unavailable when the provider cannot be reached.
        """
        if not hmac.compare_digest(response.get("state", "").encode(), pending.state.encode()):
            raise Forbidden(_FAILED)
        if now - dt.datetime.fromtimestamp(pending.at, dt.UTC) > MAX_SIGN_IN_DURATION:
            raise Forbidden("The sign-in took too long. Start again.")
        if response.get("iss", self._issuer) != self._issuer or not response.get("code"):
            raise Forbidden(_FAILED)

        token = self._id_token(response["code"], pending.verifier, redirect_uri, now)
        claims = self._verified_claims(token, pending.nonce, now)
        address = email_address(str(claims.get("email", "")))
        if address is None or claims.get("email_verified") is not True:
            raise Forbidden(
                "The sign-in service has not verified your e-mail address. Sign in with your "
                "password."
            )
        return address

    def _id_token(self, code: str, verifier: str, redirect_uri: str, now: dt.datetime) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._client_secret:
            credentials = ":".join(
                urllib.parse.quote(part, safe="") for part in (self._client_id, self._client_secret)
            )
            encoded = base64.b64encode(credentials.encode()).decode()
            headers["Authorization"] = f"Basic {encoded}"
        else:
            form["client_id"] = self._client_id

        endpoint = self._endpoint("token_endpoint", now)
        token = _fetch_json(endpoint, urlencode(form).encode(), headers).get("id_token")
        if not isinstance(token, str):
            raise Forbidden(_FAILED)
        return token

    def _verified_claims(self, token: str, nonce: str, now: dt.datetime) -> Mapping[str, Any]:
        """The claims of a token after every check of OpenID Connect Core 1.0, section 3.1.3.7.

        Raises Forbidden.
        """
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in _ALGORITHMS:
                raise Forbidden(_FAILED)
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(str(header.get("kid", "")), now),
                algorithms=[header["alg"]],
                audience=self._client_id,
                issuer=self._issuer,
                # Times are checked below, against our own ``now``.
                options={
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "require": ["exp", "iat", "sub"],
                },
            )
            is_current = (
                claims["exp"] > (now - _CLOCK_SKEW).timestamp()
                and claims["iat"] <= (now + _CLOCK_SKEW).timestamp()
            )
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise Forbidden(_FAILED) from error

        is_for_us = claims.get("azp", self._client_id) == self._client_id
        has_nonce = hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())
        if not (is_current and is_for_us and has_nonce):
            raise Forbidden(_FAILED)
        return claims

    def _key(self, key_id: str, now: dt.datetime) -> Any:
        metadata = self._current_metadata(now)
        if key_id not in metadata.keys and now - metadata.fetched_at > KEY_REFRESH_INTERVAL:
            metadata = self._current_metadata(now, refresh=True)  # the provider rotated its keys
        if not key_id and len(metadata.keys) == 1:
            return next(iter(metadata.keys.values()))
        if key_id not in metadata.keys:
            raise Forbidden(_FAILED)
        return metadata.keys[key_id]

    def _endpoint(self, name: str, now: dt.datetime) -> str:
        url = self._current_metadata(now).document.get(name)
        if not isinstance(url, str) or not _is_secure(url):
            raise Unavailable(f"The sign-in service has no valid {name}. {_USE_PASSWORD}")
        return url

    def _current_metadata(self, now: dt.datetime, *, refresh: bool = False) -> _Metadata:
        """Raises Unavailable."""
        with self._fetching:
            metadata = self._metadata
            is_old = metadata is None or now - metadata.fetched_at > _METADATA_LIFETIME
            if metadata is None or is_old or refresh:
                issuer = self._issuer.rstrip("/")
                document = _fetch_json(f"{issuer}/.well-known/openid-configuration")
                keys_url = document.get("jwks_uri")
                is_valid = isinstance(keys_url, str) and _is_secure(keys_url)
                if document.get("issuer") != self._issuer or not is_valid:
                    raise Unavailable(f"The sign-in service names another issuer. {_USE_PASSWORD}")
                keys = _signing_keys(_fetch_json(str(keys_url)))
                metadata = self._metadata = _Metadata(now, document, keys)
            return metadata


_USE_PASSWORD = "Sign in with your password."  # noqa: S105 - a sentence


def _signing_keys(key_set: Mapping[str, Any]) -> dict[str, Any]:
    """Signing keys by key id; those of unknown types are skipped."""
    import jwt

    entries = key_set.get("keys")
    keys = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        if entry.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        try:
            keys[str(entry.get("kid", ""))] = jwt.PyJWK(entry).key
        except jwt.PyJWTError:
            continue
    return keys


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: a provider answers under its own address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _fetch_json(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    """The JSON object at ``url``. Raises Forbidden for a refusal, Unavailable for any other
    failure.
    """
    request = urllib.request.Request(url, body, {"Accept": "application/json", **(headers or {})})  # noqa: S310 - checked by _is_secure
    try:
        opener = urllib.request.build_opener(_NoRedirects)
        with opener.open(request, timeout=REQUEST_TIMEOUT) as response:
            value = _read_json(response)
    except urllib.error.HTTPError as error:
        error.close()
        if body is not None and error.code in (400, 401, 403):
            raise Forbidden(_FAILED) from error
        raise Unavailable(
            f"The sign-in service responded with status {error.code}. {_USE_PASSWORD}"
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(f"The sign-in service does not respond. {_USE_PASSWORD}") from error
    if not isinstance(value, dict):
        raise Unavailable(f"The sign-in service sent an invalid response. {_USE_PASSWORD}")
    return value


def _read_json(response: IO[bytes]) -> object:
    text = response.read(_MAX_RESPONSE_SIZE + 1)
    if len(text) > _MAX_RESPONSE_SIZE:
        raise ValueError("too long")
    return json.loads(text)


def _is_secure(url: str) -> bool:
    """Whether it is https, or on this very machine."""
    parts = urlsplit(url)
    is_local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and is_local)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
