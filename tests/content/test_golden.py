"""The golden queries of content/golden.toml find their pages in the indexed help centre."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from kb.search.query.curation_file import read_curations
from kb.search.query.golden_file import read_golden_queries
from tests.content.conftest import Centre
from tests.content.pages import CONTENT

QUERIES: list[dict[str, Any]] = tomllib.loads((CONTENT / "golden.toml").read_text("utf-8"))[
    "queries"
]
ANSWERED = [query for query in QUERIES if "expect" in query]
SILENT = [query for query in QUERIES if query.get("nothing")]


def test_there_are_enough_queries_with_and_without_an_answer() -> None:
    assert len(QUERIES) >= 40
    assert len(SILENT) >= 5
    assert len(ANSWERED) + len(SILENT) == len(QUERIES)
    assert len({query["query"] for query in QUERIES}) == len(QUERIES)


def test_expected_pages_exist_and_are_public(centre: Centre) -> None:
    public = {name for name, document in centre.documents.items() if document.audience == "public"}
    assert {query["expect"] for query in ANSWERED} <= public


def test_the_publisher_reads_the_same_queries() -> None:
    read = read_golden_queries(CONTENT / "golden.toml")
    assert [(golden.query, golden.expect) for golden in read] == [
        (query["query"], (query["expect"],) if "expect" in query else ()) for query in QUERIES
    ]


def test_curations_are_accepted_and_name_pages_that_exist(centre: Centre) -> None:
    curations = read_curations(CONTENT / "curations.toml")
    assert curations.values["synonyms"]
    assert {id_ for id_, _ in curations.named} <= set(centre.documents)


@pytest.mark.parametrize("query", ANSWERED, ids=lambda query: query["query"])
def test_a_title_finds_its_page(centre: Centre, query: dict[str, Any]) -> None:
    hits = centre.searcher.suggest(query["query"], limit=query["top"]).hits
    assert query["expect"] in [hit.id for hit in hits]


@pytest.mark.parametrize("query", SILENT, ids=lambda query: query["query"])
def test_a_title_out_of_scope_shows_nothing(centre: Centre, query: dict[str, Any]) -> None:
    assert centre.searcher.suggest(query["query"]).hits == ()
