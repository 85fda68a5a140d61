"""Embeddings: their way through an index, with the shipped table and with an encoder of our own."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kb.search.array_types import Directions
from kb.search.build import passage_meanings
from kb.search.documents import PUBLIC
from kb.search.generations.generation import Generation
from kb.search.index.array_file import load_arrays
from kb.search.kernels.compilation import compiled_loops
from kb.search.meaning import embeddings
from kb.search.meaning.query_table import installed_table
from kb.search.meaning.sentence_encoder import ENCODER_DIMENSIONS, installed_encoder
from kb.search.searcher import Searcher
from tests.search.library import document, published

PAGES = (
    document("doc/password", "Choose another password", "Ask for a link where you sign in."),
    document("doc/money", "Invoices", "They are sent to the address of the account."),
    document("doc/parcels", "Shipping", "How long a parcel is on its way."),
    document("doc/secret", "Vault", "For members of staff.", audience="staff"),
)


class Reader:
    """An encoder that gives each text a direction of its own, and remembers what it has read."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> Directions:
        self.texts += texts
        rows = [
            np.random.default_rng(zlib.crc32(text.encode())).normal(size=ENCODER_DIMENSIONS)
            for text in texts
        ]
        return np.array(rows, dtype=np.float32)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    installed = Reader()
    monkeypatch.setattr(passage_meanings, "installed_encoder", lambda: installed)
    return installed


def rows_of(generation: Generation, audience: str = "public") -> bytes:
    return load_arrays(generation.partition(audience))["meaning_passages"].tobytes()


def test_a_question_finds_the_page_that_says_it_in_other_words(tmp_path: Path) -> None:
    with Searcher.on(published(tmp_path, PAGES)) as searcher:
        hits = searcher.suggest("forgotten login credentials", explain=True, doubt=-math.inf).hits
    explained = {hit.id: hit.explain.get("meaning", 0.0) for hit in hits}
    assert max(explained, key=lambda id_: explained[id_]) == "doc/password"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("which addresz of the account ", "which address of the account "),
        ("cant find the account ", "can't find the account "),
        ("I can’t find the account ", "i cannot find the account "),
        ("it doesnt find the account ", "it does not find the account "),
    ],
)
def test_a_text_has_the_meaning_of_its_corrected_form(
    tmp_path: Path, typed: str, meant: str
) -> None:
    with Searcher.on(published(tmp_path, PAGES)) as searcher:
        reader: Any = searcher._current().index.reader(PUBLIC)
        one, other = (
            reader.meanings.of(reader.expand(text, prefix=True)) for text in (typed, meant)
        )
    assert one is not None
    assert other is not None
    assert one.direction.tobytes() == other.direction.tobytes()


@pytest.mark.skipif(installed_encoder() is None, reason="needs the extra meaning")
def test_what_was_read_is_as_likely_to_be_shown_as_a_draft(tmp_path: Path) -> None:
    with (
        Searcher.on(published(tmp_path / "drafts", PAGES, read=0)) as drafts,
        Searcher.on(published(tmp_path / "read", PAGES, read=9)) as read,
    ):
        for text in ("where is my parcel", "send invoice to another address"):
            before, after = (
                searcher.suggest(text, doubt=-math.inf).hits[0] for searcher in (drafts, read)
            )
            assert before.id == after.id
            assert (after.confidence or 0) > 0.9 * (before.confidence or 1)


class Insurer:
    """An encoder to which nearly everything is about insurance."""

    SUBJECTS = ("travel", "boat", "claim", "invoice")

    def encode(self, texts: Sequence[str]) -> Directions:
        rows = np.zeros((len(texts), ENCODER_DIMENSIONS), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 3.0
            row[1:5] = [word in text.lower() for word in self.SUBJECTS]
        return rows


def test_what_all_pages_are_about_makes_no_page_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insurer = Insurer()
    monkeypatch.setattr(passage_meanings, "installed_encoder", lambda: insurer)
    monkeypatch.setattr(embeddings, "installed_encoder", lambda: insurer)
    pages = [
        document(f"doc/{subject}-{n}", f"{subject} {n}", f"Insurance: {subject}, part {n}.")
        for subject in ("boat", "claim", "invoice")
        for n in range(30)
    ]
    generation = published(tmp_path, pages, read=200)
    compared = embeddings.Embeddings.of(
        load_arrays(generation.partition("public")), compiled_loops()
    )
    assert compared is not None
    claim, travel = (
        compared.question(f"insurance for a {subject}", settled=True)
        for subject in ("claim", "travel")
    )
    assert claim is not None
    assert travel is not None
    assert claim.cosines.max() > claim.cosines.min() + 0.25
    assert travel.cosines.max() < claim.cosines.max() - 0.2


def test_a_single_page_is_not_what_all_pages_are_about(tmp_path: Path) -> None:
    if installed_encoder() is None:
        pytest.skip("needs the extra meaning")
    with Searcher.on(published(tmp_path, PAGES[2:3], read=9)) as searcher:
        assert [hit.id for hit in searcher.search("postage for packages").hits] == ["doc/parcels"]


@pytest.mark.skipif(installed_encoder() is None, reason="needs the extra meaning")
def test_a_settled_title_is_read_and_one_being_typed_is_not(tmp_path: Path) -> None:
    with Searcher.on(published(tmp_path, PAGES, read=9)) as searcher:
        typed, settled = (
            searcher.suggest("postage for packages", explain=True, settled=settled).considered
            for settled in (False, True)
        )
    assert typed is not None
    assert settled is not None
    assert "meaning" in typed.candidates[0].evidence
    assert "reading" in settled.candidates[0].evidence


def test_questions_to_a_site_without_english_pages_are_not_read(tmp_path: Path) -> None:
    pages = [replace(page, language="de") for page in PAGES]
    with Searcher.on(published(tmp_path, pages, read=9)) as searcher:
        settled = searcher.suggest("invoices", explain=True, settled=True).considered
    assert settled is not None
    assert "meaning" in settled.candidates[0].evidence
    assert "reading" not in settled.candidates[0].evidence


def test_what_was_read_is_not_read_again(tmp_path: Path, reader: Reader) -> None:
    first = published(tmp_path, PAGES, read=9)
    assert len(reader.texts) == len(PAGES)
    reader.texts.clear()

    changed = document("doc/money", "Invoices", "They are sent by post.")
    kept = [page.id for page in PAGES if page.id != changed.id]
    second = published(tmp_path, [changed], kept, read=9)
    assert reader.texts == ["Invoices They are sent by post."]
    published(tmp_path, PAGES[:1], read=9)  # added again, with the same words
    assert len(reader.texts) == 1
    assert rows_of(first, "public") != rows_of(second, "public")


def test_an_edit_does_not_wait_for_the_drafts_of_earlier_ones(
    tmp_path: Path, reader: Reader
) -> None:
    drafts = published(tmp_path, PAGES, read=0)
    assert not reader.texts
    changed = document("doc/money", "Invoices", "They are sent by post.")
    published(tmp_path, [changed], [page.id for page in PAGES if page.id != changed.id], read=9)
    assert reader.texts == ["Invoices They are sent by post."]
    assert drafts.manifest.settings["drafts"] == len(PAGES)


def test_what_was_read_of_a_hidden_page_is_not_taken_over(tmp_path: Path, reader: Reader) -> None:
    hidden = document("doc/hidden", "Rates", "One for each year.", audience="staff")
    shown = document("doc/shown", "Rates", "One for each year.")
    published(tmp_path / "a", [*PAGES, hidden], read=0)
    published(tmp_path / "b", PAGES, read=0)
    ids = [page.id for page in PAGES]
    beside = published(tmp_path / "a", [shown], [*ids, hidden.id], read=1)
    alone = published(tmp_path / "b", [shown], ids, read=1)
    assert reader.texts == ["Rates One for each year."] * 2
    assert rows_of(beside) == rows_of(alone)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("read", [0, 2, 9])
def test_hidden_documents_change_no_embedding(tmp_path: Path, read: int) -> None:
    visible = [page for page in PAGES if page.audience == "public"]
    hidden = [document(f"doc/{n}", "Secret", f"Number {n}.", audience="staff") for n in range(20)]
    beside = published(tmp_path / "a", [*hidden, *visible], read=read)
    alone = published(tmp_path / "b", visible, read=read)
    assert rows_of(beside) == rows_of(alone)
    with Searcher.on(beside) as left, Searcher.on(alone) as right:
        for text in ("login credentia", "postage", "secret number"):
            first, second = (
                (
                    searcher.suggest(text, explain=True, doubt=-math.inf).hits,
                    searcher.search(text, explain=True, operators=False).hits,
                )
                for searcher in (left, right)
            )
            assert first == second


def test_directions_of_another_model_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = published(tmp_path, PAGES)
    monkeypatch.setattr(embeddings, "MODELS_ID", np.zeros(32, dtype=np.uint8))
    with Searcher.on(generation) as searcher:
        (hit, *_) = searcher.suggest("invoices", explain=True).hits
    assert hit.id == "doc/money"
    assert "meaning" not in hit.explain


def test_a_search_finds_a_page_without_any_of_its_words(tmp_path: Path) -> None:
    with Searcher.on(published(tmp_path, PAGES)) as searcher:
        found = searcher.search("postage for packages")
        assert [hit.id for hit in found.hits][:1] == ["doc/parcels"]
        assert found.total == len(found.hits)
        hidden = searcher.search("safe for employees", audience="public")
        assert "doc/secret" not in {hit.id for hit in hidden.hits}
        assert not searcher.search("quantum chromodynamics lattice").total


def test_many_texts_have_the_directions_that_each_has_alone() -> None:
    table = installed_table()
    assert table is not None
    texts = ["Reset my password", "", "Zürich 東京", "reset reset reset"]
    # White space and what vanishes, at which texts are cut and joined.
    texts += ["a\u2028b\x1fc\u3000d", "un\u200bsubscribable!?", "ΣΟΦΟΣ\u00a0σοφος", "x" * 200]
    together = table.directions(texts)
    for row, text in zip(together, texts, strict=True):
        alone = table.direction(text)
        assert not row.any() if not alone.size else np.abs(row - alone.astype(int)).max() <= 1
