"""Drafts of articles: Markdown files in the words of the people who asked. They are not indexed.

The sections are those of Knowledge-Centered Service (KCS v6 Practices Guide, "Structure for
Reuse"). The draft for a gap holds only what more than one person typed, so that no private fact
gets in; that of a ticket is made by ``ticket_draft``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from kb.errors import Conflict, Unavailable

#: The folder of drafts below the content folder: no source of the index.
DRAFT_FOLDER = "drafts"
#: Heading -> what belongs below it.
_SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "Issue": "What the customer sees, in their words.",
        "Environment": "Product, version, platform.",
        "Resolution": "The steps, one at a time.",
        "Cause": "Why it happens.",
    }
)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def draft_name(title: str) -> str:
    """A file name from the title.

    >>> draft_name("Export à PDF fails!")
    'export-a-pdf-fails.md'
    """
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    return f"{_NOT_IN_NAMES.sub('-', plain).strip('-')[:80] or 'draft'}.md"


def draft_text(
    title: str,
    aliases: Sequence[str],
    today: dt.date,
    sections: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The file: front matter with the customers' wordings as aliases, and the sections; those
    without a text say what belongs there.
    """
    title = title[:1].upper() + title[1:]
    lines = ["---", f"title: {_quoted(title)}"]
    if aliases:
        lines += ["aliases:", *(f"  - {_quoted(alias)}" for alias in aliases)]
    lines += ["audience: public", f"updated: {today.isoformat()}", "---", "", f"# {title}", ""]
    for heading, hint in _SECTIONS.items():
        lines += [f"## {heading}", "", sections.get(heading) or f"<!-- {hint} -->", ""]
    return "\n".join(lines)


def save_draft(content: Path, title: str, text: str) -> str:
    """Saves a new file in the folder of drafts, and returns its name.

    Raises Conflict for one that is there already, Unavailable when it cannot be written.
    """
    path = content / DRAFT_FOLDER / draft_name(title)
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"There is already a draft {DRAFT_FOLDER}/{path.name}.") from None
    except OSError as error:
        raise Unavailable(
            f"The draft could not be saved in {DRAFT_FOLDER}: {error.strerror}. Give the portal "
            "write access to this folder."
        ) from error
    return path.name


def _quoted(text: str) -> str:
    """A YAML text in one line: JSON's are a subset of them."""
    return json.dumps(text, ensure_ascii=False)
