"""What the ticket form asks for besides the fields that every site has, and the rules of a value.

Values and pure rules: ``kb.sla.form_file`` reads them from the policy file, and
``kb.tickets.drafts`` checks what people enter.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

_VERSION = re.compile(r"(?=.*\d)[\w.+-]{1,40}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,15}([.,]\d{1,6})?", re.ASCII)
MAX_FIELD_TEXT = 1_000  # characters
#: Who sees a field. Customers are asked for theirs; those for agents are set by agents or programs.
CUSTOMERS, AGENTS = "customers", "agents"


class SiteFieldKind(StrEnum):
    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    DATE = "date"
    VERSION = "version"
    URL = "url"
    SECRET = "secret"  # noqa: S105 - a kind of field


@dataclass(frozen=True, slots=True)
class SiteField:
    """A field of the site. ``when`` says which tickets it is about: fact or field -> its values."""

    key: str
    title: str
    kind: SiteFieldKind = SiteFieldKind.TEXT
    hint: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    shown_to: tuple[str, ...] = (CUSTOMERS, AGENTS)
    searchable: bool = False
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    formerly: tuple[str, ...] = ()  # earlier names, by which agents still find tickets

    @property
    def on_form(self) -> bool:
        return CUSTOMERS in self.shown_to

    @property
    def is_secret(self) -> bool:
        return self.kind is SiteFieldKind.SECRET


@dataclass(frozen=True, slots=True)
class Topic:
    """What a question is about, and what support does and does not do there."""

    key: str
    title: str
    definition: str = ""
    in_scope: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArticleOffer:
    """An article that the form offers for the tickets that ``when`` is about, and why."""

    article: str  # the id of its document
    text: str = ""
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CustomerGroup:
    """Customers that the policies name themselves: by address, by domain, or by organisation."""

    key: str
    title: str
    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()

    def includes(self, email: str, organisation: str) -> bool:
        address = email.casefold()
        return (
            address in self.addresses
            or address.rpartition("@")[2] in self.domains
            or (bool(organisation) and organisation.casefold() in self.organisations)
        )


def applies(when: Mapping[str, frozenset[str]], facts: Mapping[str, str]) -> bool:
    """Whether a ticket with these facts is one that ``when`` is about."""
    return all(facts.get(name, "").strip().casefold() in values for name, values in when.items())


def check_field(form_field: SiteField, text: str) -> tuple[str, str]:
    """(the value to store, what is wrong with it); one of the two is empty for a given text.

    >>> check_field(SiteField("site", "Your site", SiteFieldKind.URL), "example.com")[0]
    'https://example.com'
    """
    text = text.strip()
    if not text:
        return "", f"{_label(form_field)} is required." if form_field.required else ""
    if len(text) > MAX_FIELD_TEXT:
        return "", f"The limit is {MAX_FIELD_TEXT:,} characters."
    value = _READERS[form_field.kind](form_field, text)
    return (value, "") if value else ("", _refusal(form_field, text))


def _text(form_field: SiteField, text: str) -> str:
    del form_field
    return text


def _choice(form_field: SiteField, text: str) -> str:
    folded = text.casefold()
    return next((choice for choice in form_field.choices if choice.casefold() == folded), "")


def _number(form_field: SiteField, text: str) -> str:
    del form_field
    return text.replace(",", ".") if _NUMBER.fullmatch(text) else ""


def _date(form_field: SiteField, text: str) -> str:
    del form_field
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _version(form_field: SiteField, text: str) -> str:
    del form_field
    return text if _VERSION.fullmatch(text) else ""


def _url(form_field: SiteField, text: str) -> str:
    del form_field
    address = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("http", "https") and "." in (parts.hostname or "")
    except ValueError:
        return ""
    return address if is_web and address.isprintable() and " " not in address else ""


_READERS = {
    SiteFieldKind.TEXT: _text,
    SiteFieldKind.CHOICE: _choice,
    SiteFieldKind.NUMBER: _number,
    SiteFieldKind.DATE: _date,
    SiteFieldKind.VERSION: _version,
    SiteFieldKind.URL: _url,
    SiteFieldKind.SECRET: _text,
}
_EXAMPLES = {
    SiteFieldKind.NUMBER: "a number such as 12 or 1.5",
    SiteFieldKind.DATE: "a date such as 2027-01-31",
    SiteFieldKind.VERSION: "a version such as 9.1.9",
    SiteFieldKind.URL: "an address such as https://www.example.com",
}


def _refusal(form_field: SiteField, text: str) -> str:
    wanted = _EXAMPLES.get(form_field.kind) or f"one of {', '.join(form_field.choices)}"
    return f"{_label(form_field)}: {text!r:.60} is not valid. Enter {wanted}."


def _label(form_field: SiteField) -> str:
    return f"“{form_field.title}”"


def named_values(values: Iterable[str]) -> frozenset[str]:
    return frozenset(value.strip().casefold() for value in values)
