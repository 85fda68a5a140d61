"""A temporary folder belongs to its process while it lives, and is removed afterwards."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from kb.temporary_folder import temporary_folder


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_removed_afterwards_and_that_of_another_stays(shared: Path) -> None:
    with temporary_folder("kb-test-") as first:
        with temporary_folder("kb-test-") as second:
            assert sorted(shared.iterdir()) == sorted((first, second))
        assert list(shared.iterdir()) == [first]
    assert not list(shared.iterdir())


def test_folders_of_dead_processes_are_removed_and_lookalikes_are_not(shared: Path) -> None:
    for name in ("kb-test-dead", "kb-other", "elsewhere"):
        (shared / name).mkdir()
        (shared / name / "words.arrays").write_bytes(b"x")
    (shared / "kb-test-link").symlink_to(shared / "elsewhere")
    (shared / "kb-test-file").write_text("x")
    with temporary_folder("kb-test-") as made:
        left = {path.name for path in shared.iterdir()} - {made.name}
    assert left == {"kb-other", "elsewhere", "kb-test-link", "kb-test-file"}
    assert (shared / "elsewhere" / "words.arrays").exists()
