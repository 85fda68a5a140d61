"""Embeddings: their way through an index with a small model of our own, and the real model where it
is installed.
"""

from __future__ import annotations

import importlib.util
import math
import zlib
from pathlib import Path

import numpy as np
import pytest

from kb.errors import Misconfigured
from kb.search.build.builder import IndexBuilder
from kb.search.index import embeddings
from kb.search.index.array_file import load_arrays
from kb.search.searcher import Searcher
from tests.search.library import document, published

PAGES = (
    document("doc/locked", "Locked out", "Ask for a link on the page where you sign in."),
    document("doc/money", "Invoices", "They are sent to the address of the account."),
    document("doc/secret", "Vault", "For members of staff.", audience="staff"),
)


class Model:
    """ "password" means what "locked" means; all other words mean only themselves."""

    def embed(self, texts: list[str]) -> np.ndarray:
        return np.stack(
            [self._mean(text.lower().replace("password", "locked").split()) for text in texts]
        )

    def _mean(self, words: list[str]) -> np.ndarray:
        rows: list[np.ndarray] = [
            np.random.default_rng(zlib.crc32(word.encode())).normal(
                size=embeddings.EMBEDDING_DIMENSIONS
            )
            for word in words
        ]
        return np.asarray(np.mean(rows or [np.zeros(embeddings.EMBEDDING_DIMENSIONS)], axis=0))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_model", Model)
    monkeypatch.setattr(embeddings, "embeddings_available", lambda: True)


@pytest.mark.usefixtures("model")
def test_another_word_of_the_same_meaning_brings_its_page_forward(tmp_path: Path) -> None:
    generation = published(
        tmp_path,
        [*PAGES, document("doc/other", "Sharing", "Send others a link to what you see.")],
        semantic=True,
    )
    with Searcher.on(generation) as searcher:
        hits = searcher.suggest("password link", explain=True, doubt=-math.inf).hits
    explained = {hit.id: hit.explain.get("semantic", 0.0) for hit in hits}
    assert max(explained, key=lambda id_: explained[id_]) == "doc/locked"


@pytest.mark.usefixtures("model")
def test_carried_over_embeddings_are_those_that_would_be_computed_again(tmp_path: Path) -> None:
    ids = [page.id for page in PAGES]
    fresh = published(tmp_path / "a", PAGES, semantic=True)
    again = published(tmp_path / "a", [], ids, semantic=True)
    published(tmp_path / "b", PAGES)
    # The model was switched on after these documents had been read.
    later = published(tmp_path / "b", [], ids, semantic=True)
    for audience in ("public", "staff"):
        fresh_rows, *other_rows = (
            load_arrays(generation.partition(audience))["semantic_passages"].tolist()
            for generation in (fresh, again, later)
        )
        assert other_rows == [fresh_rows, fresh_rows]


@pytest.mark.usefixtures("model")
def test_hidden_documents_change_no_embedding(tmp_path: Path) -> None:
    beside, alone = (
        published(tmp_path / "a", PAGES, semantic=True),
        published(tmp_path / "b", PAGES[:2], semantic=True),
    )
    left, right = (
        load_arrays(generation.partition("public"))["semantic_passages"]
        for generation in (beside, alone)
    )
    assert left.tobytes() == right.tobytes()


def test_an_index_with_embeddings_is_answered_without_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as installed:
        installed.setattr(embeddings, "_model", Model)
        generation = published(tmp_path, PAGES, semantic=True)
    monkeypatch.setattr(embeddings, "embeddings_available", lambda: False)
    with Searcher.on(generation) as searcher:
        (hit,) = searcher.suggest("locked out", explain=True).hits
    assert "semantic" not in hit.explain


@pytest.mark.skipif(
    importlib.util.find_spec("wordllama") is not None, reason="the semantic extra is installed"
)
def test_asking_for_embeddings_without_the_extra_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(Misconfigured),
        IndexBuilder(tmp_path, semantic=True),
    ):
        pass


def test_the_real_model_knows_words_that_mean_the_same() -> None:
    pytest.importorskip("wordllama", reason="the semantic extra is not installed")
    query, near, far, empty = embeddings.embed(
        ["reset my password", "forgot login credentials", "ship parcels", ""]
    )

    def cosine(left: np.ndarray, right: np.ndarray) -> float:
        return float(
            left.astype(float) @ right / np.linalg.norm(left.astype(float)) / np.linalg.norm(right)
        )

    assert cosine(query, near) > cosine(query, far) + 0.2
    assert not empty.any() or empty.dtype == np.int8
