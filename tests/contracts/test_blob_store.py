"""The contract of ``kb.blobs``: what every store must do, run against a folder and a real S3."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from kb.blobs import BlobStore, open_store
from kb.blobs.compressed import download_compressed, upload_compressed
from kb.errors import Misconfigured, Unavailable


def test_what_was_written_is_read_and_what_was_not_is_none(
    store: BlobStore, tmp_path: Path
) -> None:
    store.write("a/b.json", b"{}")
    assert store.read("a/b.json") == b"{}"
    assert store.read("a/nothing") is None
    assert not store.download("a/nothing", tmp_path / "file")


def test_a_later_write_replaces_the_first(store: BlobStore) -> None:
    store.write("CURRENT", b"1")
    store.write("CURRENT", b"22")
    assert store.read("CURRENT") == b"22"


def test_a_file_goes_there_and_comes_back(store: BlobStore, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * 40_000)  # 10 MB: in parts, with S3
    store.upload("objects/x", file)
    assert store.download("objects/x", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()


def test_a_compressed_file_is_never_unpacked_beyond_its_size(
    store: BlobStore, tmp_path: Path
) -> None:
    file, copy = tmp_path / "file", tmp_path / "copy"
    file.write_bytes(bytes(5_000_000))
    moved = upload_compressed(store, "objects/x.gz", file, tmp_path)
    assert 0 < moved < 50_000
    assert download_compressed(store, "objects/x.gz", copy, 5_000_000) == moved
    assert copy.read_bytes() == file.read_bytes()

    for size in (10, 4_999_999, 5_000_001):
        assert download_compressed(store, "objects/x.gz", copy, size) is None
        assert copy.stat().st_size <= size
    store.write("objects/y.gz", b"<html>Sign in</html>")
    assert download_compressed(store, "objects/y.gz", copy, 20) is None
    assert download_compressed(store, "objects/z.gz", copy, 20) is None


def test_names_are_listed_by_prefix_with_their_time(store: BlobStore) -> None:
    before = time.time() - 2  # S3 has whole seconds
    for name in ("a/1", "a/2", "ab/3", "b/4"):
        store.write(name, b"x")
    listed = dict(store.names("a/"))
    assert sorted(listed) == ["a/1", "a/2"]
    assert all(written_at >= before for written_at in listed.values())


def test_deleting_is_the_same_whether_or_not_it_is_there(store: BlobStore) -> None:
    store.write("a", b"x")
    store.delete("a")
    store.delete("a")
    assert store.read("a") is None


def test_a_reader_sees_one_whole_write(store: BlobStore) -> None:
    values = [bytes([number]) * 20_000 for number in range(8)]
    store.write("a", values[0])
    seen = []

    def write_all() -> None:
        for value in values:
            store.write("a", value)

    writer = threading.Thread(target=write_all)
    writer.start()
    while writer.is_alive():
        seen.append(store.read("a"))
    writer.join()
    assert set(seen) <= set(values)


@pytest.mark.parametrize("address", ["ftp://store", "gs://store/kb", "s3://", "s3:///kb"])
def test_an_address_of_no_store_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured):
        open_store(address).write("a", b"x")
    assert not any(tmp_path.iterdir())


def test_a_store_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = open_store(str(tmp_path / "file"))
    with pytest.raises(Unavailable):
        folder.write("a", b"x")

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(Unavailable):
        open_store("s3://askfirst").read("a")
