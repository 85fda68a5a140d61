"""Passwords and random secrets: how they are checked, hashed and counted.

Passwords are hashed with argon2id, random secrets with SHA-256, and only hashes are stored. Limits
on guessing are in ``accounts``.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import string

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kb.errors import Invalid
from kb.people.common_passwords import COMMON_PASSWORDS

#: Characters. At least eight as OWASP's ASVS (version 5, 6.2.1) requires; at most what limits the
#: work of hashing.
PASSWORD_MIN_LENGTH, PASSWORD_MAX_LENGTH = 8, 1000
INVALID_PASSWORD = (
    f"A password must have {PASSWORD_MIN_LENGTH} to {PASSWORD_MAX_LENGTH} characters."
)


_GUESSABLE = (
    "This password is one of the first that others would guess. Choose another one, such as "
    "several words."
)
_OWN_ADDRESS = "A password must not be your e-mail address. Choose several words, for example."
_AROUND_WORDS = string.digits + string.punctuation + string.whitespace


def password_mistake(password: str, email: str = "") -> str:
    """What is wrong with a new password, "" when nothing is.

    OWASP's ASVS (version 5, 6.2.4 and 6.2.11) refuses what breaches contain and what the context
    tells. Digits and signs around a common word make no other word of it.

    >>> password_mistake("Password2026!") == password_mistake("12345678") != ""
    True
    """
    length_fits = PASSWORD_MIN_LENGTH <= len(password) <= PASSWORD_MAX_LENGTH
    if not length_fits or any("\ud800" <= c <= "\udfff" for c in password):
        return INVALID_PASSWORD
    folded = password.strip().casefold()
    if email and folded in (email.casefold(), email.casefold().rpartition("@")[0]):
        return _OWN_ADDRESS
    word = folded.strip(_AROUND_WORDS)
    is_common = not word or {folded, word} & COMMON_PASSWORDS
    return _GUESSABLE if is_common or len(set(folded)) <= 2 else ""


class Passwords:
    """Hashes and verifies passwords. ``hasher`` is an argument so that tests can be quick."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        # The second of OWASP's recommended costs for argon2id: 19 MiB, two passes, one lane. It
        # takes about 40 ms on a small server.
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        costs = (
            f"m={self._hasher.memory_cost},t={self._hasher.time_cost},p={self._hasher.parallelism}"
        )
        #: Verified for addresses without an account, so that they cost as much work as others.
        self.dummy_hash = f"$argon2id$v=19${costs}${'A' * 22}${'A' * 43}"

    def hash(self, password: str, email: str) -> str:
        """Raises Invalid for a password that the account of ``email`` must not have."""
        mistake = password_mistake(password, email)
        if mistake:
            raise Invalid(mistake, field="password")
        return self._hasher.hash(password)

    def verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password[: PASSWORD_MAX_LENGTH + 1])
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    def rehash(self, password_hash: str, password: str) -> str | None:
        """A new hash of the password when ``password_hash`` was made with other costs."""
        if not self._hasher.check_needs_rehash(password_hash):
            return None
        return self._hasher.hash(password)


def new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def client_network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that an IPv6 client owns.

    >>> client_network("2001:db8::1"), client_network("192.0.2.1")
    ('2001:db8::/64', '192.0.2.1')
    """
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
