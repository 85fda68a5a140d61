"""Changelogs are recognised, and rank below guides unless they are asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kb.search.analysis.changelogs import asks_for_changes, is_changelog
from kb.search.documents import Section
from tests.search.library import document, published, searcher


def headings(*names: str) -> tuple[Section, ...]:
    return tuple(Section(name, ("Product", name), "Fixed a typo.") for name in names)


@pytest.mark.parametrize(
    ("title", "more", "expected"),
    [
        ("Release notes", {}, True),
        ("What’s new in the editor", {}, True),
        ("E.15. Release 15.9", {}, True),
        ("Versionshinweise", {}, True),
        ("Product", {"source": "docs/CHANGELOG.md"}, True),
        ("Spring", {"source": "docs/release-notes/spring.md"}, True),
        ("Product", {"sections": headings("1.2", "[1.1.0] - 2026-03-01", "v1.0.1")}, True),
        ("Product", {"sections": headings("March 2026", "February 2026", "Jan 3, 2026")}, True),
        ("Product", {"sections": headings("Install", "1.1.0", "Upgrade", "Remove")}, False),
        ("Change your password", {}, False),
        ("Release a lock", {}, False),
        ("Upgrade to 2.0", {"source": "docs/upgrade.md"}, False),
    ],
)
def test_lists_of_changes_are_recognised(
    title: str, more: dict[str, Any], *, expected: bool
) -> None:
    assert is_changelog(replace(document("doc/a", title), **more)) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("what is new", True),
        ("whats new in the editor", True),
        ("changes since last year", True),
        ("export 2.4", True),
        ("release notes", True),
        ("change my password", False),
        ("i cannot export", False),
        ("port 8000", False),
    ],
)
def test_questions_about_changes_are_recognised(query: str, *, expected: bool) -> None:
    assert asks_for_changes(query) is expected


GUIDE = document("doc/guide", "Work with tables", "Choose Export to get the table as a file.")
CHANGES = document(
    "doc/changelog", "Changelog", "Export tables as a file. Fixed export of a file of tables."
)


def test_a_changelog_is_first_only_where_it_is_asked_for(tmp_path: Path) -> None:
    asked = searcher(tmp_path, [GUIDE, CHANGES], operators=False)
    hits = asked.search("export tables as a file", explain=True).hits
    assert [hit.id for hit in hits] == ["doc/guide", "doc/changelog"]
    assert hits[1].explain["changelog"] < 0
    hits = asked.search("what is new about export of tables as a file", explain=True).hits
    assert all("changelog" not in hit.explain for hit in hits)


def test_what_is_carried_over_stays_a_changelog(tmp_path: Path) -> None:
    asked = searcher(tmp_path, [GUIDE, CHANGES], operators=False)
    published(tmp_path, [], [GUIDE.id, CHANGES.id])
    (changes,) = (hit for hit in asked.search("export", explain=True).hits if hit.id == CHANGES.id)
    assert changes.explain["changelog"] < 0
