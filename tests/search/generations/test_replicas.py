"""A published index goes through a store to other machines, whole or not at all."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kb.blobs import BlobStore, open_store
from kb.blobs.folder import FolderStore
from kb.errors import Conflict, NotFound, Unavailable
from kb.search import searcher
from kb.search.generations import replicas
from kb.search.generations.generation import LEDGER_FILE, Generations
from kb.search.generations.replicas import Transfer
from kb.search.searcher import Searcher
from tests.search.generations.test_verification import until
from tests.search.library import ARTICLES, publish


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def editor(tmp_path: Path) -> Path:
    """The data folder in which the index is built."""
    data = tmp_path / "editor"
    publish(data)
    (data / "media").mkdir()
    (data / "media" / "abc.png").write_bytes(b"a picture")
    return data


@pytest.fixture
def portal(tmp_path: Path) -> Path:
    return tmp_path / "portal"


def push(data: Path, store: BlobStore, *, full: bool = False) -> Transfer:
    return replicas.push(Generations(data), data / "media", store, keep=3, full=full)


def pull(data: Path, store: BlobStore) -> Transfer:
    return replicas.pull(Generations(data), data / "media", store, keep=3)


def answers(data: Path) -> list[str]:
    return [hit.id for hit in Searcher(data, budget_ms=60_000).suggest(ARTICLES[0].title).hits]


def test_another_machine_serves_what_was_published(
    editor: Path, portal: Path, store: BlobStore
) -> None:
    pushed = push(editor, store)
    assert pushed.changed
    pulled = pull(portal, store)
    assert pulled == pushed
    assert answers(portal) == answers(editor) != []
    assert (portal / "media" / "abc.png").read_bytes() == b"a picture"
    assert Generations(portal).current() is not None


def test_the_whole_way_through_s3(editor: Path, portal: Path, s3_address: str) -> None:
    store = open_store(s3_address)
    push(editor, store)
    pull(portal, store)
    assert answers(portal) == answers(editor) != []


def test_only_what_is_new_is_moved(editor: Path, portal: Path, store: BlobStore) -> None:
    first = push(editor, store)
    pull(portal, store)
    assert push(editor, store) == replace(first, files=0, bytes=0, changed=False)
    assert pull(portal, store) == replace(first, files=0, bytes=0, changed=False)

    publish(editor)  # the same content again: some files are the same
    again = push(editor, store)
    assert again.changed
    assert 0 < again.bytes < first.bytes
    pulled = pull(portal, store)
    assert (pulled.bytes, pulled.changed) == (again.bytes, True)
    assert Generations(portal).names() == ["000002", "000001"]


def test_the_ledger_stays_where_the_sources_are(
    editor: Path, portal: Path, store: BlobStore
) -> None:
    push(editor, store)
    pull(portal, store)
    generation = Generations(portal).current()
    assert generation is not None
    assert generation.ledger() == {}
    assert not (generation.path / LEDGER_FILE).exists()

    # An earlier version has pulled it.
    built = Generations(editor).path(generation.name)
    shutil.copytree(built, generation.path, dirs_exist_ok=True)
    assert not pull(portal, store).changed
    assert (generation.path / LEDGER_FILE).exists()


def test_files_travel_compressed_and_a_store_of_an_earlier_version_is_read(
    editor: Path, portal: Path, store: BlobStore, tmp_path: Path
) -> None:
    pushed = push(editor, store)
    (name,) = (tmp_path / "store" / "generations").iterdir()
    record = json.loads(name.read_text())
    files = json.loads(record["manifest"])["files"]
    assert pushed.bytes < sum(size for size, _ in files.values())

    for path in (tmp_path / "store" / "objects").iterdir():
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    del record["compressed"]
    name.write_text(json.dumps(record))
    pull(portal, store)
    assert answers(portal) == answers(editor) != []

    push(editor, store)
    assert pull(tmp_path / "another portal", store) == pushed


def test_a_rollback_is_pulled_too(editor: Path, portal: Path, store: BlobStore) -> None:
    push(editor, store)
    publish(editor, [*ARTICLES[:2]])
    push(editor, store)
    pull(portal, store)
    Generations(editor).rollback("000001")
    push(editor, store)
    assert pull(portal, store).changed
    assert Generations(portal).published_name() == "000001"
    assert answers(portal) == answers(editor)


def test_without_anything_to_move_the_reason_is_told(
    editor: Path, portal: Path, store: BlobStore
) -> None:
    with pytest.raises(NotFound):
        push(portal, store)
    store.write("another", b"x")
    with pytest.raises(NotFound):
        pull(portal, store)
    push(editor, store)
    publish(portal, [*ARTICLES[:3]])
    with pytest.raises(Conflict):
        pull(portal, store)


def _damage_objects(folder: Path) -> None:
    for path in (folder / "objects").iterdir():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


def _cut_objects(folder: Path) -> None:
    for path in (folder / "objects").iterdir():
        path.write_bytes(path.read_bytes()[:-1])


def _swell_objects(folder: Path) -> None:
    """Each unpacks to more than the manifest says."""
    for path in (folder / "objects").iterdir():
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(9)))


def _lose_objects(folder: Path) -> None:
    for path in (folder / "objects").iterdir():
        path.unlink()


def _garble_record(folder: Path) -> None:
    (folder / "generations" / "000002.json").write_bytes(b"<html>Sign in</html>")


def _garble_all_records(folder: Path) -> None:
    for record in (folder / "generations").iterdir():
        record.write_bytes(b"<html>Sign in</html>")


def _change_manifest(folder: Path) -> None:
    record = folder / "generations" / "000002.json"
    record.write_text(record.read_text().replace("part-0", "part-9"))


def _escape(folder: Path) -> None:
    record = folder / "generations" / "000002.json"
    record.write_text(record.read_text().replace('"abc.png"', '"../../abc.png"'))


def _garble_current(folder: Path) -> None:
    (folder / "CURRENT").write_bytes(b"\xff\x00../../etc")


@pytest.mark.parametrize(
    "damage",
    [
        _damage_objects,
        _cut_objects,
        _swell_objects,
        _lose_objects,
        _garble_record,
        _garble_all_records,
        _change_manifest,
        _escape,
        _garble_current,
    ],
)
def test_a_damaged_store_changes_nothing_here(
    editor: Path, portal: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    store = FolderStore(tmp_path / "store")
    push(editor, store)
    pull(portal, store)
    before = answers(portal)
    publish(editor, [*ARTICLES[:3]])
    push(editor, store)
    damage(tmp_path / "store")
    with pytest.raises(Unavailable):
        pull(portal, store)
    assert Generations(portal).published_name() == "000001"
    assert answers(portal) == before
    assert not list((portal / "index").glob("building-*"))

    push(editor, store, full=True)
    pull(portal, store)
    assert answers(portal) == answers(editor)


def test_what_a_full_push_did_not_write_is_not_relied_on(
    editor: Path, portal: Path, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "store")
    push(editor, store)
    _garble_objects(tmp_path / "store")
    publish(editor, [*ARTICLES[:3]])
    push(editor, store, full=True)
    Generations(editor).rollback("000001")
    push(editor, store)
    pull(portal, store)
    assert answers(portal) == answers(editor) != []


def _garble_objects(store: Path) -> None:
    for file in (store / "objects").iterdir():
        file.write_bytes(b"garbled")


def test_a_store_whose_folder_is_missing_is_not_called_empty(portal: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not exist"):
        pull(portal, FolderStore(tmp_path / "not-mounted"))


def test_a_full_disk_here_is_not_blamed_on_the_store(
    editor: Path, store: BlobStore, tmp_path: Path
) -> None:
    push(editor, store)
    # A folder: a store of another kind might replace the device.
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(Unavailable) as raised:
        store.download("media/abc.png", tmp_path / "full")
    assert str(store) not in raised.value.sentence


@pytest.mark.parametrize("name", ["part-0.arrays", "manifest.json"])
def test_a_generation_that_is_damaged_here_is_fetched_anew(
    editor: Path, portal: Path, store: BlobStore, name: str
) -> None:
    push(editor, store)
    pull(portal, store)
    (damaged,) = (portal / "index").glob(f"gen-*/{name}")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert "`kb index pull`" in Generations(portal).problem()
    assert pull(portal, store).files == (name != "manifest.json")  # which the record has
    assert answers(portal) == answers(editor)
    assert pull(portal, store).files == 0


@pytest.mark.parametrize("name", ["part-0.arrays", "manifest.json"])
def test_an_earlier_generation_that_is_damaged_here_is_fetched_anew_too(
    editor: Path, portal: Path, store: BlobStore, name: str
) -> None:
    for articles in (ARTICLES, ARTICLES[:3]):
        publish(editor, articles)
        push(editor, store)
        pull(portal, store)
    generations = Generations(portal)
    assert generations.names() == ["000003", "000002"]
    damaged = generations.path("000002") / name

    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert "000002" in replicas.problems(generations)
    assert pull(portal, store).files == (name != "manifest.json")  # which the record has
    assert replicas.problems(generations) == ""

    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert "000002" in replicas.problems(generations)
    store.delete("generations/000002.json")  # there is nothing to fetch
    pull(portal, store)
    assert generations.names() == ["000003"]


def test_a_portal_without_another_generation_opens_what_was_fetched_anew(
    editor: Path, portal: Path, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(editor, store)
    pull(portal, store)
    reader, article = Searcher(portal), ARTICLES[0]
    assert reader.titles([article.id]) == {article.id: article.title}
    (damaged,) = (portal / "index").glob("gen-*/documents-000000.arrays")
    with damaged.open("r+b") as file:  # the same file, which the reader has open
        content = file.read().replace(article.title.encode(), b"?" * len(article.title))
        file.seek(0)
        file.write(content)
    assert reader.titles([article.id]) != {article.id: article.title}

    pull(portal, store)
    monkeypatch.setattr(searcher, "INSPECT_EVERY", 0.0)
    assert until(lambda: reader.titles([article.id]) == {article.id: article.title})


def test_the_store_keeps_as_many_generations_as_asked(
    editor: Path, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "_GRACE", -10)
    for number in range(4):
        publish(editor, [*ARTICLES[: number + 2]])
        replicas.push(Generations(editor), editor / "media", store, keep=2)
    records = [name for name, _ in store.names("generations/")]
    assert records == ["generations/000004.json", "generations/000005.json"]
    kept = Generations(editor)
    used = {
        digest
        for name in kept.names()[:2]
        for _, digest in kept.verified(name).manifest.for_replicas().files.values()
    }
    objects = {name for name, _ in store.names("objects/")}
    assert objects == {f"objects/{digest}.gz" for digest in used}
