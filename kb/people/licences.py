"""What an organisation's licence names: addresses, and domains for everybody who has one there.

Pure rules; an entry is stored as ``alice@example.com`` or, for a domain, as ``@example.com``. Who
registers with an address that a licence names joins that organisation once the address is verified.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kb.errors import Invalid
from kb.people.person import email_address

#: Anybody gets an address there, so it says nothing about where somebody works.
_PUBLIC_MAIL_DOMAINS = frozenset(
    {
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com"),
        *("yahoo.com", "icloud.com", "me.com", "aol.com", "proton.me", "protonmail.com"),
        *("gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "mail.com", "mail.ru"),
        *("yandex.ru", "qq.com", "163.com", "126.com", "orange.fr", "free.fr", "libero.it"),
    }
)


def licence_entry(text: str) -> str:
    """An address or a domain as it is stored. Raises Invalid.

    >>> licence_entry("Example.com"), licence_entry("Alice@Example.com")
    ('@example.com', 'alice@example.com')
    """
    entry = text.strip().lower()
    domain = entry.removeprefix("@")
    address = email_address(entry if "@" in domain else f"anybody@{domain}")
    if address is None:
        raise Invalid(
            f"{text.strip()!r:.80} is not an address or a domain. A licence names "
            "alice@example.com, or example.com for everybody there.",
            field="licence_addresses",
        )
    if "@" in domain:
        return address
    if domain in _PUBLIC_MAIL_DOMAINS:
        raise Invalid(
            f"Anybody can have an address at {domain}. Name single addresses instead.",
            field="licence_addresses",
        )
    return f"@{domain}"


def licence_entries(texts: Iterable[str]) -> list[str]:
    """All entries, each once, sorted. Raises Invalid for the first one that is not valid."""
    return sorted({licence_entry(text) for text in texts if text.strip()})


def entries_naming(email: str) -> tuple[str, str]:
    """The entries that name an address, the closest first.

    >>> entries_naming("alice@example.com")
    ('alice@example.com', '@example.com')
    """
    return email, f"@{email.rpartition('@')[2]}"


def licence_names(entries: Collection[str], email: str) -> bool:
    """Whether a licence names the address itself, or everybody of its domain."""
    return any(entry in entries for entry in entries_naming(email))
