"""How are things named so that the name outlives a rename of the title?

Document ids are ``<kind>/<slug>``, section ids add ``#anchor``, ticket numbers are ``KB-1042``.
Nothing here reads or stores anything.
"""

from __future__ import annotations

import functools
import re
import unicodedata

TICKET_PREFIX = "KB-"
_SUFFIX = re.compile(
    r"\.(md|markdown|html?|json|xml|rst|ya?ml|mbox|pdf|docx)(\.gz)?$", re.IGNORECASE
)
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
def part(name: str) -> str:
    """The slug of a part of a path, remembered: the same folders come again and again."""
    return slug(name)


def document_id(kind: str, name: str) -> str:
    """``doc`` and ``guides/Install.md`` give ``doc/guides/install``: the path inside the portal's
    ``/help/``.
    """
    stem = _SUFFIX.sub("", name)
    parts = [
        part(name) for name in stem.replace("\\", "/").split("/") if name not in ("", ".", "..")
    ]
    return "/".join([kind, *(parts or ["untitled"])])


def ticket_number(serial: int) -> str:
    """1042 -> ``KB-1042``."""
    return f"{TICKET_PREFIX}{serial}"


def ticket_serial(number: str) -> int | None:
    """``KB-1042``, ``kb-1042`` or ``1042`` -> 1042; anything else -> None."""
    match = _TICKET.fullmatch(number.strip())
    return int(match[1]) if match else None
