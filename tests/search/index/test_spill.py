"""Spilled arrays: the result does not depend on the block size, nor on where arrays lie."""

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
from kb.search.index.array_file import Arrays, save_arrays
from kb.search.index.spill import Columns, Spill, blocks
from tests.search.index.test_latent_topics import corpus as themed
from tests.search.library import ARTICLES, document, publish

BATCHES = st.lists(
    st.lists(st.lists(st.integers(0, 99), max_size=4), min_size=3, max_size=3), max_size=5
)
EVERYTHING = frozenset({"public", "staff"})


def partition_bytes(documents: list[Document], space: Spill) -> dict[str, bytes]:
    forward_index = ForwardIndex(spill=space)
    for row, article in enumerate(documents):
        forward_index.add(article, row, split_passages(article))
    arrays = partition_arrays(forward_index, EVERYTHING, None, space)
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.mark.parametrize("block", [1, 100, 5000])
def test_a_partition_does_not_depend_on_the_block_size(tmp_path: Path, block: int) -> None:
    documents = themed(60) + [
        document(f"faq/{article.id}", article.title, article.text(), audience="staff")
        for article in ARTICLES
    ]
    with contextlib.closing(Spill(tmp_path, small=64, block=block)) as narrow:
        assert partition_bytes(documents, narrow) == partition_bytes(documents, Spill())
        assert list(tmp_path.iterdir()) == []  # nobody sees the files


@given(BATCHES)
def test_columns_are_put_together_in_order_of_batches(batches: list[list[list[int]]]) -> None:
    columns = Columns(Spill(block=2), np.int32, np.uint8)
    for batch in batches:
        flat = np.array([number for column in batch for number in column], dtype=np.int32)
        columns.add(np.cumsum([0, *map(len, batch)]), flat, flat % 7)
    pointers, (numbers, values) = columns.merged()
    expected = [
        [number for batch in batches for number in batch[column]]
        for column in range(3 if batches else 0)
    ]
    assert [numbers[a:b].tolist() for a, b in pairwise(pointers.tolist())] == expected
    assert values.tolist() == (numbers % 7).tolist()


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 12), st.integers(1, 5))
def test_blocks_cover_every_list_once(lengths: list[int], size: int, most: int) -> None:
    pointers = np.cumsum([0, *lengths])
    ranges = list(blocks(pointers, size, most=most))
    assert [i for low, high in ranges for i in range(low, high)] == list(range(len(lengths)))
    assert all(high - low == 1 or pointers[high] - pointers[low] <= size for low, high in ranges)
    assert all(high - low <= most for low, high in ranges)


def test_an_array_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with contextlib.closing(Spill(tmp_path, small=8)) as space:
        array = space.array(np.int32)
        assert array.array().tolist() == []
        for number in range(20):
            array.extend([number])
            array.append(np.array([[number, -number]]))
            assert len(array) == array.array().size == 3 * (number + 1)
        assert array.array()[-3:].tolist() == [19, 19, -19]


def test_a_disk_that_is_full_of_spilled_arrays_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spill, "MAX_IN_MEMORY", 0)
    monkeypatch.setattr(Spill, "file", full)
    with pytest.raises(Unavailable) as raised:
        publish(tmp_path, operators=False)
    assert getattr(raised.value.__cause__, "errno", None) == errno.ENOSPC
    assert [p.name for p in (tmp_path / "index").iterdir()] == [".lock"]


def test_a_spilled_array_is_saved_as_one_in_memory_is(tmp_path: Path) -> None:
    with contextlib.closing(Spill(tmp_path, small=0)) as space:
        numbers = np.arange(100, dtype=np.float32)
        others: Arrays = {"b": np.zeros((0, 3), np.int8), "c": np.array([[1], [2]], np.float16)}
        spilled = space.array(np.float32)
        spilled.append(numbers)
        save_arrays(tmp_path / "spilled", {"a": spilled.array(), **others})
        save_arrays(tmp_path / "memory", {"a": numbers, **others})
    assert (tmp_path / "spilled").read_bytes() == (tmp_path / "memory").read_bytes()
