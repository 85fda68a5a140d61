"""Excerpts quote prose before tables, and code only to those who typed code."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.search.documents import Document, DocumentKind, Region, RegionKind, Section
from kb.search.results import Passage
from kb.search.searcher import Searcher
from tests.search.library import searcher

SAMPLE = "uid: reset-password\ntitle: Reset your password"
TABLE = "Field | Meaning\nuid | the name of the reset-password page"


def section(*parts: tuple[RegionKind | None, str], anchor: str = "") -> Section:
    text, regions = "", []
    for kind, part in parts:
        start = len(text) + 2 if text else 0
        text = f"{text}\n\n{part}" if text else part
        if kind is not None:
            regions.append(Region(kind, start, len(text)))
    return Section(anchor, (anchor,) if anchor else (), text, tuple(regions))


ARTICLE = Document(
    "doc/write",
    DocumentKind.DOC,
    "Write an article",
    (
        section(
            (None, "An article is one file."),
            (RegionKind.CODE, SAMPLE),
            (None, "Write the rest below."),
        ),
        section((RegionKind.CODE, "kb index --reset_all"), anchor="Sample"),
        section((RegionKind.TABLE, TABLE), anchor="Fields"),
    ),
)
ONLY_CODE = Document(
    "doc/code",
    DocumentKind.DOC,
    "Listing",
    (section((RegionKind.CODE, "zephyrion --start now")),),
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return searcher(tmp_path_factory.mktemp("data"), [ARTICLE, ONLY_CODE], operators=False)


def shown(asked: Searcher, query: str, document: str = "doc/write") -> Passage:
    (hit,) = (hit for hit in asked.search(query).hits if hit.id == document)
    return hit.passage


def test_prose_is_shown_rather_than_the_sample_that_holds_the_words(asked: Searcher) -> None:
    passage = shown(asked, "reset your password article")
    assert passage.text == "An article is one file. … Write the rest below."


def test_a_table_is_shown_where_no_prose_says_as_much(asked: Searcher) -> None:
    assert "the name of the" in shown(asked, "field meaning name").text


def test_near_a_passage_of_code_prose_is_shown(asked: Searcher) -> None:
    passage = shown(asked, "index sample")
    assert "kb index" not in passage.text
    assert passage.text


def test_code_is_shown_to_those_who_typed_code(asked: Searcher) -> None:
    passage = shown(asked, "reset_all")
    assert passage.text == "kb index --reset_all"
    assert passage.anchor == "Sample"


def test_who_types_a_version_typed_no_code(asked: Searcher) -> None:
    assert "kb index" not in shown(asked, "index sample 2.1").text


def test_a_page_of_code_shows_its_code(asked: Searcher) -> None:
    assert shown(asked, "start zephyrion", "doc/code").text == "zephyrion --start now"


def test_what_is_found_without_regions_is_shown_as_it_is(tmp_path: Path) -> None:
    plain = Document("doc/old", DocumentKind.DOC, "Old", (Section("", (), SAMPLE),))
    asked = searcher(tmp_path, [plain], operators=False)
    assert shown(asked, "reset", "doc/old").text == " ".join(SAMPLE.split())
