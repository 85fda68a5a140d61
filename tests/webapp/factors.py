"""An authenticator app and a passkey in software, and how staff set them up on the portal."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass, field
from html import unescape

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)
from werkzeug.test import TestResponse

from kb.people.second_factor.totp import code_at, step_at
from tests.webapp.world import Browser, Portal, data_values

FLAG = AuthenticatorData.FLAG
STEP = dt.timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class App:
    secret: bytes

    def code(self, now: dt.datetime) -> str:
        return code_at(self.secret, step_at(now))


@dataclass(slots=True)
class SoftKey:
    """A passkey, with what its browser claims about the page."""

    origin: str = "http://localhost"
    host: str = "localhost"
    counter: int = 0
    id: bytes = b"soft-key-0123456789"
    point: bytes | None = None  # instead of the x of the key
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, page: str) -> str:
        """The answer to the options of a page, as the script of the form sends it."""
        public = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        if self.point is not None:
            public[-2] = self.point
        credential = AttestedCredentialData.create(Aaguid(bytes(16)), self.id, public)
        data = self._data(FLAG.UP | FLAG.AT, credential)
        return self._answer(
            clientDataJSON=self._client_data("webauthn.create", page),
            attestationObject=AttestationObject.create("none", data, {}),
        )

    def get(self, page: str) -> str:
        data, client = self._data(FLAG.UP), self._client_data("webauthn.get", page)
        signature = self.key.sign(data + client.hash, ec.ECDSA(SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(
        self, flags: AuthenticatorData.FLAG, credential: AttestedCredentialData | None = None
    ) -> AuthenticatorData:
        digest = hashlib.sha256(self.host.encode()).digest()
        made = AuthenticatorData.create(digest, flags, self.counter, credential or b"")
        return AuthenticatorData(made)

    def _client_data(self, kind: str, page: str) -> CollectedClientData:
        challenge = websafe_decode(options_of(page)["challenge"])
        return CollectedClientData.create(kind, challenge, self.origin)

    def _answer(self, **response: bytes) -> str:
        encoded = {name: websafe_encode(bytes(value)) for name, value in response.items()}
        own_id = websafe_encode(self.id)
        return json.dumps(
            {"id": own_id, "rawId": own_id, "type": "public-key", "response": encoded}
        )


def options_of(page: str) -> dict[str, str]:
    found = re.search(r'data-options="([^"]+)"', page)
    assert found
    return dict(json.loads(unescape(found[1])))


def shown_app(browser: Browser) -> App:
    """The app as it is set up from the page, which must already be allowed."""
    (key,) = data_values(browser.page("/account/second-factor/app"), "key")
    return App(base64.b32decode(key))


def set_up_app(portal: Portal, browser: Browser, name: str) -> tuple[App, list[str]]:
    """The app of somebody who is signed in, and the recovery codes that are shown."""
    app = shown_app(browser)
    answer = browser.post(
        "/account/second-factor/app",
        {"code": app.code(portal.clock.now), "password": f"{name}-demo"},
    )
    assert answer.headers["Location"] == "/account/second-factor/codes", answer.status
    codes = re.findall(r"<code data-code>([^<]+)<", browser.page("/account/second-factor/codes"))
    portal.clock.now += STEP  # a code is used once
    return app, codes


def give_password(portal: Portal, name: str) -> Browser:
    """A browser that has given the password, and nothing else yet."""
    browser = portal.browser()
    answer = browser.post("/sign-in", {"email": f"{name}@example.com", "password": f"{name}-demo"})
    assert answer.status_code == 303
    return browser


def prove(browser: Browser, way: str, answer: str) -> TestResponse:
    return browser.post(f"/sign-in/second-step/{way}", {"answer": answer})
