"""Fixtures for the tests of the built-in help centre, which is indexed once for all of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest

from indexer import pipeline
from indexer.report import Report
from indexer.sources import walk
from kb.search.documents import Document
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher
from tests.content.pages import CONTENT


@dataclass(frozen=True, slots=True)
class Centre:
    """The outcome of `kb index` on the help centre: documents by id, report and searcher."""

    documents: dict[str, Document]
    report: Report
    searcher: Searcher


@pytest.fixture(scope="session")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Centre:
    data = tmp_path_factory.mktemp("help-centre")
    words = (f"doc={CONTENT / 'docs'}", f"faq={CONTENT / 'faq'}", f"forum={CONTENT / 'forum'}")
    options = pipeline.IndexOptions(
        walk.parse_sources(words, content=CONTENT),
        data,
        today=dt.date(2026, 11, 23),
        curations=CONTENT / "curations.toml",
        meaning=True,
        false_suggestions=10,
    )
    report = pipeline.run_index(options)
    generation = Generations(data).current()
    assert generation is not None
    documents = {document.id: document for document in generation.store.all()}
    return Centre(documents, report, Searcher(data, budget_ms=5000))
