"""Checksums cover every byte of every file, once it is on disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from kb.disk import file_identity
from kb.search.generations import checksums
from kb.search.generations.checksums import ChecksumWriter, DamagedFile, verify_files
from kb.search.generations.verification import VerificationRecord


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


def test_a_link_to_a_verified_file_keeps_its_checksum_and_all_else_is_hashed(
    tmp_path: Path,
) -> None:
    before, now = tmp_path / "before", tmp_path / "now"
    before.mkdir()
    now.mkdir()
    names = ("linked", "copied", "unknown")
    for name in names:
        (before / name).write_bytes(b"the same")
    for name in ("linked", "unknown"):
        os.link(before / name, now / name)
    (now / "copied").write_bytes(b"the same")
    known = {name: file_identity(before / name) for name in ("linked", "copied")}
    VerificationRecord(before).write(known)

    with ChecksumWriter(now, (before, dict.fromkeys(names, (8, "as it was then")))) as writer:
        hashed = (8, hashlib.sha256(b"the same").hexdigest())
        assert writer.checksums() == {
            "copied": hashed,
            "linked": (8, "as it was then"),
            "unknown": hashed,
        }
        assert writer.identities == {name: file_identity(now / name) for name in names}


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


def test_the_first_file_that_differs_is_named(tmp_path: Path) -> None:
    files = {}
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
        files[name] = (1, checksums.sha256(tmp_path / name))
    identities = verify_files(tmp_path, files, {})
    assert identities == {name: file_identity(tmp_path / name) for name in files}
    (tmp_path / "b").write_text("x")
    (tmp_path / "c").unlink()
    with pytest.raises(DamagedFile) as raised:
        verify_files(tmp_path, files, {})
    assert raised.value.name == "b"


def test_a_file_that_is_as_it_was_when_it_was_verified_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    files = {"a": (1, "a digest that no file has")}
    known = {"a": file_identity(file)}
    assert verify_files(tmp_path, files, known) == known
    os.utime(file, ns=(0, 0))
    with pytest.raises(DamagedFile):
        verify_files(tmp_path, files, known)
