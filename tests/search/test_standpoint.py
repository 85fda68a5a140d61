"""What a form says of its reader decides between pages that fit alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.search.searcher import Searcher
from kb.search.standpoint import ANYWHERE, Standpoint
from tests.search.library import document, searcher


@pytest.fixture
def centre(tmp_path: Path) -> Searcher:
    pages = [
        document("doc/press", "Reset a password", "Press, then hold.", product="press"),
        document("doc/still", "Reset a password", "Boil, then wait.", product="Still"),
        document("doc/any", "Reset a password of your account", "Ask for a link."),
        document("doc/old", "Move the archive", "By hand, one by one.", versions=("1.0",)),
        document("doc/new", "Move the archive", "With a button.", versions=("2.0", "3.0")),
    ]
    return searcher(tmp_path, pages, operators=False)


def suggested(centre: Searcher, text: str, standpoint: Standpoint = ANYWHERE) -> list[str]:
    return [hit.id for hit in centre.suggest(text, standpoint=standpoint).hits]


def test_pages_about_other_products_are_not_suggested(centre: Searcher) -> None:
    text = "reset a password"
    assert set(suggested(centre, text)) == {"doc/press", "doc/still", "doc/any"}
    of_press = suggested(centre, text, Standpoint(products=("press", "The Press")))
    assert set(of_press) == {"doc/press", "doc/any"}
    assert set(suggested(centre, text, Standpoint(products=("STILL",)))) == {"doc/still", "doc/any"}


def test_a_product_that_no_page_is_about_changes_nothing(centre: Searcher) -> None:
    text = "reset a password"
    assert suggested(centre, text, Standpoint(products=("kettle",))) == suggested(centre, text)


@pytest.mark.parametrize(("version", "first"), [("1.0", "doc/old"), ("3.0", "doc/new")])
def test_pages_about_other_versions_come_later(centre: Searcher, version: str, first: str) -> None:
    assert suggested(centre, "move the archive", Standpoint(version=version))[0] == first
