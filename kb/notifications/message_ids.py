"""Message-IDs of the mails that we send, and which ticket an id that comes back is about.

Whoever answers quotes the ids of what they answer (RFC 5322, section 3.6.4): ours name the ticket,
so that a thread is found without remembering each mail. Anybody can write such an id; it leads to a
ticket, and permits nothing.
"""

from __future__ import annotations

import hashlib
import re

from kb.ids import TICKET_PREFIX, ticket_serial

_ID = re.compile(
    rf"<(?P<number>{TICKET_PREFIX}\d{{1,12}})"
    r"(?:\.[0-9a-f]{32}(?:\.(?P<token>[a-z2-7]{16,64}))?)?@(?P<domain>[^<>\s@]+)>",
    re.IGNORECASE,
)


def message_id(key: str, number: str, domain: str, *, token: str = "") -> str:
    """The same key always gives the same id, so that a mail that is sent twice is shown once.

    ``token`` is that of a reply address which has no room for it.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    parts = ".".join(filter(None, (number, digest, token)))
    return f"<{parts}@{domain}>"


def thread_id(number: str, domain: str) -> str:
    """The id that all mails about a ticket refer to, whichever of them comes first.

    >>> thread_id("KB-1042", "example.com")
    '<KB-1042@example.com>'
    """
    return f"<{number}@{domain}>"


def serials_in(references: str, domain: str) -> tuple[int, ...]:
    """The tickets that the ids in ``References`` or ``In-Reply-To`` name, the last one first.

    >>> serials_in("<a@b> <KB-1001@example.com> <KB-1042@EXAMPLE.com>", "example.com")
    (1042, 1001)
    """
    serials = [
        ticket_serial(match["number"])
        for match in _ID.finditer(references)
        if match["domain"].lower() == domain.lower()
    ]
    return tuple(dict.fromkeys(serial for serial in reversed(serials) if serial))


def reply_tokens_in(references: str, domain: str) -> tuple[str, ...]:
    """The tokens in our ids, the last one first; whether they are valid is for others to say."""
    tokens = [
        match["token"].lower()
        for match in _ID.finditer(references)
        if match["token"] and match["domain"].lower() == domain.lower()
    ]
    return tuple(reversed(tokens))
