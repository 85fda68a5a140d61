"""An index that an earlier version published answers as it did, and is built on incrementally."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.report import Report
from indexer.sources import walk
from kb.errors import NotFound
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher
from tests.earlier_version import EXPECTED, extract
from tests.indexing import run_index

VOTED_QUERY = "cleaning the still leaves a violet stain"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return extract(tmp_path)


def published(folder: Path) -> Searcher:
    return Searcher(folder / "data", budget_ms=60_000)


def publish(folder: Path) -> Report:
    sources = [
        f"{kind}={folder / 'sources' / name}"
        for kind, name in (("doc", "docs"), ("faq", "faq"), ("forum", "forum"))
    ]
    return run_index(
        IndexOptions(
            walk.parse_sources(sources),
            folder / "data",
            dt.date(2026, 11, 23),
            curations=folder / "sources" / "curations.toml",
        )
    )


def check_answers(searcher: Searcher, *, votes: bool) -> None:
    """Suggestions, operators, articles and old addresses are as they were; votes if they count."""
    for question, ids in EXPECTED["suggest"].items():
        audience, _, query = question.partition(": ")
        hits = searcher.suggest(query, audience=audience, limit=5).hits
        assert [hit.id for hit in hits][:1] == ids, question

    for question, answer in EXPECTED["search"].items():
        audience, _, query = question.partition(": ")
        results = searcher.search(query, audience=audience)
        assert (results.total, [hit.id for hit in results.hits]) == (
            answer["total"],
            answer["hits"],
        ), question

    hits = searcher.search(VOTED_QUERY, explain=True).hits
    assert [hit.id for hit in hits if hit.explain.get("votes")] == (
        EXPECTED["votes_for"] if votes else []
    )

    article = searcher.article(EXPECTED["article"]["id"])
    assert {
        "id": article.id,
        "title": article.title,
        "html": article.html,
        "product": article.product,
        "versions": list(article.versions),
        "tags": list(article.tags),
    } == EXPECTED["article"]
    assert searcher.article("doc/paper-jam").id == EXPECTED["alias"]
    with pytest.raises(NotFound):
        searcher.article("doc/runbook")
    assert searcher.article("doc/runbook", audience="staff").id == "doc/runbook"


def test_it_opens_and_answers_as_it_did(folder: Path) -> None:
    check_answers(published(folder), votes=True)


def test_it_lists_its_documents_and_recorded_no_findings(folder: Path) -> None:
    current = Generations(folder / "data").current()
    assert current is not None
    assert current.findings() is None
    with contextlib.closing(current.store) as store:
        assert sorted(document.id for document in store.all()) == EXPECTED["documents"]


def test_the_next_publish_reads_all_anew_and_answers_the_same(folder: Path) -> None:
    billing = folder / "sources" / "faq" / "billing.md"
    billing.write_text(billing.read_text("utf-8").replace("30 days", "14 days"), "utf-8")

    report = publish(folder)
    assert (report.published, report.generation) == (True, "000002")
    assert report.read == 16
    # Its one vote is one customer's; today three have to agree.
    check_answers(published(folder), votes=False)
    results = published(folder).search('"14 days"')
    assert [hit.id for hit in results.hits] == ["faq/billing"]

    current = Generations(folder / "data").current()
    assert current is not None
    findings = current.findings() or ()
    assert [[f.source, f.line, f.skipped] for f in findings] == EXPECTED["findings"]


def test_a_rollback_lets_it_serve_again(folder: Path) -> None:
    (folder / "sources" / "docs" / "jam.md").unlink()
    assert publish(folder).published
    with pytest.raises(NotFound):
        published(folder).article("doc/jam")

    assert Generations(folder / "data").rollback().name == "000001"
    check_answers(published(folder), votes=True)
