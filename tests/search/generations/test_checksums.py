"""Checksums cover every byte of every file, once it is on disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from kb.search.generations import checksums
from kb.search.generations.checksums import ChecksumWriter


def test_every_file_below_the_folder_gets_a_checksum(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "one").write_bytes(b"1")
    with ChecksumWriter(tmp_path) as writer:
        writer.begin(("one",))
        (tmp_path / "below" / "two").write_bytes(b"22")
        assert writer.checksums() == {
            "below/two": (2, hashlib.sha256(b"22").hexdigest()),
            "one": (1, hashlib.sha256(b"1").hexdigest()),
        }


def test_a_link_to_a_known_file_keeps_its_checksum_and_a_copy_is_hashed(tmp_path: Path) -> None:
    before, now = tmp_path / "before", tmp_path / "now"
    before.mkdir()
    now.mkdir()
    for name in ("linked", "copied"):
        (before / name).write_bytes(b"the same")
    os.link(before / "linked", now / "linked")
    (now / "copied").write_bytes(b"the same")
    with ChecksumWriter(
        now, (before, dict.fromkeys(("linked", "copied"), (8, "as it was then")))
    ) as writer:
        assert writer.checksums() == {
            "copied": (8, hashlib.sha256(b"the same").hexdigest()),
            "linked": (8, "as it was then"),
        }


def test_a_disk_that_fails_raises_where_checksums_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError("no space")

    (tmp_path / "one").write_bytes(b"1")
    monkeypatch.setattr(checksums, "sync", full)
    with ChecksumWriter(tmp_path) as writer:
        writer.begin(("one",))
        with pytest.raises(OSError, match="no space"):
            writer.checksums()


def test_a_remembered_digest_holds_until_the_size_or_times_of_the_file_change(
    tmp_path: Path,
) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"1")
    checksums.remember_sha256(file, "as this process wrote it")
    assert checksums.known_sha256(file) == "as this process wrote it"
    os.utime(file, ns=(0, 0))
    assert (
        checksums.known_sha256(file) == hashlib.sha256(b"1").hexdigest() == checksums.sha256(file)
    )


def test_the_first_file_that_differs_is_named(tmp_path: Path) -> None:
    files = {}
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
        files[name] = (1, checksums.sha256(tmp_path / name))
    assert checksums.differing(tmp_path, files, checksums.sha256) is None
    (tmp_path / "b").write_text("x")
    (tmp_path / "c").unlink()
    assert checksums.differing(tmp_path, files, checksums.sha256) == "b"
