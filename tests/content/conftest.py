"""The help centre, indexed once by the product's own code, for all tests about it."""

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
    """What came out of `kb index` on the help centre: documents by id, the report, and search over
    them.
    """

    documents: dict[str, Document]
    report: Report
    searcher: Searcher


@pytest.fixture(scope="session")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Centre:
    data = tmp_path_factory.mktemp("help-centre")
    words = (f"doc={CONTENT / 'docs'}", f"faq={CONTENT / 'faq'}", f"forum={CONTENT / 'forum'}")
    order = pipeline.IndexOptions(
        walk.parse_sources(words, content=CONTENT), data, today=dt.date(2026, 11, 23)
    )
    report = pipeline.run_index(order)
    generation = Generations(data).current()
    assert generation is not None
    documents = {document.id: document for document in generation.store.all()}
    return Centre(documents, report, Searcher(data, budget_ms=5000))
