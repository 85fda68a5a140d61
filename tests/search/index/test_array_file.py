from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kb.errors import Unavailable
from kb.search.index.array_file import Arrays, load_arrays, save_arrays, touch_arrays


def test_touching_changes_nothing(tmp_path: Path) -> None:
    save_arrays(
        tmp_path / "x.arrays",
        {"a": np.arange(9_000), "none": np.zeros(0), "grid": np.ones((3, 2), np.int8)},
    )
    opened = load_arrays(tmp_path / "x.arrays")
    touch_arrays(opened)
    assert opened["a"].tolist() == list(range(9_000))


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays: Arrays = {
        "a": np.arange(7, dtype=np.int32),
        "empty": np.zeros(0, np.uint8),
        "two": np.ones((3, 2), np.float32),
    }
    save_arrays(tmp_path / "x.arrays", arrays)
    loaded = load_arrays(tmp_path / "x.arrays")
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_loaded_arrays_cannot_be_written(tmp_path: Path) -> None:
    save_arrays(tmp_path / "x.arrays", {"a": np.arange(3)})
    with pytest.raises(ValueError, match="read-only"):
        load_arrays(tmp_path / "x.arrays")["a"][0] = 1


@pytest.mark.parametrize(
    "content", [b"", b"KB", b"not an array file at all", b"KBARRAY1\xff\xff\xff\xff"]
)
def test_a_file_that_is_no_array_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.arrays").write_bytes(content)
    with pytest.raises(Unavailable):
        load_arrays(tmp_path / "x.arrays")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    save_arrays(tmp_path / "x.arrays", {"a": np.arange(1000)})
    content = (tmp_path / "x.arrays").read_bytes()
    (tmp_path / "x.arrays").write_bytes(content[:300])
    with pytest.raises(Unavailable):
        load_arrays(tmp_path / "x.arrays")
