from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document
from kb.search.query.curations import Curations
from kb.search.query_terms import QueryTerm
from kb.search.searcher import Searcher
from tests.search.library import document

PAGES = [
    document("doc/reset", "Reset your password", "Open the sign-in page and choose the link."),
    document("doc/expiry", "When a password expires", "It expires after ninety days."),
    document("doc/single", "Single sign-on", "Ask your administrator for the identity provider."),
    document("doc/invoice", "Find an invoice", "Invoices stand under billing."),
    document("doc/rules", "Password rules of our staff", "Internal.", audience="staff"),
]


def _searcher(data: Path, decided: dict[str, Any], pages: list[Document] = PAGES) -> Searcher:
    with IndexBuilder(data) as builder:
        for page in pages:
            builder.add(page)
        builder.curations = decided
        builder.publish(ledger={}, settings={})
    return Searcher(data, budget_ms=5000)


def _rule(**row: Any) -> dict[str, Any]:
    return {"queries": [row]}


def test_a_pinned_page_comes_first_and_says_why(tmp_path: Path) -> None:
    found = _searcher(tmp_path, _rule(query=["password"], pin=["doc/invoice", "doc/expiry"]))
    hits = found.suggest("password", explain=True).hits
    assert [hit.id for hit in hits] == ["doc/invoice", "doc/expiry", "doc/reset"]
    assert hits[0].explain["pin"] > hits[1].explain["pin"] > 1
    assert "pin" not in hits[2].explain
    assert [hit.id for hit in found.search("password").hits][:2] == ["doc/invoice", "doc/expiry"]


def test_a_pin_shows_even_where_nothing_would_be_suggested(tmp_path: Path) -> None:
    found = _searcher(tmp_path, _rule(query=["zzz refund"], pin=["doc/invoice"]))
    assert [hit.id for hit in found.suggest("zzz refund").hits] == ["doc/invoice"]


def test_a_rule_holds_for_the_whole_query_or_wherever_its_words_stand(tmp_path: Path) -> None:
    rule = {"query": ["passwords"], "pin": ["doc/invoice"]}
    whole = Curations(_rule(**rule))
    anywhere = Curations(_rule(**rule, match="contains"))
    assert whole.decide("the password").pin == ("doc/invoice",)
    assert whole.decide("password lost").pin == ()
    assert anywhere.decide("password lost").pin == ("doc/invoice",)
    assert anywhere.decide("lost").pin == ()


def test_what_is_hidden_is_neither_suggested_nor_found(tmp_path: Path) -> None:
    found = _searcher(tmp_path, _rule(query=["password"], hide=["doc/expiry"]))
    assert "doc/expiry" not in [hit.id for hit in found.suggest("password").hits]
    answer = found.search("password")
    assert [hit.id for hit in answer.hits] == ["doc/reset"]
    assert answer.total == 1
    assert found.article("doc/expiry").title == "When a password expires"


def test_a_boost_multiplies_the_score_and_is_explained(tmp_path: Path) -> None:
    plain = _searcher(tmp_path / "a", {}).search("password", explain=True).hits
    last = plain[-1]
    boosted = _searcher(tmp_path / "b", _rule(query=["password"], boost={last.id: 3.0})).search(
        "password", explain=True
    )
    assert boosted.hits[0].id == last.id
    assert boosted.hits[0].explain["boost"] == pytest.approx(2 * last.score)


def test_a_pin_shows_nothing_that_the_asker_may_not_see(tmp_path: Path) -> None:
    found = _searcher(tmp_path, _rule(query=["password"], pin=["doc/rules"]))
    assert "doc/rules" not in [
        hit.id for hit in (*found.suggest("password").hits, *found.search("password").hits)
    ]
    assert found.suggest("password", audience="staff").hits[0].id == "doc/rules"


def test_synonyms_work_both_ways_or_one_way(tmp_path: Path) -> None:
    both = {"synonyms": [{"words": ["receipt", "invoice"]}]}
    one = {"synonyms": [{"from": ["SSO"], "to": ["single sign-on"]}]}
    assert _searcher(tmp_path / "none", {}).search("receipt").total == 0
    assert [hit.id for hit in _searcher(tmp_path / "both", both).search("receipt").hits] == [
        "doc/invoice"
    ]
    found = _searcher(tmp_path / "one", one)
    assert found.search("SSO").hits[0].id == "doc/single"
    assert found.suggest("sso").hits[0].id == "doc/single"


def test_stop_phrases_do_not_rank_but_never_leave_nothing() -> None:
    decided = Curations({"stop_phrases": ["how do I", "please help"]})
    assert decided.trimmed("How do  I find an invoice, please help!").split() == [
        "find",
        "an",
        "invoice,",
        "!",
    ]
    assert decided.trimmed("please help") == "please help"
    assert decided.trimmed("show do information") == "show do information"


def test_without_decisions_nothing_changes(tmp_path: Path) -> None:
    none = Curations({})
    meanings = (QueryTerm("a", (1,), (1.0,)),)
    assert none.widened("a b", meanings, lambda _: 3) is meanings
    assert not none.decide("a b")
    assert none.trimmed("a b") == "a b"


@given(st.text(max_size=60), st.lists(st.text(max_size=12), min_size=2, max_size=3))
def test_any_query_and_any_words_are_read(text: str, same: list[str]) -> None:
    decided = Curations(
        {"synonyms": [{"words": same}], "stop_phrases": [w for w in same if w.strip()]}
    )
    meanings = decided.widened(text, (QueryTerm("a", (1,), (1.0,)),), lambda word: len(word))
    assert all(
        len(meaning.stems) == len(meaning.shares) == len(set(meaning.stems)) for meaning in meanings
    )
    assert isinstance(decided.trimmed(text), str)
