"""DKIM signatures checked here, with keys of our own and no network."""

from __future__ import annotations

import base64
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kb.mail.dkim_check import verified_domains
from tests.mail.mails import mail

dkim = pytest.importorskip("dkim", reason="needs the extra mail")


@cache
def keys() -> tuple[bytes, bytes]:
    """A private key, and the text record of its public key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def lookup(name: bytes, timeout: float = 5) -> bytes | None:
    del timeout
    return keys()[1] if name == b"s1._domainkey.example.com." else None


def signed(raw: bytes, **options: object) -> bytes:
    raw = raw.replace(b"\n", b"\r\n")
    signature: bytes = dkim.sign(raw, b"s1", b"example.com", keys()[0], **options)
    return signature + raw


def test_a_valid_signature_names_its_domain() -> None:
    assert verified_domains(signed(mail()), lookup) == {"example.com"}


@pytest.mark.parametrize(
    "raw",
    [
        mail(),
        signed(mail()).replace(b"does not print", b"prints"),
        signed(mail()).replace(b"s=s1", b"s=s2"),
        signed(mail(), length=True) + b"Added by somebody.\r\n",
        b"DKIM-Signature: nonsense\r\n" + mail(),
        b"",
    ],
)
def test_everything_else_proves_nothing(raw: bytes) -> None:
    assert verified_domains(raw, lookup) == frozenset()
