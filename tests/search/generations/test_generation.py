from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from kb.errors import Conflict, Unavailable
from kb.search.build.builder import IndexBuilder
from kb.search.generations import checksums
from kb.search.generations.generation import Generations
from kb.search.generations.verification import RECORD_FILE
from kb.search.searcher import Searcher
from tests.search.library import ARTICLES, document, publish, searcher


def left_behind(data: Path) -> list[str]:
    return sorted(p.name for p in (data / "index").iterdir() if p.name not in (".lock", "CURRENT"))


def test_publishing_makes_the_next_generation_current(tmp_path: Path) -> None:
    assert publish(tmp_path).name == "000001"
    assert publish(tmp_path).name == "000002"
    current = Generations(tmp_path).current()
    assert current is not None
    assert current.name == Generations(tmp_path).published_name() == "000002"
    assert current.manifest.kinds == {"doc": 5, "faq": 1, "forum": 2}
    assert {d.id for d in current.store.all()} == {d.id for d in ARTICLES}


def test_only_the_newest_generations_are_kept(tmp_path: Path) -> None:
    for _ in range(5):
        publish(tmp_path, operators=False)
    assert Generations(tmp_path).names() == ["000005", "000004", "000003"]


def test_leaving_without_publishing_leaves_no_trace(tmp_path: Path) -> None:
    publish(tmp_path)

    class Left(Exception):
        pass

    def leave() -> None:
        with IndexBuilder(tmp_path) as builder:
            builder.add(ARTICLES[0])
            raise Left

    with pytest.raises(Left):
        leave()
    assert left_behind(tmp_path) == ["gen-000001"]


def test_the_next_build_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    leftover = tmp_path / "index" / "building-dead"
    leftover.mkdir(parents=True)
    (leftover / "documents.sqlite").write_bytes(b"half")
    publish(tmp_path)
    assert left_behind(tmp_path) == ["gen-000001"]


def test_a_second_build_at_the_same_time_is_refused(tmp_path: Path) -> None:
    with (
        IndexBuilder(tmp_path),
        pytest.raises(Conflict),
        IndexBuilder(tmp_path),
    ):
        pass
    publish(tmp_path)


def test_two_documents_with_one_id_are_refused(tmp_path: Path) -> None:
    with IndexBuilder(tmp_path) as builder:
        builder.add(ARTICLES[0])
        with pytest.raises(Conflict, match="doc/port"):
            builder.add(ARTICLES[0])


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_generation_is_refused_and_the_one_before_serves(
    tmp_path: Path, damage: str
) -> None:
    publish(tmp_path)
    publish(tmp_path, ARTICLES[:3])
    newest = tmp_path / "index" / "gen-000002"
    files = [p for p in newest.rglob("*") if p.is_file() and p.name != RECORD_FILE]
    for file in sorted(files):
        content = file.read_bytes()
        middle = len(content) // 2
        if damage == "flip":
            flipped = bytes([content[middle] ^ 4])
            file.write_bytes(content[:middle] + flipped + content[middle + 1 :])
        elif damage == "cut":
            file.write_bytes(content[:middle])
        else:
            file.unlink()
        with pytest.raises(Unavailable):
            Generations(tmp_path).verified("000002")
        assert Searcher(tmp_path).generation == "000001", file
        file.write_bytes(content)
    assert Searcher(tmp_path).generation == "000002"


@pytest.mark.parametrize("call", ["fsync", "rename", "replace"])
def test_a_full_disk_publishes_nothing_and_leaves_the_old_one_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    publish(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(Unavailable) as raised:
            publish(tmp_path, ARTICLES[:2], operators=False)
    assert getattr(raised.value.__cause__, "errno", None) == errno.ENOSPC
    assert Searcher(tmp_path, budget_ms=60_000).search("port").hits
    assert not list((tmp_path / "index").glob("building-*"))
    publish(tmp_path)
    assert Searcher(tmp_path).ready()


def test_a_disk_that_is_full_while_words_are_written_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, ARTICLES, operators=False)

    class Full(io.BytesIO):
        def write(self, _: Any, /) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real_open = Path.open

    def documents_on_a_full_disk(path: Path, *args: Any, **kwargs: Any) -> Any:
        return Full() if path.name.startswith("documents") else real_open(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", documents_on_a_full_disk)
    with pytest.raises(Unavailable) as raised:
        publish(tmp_path, [document("doc/a", "Alpha", "beta")], operators=False)
    assert getattr(raised.value.__cause__, "errno", None) == errno.ENOSPC
    monkeypatch.undo()
    assert left_behind(tmp_path) == ["gen-000001"]
    publish(tmp_path)
    assert Searcher(tmp_path).ready()


def test_readers_never_see_an_empty_index_while_another_is_built(tmp_path: Path) -> None:
    reader = searcher(tmp_path)
    with IndexBuilder(tmp_path) as builder:
        builder.add(ARTICLES[0])
        assert reader.search("password").hits[0].id == "faq/password"
        assert Searcher(tmp_path, budget_ms=60_000).search("password").hits[0].id == "faq/password"
        builder.publish(ledger={}, settings={})
    assert Searcher(tmp_path, budget_ms=60_000).search("password").total == 0


def test_phrases_follow_an_incremental_build(tmp_path: Path) -> None:
    many = [
        document(f"doc/{i:02}", f"Article {i}", f"the magic words of number {i}") for i in range(40)
    ]
    publish(tmp_path, many)
    changed = [
        document("doc/03", "Article 3", "other words entirely"),
        *[d for d in many if d.id not in ("doc/03", "doc/04")],
    ]
    publish(tmp_path, changed)
    results = Searcher(tmp_path, budget_ms=60_000).search('"magic words"', per_page=100)
    assert {hit.id for hit in results.hits} == {d.id for d in many} - {"doc/03", "doc/04"}


def test_characters_that_no_store_can_hold_are_replaced(tmp_path: Path) -> None:
    opened = searcher(tmp_path, [document("doc/odd", "Lone \ud800 surrogate", "NUL \0 inside")])
    assert opened.article("doc/odd").title == "Lone ? surrogate"
    assert opened.search("surrogate").total == 1


def test_for_a_page_only_what_changed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    publish(tmp_path, ARTICLES[:2], operators=False)
    generations = Generations(tmp_path)
    history, sha256 = generations.history(), checksums.sha256
    hashed: list[Path] = []

    def recording_sha256(file: Path) -> str:
        hashed.append(file)
        return sha256(file)

    monkeypatch.setattr(checksums, "sha256", recording_sha256)
    assert generations.history(trusted=True) == history
    current = generations.current(trusted=True)
    assert current
    assert current.name == "000002"
    assert hashed == []  # who wrote it has read it again

    file = tmp_path / "index" / "gen-000002" / "words-000000.arrays"
    raw = file.read_bytes()
    file.write_bytes(bytes([raw[0] ^ 1]) + raw[1:])
    os.utime(file, ns=(0, 0))
    past = generations.history(trusted=True)
    assert [(generation.name, generation.serves, generation.sound) for generation in past] == [
        ("000002", False, False),
        ("000001", True, True),
    ]
    assert file in hashed
    assert {path.parent for path in hashed} == {file.parent}  # whose record is void now
