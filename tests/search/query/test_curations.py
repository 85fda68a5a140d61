from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document
from kb.search.lexicon.matching import shipped_lexicon
from kb.search.query.curations import Curations
from kb.search.searcher import Searcher
from tests.search.library import document

PAGES = [
    document("doc/reset", "Reset your password", "Open the sign-in page and choose the link."),
    document("doc/expiry", "When a password expires", "It expires after ninety days."),
    document("doc/single", "Single sign-on", "Ask your administrator for the identity provider."),
    document("doc/invoice", "Find an invoice", "Invoices stand under billing."),
    document("doc/rules", "Password rules of our staff", "Internal.", audience="staff"),
]


def _searcher(data: Path, curations: dict[str, Any], pages: list[Document] = PAGES) -> Searcher:
    with IndexBuilder(data) as builder:
        for page in pages:
            builder.add(page)
        builder.curations = curations
        builder.publish(ledger={}, settings={})
    return Searcher(data, budget_ms=60_000)


def _rule(**row: Any) -> dict[str, Any]:
    return {"queries": [row]}


def test_a_pinned_page_comes_first_and_says_why(tmp_path: Path) -> None:
    searcher = _searcher(tmp_path, _rule(query=["password"], pin=["doc/invoice", "doc/expiry"]))
    hits = searcher.suggest("password", explain=True).hits
    assert [hit.id for hit in hits] == ["doc/invoice", "doc/expiry", "doc/reset"]
    assert hits[0].explain["pin"] > hits[1].explain["pin"] > 1
    assert "pin" not in hits[2].explain
    assert [hit.id for hit in searcher.search("password").hits][:2] == ["doc/invoice", "doc/expiry"]


def test_a_pinned_page_is_suggested_even_where_nothing_else_would_be(tmp_path: Path) -> None:
    searcher = _searcher(tmp_path, _rule(query=["zzz refund"], pin=["doc/invoice"]))
    assert [hit.id for hit in searcher.suggest("zzz refund").hits] == ["doc/invoice"]


def test_a_rule_holds_for_the_whole_query_or_wherever_its_words_occur() -> None:
    rule = {"query": ["passwords"], "pin": ["doc/invoice"]}
    exact = Curations(_rule(**rule))
    containing = Curations(_rule(**rule, match="contains"))
    assert exact.decide("the password").pin == ("doc/invoice",)
    assert exact.decide("password lost").pin == ()
    assert containing.decide("password lost").pin == ("doc/invoice",)
    assert containing.decide("lost").pin == ()


def test_a_hidden_page_is_neither_suggested_nor_found(tmp_path: Path) -> None:
    searcher = _searcher(tmp_path, _rule(query=["password"], hide=["doc/expiry"]))
    assert "doc/expiry" not in [hit.id for hit in searcher.suggest("password").hits]
    results = searcher.search("password")
    assert [hit.id for hit in results.hits] == ["doc/reset"]
    assert results.total == 1
    assert searcher.article("doc/expiry").title == "When a password expires"


def test_a_boost_multiplies_the_score_and_is_explained(tmp_path: Path) -> None:
    plain = _searcher(tmp_path / "a", {}).search("password", explain=True).hits
    last = plain[-1]
    boosted = _searcher(tmp_path / "b", _rule(query=["password"], boost={last.id: 3.0})).search(
        "password", explain=True
    )
    assert boosted.hits[0].id == last.id
    assert boosted.hits[0].explain["boost"] == pytest.approx(2 * last.score)


def test_a_pin_shows_nothing_that_the_asker_may_not_see(tmp_path: Path) -> None:
    searcher = _searcher(tmp_path, _rule(query=["password"], pin=["doc/rules"]))
    assert "doc/rules" not in [
        hit.id for hit in (*searcher.suggest("password").hits, *searcher.search("password").hits)
    ]
    assert searcher.suggest("password", audience="staff").hits[0].id == "doc/rules"


def test_synonyms_work_both_ways_or_one_way(tmp_path: Path) -> None:
    both = {"synonyms": [{"words": ["kassenzettel", "invoice"]}]}
    one_way = {"synonyms": [{"from": ["SSO"], "to": ["single sign-on"]}]}
    assert _searcher(tmp_path / "none", {}).search("kassenzettel").total == 0
    assert [hit.id for hit in _searcher(tmp_path / "both", both).search("kassenzettel").hits] == [
        "doc/invoice"
    ]
    searcher = _searcher(tmp_path / "one", one_way)
    assert searcher.search("SSO").hits[0].id == "doc/single"
    assert searcher.suggest("sso").hits[0].id == "doc/single"


def test_stop_phrases_do_not_rank_but_never_leave_nothing() -> None:
    curations = Curations({"stop_phrases": ["how do I", "please help"]})
    assert curations.trimmed("How do  I find an invoice, please help!").split() == [
        "find",
        "an",
        "invoice,",
        "!",
    ]
    assert curations.trimmed("please help") == "please help"
    assert curations.trimmed("show do information") == "show do information"


def test_without_curations_nothing_changes() -> None:
    empty = Curations({})
    assert empty.lexicon is shipped_lexicon()
    assert not empty.decide("a b")
    assert empty.trimmed("a b") == "a b"


def test_a_site_takes_words_out_of_the_lexicon(tmp_path: Path) -> None:
    pages = [document("doc/team", "Add a colleague", "Each one costs extra.")]
    assert _searcher(tmp_path / "shipped", {}, pages).search("coworkers").total == 1
    for removed in ("coworker", "Colleague"):
        curations = {"no_synonyms": [removed]}
        assert _searcher(tmp_path / removed, curations, pages).search("coworkers").total == 0


@given(st.text(max_size=60), st.lists(st.text(max_size=12), min_size=2, max_size=3))
def test_any_query_and_any_synonyms_are_accepted(text: str, synonyms: list[str]) -> None:
    curations = Curations(
        {
            "synonyms": [{"words": synonyms}],
            "no_synonyms": synonyms[:1],
            "stop_phrases": [word for word in synonyms if word.strip()],
        }
    )
    assert all(reading.meanings for reading in curations.lexicon.readings(text))
    assert isinstance(curations.trimmed(text), str)
