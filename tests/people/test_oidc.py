"""Signing in by another house's service: what is believed, and everything that is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from kb.errors import Forbidden, Misconfigured, Unavailable
from kb.people.oidc import KEY_REFRESH_INTERVAL, MAX_SIGN_IN_DURATION, OidcProvider, PendingSignIn
from tests.people.provider import CLIENT, SECRET, House, new_key, serving

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
BACK = "https://help.example.com/sign-in/with/back"
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def house() -> Iterator[House]:
    with serving(House(now=NOW)) as running:
        yield running


@pytest.fixture
def provider(house: House) -> OidcProvider:
    return OidcProvider(house.address, CLIENT, SECRET)


def sign_in(
    house: House,
    provider: OidcProvider,
    answer: dict[str, str] | None = None,
    *,
    now: dt.datetime = NOW,
) -> str:
    url, begun = provider.begin(BACK, NOW)
    assert url.startswith(f"{house.address}/authorize?")
    return provider.finish(
        {**house.authorize(url), **(answer or {})},
        PendingSignIn.from_dict(begun.as_dict()),
        BACK,
        now,
    )


def test_a_verified_address_comes_back(house: House, provider: OidcProvider) -> None:
    house.email = "Alice@Example.com"
    assert sign_in(house, provider) == "alice@example.com"


def test_two_sign_ins_share_no_secret(provider: OidcProvider, house: House) -> None:
    (one, first), (other, second) = provider.begin(BACK, NOW), provider.begin(BACK, NOW)
    assert one != other
    assert (
        len({first.state, first.nonce, first.verifier, second.state, second.nonce, second.verifier})
        == 6
    )
    assert first.verifier not in one, "only its hash travels"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": int(NOW.timestamp()) - 120},
        {"exp": None},
        {"iat": int(NOW.timestamp()) + 3600},
        {"iat": None},
        {"sub": None},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
        {"email": "nobody"},
    ],
    ids=str,
)
def test_a_token_that_claims_something_else_is_refused(
    house: House, provider: OidcProvider, claims: dict[str, Any]
) -> None:
    house.claims = claims
    with pytest.raises(Forbidden):
        sign_in(house, provider)


def test_a_token_signed_by_somebody_else_is_refused(house: House, provider: OidcProvider) -> None:
    house.signs_with = new_key()
    with pytest.raises(Forbidden):
        sign_in(house, provider)


@pytest.mark.parametrize(("algorithm", "key"), [("none", ""), ("HS256", "x" * 40)])
def test_a_token_without_a_signature_or_with_a_shared_secret_is_refused(
    house: House, provider: OidcProvider, algorithm: str, key: str
) -> None:
    house.algorithm, house.signs_with = algorithm, key
    with pytest.raises(Forbidden):
        sign_in(house, provider)


@pytest.mark.parametrize(
    "answer",
    [
        {"state": "forged"},
        {"state": ""},
        {"code": "guessed"},
        {"code": ""},
        {"iss": "https://evil.example"},
        {"error": "access_denied", "code": ""},
    ],
    ids=str,
)
def test_an_answer_that_is_not_ours_is_refused(
    house: House, provider: OidcProvider, answer: dict[str, str]
) -> None:
    with pytest.raises(Forbidden):
        sign_in(house, provider, answer)


def test_a_code_serves_once_and_only_the_browser_that_asked(
    house: House, provider: OidcProvider
) -> None:
    url, begun = provider.begin(BACK, NOW)
    answer = house.authorize(url)
    _, other = provider.begin(BACK, NOW)
    stolen = PendingSignIn(begun.state, begun.nonce, other.verifier, begun.at)
    with pytest.raises(Forbidden):
        provider.finish(answer, stolen, BACK, NOW)
    with pytest.raises(Forbidden):
        provider.finish(answer, begun, BACK, NOW)


def test_who_takes_too_long_starts_again(house: House, provider: OidcProvider) -> None:
    house.now = NOW + MAX_SIGN_IN_DURATION
    with pytest.raises(Forbidden):
        sign_in(house, provider, now=NOW + MAX_SIGN_IN_DURATION + MINUTE)


@pytest.mark.parametrize("kept", [{}, {"state": "s", "nonce": "n", "verifier": "v", "at": "late"}])
def test_what_was_not_kept_by_us_begins_nothing(kept: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        PendingSignIn.from_dict(kept)


def test_new_keys_of_the_provider_are_looked_for(house: House, provider: OidcProvider) -> None:
    sign_in(house, provider)
    house.key, house.kid, house.now = new_key(), "two", NOW + KEY_REFRESH_INTERVAL + MINUTE
    assert sign_in(house, provider, now=house.now) == "alice@example.com"
    house.kid, house.header = "two", {"kid": "three"}
    with pytest.raises(Forbidden):
        sign_in(house, provider, now=house.now)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_provider_that_fails_is_unavailable_and_is_asked_again(
    house: House, provider: OidcProvider, status: int
) -> None:
    house.broken = status
    with pytest.raises(Unavailable):
        provider.begin(BACK, NOW)
    house.broken = 0
    assert sign_in(house, provider) == "alice@example.com"


@pytest.mark.parametrize(
    "describes",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": "http://evil.example/keys"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
def test_a_provider_that_describes_somebody_else_is_not_used(
    house: House, provider: OidcProvider, describes: dict[str, Any]
) -> None:
    house.describes = describes
    with pytest.raises(Unavailable):
        provider.begin(BACK, NOW)


def test_an_unreachable_provider_is_unavailable() -> None:
    with serving(House()) as gone:
        address = gone.address
    with pytest.raises(Unavailable):
        OidcProvider(address, CLIENT).begin(BACK, NOW)


@pytest.mark.parametrize(
    ("issuer", "client"), [("http://login.example.com", "x"), ("https://login.example.com", "")]
)
def test_a_provider_is_named_fully_and_asked_in_secret(issuer: str, client: str) -> None:
    with pytest.raises(Misconfigured):
        OidcProvider(issuer, client)
