"""A generation is read whole once on each machine; whoever opens it afterwards reads nothing."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kb.disk import file_identity
from kb.search import searcher
from kb.search.generations import checksums, verification
from kb.search.generations.generation import Generations
from kb.search.generations.verification import RECORD_FILE, VerificationRecord
from kb.search.searcher import CHECK_EVERY, Searcher
from tests.search.library import ARTICLES, document, publish


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed from now on."""
    names: list[str] = []
    sha256 = checksums.sha256

    def recording(file: Path) -> str:
        names.append(file.name)
        return sha256(file)

    monkeypatch.setattr(checksums, "sha256", recording)
    return names


def partition_file(data: Path, name: str) -> Path:
    return data / "index" / f"gen-{name}" / "part-0.arrays"


def flip(file: Path) -> None:
    """Damage one bit; size and name stay."""
    content = file.read_bytes()
    file.write_bytes(content[:-70] + bytes([content[-70] ^ 1]) + content[-69:])


def follows(reader: Searcher, generation: str) -> bool:
    """Whether ``reader`` answers from ``generation``, at once or after it looked aside."""
    return until(lambda: reader.generation == generation)


def until(true: Callable[[], bool]) -> bool:
    for _ in range(2_400):  # for a minute: the machine may be busy
        if true():
            return True
        time.sleep(CHECK_EVERY / 4)
    return False


def start_the_machine_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_boot_id", lambda: "another start")


def test_what_a_build_has_written_is_opened_without_reading_it(
    tmp_path: Path, hashed: list[str]
) -> None:
    publish(tmp_path)
    reader = Searcher(tmp_path)
    assert reader.generation == "000001"
    publish(tmp_path, ARTICLES[:3])
    hashed.clear()
    assert follows(reader, "000002")
    assert Searcher(tmp_path).generation == "000002"
    assert hashed == []


def test_a_copy_of_an_index_is_verified_once(tmp_path: Path, hashed: list[str]) -> None:
    publish(tmp_path / "data")
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "data", copy)
    hashed.clear()
    assert Generations(copy).recorded("000001") is None
    assert Searcher(copy).generation == "000001"
    assert "part-0.arrays" in hashed
    hashed.clear()
    assert Searcher(copy).generation == "000001"
    assert hashed == []


def test_another_start_of_the_machine_verifies_again(
    tmp_path: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    hashed.clear()
    start_the_machine_again(monkeypatch)
    Searcher(tmp_path).prepare()
    assert "part-0.arrays" in hashed
    assert Generations(tmp_path).recorded("000001") is not None


def test_damage_before_opening_is_never_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path)
    reader = Searcher(tmp_path)
    assert reader.generation == "000001"
    publish(tmp_path, ARTICLES[:3])
    flip(partition_file(tmp_path, "000002"))

    with caplog.at_level(logging.ERROR):
        assert until(lambda: reader.generation == "000001" and bool(caplog.records))
    assert "000002" in caplog.text
    assert Searcher(tmp_path).generation == "000001"
    publish(tmp_path)
    assert follows(reader, "000003")


def test_damage_that_is_found_later_takes_a_generation_out_of_service(tmp_path: Path) -> None:
    publish(tmp_path)
    publish(tmp_path, ARTICLES[:3])
    reader = Searcher(tmp_path)
    assert reader.generation == "000002"

    flip(partition_file(tmp_path, "000002"))
    current = Generations(tmp_path).current()  # as `kb worker` and `kb doctor` look
    assert current is not None
    assert current.name == "000001"
    assert follows(reader, "000001")


def test_a_file_that_is_changed_while_it_is_open_takes_a_generation_out_of_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hashed: list[str]
) -> None:
    publish(tmp_path)
    publish(tmp_path, ARTICLES[:3])
    reader = Searcher(tmp_path)
    assert reader.generation == "000002"
    monkeypatch.setattr(searcher, "INSPECT_EVERY", 0.0)
    hashed.clear()
    time.sleep(CHECK_EVERY)
    assert reader.generation == "000002"
    assert hashed == []

    flip(partition_file(tmp_path, "000002"))
    assert follows(reader, "000001")


def test_the_last_generation_answers_on_while_no_other_is_sound(tmp_path: Path) -> None:
    publish(tmp_path)
    reader = Searcher(tmp_path, budget_ms=60_000)
    assert reader.generation == "000001"
    publish(tmp_path, [document("doc/new", "New")])
    shutil.rmtree(tmp_path / "index" / "gen-000001")
    flip(partition_file(tmp_path, "000002"))
    assert Generations(tmp_path).current() is None
    time.sleep(CHECK_EVERY)
    assert reader.search("port").hits


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"digest": 1}'])
def test_a_damaged_record_counts_as_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    record = VerificationRecord(tmp_path)
    record.write({"a": file_identity(file)})
    assert record.covers({"a": 1})

    (tmp_path / RECORD_FILE).write_text(content)
    assert record.read() == {}
    assert not record.covers({"a": 1})


def test_a_record_covers_no_file_that_was_touched_replaced_or_removed(tmp_path: Path) -> None:
    file, record = tmp_path / "a", VerificationRecord(tmp_path)

    def verified() -> None:
        file.write_text("a")
        record.write({"a": file_identity(file)})
        assert record.covers({"a": 1})

    verified()
    file.write_text("b")
    assert not record.covers({"a": 1})
    verified()
    os.utime(file, ns=(0, 0))
    assert not record.covers({"a": 1})
    verified()
    file.unlink()
    assert not record.covers({"a": 1})
    assert not record.covers({"another": 1})
