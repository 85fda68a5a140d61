"""Word pieces, the query table and the sentence encoder, as they are shipped and installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kb.errors import Misconfigured
from kb.search.array_types import Vector8
from kb.search.meaning import query_table
from kb.search.meaning.adapter import ADAPTER_FILE, read_adapter
from kb.search.meaning.model_file import model_path, read_model
from kb.search.meaning.query_table import TABLE_FILE, QueryTable, installed_table
from kb.search.meaning.sentence_encoder import installed_encoder
from kb.search.meaning.word_pieces import LONGEST_PIECE, UNKNOWN, vocabulary, word_pieces
from kb.search.searcher import Searcher
from tests.search.library import document, published


def spelt(text: str) -> list[str]:
    names = list(vocabulary())
    return [names[number] for number in word_pieces(text)]


def cosine(left: Vector8, right: Vector8) -> float:
    a, b = left.astype(float), right.astype(float)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Reset my password!", ["reset", "my", "password", "!"]),
        ("unsubscribable", ["un", "##su", "##bs", "##cr", "##iba", "##ble"]),
        ("Café\u00a0Zürich", ["cafe", "zurich"]),
        ("東京 a", ["東", "京", "a"]),
        ("a\u0000b\tc", ["ab", "c"]),
        ("[SEP] x", ["[", "sep", "]", "x"]),  # no text can name a piece that separates texts
        ("", []),
    ],
)
def test_texts_are_cut_as_the_model_was_trained(text: str, pieces: list[str]) -> None:
    assert spelt(text) == pieces


def test_no_piece_is_longer_than_those_that_are_looked_for() -> None:
    assert max(map(len, vocabulary())) == LONGEST_PIECE


def test_what_no_piece_spells_is_unknown() -> None:
    assert word_pieces("x" * 200) == [UNKNOWN]
    assert word_pieces("🙂") == [UNKNOWN]


@pytest.fixture(scope="module")
def table() -> QueryTable:
    shipped = installed_table()
    assert shipped is not None
    return shipped


def test_the_table_knows_what_means_the_same(table: QueryTable) -> None:
    question = table.direction("forgot login credentials")
    near, far = table.direction("reset my password"), table.direction("ship parcels")
    assert cosine(question, near) > cosine(question, far) + 0.2


def test_an_unfinished_word_points_to_the_whole(table: QueryTable) -> None:
    half, whole = table.direction("change my passwo"), table.direction("change my password")
    assert cosine(half, whole) > cosine(table.direction("change my"), whole)


@pytest.mark.parametrize("text", ["", " \n", "\u0000"])
def test_a_text_without_words_has_no_direction(table: QueryTable, text: str) -> None:
    assert table.direction(text).size == 0


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    content = bytearray(TABLE_FILE.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "table").write_bytes(content)
    with pytest.raises(Misconfigured):
        QueryTable.read(tmp_path / "table")
    with pytest.raises(Misconfigured):
        QueryTable.read(tmp_path / "none")


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x08\x01")
    with pytest.raises(Misconfigured):
        read_model(tmp_path / "model.onnx")
    with pytest.raises(Misconfigured):
        read_model(tmp_path / "none")


def test_answers_go_on_without_a_damaged_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    generation = published(tmp_path / "data", [document("doc/a", "Invoices", "By post.")])
    (tmp_path / "table").write_bytes(b"KBARRAY1")
    monkeypatch.setattr(query_table, "TABLE_FILE", tmp_path / "table")
    installed_table.cache_clear()
    try:
        with Searcher.on(generation) as searcher:
            (hit,) = searcher.suggest("invoices", explain=True).hits
    finally:
        monkeypatch.undo()
        installed_table.cache_clear()
    assert "meaning" not in hit.explain
    assert "damaged" in caplog.text


@pytest.mark.skipif(model_path() is None, reason="the extra `meaning` is not installed")
def test_the_encoder_reads_a_sentence_as_a_whole(table: QueryTable) -> None:
    encoder = installed_encoder()
    assert encoder is not None
    texts = ["forgot login credentials", "reset my password", "ship parcels", ""]
    question, near, far, _ = directions = encoder.encode(texts)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-5)
    assert question @ near > question @ far + 0.2
    # What is read beside a text changes no bit of its direction.
    assert np.array_equal(encoder.encode(texts[1:2])[0], near)
    # The table's directions are in the same space.
    short = table.shortened(directions)
    assert cosine(table.direction(texts[1]), short[1]) > cosine(table.direction(texts[1]), short[2])


@pytest.mark.skipif(model_path() is None, reason="the extra `meaning` is not installed")
@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        (
            "it wont switch on",
            "The battery is empty. Charge the device for two hours before you use it.",
            "Switch between two profiles. Open Settings and choose another profile.",
        ),
        (
            "you took the money twice",
            "Duplicate charges. If a payment appears two times, the second is refunded.",
            "Withdraw money. Move money from your balance to your bank account.",
        ),
        ("stop sending me this rubbish", "Unsubscribe from our newsletter.", "Send a document."),
    ],
)
def test_a_question_is_nearer_to_its_answer_than_to_what_sounds_like_it(
    question: str, answer: str, other: str
) -> None:
    encoder = installed_encoder()
    assert encoder is not None
    asked, near, far = encoder.encode([question, answer, other])
    assert asked @ near > asked @ far
    alike, near_alike, far_alike = encoder.encode_alike([question, answer, other])
    assert alike @ (near_alike - far_alike) < asked @ (near - far)


def test_a_damaged_adapter_is_refused(tmp_path: Path) -> None:
    content = bytearray(ADAPTER_FILE.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "adapter").write_bytes(content)
    with pytest.raises(Misconfigured):
        read_adapter(tmp_path / "adapter")
    with pytest.raises(Misconfigured):
        read_adapter(tmp_path / "none")
