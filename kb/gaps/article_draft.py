"""The draft of an article for a gap: a Markdown file in the words of those who asked. Pure.

The sections are those of Knowledge-Centered Service (KCS v6 Practices Guide, "Structure for
Reuse"). Only what more than one person typed is in it, so that no private fact gets in.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata

from kb.gaps.gaps import Gap

#: The folder of drafts below the content folder: no source of the index.
DRAFT_FOLDER = "drafts"
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def draft_name(gap: Gap) -> str:
    """A file name from the title.

    >>> from kb.gaps.gaps import GapCause
    >>> draft_name(Gap("Export à PDF fails!", 3, 1, GapCause.WRITING))
    'export-a-pdf-fails.md'
    """
    plain = unicodedata.normalize("NFKD", gap.title.casefold()).encode("ascii", "ignore").decode()
    return f"{_NOT_IN_NAMES.sub('-', plain).strip('-')[:80] or 'draft'}.md"


def draft_text(gap: Gap, today: dt.date) -> str:
    """The file: front matter with the customers' wordings as aliases, and empty sections."""
    title = gap.title[:1].upper() + gap.title[1:]
    lines = ["---", f"title: {_quoted(title)}"]
    if gap.aliases:
        lines += ["aliases:", *(f"  - {_quoted(alias)}" for alias in gap.aliases)]
    lines += ["audience: public", f"updated: {today.isoformat()}", "---", "", f"# {title}", ""]
    for heading, hint in (
        ("Issue", "What the customer sees, in their words."),
        ("Environment", "Product, version, platform."),
        ("Resolution", "The steps, one at a time."),
        ("Cause", "Why it happens."),
    ):
        lines += [f"## {heading}", "", f"<!-- {hint} -->", ""]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A YAML text in one line: JSON's are a subset of them."""
    return json.dumps(text, ensure_ascii=False)
