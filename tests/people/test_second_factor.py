"""The pure parts of second factors: codes, recovery codes, encryption, which step is missing."""

from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest

from kb.errors import Unavailable
from kb.people.person import Person, Role
from kb.people.second_factor.passkeys import registration_options, relying_party
from kb.people.second_factor.recovery_codes import new_recovery_codes, recovery_hash
from kb.people.second_factor.secret_cipher import SecretCipher
from kb.people.second_factor.steps import FactorRule, MissingStep, missing_step
from kb.people.second_factor.totp import app_address, base32, code_at, matching_step, step_at

SECRET = b"12345678901234567890"
NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    now = dt.datetime.fromtimestamp(seconds, dt.UTC)
    assert code_at(SECRET, step_at(now), digits=8) == code


def test_codes_are_those_of_rfc_4226_appendix_d() -> None:
    first = ["755224", "287082", "359152", "969429", "338314"]
    then = ["254676", "287922", "162583", "399871", "520489"]
    assert [code_at(SECRET, number) for number in range(10)] == first + then


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_code_of_the_step_before_or_after_is_accepted(steps: int, accepted: bool) -> None:
    code = code_at(SECRET, step_at(NOW) + steps)
    assert (matching_step(SECRET, code, now=NOW) is not None) is accepted


def test_a_code_is_not_accepted_after_its_step_was_used() -> None:
    code, step = code_at(SECRET, step_at(NOW)), step_at(NOW)
    assert matching_step(SECRET, f"{code[:3]} {code[3:]}", now=NOW) == step
    assert matching_step(SECRET, code, now=NOW, after=step - 1) == step
    assert matching_step(SECRET, code, now=NOW, after=step) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "\ud83d\ude00"])
def test_what_is_no_code_is_refused(code: str) -> None:
    assert matching_step(SECRET, code, now=NOW) is None


def test_the_address_in_the_qr_code_holds_the_secret_and_names_portal_and_account() -> None:
    parts = urlsplit(app_address(SECRET, issuer="Ärger & Söhne", account="bob@example.com"))
    values = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/%C3%84rger%20%26%20S%C3%B6hne:bob@example.com"
    assert values["secret"] == [base32(SECRET)]
    assert values["issuer"] == ["Ärger & Söhne"]


def test_ten_recovery_codes_are_the_same_however_they_are_typed() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert recovery_hash(codes[0]) == recovery_hash(f" {codes[0].replace('-', ' ').upper()} ")
    assert len({recovery_hash(code) for code in codes}) == 10


def sealer(*keys: str) -> SecretCipher:
    return SecretCipher(lambda: [key * 40 for key in keys])


def test_what_is_sealed_opens_for_its_purpose_and_with_earlier_keys_only() -> None:
    sealed = sealer("o").seal("app 7", SECRET)
    assert SECRET not in sealed
    assert sealer("n", "o").open("app 7", sealed) == SECRET
    for keys, purpose in ((("n", "o"), "app 8"), (("n",), "app 7")):
        with pytest.raises(Unavailable):
            sealer(*keys).open(purpose, sealed)


def test_resealed_secrets_need_no_earlier_key() -> None:
    sealed = sealer("o").seal("app 7", SECRET)
    resealed = sealer("n", "o").reseal(sealed)
    assert resealed
    assert sealer("n").open("app 7", resealed) == SECRET
    assert sealer("n").reseal(resealed) == resealed
    assert sealer("x").reseal(resealed) is None


@pytest.mark.parametrize(
    ("rule", "role", "has_factor", "passed", "missing"),
    [
        ("off", "admin", True, False, ""),
        ("optional", "admin", False, False, ""),
        ("optional", "agent", True, False, "prove"),
        ("optional", "agent", True, True, ""),
        ("staff", "editor", False, False, "enrol"),
        ("staff", "editor", False, True, ""),
        ("staff", "editor", True, False, "prove"),
        ("staff", "customer", True, False, ""),
    ],
)
def test_which_step_is_missing(
    rule: str, role: str, has_factor: bool, passed: bool, missing: str
) -> None:
    step = missing_step(FactorRule(rule), Role(role), has_factor=has_factor, passed=passed)
    assert step is MissingStep(missing)


@pytest.mark.parametrize(
    ("base_url", "host", "origin"),
    [
        ("https://help.example.com", "help.example.com", "https://help.example.com"),
        ("https://Help.Example.com:8443/kb", "help.example.com", "https://help.example.com:8443"),
        ("http://localhost:8000", "localhost", "http://localhost:8000"),
    ],
)
def test_passkeys_belong_to_the_host_of_the_portal(base_url: str, host: str, origin: str) -> None:
    party = relying_party("Help", base_url)
    assert party
    assert (party.host, party.origin) == (host, origin)


def test_passkeys_of_portals_and_people_on_one_host_do_not_replace_each_other() -> None:
    people = [Person(number, "bob@example.com", "Bob", Role.AGENT) for number in (7, 8)]
    parties = [relying_party("Help", f"https://example.com/{path}") for path in ("a", "b")]
    handles = {
        registration_options(party, person, (), b"c" * 32)["user"]["id"]
        for party in parties
        if party
        for person in people
    }
    assert len(handles) == 4


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8000", "http://help.example.com", "https://[2001:db8::1]"]
)
def test_browsers_offer_no_passkeys_without_https_or_a_host_name(base_url: str) -> None:
    assert relying_party("Help", base_url) is None
