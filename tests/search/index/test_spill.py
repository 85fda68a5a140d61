"""However little is done at once, and wherever it lies meanwhile, the same bytes come out."""

from __future__ import annotations

import contextlib
import errno
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import Unavailable
from kb.search.analysis.passages import split_passages
from kb.search.build.forward_index import ForwardIndex
from kb.search.build.partition_writer import partition_arrays
from kb.search.documents import Document
from kb.search.index import spill
from kb.search.index.array_file import save_arrays
from kb.search.index.spill import Columns, Spill, blocks
from tests.search.index.test_latent_topics import corpus as themed
from tests.search.library import ARTICLES, document, publish

BATCHES = st.lists(
    st.lists(st.lists(st.integers(0, 99), max_size=4), min_size=3, max_size=3), max_size=5
)
EVERYTHING = frozenset({"public", "staff"})


def made(documents: list[Document], space: Spill) -> dict[str, bytes]:
    corpus = ForwardIndex(spill=space)
    for row, one in enumerate(documents):
        corpus.add(one, row, split_passages(one))
    return {
        name: array.tobytes()
        for name, array in partition_arrays(corpus, EVERYTHING, None, space).items()
    }


@pytest.mark.parametrize("block", [1, 100, 5000])
def test_a_partition_is_the_same_however_little_is_done_at_once(tmp_path: Path, block: int) -> None:
    few = themed(60) + [
        document(f"faq/{one.id}", one.title, one.text(), audience="staff") for one in ARTICLES
    ]
    with contextlib.closing(Spill(tmp_path, small=64, block=block)) as narrow:
        assert made(few, narrow) == made(few, Spill())
        assert list(tmp_path.iterdir()) == []  # nobody sees the files


@given(BATCHES)
def test_columns_are_put_together_in_order_of_batches(batches: list[list[list[int]]]) -> None:
    columns = Columns(Spill(block=2), np.int32, np.uint8)
    for batch in batches:
        flat = np.array([number for column in batch for number in column], dtype=np.int32)
        columns.add(np.cumsum([0, *map(len, batch)]), flat, flat % 7)
    pointers, (numbers, values) = columns.merged()
    wanted = [
        [number for batch in batches for number in batch[column]]
        for column in range(3 if batches else 0)
    ]
    assert [numbers[a:b].tolist() for a, b in pairwise(pointers.tolist())] == wanted
    assert values.tolist() == (numbers % 7).tolist()


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 12), st.integers(1, 5))
def test_blocks_cover_every_list_once(lengths: list[int], size: int, most: int) -> None:
    pointers = np.cumsum([0, *lengths])
    found = list(blocks(pointers, size, most=most))
    assert [i for low, high in found for i in range(low, high)] == list(range(len(lengths)))
    assert all(high - low == 1 or pointers[high] - pointers[low] <= size for low, high in found)
    assert all(high - low <= most for low, high in found)


def test_a_run_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with contextlib.closing(Spill(tmp_path, small=8)) as space:
        run = space.array(np.int32)
        assert run.array().tolist() == []
        for number in range(20):
            run.extend([number])
            run.append(np.array([[number, -number]]))
            assert len(run) == run.array().size == 3 * (number + 1)
        assert run.array()[-3:].tolist() == [19, 19, -19]


def test_a_disk_that_is_full_of_what_lies_aside_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spill, "MAX_IN_MEMORY", 0)
    monkeypatch.setattr(Spill, "file", full)
    with pytest.raises(Unavailable, match="the disk is full"):
        publish(tmp_path, operators=False)
    assert [p.name for p in (tmp_path / "index").iterdir()] == [".lock"]


def test_saving_what_lies_in_a_file_gives_the_same_file(tmp_path: Path) -> None:
    with contextlib.closing(Spill(tmp_path, small=0)) as space:
        run = space.array(np.float32)
        run.append(np.arange(100, dtype=np.float32))
        save_arrays(
            tmp_path / "one",
            {
                "a": run.array(),
                "b": np.zeros((0, 3), np.int8),
                "c": np.array([[1], [2]], np.float16),
            },
        )
    save_arrays(tmp_path / "two", {"a": np.arange(100, dtype=np.float32), "b": np.zeros((0, 3), np.int8),
                                   "c": np.array([[1], [2]], np.float16)})  # fmt: skip
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
