"""A sign-in service of another house, small and real: HTTP, discovery, keys, codes, PKCE, signed
tokens.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from kb.people import oidc

CLIENT, SECRET = "askfirst", "a secret: with/signs"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(slots=True)
class House:
    """The provider, and who signs in there next. ``claims`` change what the next token says."""

    address: str = ""
    email: str = "alice@example.com"
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    describes: dict[str, Any] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    kid: str = "one"
    signs_with: Any = None  # another key, or a secret
    algorithm: str = "RS256"
    broken: int = 0  # answer this status
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, url: str) -> dict[str, str]:
        """What a browser that is sent to ``url`` brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.address}

    def describe(self) -> dict[str, Any]:
        about = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
        }
        return {**about, **self.describes}

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self.kid, "use": "sig"}, {"kty": "strange"}, "nonsense"]}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(
            urlencode({"": CLIENT})[1:].encode() + b":a%20secret%3A%20with%2Fsigns"
        ).decode()
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form["code_verifier"].encode()).digest()
        ).rstrip(b"=")
        if (
            asked is None
            or authorization != f"Basic {basic}"
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        if challenge.decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        at = int(self.now.timestamp())
        claims = {
            "iss": self.address,
            "aud": CLIENT,
            "sub": "42",
            "iat": at,
            "exp": at + 300,
            "nonce": asked["nonce"],
            "email": self.email,
            "email_verified": True,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        signs = self.signs_with if self.signs_with is not None else self.key
        return 200, {
            "id_token": jwt.encode(
                claims, signs, self.algorithm, headers={"kid": self.kid, **self.header}
            ),
        }


def handler(house: House) -> type[BaseHTTPRequestHandler]:
    class Doors(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {"/.well-known/openid-configuration": house.describe, "/keys": house.keys}
            told = known.get(self.path)
            self._answer(200 if told else 404, told() if told else {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*house.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, found: dict[str, Any]) -> None:
            body = json.dumps(found).encode()
            self.send_response(house.broken or status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if house.broken == 302:
                self.send_header("Location", f"{house.address}/keys")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Doors


@contextlib.contextmanager
def serving(house: House) -> Iterator[House]:
    patience, oidc.REQUEST_TIMEOUT = oidc.REQUEST_TIMEOUT, 60.0  # the machine may be busy
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(house))
    house.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield house
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        oidc.REQUEST_TIMEOUT = patience
