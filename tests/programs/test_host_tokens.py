"""Signed tokens of other websites: what a good one says, and that any other says nothing."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from kb.programs.host_tokens import HostTokens
from tests.world import FRIDAY, HOUR

PORTAL, SITE = "https://help.example.com", "https://www.example.com"
SECRET, EARLIER = "s" * 40, "e" * 40
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC_KEY = base64.b64encode(
    PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
).decode()
TOKENS = HostTokens(
    PORTAL, (f"old:HS256:{EARLIER}", f"new:HS256:{SECRET}", f"ed:EdDSA:{PUBLIC_KEY}")
)
MINUTE = dt.timedelta(minutes=1)


def claims(**more: Any) -> dict[str, Any]:
    begins = int(FRIDAY.timestamp())
    return {
        "aud": PORTAL,
        "iss": SITE,
        "iat": begins,
        "exp": begins + 600,
        "audience": "customers",
        "organisation": "Acme",
        "person": "Alice@example.com",
    } | more


def signed(key: Any = SECRET, kid: str = "new", algorithm: str = "HS256", **more: Any) -> str:
    given_claims = {name: value for name, value in claims(**more).items() if value is not None}
    return jwt.encode(given_claims, key, algorithm=algorithm, headers={"kid": kid})


def says(token: str, website: str = SITE, *, now: dt.datetime = FRIDAY) -> bool:
    return TOKENS.identity(token, website, now=now) is not None


def test_a_good_token_says_who_reads() -> None:
    for token in (signed(), signed(EARLIER, "old"), signed(PRIVATE, "ed", "EdDSA")):
        identity = TOKENS.identity(token, SITE, now=FRIDAY)
        assert identity
        assert identity.audience == "customers"
        assert (identity.organisation, identity.email) == ("Acme", "alice@example.com")


def test_what_it_does_not_say_is_public() -> None:
    identity = TOKENS.identity(
        signed(audience=None, organisation=None, person=None), SITE, now=FRIDAY
    )
    assert identity
    assert (identity.audience, identity.organisation, identity.email) == ("public", "", "")


@pytest.mark.parametrize("audience", ["staff", "Staff", "STAFF", "", 7, ["customers"], "a/b", None])
def test_no_token_opens_what_only_staff_see(audience: object) -> None:
    identity = TOKENS.identity(signed(audience=audience), SITE, now=FRIDAY)
    assert identity
    assert identity.audience == "public"


@pytest.mark.parametrize(
    "token",
    [
        signed("x" * 40),  # forged
        signed(kid="unknown"),
        signed(kid="old"),  # by another key than it says
        signed(aud="https://other.example.com"),  # of another portal
        signed(iss="https://evil.example"),  # of another website
        signed(exp=None),
        signed(iat=None),
        signed(aud=None),
        signed(iss=None),
        signed(exp="soon"),
        signed(exp=10**30),
        signed(exp=int(FRIDAY.timestamp()) + 2 * 3600),  # good for too long
        signed(iat=int(FRIDAY.timestamp()) + 600),  # from the future
        signed(PUBLIC_KEY, "ed", "HS256"),  # the public key as a secret
        jwt.encode(claims(), "", algorithm="none", headers={"kid": "new"}),
        signed() + "x",
        signed()[:-4],
        "",
        "a.b.c",
        "x" * 5000,
    ],
)
def test_a_token_that_is_not_good_says_nothing(token: str) -> None:
    assert not says(token)


def test_a_token_is_good_for_its_website_and_its_time() -> None:
    token = signed()
    assert says(token, now=FRIDAY + 10 * MINUTE)
    assert not says(token, now=FRIDAY + 12 * MINUTE)
    assert not says(token, now=FRIDAY - HOUR)
    assert not says(token, "https://evil.example")
    assert not HostTokens(PORTAL, ()).identity(token, SITE, now=FRIDAY)


@given(st.text(max_size=200), st.binary(max_size=60))
def test_whatever_is_sent_is_never_an_error(text: str, data: bytes) -> None:
    body = base64.urlsafe_b64encode(data).decode().rstrip("=")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "new"}).encode()).decode()
    assert not says(text)
    assert not says(f"{header.rstrip('=')}.{body}.{body}")
