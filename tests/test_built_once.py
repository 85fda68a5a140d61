"""A folder that is built once is whole, or built anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.built_once import built_once


def test_what_a_build_that_fails_leaves_is_never_used(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    name = f"test-{tmp_path.name}"
    builds: list[Path] = []

    def fail(folder: Path) -> None:
        builds.append(folder)
        (folder / "first").touch()
        raise InterruptedError

    def build(folder: Path) -> None:
        builds.append(folder)
        (folder / "whole").touch()

    with pytest.raises(InterruptedError):
        built_once(tmp_path_factory, name, fail)
    for _ in range(2):
        folder = built_once(tmp_path_factory, name, build)
        assert [file.name for file in folder.iterdir()] == ["whole"]
    assert len(builds) == 2
