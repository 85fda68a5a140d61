"""What people really type: identifiers, pasted errors, one character, scripts of every kind,
nothing but operators.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kb.errors import Invalid
from kb.search.searcher import Searcher
from tests.search.library import document, searcher

ERROR = "TypeError: Cannot read properties of undefined (reading 'fooBar')"
PAGES = (
    document("doc/install", "Install on Linux", "Run apt.", updated=dt.date(2025, 1, 1)),
    document("doc/ja", "日本語の検索", "パスワードをリセットする方法。"),
    document("doc/he", "איפוס סיסמה", "לחץ על הקישור"),
    document("doc/ar", "إعادة تعيين كلمة المرور", "اضغط على الرابط"),
    document("doc/emoji", "Reactions 👍 in chat", "Use 🎉 to celebrate."),
    document("doc/cafe", "Café opening", "naïve résumé"),
    document(
        "doc/error", "Builds fail on Windows", f"You see: `{ERROR}` at /usr/lib/app/main.js:42"
    ),
    document(
        "doc/prose",
        "Reading types",
        "Undefined values are read, and errors of properties cannot be found.",
    ),
    document("doc/en", "Reset a password", "Click the link.", language="en"),
    document("doc/de", "Reset a password", "Klicken Sie.", language="de"),
    document(
        "doc/v10", "Upgrade guide", "How to.", versions=("4.10",), updated=dt.date(2026, 1, 1)
    ),
    document(
        "doc/v11", "Upgrade guide", "How to.", versions=("4.11",), updated=dt.date(2024, 1, 1)
    ),
    document("doc/list", "List files", "Get-Process and Get-ChildItem -Recurse, KB_SEARCH_BUDGET"),
)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return searcher(tmp_path_factory.mktemp("data"), PAGES, operators=False)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        (ERROR, "doc/error"),
        ("/usr/lib/app/main.js", "doc/error"),
        ("get-childitem", "doc/list"),
        ("get-process", "doc/list"),
        ("kb_search_budget", "doc/list"),
        ("日", "doc/ja"),
        ("パスワード", "doc/ja"),
        ("סיסמה", "doc/he"),
        ("المرور", "doc/ar"),
        ("👍", "doc/emoji"),
        ("cafe", "doc/cafe"),
        ("i", "doc/install"),
        ("upgrade guide 4.11", "doc/v11"),
        ("upgrade guide 4.10", "doc/v10"),
    ],
)
def test_what_was_typed_finds_its_page_first(centre: Searcher, query: str, first: str) -> None:
    assert [hit.id for hit in centre.search(query).hits][:1] == [first]


@pytest.mark.parametrize("query", ["the", "and or", '- : "', "", "\0", "!!!"])
def test_words_that_say_nothing_find_nothing(centre: Searcher, query: str) -> None:
    assert centre.search(query).hits == ()
    assert centre.suggest(query).hits == ()


@pytest.mark.parametrize("language", ["en", "de"])
def test_among_alike_pages_the_readers_language_comes_first(
    centre: Searcher, language: str
) -> None:
    assert centre.search("reset a password", language=language).hits[0].id == f"doc/{language}"


def test_newest_first_on_request_and_pages_of_it_are_stable(centre: Searcher) -> None:
    newest = centre.search("upgrade install", sort="date").hits
    assert [hit.id for hit in newest] == ["doc/v10", "doc/install"]  # v11 says the same as v10
    pages = [
        centre.search("upgrade install", sort="date", page=page, per_page=1).hits[0].id
        for page in (1, 2)
    ]
    assert pages == ["doc/v10", "doc/install"]
    with pytest.raises(Invalid) as refused:
        centre.search("x", sort="votes")
    assert refused.value.field == "sort"


def test_parts_without_data_change_nothing(tmp_path: Path) -> None:
    plain = searcher(
        tmp_path,
        [document("doc/a", "Alpha words"), document("doc/b", "Beta words")],
        operators=False,
    )
    for hit in plain.search("alpha words", language="fr", explain=True).hits:
        assert not {
            "exact",
            "version",
            "language",
            "fresh",
            "votes",
            "topics",
            "kindred",
            "kind",
        } & set(hit.explain)
