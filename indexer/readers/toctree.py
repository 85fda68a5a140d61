"""Toctree: the pages that an index page of Sphinx or MyST lists, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from indexer.readers.metadata import Metadata

_DIRECTIVES = (
    re.compile(
        r"^(?P<indent>[ \t]*)\.\. toctree::.*\n(?P<lines>(?:(?P=indent)[ \t]+\S.*\n|[ \t]*\n)*)",
        re.M,
    ),
    re.compile(r"^(?P<fence>`{3,}|:{3,})\{toctree\}.*\n(?P<lines>(?:(?!(?P=fence)).*\n)*)", re.M),
)
_TITLED = re.compile(r".*<([^<>]{1,300})>$")
_MAX_ENTRIES = 1000


def listed_contents(body: str, metadata: Metadata) -> dict[str, Any]:
    """The field of the document that says what ``body`` lists, unless the front matter does."""
    extra = metadata.fields.get("extra", {})
    names = list(dict.fromkeys(_entries(body)))[:_MAX_ENTRIES]
    if not names or "contents" in extra:
        return {}
    return {"extra": {**extra, "contents": "\n".join(names)}}


def _entries(body: str) -> Iterator[str]:
    text = body + "\n"
    blocks = sorted(
        (match.start(), match["lines"]) for each in _DIRECTIVES for match in each.finditer(text)
    )
    for _, lines in blocks:
        for line in map(str.strip, lines.splitlines()):
            titled = _TITLED.match(line)
            entry = titled[1].strip() if titled else line
            if entry and not entry.startswith(":") and "://" not in entry and "*" not in entry:
                yield entry
