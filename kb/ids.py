"""Ids that outlive a change of title: documents, tickets, and the slugs that they are made of.

Document ids are ``<kind>/<slug>``; ``#anchor`` behind one names a section. Ticket numbers are
``KB-1042``. Nothing here reads or stores anything.
"""

from __future__ import annotations

import functools
import re
import unicodedata
import zlib

TICKET_PREFIX = "KB-"
_SUFFIX = re.compile(
    r"\.(md|markdown|html?|json|xml|rst|ya?ml|mbox|pdf|docx)(\.gz)?$", re.IGNORECASE
)
_DOCUMENT_ID = re.compile(r"[\w./-]{1,300}")
_TICKET = re.compile(r"(?:kb-)?(\d{1,12})", re.IGNORECASE)


def slug(text: str, *, limit: int = 80) -> str:
    """Lower-case words joined by ``-``; letters of every script survive; never empty.

    >>> slug("How do I reset my password?")
    'how-do-i-reset-my-password'
    """
    folded = unicodedata.normalize("NFKC", text).lower()
    words = re.findall(r"[\w]+", folded)
    return "-".join(words)[:limit].strip("-") or "untitled"


@functools.lru_cache(maxsize=20_000)
def path_part_slug(name: str) -> str:
    """The slug of a part of a path, cached: the same folders come again and again."""
    return slug(name)


def may_be_document_id(text: str) -> bool:
    """Whether ``text`` has the form of a document id; there may be no such document."""
    return bool(_DOCUMENT_ID.fullmatch(text))


def document_id(kind: str, name: str) -> str:
    """The id of the document in file ``name``, and its path below the portal's ``/help/``.

    >>> document_id("doc", "guides/Install.md")
    'doc/guides/install'
    """
    stem = _SUFFIX.sub("", name)
    parts = [
        path_part_slug(part)
        for part in stem.replace("\\", "/").split("/")
        if part not in ("", ".", "..")
    ]
    return "/".join([kind, *(parts or ["untitled"])])


def document_key(document_id: str) -> int:
    """A number of 63 bits for an id, the same in every generation: two CRC-32s of it."""
    raw = document_id.encode("utf-8", "surrogatepass")
    return (zlib.crc32(raw) << 31) ^ zlib.crc32(raw[::-1])


def ticket_number(serial: int) -> str:
    """The number that people see.

    >>> ticket_number(1042)
    'KB-1042'
    """
    return f"{TICKET_PREFIX}{serial}"


def ticket_serial(number: str) -> int | None:
    """The serial of ``KB-1042``, ``kb-1042`` or ``1042``; None for anything else.

    >>> ticket_serial("kb-1042")
    1042
    """
    match = _TICKET.fullmatch(number.strip())
    return int(match[1]) if match else None
