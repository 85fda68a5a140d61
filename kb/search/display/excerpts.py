"""Excerpts: prose is quoted before tables, and code only to those who typed code.

Regions tell where the code samples and tables of a passage are. An index of an earlier version has
none: there everything is prose. Pure.
"""

from __future__ import annotations

from kb.search.analysis.passages import SectionPassage, text_without
from kb.search.display.snippets import Matches, passage
from kb.search.documents import RegionKind
from kb.search.results import Passage

_CODE = frozenset({RegionKind.CODE})
_CODE_AND_TABLES = frozenset({RegionKind.CODE, RegionKind.TABLE})


def excerpt(stored: SectionPassage, matches: Matches) -> Passage:
    """The excerpt of all that is in a passage."""
    return _shown(stored, stored.text, matches)


def prose_excerpt(
    stored: SectionPassage, matches: Matches, *, tables: bool = False
) -> Passage | None:
    """The excerpt of what is no code and, without ``tables``, in no table; None when all is."""
    text = text_without(stored, _CODE if tables else _CODE_AND_TABLES)
    return _shown(stored, text, matches) if text else None


def has_code_or_tables(stored: SectionPassage) -> bool:
    return any(region.kind in _CODE_AND_TABLES for region in stored.regions)


def _shown(stored: SectionPassage, text: str, matches: Matches) -> Passage:
    return passage(" ".join(text.split()), stored.anchor, stored.path, matches)
