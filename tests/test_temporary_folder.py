"""A folder aside is one's own while one lives, and litter afterwards."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from kb import temporary_folder as aside


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_gone_afterwards_and_another_ones_stays(shared: Path) -> None:
    with aside.folder("kb-test-") as one:
        with aside.folder("kb-test-") as other:
            assert sorted(shared.iterdir()) == sorted((one, other))
        assert list(shared.iterdir()) == [one]
    assert not list(shared.iterdir())


def test_what_the_dead_left_is_cleared_and_what_only_looks_like_it_is_not(shared: Path) -> None:
    for name in ("kb-test-dead", "kb-other", "elsewhere"):
        (shared / name).mkdir()
        (shared / name / "words.arrays").write_bytes(b"x")
    (shared / "kb-test-link").symlink_to(shared / "elsewhere")
    (shared / "kb-test-file").write_text("x")
    with aside.folder("kb-test-") as made:
        left = {path.name for path in shared.iterdir()} - {made.name}
    assert left == {"kb-other", "elsewhere", "kb-test-link", "kb-test-file"}
    assert (shared / "elsewhere" / "words.arrays").exists()
