"""Evidence: only a pass for the sender's own domain, by the one authority, proves anything."""

from __future__ import annotations

import pytest

from kb.mail.rules.evidence import Verdict, judge_sender

US = "mx.vendor.example"


def verdict(*values: str, sender: str = "a@example.com", **headers: str) -> Verdict:
    named = {name.replace("_", "-"): (value,) for name, value in headers.items()}
    results = {"authentication-results": values, **named}
    return judge_sender(results, sender, authority=US, sealers=("list.example",)).verdict


@pytest.mark.parametrize(
    "value",
    [
        f"{US}; dmarc=pass header.from=example.com",
        f"{US}; dmarc=pass (p=reject dis=none) header.from=example.com; spf=fail smtp.mailfrom=x",
        f"{US}; dkim=pass header.d=example.com header.s=s1",
        f"{US}; dkim=pass header.i=@example.com; dkim=pass header.d=esp.example",
        f"{US}; spf=pass smtp.mailfrom=bounces@example.com",
        f'"{US}" 1; dkim=pass header.d="example.com"',
    ],
)
def test_an_aligned_pass_proves_the_sender(value: str) -> None:
    assert verdict(value) is Verdict.PASS


@pytest.mark.parametrize(
    "value",
    [
        "",
        "mx.evil.example; dmarc=pass header.from=example.com",
        f"{US}.evil.example; dmarc=pass header.from=example.com",
        f"{US}; none",
        f"{US}; dmarc=pass header.from=evil.example",
        f"{US}; dkim=pass header.d=esp.example",
        f"{US}; dkim=pass header.d=evil.example.com",
        f"{US}; dkim=pass header.d=com",
        f"{US}; dkim=pass header.d=example.com header.i=@esp.example",
        f"{US}; spf=pass smtp.helo=example.com",
        f"{US}; spf=pass smtp.mailfrom=a@esp.example",
        f"{US}; dkim=fail (dmarc=pass header.from=example.com)",
        f"{US}; arc=pass",
        f"{US} ; x=y" + ";" * 10_000,
    ],
)
def test_everything_else_proves_nothing(value: str) -> None:
    assert verdict(value) is Verdict.NONE


def test_a_domain_that_disowns_a_mail_is_heard() -> None:
    assert verdict(f"{US}; dmarc=fail header.from=example.com; spf=pass") is Verdict.FAIL


def test_words_that_contradict_each_other_prove_nothing() -> None:
    passed, failed = f"{US}; dmarc=pass header.from=example.com", f"{US}; dmarc=none"
    assert verdict(passed, failed) is Verdict.NONE


def test_a_parent_domain_speaks_for_its_subdomains() -> None:
    value = f"{US}; dkim=pass header.d=example.com"
    assert verdict(value, sender="a@mail.example.com") is Verdict.PASS
    assert verdict(value, sender="a@badexample.com") is Verdict.NONE


def test_nobody_is_believed_by_default() -> None:
    headers = {"authentication-results": (f"{US}; dmarc=pass header.from=example.com",)}
    assert judge_sender(headers, "a@example.com").verdict is Verdict.NONE


@pytest.mark.parametrize(
    ("sealer", "seen"),
    [
        ("list.example", Verdict.PASS),
        ("evil.example", Verdict.NONE),
    ],
)
def test_the_seal_of_a_believed_forwarder_counts(sealer: str, seen: Verdict) -> None:
    headers = {
        "arc_seal": f"i=1; a=rsa-sha256; cv=none; d={sealer}; s=x; b=abc",
        "arc_authentication_results": "i=1; mx.list.example; dmarc=pass header.from=example.com",
    }
    assert verdict(f"{US}; arc=pass; dkim=fail", **headers) is seen
    assert verdict(f"{US}; arc=fail; dkim=fail", **headers) is Verdict.NONE
