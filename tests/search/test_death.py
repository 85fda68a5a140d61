"""Queries that have killed search engines are answered, and the work they can cause is bounded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search import weights
from kb.search.query.expansion import MAX_QUERY_WORDS
from kb.search.query.parser import MAX_OPERATORS, MAX_QUERY_LENGTH, parse_query
from kb.search.results import results_json, suggestions_json
from kb.search.searcher import Searcher
from tests.search.death import QUERIES
from tests.search.library import document, searcher


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    many = [
        document(f"doc/{i:03}", f"w{i:05} word title", f"Word number w{i:05}, a page of text.")
        for i in range(300)
    ]
    return searcher(tmp_path_factory.mktemp("death"), many)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_query_of_death_is_answered(centre: Searcher, query: str) -> None:
    found = centre.search(query)
    assert found.total >= len(found.hits)
    assert len(centre.suggest(query).hits) <= 5
    for answer in (results_json(found), suggestions_json(centre.suggest(query))):
        assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_the_work_of_a_query_is_bounded(centre: Searcher, query: str) -> None:
    parsed = parse_query(query)
    assert len(parsed.words) <= MAX_QUERY_LENGTH
    assert len(parsed.operators) <= MAX_OPERATORS
    expanded = (
        centre._current().index.reader("public").expand(query[:MAX_QUERY_LENGTH], prefix=True)
    )
    assert len(expanded.terms) + len(expanded.unknown) <= MAX_QUERY_WORDS + 1
    assert all(len(term.stems) <= weights.COMPLETIONS for term in expanded.terms)


@given(st.text(max_size=80))
def test_any_text_is_answered(centre: Searcher, query: str) -> None:
    assert centre.search(query).total >= 0
    assert len(centre.suggest(query).hits) <= 5
