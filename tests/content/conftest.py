"""Fixtures for the tests of the built-in help centre, which is indexed once for all of them."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.report import Report
from kb.search.documents import Document
from kb.search.generations.generation import Generations
from kb.search.meaning.sentence_encoder import installed_encoder
from kb.search.searcher import Searcher
from tests.built_once import built_once
from tests.content.shipped import HELP_CENTRE, index_site, read_site


@dataclass(frozen=True, slots=True)
class Centre:
    """The outcome of `kb index` on the help centre: documents by id, report and searcher."""

    documents: dict[str, Document]
    report: Report
    searcher: Searcher
    data: Path


_REPORT = "report"  # what indexing reported, in the data folder of a site


def _indexed(factory: pytest.TempPathFactory, site: str) -> Path:
    def build(data: Path) -> None:
        (data / _REPORT).write_bytes(pickle.dumps(index_site(site, data)))

    return built_once(factory, f"indexed-{site}", build)


@pytest.fixture(scope="session")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Centre:
    data = _indexed(tmp_path_factory, HELP_CENTRE)
    report = pickle.loads((data / _REPORT).read_bytes())
    generation = Generations(data).current()
    assert generation is not None
    documents = {document.id: document for document in generation.store.all()}
    return Centre(documents, report, Searcher(data, budget_ms=60_000), data)


#: The searcher of a shipped site: with drafts of what its passages mean, or when all are read.
SearcherOf = Callable[[str, bool], Searcher]


@pytest.fixture(scope="session")
def searcher_of(centre: Centre, tmp_path_factory: pytest.TempPathFactory) -> SearcherOf:
    searchers = {(HELP_CENTRE, False): centre.searcher}

    def searcher(site: str, read: bool) -> Searcher:
        if (site, read) not in searchers:
            if read and installed_encoder() is None:
                pytest.skip("needs the extra meaning")
            data = drafts = _indexed(tmp_path_factory, site)
            if read:
                data = built_once(
                    tmp_path_factory, f"read-{site}", functools.partial(read_site, drafts)
                )
            searchers[site, read] = Searcher(data, budget_ms=60_000)
        return searchers[site, read]

    return searcher
