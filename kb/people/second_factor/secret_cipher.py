"""Encryption of what the portal must be able to read back: the secrets of authenticator apps.

The key derives from the signing key (HKDF, RFC 5869), so that a copy of the database alone gives
nobody a code. Earlier signing keys still open what they sealed. Fernet is AES-128-CBC with
HMAC-SHA256, from the `cryptography` package.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kb.errors import Unavailable


class SecretCipher:
    """``signing_keys`` gives the key in use and then the earlier ones, once they are needed."""

    def __init__(self, signing_keys: Callable[[], Sequence[str]]) -> None:
        self._signing_keys = signing_keys
        self._made: list[Fernet] = []

    def seal(self, purpose: str, secret: bytes) -> bytes:
        """``purpose`` says what and whose it is: nothing sealed opens for another one."""
        return self._fernets()[0].encrypt(purpose.encode() + b"\n" + secret)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Raises Unavailable for what none of the keys, or another purpose, sealed."""
        try:
            content = MultiFernet(self._fernets()).decrypt(sealed)
        except InvalidToken:
            content = b""
        sealed_for, _, secret = content.partition(b"\n")
        if sealed_for != purpose.encode():
            raise Unavailable(
                "The code cannot be checked because the portal's signing key has changed. Use a "
                "passkey or a recovery code, or ask an administrator to reset your second factor."
            )
        return secret

    def reseal(self, sealed: bytes) -> bytes | None:
        """The same if the key in use opens it, else sealed with that key; None if no key does."""
        fernets = self._fernets()
        if not fernets:
            return None
        with contextlib.suppress(InvalidToken):
            fernets[0].decrypt(sealed)
            return sealed
        with contextlib.suppress(InvalidToken):
            return MultiFernet(fernets).rotate(sealed)
        return None

    def _fernets(self) -> list[Fernet]:
        if not self._made:
            self._made = [_fernet(key) for key in self._signing_keys()]
        return self._made


def _fernet(signing_key: str) -> Fernet:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"askfirst second factors")
    return Fernet(base64.urlsafe_b64encode(derivation.derive(signing_key.encode())))
