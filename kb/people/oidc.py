"""Who does another sign-in service say is here (OpenID Connect)?

The authorization code flow with PKCE, state and nonce, at one provider that the operator names; off
by default, and PyJWT (the ``oidc`` extra) checks the signatures. What it answers is a verified
e-mail address and nothing else: whose account that is, and what the person may do, is decided here
as for everybody. Not for signing others in.

Sources: OpenID Connect Core 1.0 (3.1), Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (the issuer in the
answer).
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

TIMEOUT = 5.0  # seconds for each question to the provider
LARGEST = 256 * 1024  # bytes of one answer
#: What the provider says of itself, and its keys, are asked for again after this time.
KEPT = dt.timedelta(hours=1)
#: An unknown key is looked for again, but not more often.
AGAIN = dt.timedelta(minutes=1)
LEEWAY = dt.timedelta(minutes=1)
#: A sign-in that was begun must come back within this time.
LONGEST = dt.timedelta(minutes=15)
#: Signatures only; never "none", and never a secret that both sides know.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")

_FAILED = "The sign-in was not completed; start again, or sign in with your password."


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way. Keep it with the browser that began it, and nowhere else."""

    state: str
    nonce: str
    verifier: str
    at: int  # seconds since 1970

    def as_dict(self) -> dict[str, str | int]:
        return {"state": self.state, "nonce": self.nonce, "verifier": self.verifier, "at": self.at}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Begun:
        """Raises Forbidden for what was not kept by ``as_dict``."""
        try:
            return cls(
                str(kept["state"]), str(kept["nonce"]), str(kept["verifier"]), int(kept["at"])
            )
        except (KeyError, TypeError, ValueError):
            raise Forbidden(_FAILED) from None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the provider has said of itself."""

    at: dt.datetime
    about: Mapping[str, Any]
    keys: Mapping[str, Any]


class Provider:
    """One provider. Safe for many threads."""

    def __init__(self, issuer: str, client_id: str, client_secret: str = "") -> None:
        """Raises Misconfigured when the ``oidc`` extra is not installed, or the provider is asked
        in the clear.
        """
        if (
            importlib.util.find_spec("jwt") is None
            or importlib.util.find_spec("cryptography") is None
        ):
            raise Misconfigured("KB_OIDC_ISSUER needs the extra: pip install 'askfirst[oidc]'.")
        if not client_id:
            raise Misconfigured(
                "KB_OIDC_ISSUER needs KB_OIDC_CLIENT_ID, the name that the provider knows us by."
            )
        if not _safe(issuer):
            raise Misconfigured(
                "KB_OIDC_ISSUER: give an https address; http is for this machine only."
            )
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._turn = threading.Lock()
        self._known: _Known | None = None

    def begin(self, back: str, now: dt.datetime) -> tuple[str, Begun]:
        """Where to send the browser, and what to keep. ``back`` is our own address. Raises
        Unavailable.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        begun = Begun(state, nonce, verifier, int(now.timestamp()))
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back,
            "scope": "openid email",
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": _base64(hashlib.sha256(begun.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        where = self._endpoint("authorization_endpoint", now)
        return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(asked)}", begun

    def finish(self, answer: Mapping[str, str], begun: Begun, back: str, now: dt.datetime) -> str:
        """The verified address behind the provider's answer to ``begin``.

        Raises Forbidden for an answer that is refused, forged, outdated or about an address that
        nobody has verified, Unavailable when the provider cannot be asked.
        """
        if not hmac.compare_digest(answer.get("state", "").encode(), begun.state.encode()):
            raise Forbidden(_FAILED)
        if now - dt.datetime.fromtimestamp(begun.at, dt.UTC) > LONGEST:
            raise Forbidden("The sign-in took too long; start again.")
        if answer.get("iss", self._issuer) != self._issuer or not answer.get("code"):
            raise Forbidden(_FAILED)
        claims = self._claims(
            self._token(answer["code"], begun.verifier, back, now), begun.nonce, now
        )
        address = email_address(str(claims.get("email", "")))
        if address is None or claims.get("email_verified") is not True:
            raise Forbidden(
                "The sign-in service does not vouch for your e-mail address; sign in with your "
                "password."
            )
        return address

    def _token(self, code: str, verifier: str, back: str, now: dt.datetime) -> str:
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._client_secret:
            pair = ":".join(
                urllib.parse.quote(one, safe="") for one in (self._client_id, self._client_secret)
            )
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            given["client_id"] = self._client_id
        found = _asked(self._endpoint("token_endpoint", now), urlencode(given).encode(), headers)
        token = found.get("id_token")
        if not isinstance(token, str):
            raise Forbidden(_FAILED)
        return token

    def _claims(self, token: str, nonce: str, now: dt.datetime) -> Mapping[str, Any]:
        """What the token claims, after every check of OpenID Connect Core 3.1.3.7. Raises
        Forbidden.
        """
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise Forbidden(_FAILED)
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(str(header.get("kid", "")), now),
                algorithms=[header["alg"]],
                audience=self._client_id,
                issuer=self._issuer,
                # The time is ours to say: below.
                options={
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "require": ["exp", "iat", "sub"],
                },
            )
            fresh = (
                claims["exp"] > (now - LEEWAY).timestamp()
                and claims["iat"] <= (now + LEEWAY).timestamp()
            )
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise Forbidden(_FAILED) from error
        ours = claims.get("azp", self._client_id) == self._client_id
        if (
            not fresh
            or not ours
            or not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())
        ):
            raise Forbidden(_FAILED)
        return claims

    def _key(self, kid: str, now: dt.datetime) -> Any:
        known = self._told(now)
        if kid not in known.keys and now - known.at > AGAIN:
            known = self._told(now, anew=True)  # the provider has changed its keys
        if not kid and len(known.keys) == 1:
            return next(iter(known.keys.values()))
        if kid not in known.keys:
            raise Forbidden(_FAILED)
        return known.keys[kid]

    def _endpoint(self, name: str, now: dt.datetime) -> str:
        where = self._told(now).about.get(name)
        if not isinstance(where, str) or not _safe(where):
            raise Unavailable(
                f"The sign-in service does not say its {name}; sign in with your password."
            )
        return where

    def _told(self, now: dt.datetime, *, anew: bool = False) -> _Known:
        """Its own description and its keys, kept for a while. Raises Unavailable."""
        with self._turn:
            if self._known is None or anew or now - self._known.at > KEPT:
                about = _asked(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
                where = about.get("jwks_uri")
                if (
                    about.get("issuer") != self._issuer
                    or not isinstance(where, str)
                    or not _safe(where)
                ):
                    raise Unavailable(
                        "The sign-in service answers for somebody else; sign in with your password."
                    )
                self._known = _Known(now, about, _keys(_asked(where)))
            return self._known


def _keys(found: Mapping[str, Any]) -> dict[str, Any]:
    """Signing keys by their names; those of kinds that nobody here knows are left out."""
    import jwt

    kept = {}
    for one in found.get("keys", ()) if isinstance(found.get("keys"), list) else ():
        if (
            isinstance(one, dict)
            and one.get("use", "sig") == "sig"
            and one.get("kty") in ("RSA", "EC", "OKP")
        ):
            try:
                kept[str(one.get("kid", ""))] = jwt.PyJWK(one).key
            except jwt.PyJWTError:
                continue
    return kept


class _Nowhere(urllib.request.HTTPRedirectHandler):
    """A provider that sends us elsewhere is not asked there."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _asked(
    where: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    """The JSON object at ``where``. Raises Forbidden for a refusal, Unavailable for no usable
    answer.
    """
    request = urllib.request.Request(where, body, {"Accept": "application/json", **(headers or {})})  # noqa: S310 - checked by _safe
    try:
        with urllib.request.build_opener(_Nowhere).open(request, timeout=TIMEOUT) as answer:
            found = _read(answer)
    except urllib.error.HTTPError as error:
        error.close()
        if body is not None and error.code in (400, 401, 403):
            raise Forbidden(_FAILED) from error
        raise Unavailable(
            f"The sign-in service answers {error.code}; sign in with your password."
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(
            "The sign-in service does not answer; sign in with your password."
        ) from error
    if not isinstance(found, dict):
        raise Unavailable(
            "The sign-in service does not answer rightly; sign in with your password."
        )
    return found


def _read(answer: IO[bytes]) -> object:
    text = answer.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError("too long")
    return json.loads(text)


def _safe(where: str) -> bool:
    """Over https, or on this very machine."""
    parts = urlsplit(where)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    )


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
