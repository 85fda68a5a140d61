"""Changelogs: pages that list what changed, release by release, and questions that ask for them.

Such pages name everything once, so they match every question and explain none. They are recognised
by their title, their address or the shape of their headings. Pure.
"""

from __future__ import annotations

import re

from kb.search.documents import Document

_VERSION = r"v?\d+(?:\.\d+)+[\w.+-]*"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


#: What a title has in it.
_TITLE = _any(
    r"\bchange ?log\b",
    r"\brelease (?:notes?|history)\b",
    r"\bversion history\b",
    r"\bwhat[’']?s new\b",
    rf"^(?:\S+ )?(?:release|version) {_VERSION}$",
    r"\b(?:änderungsprotokoll|versionshinweise)\b",
    r"\b(?:notes de version|journal des modifications)\b",
    r"\b(?:notas de (?:la )?versi[óo]n|registro de cambios)\b",
    r"\b(?:notas de (?:vers[ãa]o|lan[çc]amento))\b",
)
#: What the last part of an address is, or the folder that it is in.
_ADDRESS = _any(
    r"(?:^|/)(?:change[-_]?log|changes|news|release[-_]?(?:notes?|history)|whats[-_]?new)"
    r"(?:[-_]?v?\d[\w.-]*)?(?:\.\w+)?$",
    r"/(?:change[-_]?logs?|release[-_]?notes|releases)/[^/]+$",
)
#: A heading that is one release.
_RELEASE = _any(
    rf"^\W*(?:(?:version|release)\s+)?{_VERSION}\b",
    r"^\W*\d{4}-\d{2}(?:-\d{2})?\b",
    rf"^\W*(?:\d{{1,2}}\.?\s+)?{_MONTH}\.?\s+(?:\d{{1,2}},?\s+)?\d{{4}}\b",
    r"^\W*unreleased\W*$",
)
_MIN_RELEASES = 3
_MOST = 0.6  # of the headings of one level
#: What somebody types who wants to know what changed, or has a version in mind.
_ASKED = _any(
    r"\bchange ?logs?\b",
    r"\bwhat (?:has |have )?changed\b",
    r"\bchange[sd] (?:in|since|between|from)\b",
    r"\bwhat(?:[’']?s| is) new\b",
    r"\bnew (?:in|features?)\b",
    r"\breleases?d?\b",
    r"\bversion \d",
    r"\bv?\d+\.\d",
    r"\bv\d",
)


def is_changelog(document: Document) -> bool:
    """Whether a document lists what changed.

    By its title, its address, or headings that are versions or dates.
    """
    address = document.source or document.id
    if _TITLE.search(document.title) or _ADDRESS.search(address):
        return True
    by_level: dict[int, list[bool]] = {}
    for heading in dict.fromkeys(section.path for section in document.sections if section.path):
        is_release = _RELEASE.search(heading[-1]) is not None
        by_level.setdefault(len(heading), []).append(is_release)
    return any(
        sum(releases) >= _MIN_RELEASES and sum(releases) >= _MOST * len(releases)
        for releases in by_level.values()
    )


def asks_for_changes(query: str) -> bool:
    """Whether a query asks what changed, or names a version.

    >>> asks_for_changes("whats new in 2.0"), asks_for_changes("change my password")
    (True, False)
    """
    return _ASKED.search(query) is not None
