"""What every search engine does, run against each of them.

To add an engine, add it to ``ENGINES``. Queries go through ``Snapshot``, as those of visitors do.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kb.search import weights
from kb.search.documents import Document, DocumentKind
from kb.search.embedded import EmbeddedEngine
from kb.search.engine import IndexReader, SearchEngine
from kb.search.engines.opensearch.engine import OpenSearchEngine
from kb.search.query.parser import parse_query
from kb.search.results import Results, Suggestions
from kb.search.snapshot import Snapshot
from kb.search.standpoint import ANYWHERE, Standpoint
from tests.clusters import needs_opensearch, own_address
from tests.contracts.exhaustive_engine import ExhaustiveEngine
from tests.search.library import document

ENGINES: dict[str, Callable[[Path], SearchEngine]] = {
    "embedded": lambda data: EmbeddedEngine(data),
    "exhaustive": ExhaustiveEngine,
}
PARAMETERS = (*ENGINES, pytest.param("opensearch", marks=needs_opensearch))
DOCUMENTS = (
    document("doc/backup", "Back up the server", "Copy the folder every night.", tags=("disk",)),
    document(
        "doc/printer",
        "Printer offline",
        "Restart the printer.",
        product="Press",
        versions=("2.0",),
        updated=dt.date(2026, 1, 2),
    ),
    document("doc/secret", "Vault printer", "Zephyrion opens the vault.", audience="staff"),
    document("faq/printer", "Why is the printer slow?", "It warms up.", kind=DocumentKind.FAQ),
    document(
        "forum/one",
        "Printer jams",
        "Paper jams.",
        kind=DocumentKind.FORUM,
        solved=False,
        product="Press",
        updated=dt.date(2026, 3, 4),
    ),
    document("forum/two", "Printer jams", "Paper jams.", kind=DocumentKind.FORUM, solved=False),
)
CURATIONS: dict[str, Any] = {
    "queries": [
        {"query": ["paper"], "match": "is", "pin": ["doc/backup"], "hide": ["forum/one"]},
        {"query": ["slow"], "match": "is", "boost": {"faq/printer": 2.0}},
    ],
    "synonyms": [{"words": ["printer", "inkjet"]}],
    "stop_phrases": ["please help"],
}


@contextlib.contextmanager
def engine_named(name: str, data: Path) -> Iterator[SearchEngine]:
    if name != "opensearch":
        yield ENGINES[name](data)
        return
    with own_address() as address:
        engine = OpenSearchEngine(data, address)
        yield engine
        assert not engine.cluster.failure  # the cluster has answered everything


@pytest.fixture(params=PARAMETERS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchEngine]:
    with engine_named(request.param, tmp_path) as named:
        yield named


@pytest.fixture(scope="module", params=PARAMETERS)
def snapshot(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Snapshot]:
    """It never changes."""
    with engine_named(request.param, tmp_path_factory.mktemp("data")) as named:
        yield opened(named, DOCUMENTS)


def opened(engine: SearchEngine, documents: tuple[Document, ...]) -> Snapshot:
    with engine.writer() as writer:
        for each in documents:
            writer.add(each)
        writer.alias("old/printer", "doc/printer")
        writer.curations = CURATIONS
        writer.publish(ledger={}, settings={})
    generation = engine.generations.current()
    assert generation is not None
    return Snapshot(generation, engine.open(generation))


def search(snapshot: Snapshot, text: str, audience: str = "public", **more: Any) -> Results:
    options: dict[str, Any] = {
        "filters": {},
        "page": 1,
        "per_page": 10,
        "deadline": math.inf,
        "explain": False,
        "standpoint": ANYWHERE,
        "by_date": False,
    }
    return snapshot.search(parse_query(text), audience, **(options | more))


def suggest(snapshot: Snapshot, text: str, **more: Any) -> Suggestions:
    options: dict[str, Any] = {
        "limit": 10,
        "deadline": math.inf,
        "explain": False,
        "doubt": -math.inf,
        "standpoint": ANYWHERE,
    }
    return snapshot.suggest(text, "public", **(options | more))


def ids(answer: Results | Suggestions) -> list[str]:
    return [hit.id for hit in answer.hits]


PRINTERS = {"doc/printer", "faq/printer", "forum/one", "forum/two"}


def test_a_word_finds_the_documents_that_hold_it(snapshot: Snapshot) -> None:
    found = search(snapshot, "printer")
    assert set(ids(found)) == PRINTERS
    assert found.total == 4
    assert ids(search(snapshot, "folder")) == ["doc/backup"]
    assert ids(search(snapshot, "zephyrion")) == []


def test_an_unfinished_word_finds_what_it_may_become(snapshot: Snapshot) -> None:
    assert set(ids(suggest(snapshot, "pri"))) >= PRINTERS
    assert ids(suggest(snapshot, "fol"))[:1] == ["doc/backup"]


def test_what_an_audience_may_not_see_is_nowhere(snapshot: Snapshot) -> None:
    assert ids(search(snapshot, "vault")) == []
    assert "doc/secret" in ids(search(snapshot, "vault", "staff"))
    assert snapshot.counts("public") == {"doc": 2, "faq": 1, "forum": 2}
    assert snapshot.counts("staff") == {"doc": 3, "faq": 1, "forum": 2}
    assert snapshot.article("doc/secret", "public") is None
    assert snapshot.title("doc/secret", "public") is None
    assert snapshot.article("doc/secret", "staff") is not None


def test_an_old_id_leads_to_its_document(snapshot: Snapshot) -> None:
    article = snapshot.article("old/printer", "public")
    assert article is not None
    assert article.id == "doc/printer"
    assert snapshot.title("old/printer", "public") == article.title


def test_facets_count_under_all_filters_but_their_own(snapshot: Snapshot) -> None:
    found = search(snapshot, "printer", filters={"kind": "forum"})
    assert set(ids(found)) == {"forum/one", "forum/two"}
    assert found.facets["kind"] == {"doc": 1, "faq": 1, "forum": 2}
    assert found.facets["product"] == {"Press": 1}
    assert found.facets["version"] == {}
    assert ids(search(snapshot, "printer", filters={"version": "2.0"})) == ["doc/printer"]


def test_operators_select(snapshot: Snapshot) -> None:
    assert ids(search(snapshot, '"paper jams" -kind:doc', filters={"product": "Press"})) == [
        "forum/one"
    ]
    assert set(ids(search(snapshot, "printer -kind:forum"))) == {"doc/printer", "faq/printer"}


def test_by_date_the_newest_come_first(snapshot: Snapshot) -> None:
    assert ids(search(snapshot, "printer", by_date=True))[:2] == ["forum/one", "doc/printer"]


def test_equal_documents_stand_in_the_order_of_their_ids(snapshot: Snapshot) -> None:
    found = ids(search(snapshot, "jams", filters={"kind": "forum"}))
    assert found == ["forum/one", "forum/two"]
    assert found == ids(search(snapshot, "jams", filters={"kind": "forum"}))


def test_pages_are_cut_from_one_order(snapshot: Snapshot) -> None:
    whole = ids(search(snapshot, "printer"))
    pages = [ids(search(snapshot, "printer", page=page, per_page=2)) for page in (1, 2, 3)]
    assert pages == [whole[:2], whole[2:], []]


def test_editors_pin_hide_and_name_synonyms(snapshot: Snapshot) -> None:
    found = ids(search(snapshot, "paper"))
    assert found[0] == "doc/backup"
    assert "forum/one" not in found
    assert "forum/two" in found
    assert set(ids(search(snapshot, "inkjet"))) == PRINTERS
    assert ids(search(snapshot, "please help folder")) == ["doc/backup"]


def test_an_explanation_adds_up_and_changes_nothing(snapshot: Snapshot) -> None:
    explained = suggest(snapshot, "printer slow", explain=True)
    assert ids(explained) == ids(suggest(snapshot, "printer slow"))
    for hit in explained.hits:
        assert sum(hit.explain.values()) == pytest.approx(hit.score)


def test_spans_lie_in_the_text_and_hold_what_was_asked(snapshot: Snapshot) -> None:
    (hit,) = search(snapshot, "night").hits
    assert [hit.passage.text[start:end] for start, end in hit.passage.spans] == ["night"]


def test_others_like_a_document_do_not_hold_itself(snapshot: Snapshot) -> None:
    related = [hit.id for hit in snapshot.related("forum/one", "public", 5, deadline=math.inf)]
    assert related[0] == "forum/two"
    assert "forum/one" not in related


def test_lists_show_a_kind_by_title_or_newest_first(snapshot: Snapshot) -> None:
    total, hits = snapshot.listing("public", DocumentKind.FORUM, newest=False, start=0, count=5)
    assert (total, [hit.id for hit in hits]) == (2, ["forum/one", "forum/two"])
    _, hits = snapshot.listing("public", DocumentKind.DOC, newest=True, start=0, count=1)
    assert [hit.id for hit in hits] == ["doc/printer"]


def test_a_list_goes_on_after_a_title_that_may_be_gone(snapshot: Snapshot) -> None:
    _, hits = snapshot.listing("public", DocumentKind.FORUM, newest=False, start=0, count=5)
    for position, hit in enumerate(hits, 1):
        after = snapshot.position_after("public", DocumentKind.FORUM, hit.title, hit.id)
        assert after == position
        gone = snapshot.position_after("public", DocumentKind.FORUM, hit.title, hit.id + "x")
        assert gone == position
    assert snapshot.position_after("public", DocumentKind.FORUM, "", "") == 0


def test_machines_are_told_every_document_of_an_audience_once(snapshot: Snapshot) -> None:
    count, listed = snapshot.entries("public", start=0, count=100)
    assert count == len(listed) == 5
    assert {each.id for each in listed} == {
        each.id for each in DOCUMENTS if each.audience == "public"
    }
    assert {each.updated for each in listed} == {"", "2026-01-02", "2026-03-04"}
    pages = [snapshot.entries("public", start=start, count=2)[1] for start in (0, 2, 4, 6)]
    assert sum(pages, ()) == listed


def test_short_texts_are_like_each_other_by_their_words(snapshot: Snapshot) -> None:
    same, some, none = snapshot.likeness(
        "printer jams", ["Jams of the printer", "printer", "folder"], "public"
    )
    assert 0 == none < some < same <= 1


def test_when_time_is_up_there_is_an_answer_that_says_so(snapshot: Snapshot) -> None:
    hurried = suggest(snapshot, "printer", deadline=-math.inf)
    assert hurried.partial
    assert ids(hurried) == []  # a partial ranking may show what the whole one withholds


@pytest.mark.parametrize("text", ["", "   ", "!!!", "zzzzzz", "\ud800", "日本語"])
def test_any_text_is_answered(snapshot: Snapshot, text: str) -> None:
    assert not search(snapshot, text).hits
    suggest(snapshot, text)


def test_an_index_without_documents_is_answered(engine: SearchEngine) -> None:
    with engine.writer() as writer:
        writer.publish(ledger={}, settings={})
    generation = engine.generations.current()
    assert generation is not None
    empty = Snapshot(generation, engine.open(generation))
    assert suggest(empty, "printer").hits == ()
    assert search(empty, "printer").total == 0


def test_raw_scores_are_by_known_parts_in_the_order_of_the_candidates(snapshot: Snapshot) -> None:
    reader: IndexReader[Any] = snapshot.index.reader("public")
    query = reader.expand("printer jams", prefix=True)
    candidates = reader.candidates(query, None, deadline=math.inf)
    fused = reader.rank(query, candidates, Standpoint("en"))
    scores, size = fused.scores, candidates.documents.size
    assert scores.documents.tolist() == candidates.documents.tolist()
    assert sorted(fused.order.tolist()) == list(range(size))
    assert fused.gains.shape == (len(fused.names), size)
    assert np.all(np.diff(scores.documents) > 0)
    assert {"words", "letters"} <= set(scores.raw) <= set(weights.MIX)
    assert next(iter(scores.raw)) == "words"
    assert set(scores.signals) <= set(weights.SIGNAL_WEIGHTS)
    assert {part.size for part in scores.raw.values()} == {size}
    assert (scores.shown.size, scores.solved.size) == (size, size)
    assert 0 <= scores.forum <= size
    assert scores.ideal > 0
    assert scores.rarest > 0
