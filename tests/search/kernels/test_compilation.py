"""The innermost loops are compiled once, into a folder that no other release reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kb.search.kernels import compilation
from kb.search.kernels.compilation import cache_folder, compiled_loops, prepare


def test_the_loops_are_the_same_for_all(tmp_path: Path) -> None:
    assert compiled_loops() is compiled_loops(tmp_path)


def test_what_is_compiled_first_is_said_in_one_line_and_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []
    for _ in range(3):
        prepare(tmp_path, lambda: calls.append(1))
    assert len(calls) == 3  # later it loads what was compiled
    assert capsys.readouterr().err.count("\n") == 1


def test_a_damaged_file_is_compiled_anew(tmp_path: Path) -> None:
    damaged = tmp_path / "kernels_1" / "loops.add.nbi"
    damaged.parent.mkdir()
    damaged.write_bytes(b"no pickle")

    def warm_up() -> None:
        if damaged.exists():
            raise AttributeError("Can't get attribute 'Asked'")

    prepare(tmp_path, warm_up)
    assert not damaged.exists()


def test_a_failure_that_a_fresh_start_does_not_mend_is_raised(tmp_path: Path) -> None:
    def warm_up() -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        prepare(tmp_path, warm_up)
    assert not (tmp_path / "ready").exists()


def test_the_folder_is_named_by_all_that_is_compiled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    first = cache_folder()
    other = tmp_path / "layout.py"
    other.write_text("class Passages: ...")
    monkeypatch.setattr(compilation, "SOURCES", (other,))
    compilation._digest.cache_clear()
    try:
        second = cache_folder()
    finally:
        compilation._digest.cache_clear()
    assert first is not None
    assert second is not None
    assert first != second
    assert {first.parent, second.parent} == {tmp_path}


def test_where_the_package_cannot_be_written_the_users_cache_holds_it_or_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only = tmp_path / "file"  # nobody can make a folder in a file, root included
    read_only.touch()
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(compilation, "_LOOPS", read_only / "numba_loops.py")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    of_user = cache_folder(tmp_path / "data")
    assert of_user is not None
    assert of_user.parent == tmp_path / "user" / "askfirst"

    monkeypatch.setenv("XDG_CACHE_HOME", str(read_only))
    of_data = cache_folder(tmp_path / "data")
    assert of_data is not None
    assert of_data.parent == tmp_path / "data"
    assert cache_folder() is None


def test_the_command_line_does_not_load_the_compiler() -> None:
    code = "import sys, kb.cli, kb.centre, indexer.cli; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
