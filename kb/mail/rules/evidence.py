"""Evidence: whether a mail comes from the domain of its sender's address.

SPF, DKIM and DMARC as the mail server of the site has judged them (``Authentication-Results``, RFC
8601), or DKIM as checked here. Only a pass whose domain is that of the From address says anything
about the sender (RFC 7489, section 3.1). Pure, but for the check that is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

_COMMENT = re.compile(r"\([^()]{0,2000}\)")
_RESULT = re.compile(r"\s*(?P<method>[a-z0-9-]{1,30})(?:/\d+)?\s*=\s*(?P<result>[a-z]{1,20})", re.I)
_PROPERTY = re.compile(
    r"(?P<name>[a-z]{1,20}\.[a-z0-9_-]{1,40})\s*=\s*(?P<value>\"[^\"]{0,300}\"|[^\s;]{1,300})", re.I
)
_SEALER = re.compile(r"(?:^|[;\s])d\s*=\s*([\w.-]{1,253})")
_INSTANCE = re.compile(r"(?:^|[;\s])i\s*=\s*(\d{1,3})")
_LONGEST_FIELD = 20_000


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - the word of RFC 8601
    FAIL = "fail"  # the owner of the domain disowns it
    NONE = "none"  # nobody knows


@dataclass(frozen=True, slots=True)
class Signatures:
    """The domains whose DKIM signatures are valid, and those whose keys could not be fetched."""

    valid: frozenset[str] = frozenset()
    unchecked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """``method`` decided. ``authority`` found its result or, if it is empty, this portal did.

    ``open``: a key could not be fetched, and a later check may give another verdict.
    """

    verdict: Verdict
    domain: str = ""
    method: str = ""
    authority: str = ""
    results: Mapping[str, str] = field(default_factory=dict)  # method to result, for agents
    open: bool = False

    @property
    def proven(self) -> bool:
        return self.verdict is Verdict.PASS

    def as_facts(self) -> dict[str, str]:
        """As they are stored and shown."""
        facts = {"verdict": self.verdict.value, "domain": self.domain}
        facts |= {"method": self.method, "authority": self.authority}
        shown = " ".join(f"{name}={value}" for name, value in self.results.items())
        return {name: value for name, value in (*facts.items(), ("results", shown)) if value}


@dataclass(frozen=True, slots=True)
class _Result:
    method: str
    result: str
    properties: Mapping[str, str]


def judge_sender(
    headers: Mapping[str, Sequence[str]],
    sender: str,
    *,
    authority: str = "",
    sealers: Collection[str] = (),
    signed_by: Callable[[], Signatures] | None = None,
) -> Evidence:
    """The evidence that ``sender``, the address in From, wrote the mail.

    ``authority`` is the one authserv-id that is believed, ``sealers`` are domains whose ARC seals
    are, and ``signed_by`` checks the DKIM signatures.
    """
    domain = sender.rpartition("@")[2].lower()
    results = list(_results(headers, authority)) if authority else []
    shown = {each.method: each.result for each in reversed(results)}
    if results:
        evidence = _of_results(results, domain, authority, shown)
        if evidence.proven or not sealers:
            return evidence
        sealed = _sealed(headers, results, domain, authority, sealers, shown)
        return sealed or evidence
    if signed_by is not None:
        signatures = signed_by()
        shown["dkim"] = "pass" if signatures.valid else "none"
        if any(aligned(each, domain) for each in signatures.valid):
            return Evidence(Verdict.PASS, domain, "dkim", "", shown)
        if any(aligned(each, domain) for each in signatures.unchecked):
            shown["dkim"] = "temperror"
            return Evidence(Verdict.NONE, domain, results=shown, open=True)
    return Evidence(Verdict.NONE, domain, results=shown)


def aligned(authenticated: str, domain: str) -> bool:
    """Whether the owner of one domain may write for the other: it is the same or a parent.

    A subdomain does not speak for its parent, since without the list of public suffixes nobody
    knows whether both have the same owner.

    >>> aligned("example.com", "example.com"), aligned("example.com", "mail.example.com")
    (True, True)
    >>> aligned("evil.example.com", "example.com"), aligned("com", "example.com")
    (False, False)
    """
    authenticated, domain = authenticated.lower().strip("."), domain.lower().strip(".")
    if "." not in authenticated:
        return False
    return domain == authenticated or domain.endswith(f".{authenticated}")


def _of_results(
    results: Sequence[_Result], domain: str, authority: str, shown: Mapping[str, str]
) -> Evidence:
    dmarc = [each for each in results if each.method == "dmarc"]
    if dmarc and all(
        each.result == "pass" and _domain(each, "header.from") in ("", domain) for each in dmarc
    ):
        return Evidence(Verdict.PASS, domain, "dmarc", authority, shown)
    if any(each.result in ("fail", "permerror") for each in dmarc):
        return Evidence(Verdict.FAIL, domain, "dmarc", authority, shown)
    if dmarc and any(each.result == "pass" for each in dmarc):  # they contradict each other
        return Evidence(Verdict.NONE, domain, "", authority, shown)
    for method, names in (("dkim", ("header.d", "header.i")), ("spf", ("smtp.mailfrom",))):
        for each in results:
            if each.method == method and each.result == "pass":
                found = [_domain(each, name) for name in names if name in each.properties]
                if found and all(aligned(name, domain) for name in found):
                    return Evidence(Verdict.PASS, domain, method, authority, shown)
    return Evidence(Verdict.NONE, domain, "", authority, shown)


def _sealed(
    headers: Mapping[str, Sequence[str]],
    results: Sequence[_Result],
    domain: str,
    authority: str,
    sealers: Collection[str],
    shown: Mapping[str, str],
) -> Evidence | None:
    """A chain of seals (RFC 8617) that the authority found intact, whose last sealer is believed
    and saw the mail pass.
    """
    if not any(each.method == "arc" and each.result == "pass" for each in results):
        return None
    seals = {_number(value): value for value in headers.get("arc-seal", ())}
    last = max(seals, default=0)
    sealer = _SEALER.search(seals.get(last, ""))
    if not last or sealer is None or sealer[1].lower() not in sealers:
        return None
    for value in headers.get("arc-authentication-results", ()):
        if _number(value) == last:
            _, _, rest = value.partition(";")
            seen = list(_parsed(rest))
            evidence = _of_results(seen, domain, sealer[1].lower(), shown)
            if evidence.proven:
                return Evidence(Verdict.PASS, domain, "arc", authority, shown)
    return None


def _number(value: str) -> int:
    match = _INSTANCE.search(value[:1_000])
    return int(match[1]) if match else 0


def _results(headers: Mapping[str, Sequence[str]], authority: str) -> Iterator[_Result]:
    """Those of the authority. Its own server removes what others wrote in its name (section 5)."""
    for value in headers.get("authentication-results", ()):
        identity, _, rest = _uncommented(value).partition(";")
        name = identity.strip().partition(" ")[0].strip('"')
        if name.lower() == authority.lower():
            yield from _parsed(rest)


def _parsed(text: str) -> Iterator[_Result]:
    for part in _uncommented(text).split(";"):
        match = _RESULT.match(part)
        if match is None:
            continue
        properties = {
            each["name"].lower(): each["value"].strip('"') for each in _PROPERTY.finditer(part)
        }
        yield _Result(match["method"].lower(), match["result"].lower(), properties)


def _uncommented(value: str) -> str:
    text = " ".join(value[:_LONGEST_FIELD].split())
    for _ in range(3):  # comments in comments
        text = _COMMENT.sub(" ", text)
    return text


def _domain(result: _Result, name: str) -> str:
    return result.properties.get(name, "").rpartition("@")[2].lower().strip(".")
