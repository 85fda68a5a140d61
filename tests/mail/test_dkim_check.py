"""DKIM signatures checked here, with keys of our own and no network."""

from __future__ import annotations

import base64
import socketserver
import threading
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kb.mail.dkim_check import KeyUnavailable, check_signatures, verify_signatures
from kb.mail.rules.evidence import Signatures
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
    assert verify_signatures(signed(mail()), lookup) == Signatures(frozenset({"example.com"}))


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
    assert verify_signatures(raw, lookup) == Signatures()


def silent(name: bytes, timeout: float = 5) -> bytes | None:
    raise KeyUnavailable


def test_a_key_that_nobody_answers_about_is_not_a_missing_one() -> None:
    unchecked = Signatures(unchecked=frozenset({"example.com"}))
    assert verify_signatures(signed(mail()), silent) == unchecked


class _NameServer(socketserver.BaseRequestHandler):
    """Answers each question by one status of RFC 1035, section 4.1.1."""

    status = 0

    def handle(self) -> None:
        question, socket = self.request
        flags = (0x8180 | self.status).to_bytes(2, "big")
        socket.sendto(question[:2] + flags + question[4:], self.client_address)


@pytest.mark.parametrize(
    ("status", "unchecked"),
    [(0, frozenset()), (2, {"example.com"}), (3, frozenset()), (5, {"example.com"})],
    ids=["no record", "SERVFAIL", "NXDOMAIN", "REFUSED"],
)
def test_what_a_name_server_says(status: int, unchecked: set[str]) -> None:
    handler = type("Handler", (_NameServer,), {"status": status})
    with socketserver.UDPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        found = check_signatures(signed(mail()), name_server="127.0.0.1", port=port)
        server.shutdown()
    assert found == Signatures(unchecked=frozenset(unchecked))
