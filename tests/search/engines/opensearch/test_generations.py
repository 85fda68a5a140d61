"""Generations on a real cluster: incremental, kept, rolled back, and gone when not published."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest

from bench.influence import differing_pairs
from kb.breaker import Breaker
from kb.ids import document_key
from kb.search.documents import Document
from kb.search.engines.opensearch import cluster_documents
from kb.search.engines.opensearch.cluster_index import index_names
from kb.search.engines.opensearch.engine import OpenSearchEngine
from kb.search.generations.generation import Generation
from kb.search.meaning import embeddings
from kb.search.searcher import Searcher
from tests.clusters import SERVER, needs_opensearch, own_address
from tests.search.library import document, keep

pytestmark = needs_opensearch
PAGES = tuple(
    document(f"doc/page{number}", f"Page {number} of the manual", f"Ink of colour {number}.")
    for number in range(20)
)
REPAIR = document("doc/repair", "Car repair", "A garage fixes the engine of the vehicle.")
HIDDEN = document("doc/vault", "Vault", "Zephyrion ink.", audience="staff")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[OpenSearchEngine]:
    with own_address() as address:
        yield OpenSearchEngine(tmp_path, address)


def publish(
    engine: OpenSearchEngine,
    added: Iterable[Document],
    unread: Iterable[Document] = (),
    *,
    meaning: bool = False,
) -> Generation:
    with engine.writer(meaning=meaning, read=0) as writer:
        ids = [each.id for each in unread]
        assert keep(writer, ids) == len(ids)
        for each in added:
            writer.add(each)
        writer.publish(ledger={}, settings={})
    assert writer.warning == ""
    generation = engine.generations.current()
    assert generation is not None
    assert engine.problem(generation) == ""
    return generation


def found(engine: OpenSearchEngine, text: str, audience: str = "public") -> set[str]:
    """By the cluster: what it does not answer is an error here."""
    searcher = Searcher(Path(), engine=engine, budget_ms=60_000)
    hits = searcher.search(text, audience=audience, per_page=50).hits
    assert not engine.cluster.failure
    return {hit.id for hit in hits}


def is_there(engine: OpenSearchEngine, generation: Generation) -> bool:
    return all(map(engine.cluster.metadata, index_names(generation.manifest).values()))


def test_an_edit_is_written_into_a_clone_of_the_index(engine: OpenSearchEngine) -> None:
    first = publish(engine, [*PAGES, HIDDEN])
    edited = document("doc/page3", "Toner instead", "Pour the toner.")
    second = publish(engine, [edited, HIDDEN], [*PAGES[:3], *PAGES[5:]])
    assert found(engine, "toner") == {"doc/page3"}
    assert len(found(engine, "ink")) == 18  # one was edited, one removed
    assert found(engine, "zephyrion") == set()
    assert found(engine, "zephyrion", "staff") == {"doc/vault"}
    # Lengths were measured when the first index was written: it is continued.
    names = [index_names(each.manifest)["part-0.arrays"] for each in (first, second)]
    assert (
        engine.cluster.metadata(names[0])["lengths"] == engine.cluster.metadata(names[1])["lengths"]
    )
    assert names[0] != names[1]


def test_an_index_with_directions_of_other_models_is_not_continued(
    engine: OpenSearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not engine.cluster.compares_vectors():
        pytest.skip("this OpenSearch has no k-NN plugin")
    monkeypatch.setattr(embeddings, "SCANNED_SETTLED", 0)
    edited = document("doc/page3", "Toner instead", "Pour the toner.")
    models = []
    for number, added in enumerate(([*PAGES], [edited], [edited])):
        if number == 2:
            other = np.zeros(32, dtype=np.uint8)
            monkeypatch.setattr(cluster_documents, "MODELS_ID", other)
        unread = [*PAGES[:3], *PAGES[4:]] if number else []
        generation = publish(engine, added, unread, meaning=True)
        (name,) = index_names(generation.manifest).values()
        models.append(engine.cluster.metadata(name)["models"])
    assert models[0] == models[1] != models[2] == "00" * 32
    assert len(found(engine, "ink")) == 19


def test_a_page_that_is_hidden_now_is_gone_from_what_the_public_is_answered_from(
    engine: OpenSearchEngine,
) -> None:
    publish(engine, [*PAGES, HIDDEN])
    shut = document("doc/page3", "Page 3 of the manual", "Ink of colour 3.", audience="staff")
    publish(engine, [shut, HIDDEN], [*PAGES[:3], *PAGES[4:]])
    assert "doc/page3" not in found(engine, '"colour 3"')
    assert "doc/page3" in found(engine, '"colour 3"', "staff")


def test_three_generations_are_kept_and_a_rollback_moves_the_aliases(
    engine: OpenSearchEngine,
) -> None:
    generations = [publish(engine, PAGES[: 5 + number]) for number in range(4)]
    assert [is_there(engine, each) for each in generations] == [False, True, True, True]
    alias = f"{engine.cluster.address.prefix}-public"
    assert engine.cluster.pointed(alias) == (*index_names(generations[3].manifest).values(),)[:1]

    rolled_back = engine.generations.rollback()
    assert rolled_back.name == generations[2].name
    assert engine.problem(rolled_back) == ""
    assert len(found(engine, "ink")) == 7


def test_an_alias_that_was_moved_is_told_and_no_answer_comes_from_elsewhere(
    engine: OpenSearchEngine,
) -> None:
    first, second = publish(engine, PAGES[:5]), publish(engine, PAGES)
    alias = f"{engine.cluster.address.prefix}-public"
    engine.cluster.point({alias: index_names(first.manifest)["part-0.arrays"]})
    assert alias in engine.problem(second)
    assert len(found(engine, "ink")) == 20


def test_what_was_not_published_is_deleted(engine: OpenSearchEngine) -> None:
    publish(engine, PAGES)
    with engine.writer() as writer:
        writer.add(HIDDEN)
        dropped = writer.prepare(ledger={}, settings={})
        assert is_there(engine, dropped)
    assert not is_there(engine, dropped)
    assert len(found(engine, "ink")) == 20


def test_without_its_index_a_generation_is_answered_here_and_published_again(
    engine: OpenSearchEngine,
) -> None:
    generation = publish(engine, PAGES)
    engine.cluster.delete(index_names(generation.manifest).values())
    assert "has no index" in engine.problem(generation)
    searcher = Searcher(Path(), engine=engine, budget_ms=60_000)
    assert searcher.suggest("manual page", doubt=-math.inf).hits
    assert engine.cluster.failure
    engine.cluster.breaker = Breaker()
    publish(engine, [], PAGES)
    assert len(found(engine, "ink")) == 20


def test_an_index_that_lost_documents_is_written_anew(engine: OpenSearchEngine) -> None:
    generation = publish(engine, PAGES)
    name = index_names(generation.manifest)["part-0.arrays"]
    ask("PUT", f"{name}/_settings", {"index.blocks.write": None})
    ask("DELETE", f"{name}/_doc/{document_key('doc/page3')}?refresh=true")
    assert len(found(engine, "ink")) == 19
    publish(engine, [], PAGES)
    assert len(found(engine, "ink")) == 20


def test_an_index_that_is_red_is_written_anew(engine: OpenSearchEngine) -> None:
    generation = publish(engine, PAGES)
    name = index_names(generation.manifest)["part-0.arrays"]
    body = {
        "settings": {"index.routing.allocation.require._name": "nowhere"},
        "mappings": {"_meta": engine.cluster.metadata(name)},
    }
    ask("DELETE", name)
    ask("PUT", f"{name}?wait_for_active_shards=0", body)
    assert "red" in engine.problem(generation)
    publish(engine, [], PAGES)
    assert len(found(engine, "ink")) == 20


def ask(method: str, path: str, body: object = None) -> None:
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"{SERVER}/{path}", content, headers, method=method)
    urlopen(request, timeout=60).close()


@pytest.mark.parametrize("compared", [embeddings.SCANNED_SETTLED, 0])
def test_hidden_documents_change_no_answer(compared: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not where the cluster finds what is near in meaning."""
    monkeypatch.setattr(embeddings, "SCANNED_SETTLED", compared)
    with own_address() as address:
        assert differing_pairs(range(1, 4), cluster=address) == []


@pytest.mark.parametrize("has_plugin", [False, True])
def test_the_cluster_finds_what_says_the_same_in_other_words(
    engine: OpenSearchEngine,
    has_plugin: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if not engine.cluster.compares_vectors():
        pytest.skip("this OpenSearch has no k-NN plugin")
    # As in an index with too many passages to compare them here.
    monkeypatch.setattr(embeddings, "SCANNED_SETTLED", 0)
    if not has_plugin:
        monkeypatch.setattr(engine.cluster, "compares_vectors", lambda: False)
    publish(engine, [*PAGES, REPAIR, HIDDEN], meaning=True)
    engine.prepare()
    assert ("vectors" in caplog.text) == (not has_plugin), "as it was published, not as it is now"
    searcher = Searcher(Path(), engine=engine, budget_ms=60_000)
    question = "mend my automobile"
    hits = searcher.suggest(question, settled=True, doubt=-math.inf).hits
    assert not engine.cluster.failure
    assert ("doc/repair" in {hit.id for hit in hits}) == has_plugin
