from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kb.errors import Invalid, NotFound, Unavailable
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, DocumentKind, Region, RegionKind, Section
from kb.search.generations.generation import Generation, Generations
from kb.search.results import results_json, suggestions_json
from kb.search.searcher import Searcher
from tests.search.library import document, publish, searcher


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return searcher(tmp_path_factory.mktemp("data"))


def ids(found: object) -> list[str]:
    return [hit.id for hit in found.hits]  # type: ignore[attr-defined]  # Results and Suggestions both


def test_a_half_typed_title_suggests_the_article_that_answers_it(centre: Searcher) -> None:
    for typed in ("port is already in u", "the port in use", "prot already in use"):
        assert ids(centre.suggest(typed))[:1] == ["doc/port"], typed
    assert ids(centre.suggest("how do i reset my pas"))[:1] == ["faq/password"]


def test_nothing_is_suggested_where_nothing_fits(centre: Searcher) -> None:
    assert ids(centre.suggest("what will the weather be like in paris tomorrow")) == []
    assert (
        ids(centre.suggest("")) == ids(centre.suggest("   \t")) == ids(centre.suggest("!!!")) == []
    )


def test_titles_that_begin_alike_are_listed_by_the_rest_and_then_by_id(tmp_path: Path) -> None:
    begins = "How to set the " + "very " * 12  # longer than what lists are sorted by first
    titles = {
        "a": f"{begins}10",
        "b": f"{begins}9",
        "d": f"{begins}9",
        "c": f"{begins}9",
        "e": "No",
    }
    publish(tmp_path, [document(name, title) for name, title in titles.items()])
    searcher = Searcher(tmp_path)
    _, hits = searcher.listing("public", "doc")
    assert [hit.id for hit in hits] == ["b", "c", "d", "a", "e"]
    for start, hit in enumerate(hits, 1):
        assert searcher.titled("public", "doc", after=(hit.title, hit.id), count=5)[0] == start


def test_a_hit_says_where_it_matched_and_leads_there(centre: Searcher) -> None:
    hit = centre.search("listens on port").hits[0]
    assert hit.url == "/help/doc/port"
    assert [hit.passage.text[a:b] for a, b in hit.passage.spans] == ["listens", "port", "KB_PORT"][
        :2
    ]


def test_the_excerpt_is_of_sentences_near_where_the_best_passage_is_code(tmp_path: Path) -> None:
    syntax = "ConvertTo-Json [-InputObject] <Object> [-Depth <Int32>] [-AsArray]"
    names = "ConvertTo-Json ConvertFrom-Json Test-Json"
    sections = (
        Section("syntax", ("Syntax",), syntax, (Region(RegionKind.CODE, 0, len(syntax)),)),
        Section(
            "about",
            ("Description",),
            "It converts an object to JSON down to the depth that you name. " * 5,
        ),
        Section("names", ("Names",), names, (Region(RegionKind.TABLE, 0, len(names)),)),
    )
    found = searcher(tmp_path, [Document("doc/json", DocumentKind.DOC, "ConvertTo-Json", sections)])
    for hit in (
        *found.search("convertto json depth").hits,
        *found.suggest("json test-js", doubt=-math.inf).hits,
    ):
        assert hit.url == "/help/doc/json#about"
        assert hit.passage.text.startswith("It converts an object to JSON")
    (only,) = found.search("AsArray").hits
    assert only.url == "/help/doc/json#syntax"  # code was typed


def test_a_solved_topic_stands_above_an_unsolved_one_like_it(centre: Searcher) -> None:
    assert ids(centre.search("suggestions kind:forum")) == ["forum/fast", "forum/slow"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"port 8000"', {"doc/port"}),
        ('"8000 port"', set()),
        ("suggestions -slow -script", {"forum/fast"}),
        ('product:"askfirst embed"', {"doc/embed"}),
        ("title:install", {"doc/install"}),
        ("version:0", {"doc/install"}),
        ("tag:account", {"faq/password"}),
        ("kind:faq", {"faq/password"}),
        ("kind:faq password", {"faq/password"}),
        ("kind:faq port", set()),
        ('"in use" -nothing', {"doc/port"}),
        ("-kind:doc -kind:forum", {"faq/password"}),
    ],
)
def test_operators_select(centre: Searcher, query: str, expected: set[str]) -> None:
    assert set(ids(centre.search(query))) == expected


def test_dates_select_half_open(tmp_path: Path) -> None:
    dated = [
        document(f"doc/{y}", f"Notes of {y}", updated=dt.date(y, 1, 1)) for y in (2024, 2025, 2026)
    ]
    found = searcher(tmp_path, dated)
    assert set(ids(found.search("before:2025"))) == {"doc/2024"}
    assert set(ids(found.search("after:2025-01-01"))) == {"doc/2025", "doc/2026"}


def test_filters_narrow_and_facets_show_what_another_choice_would_give(centre: Searcher) -> None:
    found = centre.search("suggestions", kind="forum")
    assert set(ids(found)) == {"forum/fast", "forum/slow"}
    assert found.total == 2
    assert found.facets["kind"] == {"doc": 1, "forum": 2}
    assert found.facets["product"] == {}


def test_pages_are_stable_and_out_of_reach_ones_refused(centre: Searcher) -> None:
    whole = ids(centre.search("suggestions port install", per_page=10))
    assert [
        i
        for page in (1, 2, 3)
        for i in ids(centre.search("suggestions port install", page=page, per_page=2))
    ] == whole
    with pytest.raises(Invalid, match="page 101"):
        centre.search("x", page=101)
    with pytest.raises(Invalid, match="kind must be doc, faq or forum"):
        centre.search("x", kind="blog")


def test_did_you_mean_is_offered_from_words_the_asker_may_see(centre: Searcher) -> None:
    assert centre.search("sugestions are slow").did_you_mean == "suggestions are slow"
    assert centre.search("zephyrio").did_you_mean is None


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("protocol prot", "protocol port"),
        ("pasword, Pasword", "password, password"),
        ("İ pasword", "İ password"),
        ("ﬁ PASWORD", "ﬁ password"),
        ("myPasword", "mypassword"),
        ("pro\u0301tocol pasword", "pro\u0301tocol password"),
    ],
)
def test_did_you_mean_changes_each_unknown_word_and_nothing_else(
    tmp_path: Path, query: str, meant: str
) -> None:
    pages = [document(f"doc/{i}", "The port and the password", "protocol") for i in range(3)]
    assert searcher(tmp_path, pages, operators=False).search(query).did_you_mean == meant


def test_an_explanation_adds_up_to_the_score(centre: Searcher) -> None:
    for hit in centre.search("slow suggestions", explain=True).hits:
        assert hit.explain
        assert sum(hit.explain.values()) == pytest.approx(hit.score)


def test_an_article_is_given_only_to_its_audience(centre: Searcher) -> None:
    assert centre.article("doc/runbook", audience="staff").title.startswith("Runbook")
    for audience in ("public", "customers", "partners", "some-group"):
        with pytest.raises(NotFound):
            centre.article("doc/runbook", audience=audience)
        assert "doc/runbook" not in json.dumps(
            results_json(centre.search("zephyrion runbook", audience=audience))
        )
    assert "doc/runbook" in ids(centre.search("zephyrion", audience="staff"))
    assert centre.counts("public") == {"doc": 4, "faq": 1, "forum": 2}
    assert centre.counts("staff") == {"doc": 5, "faq": 1, "forum": 2}


def test_related_articles_are_others(centre: Searcher) -> None:
    related = [hit.id for hit in centre.related("forum/slow")]
    assert "forum/fast" in related
    assert "forum/slow" not in related
    assert centre.related("doc/runbook") == ()


def test_lists_show_all_of_a_kind(centre: Searcher) -> None:
    total, hits = centre.listing("public", "forum")
    assert (total, [hit.id for hit in hits]) == (2, ["forum/fast", "forum/slow"])
    assert len(centre.listing("public", "doc", per_page=3, newest=True)[1]) == 3


def test_without_an_index_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    empty = Searcher(tmp_path)
    assert not empty.ready()
    with pytest.raises(Unavailable, match="run `kb index`"):
        empty.search("x")
    publish(tmp_path)
    assert empty.ready()


def test_an_answer_cut_short_says_so(tmp_path: Path) -> None:
    publish(tmp_path)
    hurried = Searcher(tmp_path, budget_ms=0)
    assert hurried.suggest("port already in use").partial


def test_where_the_only_index_is_damaged_the_file_is_named_and_what_to_do(tmp_path: Path) -> None:
    publish(tmp_path, operators=False)
    damaged = tmp_path / "index" / "gen-000001" / "words-000000.arrays"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    for _ in range(2):
        with pytest.raises(
            Unavailable, match=r"damaged.*000001.*words-000000\.arrays.*`kb index --full`"
        ) as told:
            Searcher(tmp_path).search("port")
        assert str(tmp_path) in told.value.sentence
    (damaged.parent / "manifest.json").write_text("{}")
    with pytest.raises(Unavailable, match=r"damaged.*manifest.*`kb index --full`"):
        Searcher(tmp_path).search("port")


def test_who_gives_suggestions_more_time_gives_it_to_every_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    seconds = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    hurried, patient = Searcher(tmp_path), Searcher(tmp_path, budget_ms=60_000)
    for query in ("port", '"port 8000" in use'):
        assert hurried.search(query).partial
        assert not patient.search(query).partial
    assert patient.related("forum/slow")


def test_opening_a_generation_takes_nothing_from_the_time_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, operators=False)
    clock, opened = [0.0], Generations.current

    def slowly(generations: Generations, *, trusted: bool) -> Generation | None:
        clock[0] += 10
        return opened(generations, trusted=trusted)

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Generations, "current", slowly)
    assert not Searcher(tmp_path).suggest("port already in use").partial
    assert clock == [10]


def test_while_one_request_opens_a_generation_the_others_are_answered(tmp_path: Path) -> None:
    publish(tmp_path, operators=False)
    found = Searcher(tmp_path, budget_ms=60_000)
    assert found.generation == "000001"
    publish(tmp_path, operators=False)
    found._checked_at = float("-inf")
    with ThreadPoolExecutor(1) as other:
        with found._lock:
            answer = other.submit(found.suggest, "reset my password")
            try:
                assert answer.result(timeout=30).generation == "000001"
            finally:
                found._checked_at = float("inf")  # should it wait for the lock, let it go
        found._checked_at = float("-inf")
        assert found.suggest("reset my password").generation == "000002"


def test_who_never_asked_before_is_answered_by_a_generation_that_is_no_longer_kept(
    tmp_path: Path,
) -> None:
    publish(tmp_path, operators=False)
    found = Searcher(tmp_path, budget_ms=60_000)
    assert found.search("port", operators=False).hits
    with IndexBuilder(tmp_path, keep=1, operators=False) as builder:
        builder.publish(ledger={}, settings={})
    found._checked_at = float("inf")
    assert ids(found.suggest("zephyrion outages", audience="staff"))[0] == "doc/runbook"


AUDIENCE = st.sampled_from(["public", "public", "staff", "customers"])
WORD = st.sampled_from(["alpha", "beta", "gamma", "deltas", "delta", "epsilon", "zephyrion"])
TEXT = st.lists(WORD, min_size=1, max_size=8).map(" ".join)
ROWS = st.lists(
    st.tuples(TEXT, TEXT, AUDIENCE, st.sampled_from(list(DocumentKind))), min_size=1, max_size=8
)


@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS, TEXT)
def test_nothing_hidden_changes_one_byte_of_an_answer(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str, DocumentKind]],
    query: str,
) -> None:
    every = [
        document(f"{kind}/{i}", title, text, kind=kind, audience=audience, tags=(audience,))
        for i, (title, text, audience, kind) in enumerate(rows)
    ]
    seen = [one for one in every if one.audience == "public"]
    answers = [
        _everything(searcher(tmp_path_factory.mktemp("d"), some), query, seen)
        for some in (every, seen)
    ]
    assert answers[0] == answers[1]


def _everything(found: Searcher, query: str, seen: list[Document]) -> str:
    """All that a public asker can get out of an index, as one text."""
    got: list[object] = [found.counts()]
    for text in (
        query,
        query[:5],
        query.replace("a", "o", 1),
        f'"{query}"',
        f"-{query}",
        "tag:staff",
        "zephyrio",
    ):
        got.append(results_json(found.search(text, explain=True)))
        got.append(suggestions_json(found.suggest(text, explain=True)))
    got += [[hit.id for hit in found.related(one.id)] for one in seen]
    return json.dumps(got, sort_keys=True)


@given(st.text(max_size=400))
def test_any_text_is_answered(centre: Searcher, text: str) -> None:
    assert centre.search(text).query == text
    assert centre.suggest(text).query == text


def test_a_suggestion_asked_again_is_the_same_until_something_is_published(tmp_path: Path) -> None:
    publish(tmp_path, operators=False)
    found = Searcher(tmp_path, budget_ms=60_000, remember=2)
    first = found.suggest("reset my pass")
    assert first.hits
    assert found.suggest("reset my pass") is first
    assert found.suggest("reset my pass", audience="staff") is not first
    for other in ("port", "embed", "backup"):  # more than are remembered
        found.suggest(other)
    assert found.suggest("reset my pass") == first
    publish(tmp_path, [document("doc/new", "Reset my pass")], operators=False)
    found._checked_at = float("-inf")
    assert [hit.id for hit in found.suggest("reset my pass").hits] == ["doc/new"]


def test_results_asked_again_are_the_same_until_something_is_published(tmp_path: Path) -> None:
    publish(tmp_path, operators=False)
    found = Searcher(tmp_path, budget_ms=60_000, remember=16)
    first = found.search("password")
    assert first.hits
    assert found.search("password") is first
    assert found.search("password", page=2) is not first
    for more in ({"audience": "staff"}, {"kind": "faq"}, {"language": "de"}, {"sort": "date"}):
        other = found.search("password", **more)  # type: ignore[arg-type]  # any of them
        assert other is not first
        assert found.search("password", **more) == other  # type: ignore[arg-type]
    assert found.search("password") == first
    publish(tmp_path, [document("doc/new", "Password")], operators=False)
    found._checked_at = float("-inf")
    assert [hit.id for hit in found.search("password").hits] == ["doc/new"]
