"""Texts as numbers, by chunks that are read once: the same by compiled loops and without them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.kernels import chunk_lists
from kb.search.kernels.chunk_lists import ChunkLists
from kb.search.kernels.compilation import compiled_loops

#: All characters that separate words, and some that look as if they did.
SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace()]
TEXT = st.lists(st.sampled_from([*SPACES, "\x1b", "\u200b", "\udc85", "a", "ä", "€"]) | st.text())


def code_points(chunk: str) -> list[int]:
    return list(map(ord, chunk))


def read(lists: ChunkLists, texts: list[str]) -> list[list[int]]:
    values, ends = lists.read(texts)
    return [values[low:high].tolist() for low, high in pairwise(ends.tolist())]


@given(st.lists(TEXT.map("".join), max_size=5))
def test_texts_are_cut_where_python_cuts_them(texts: list[str]) -> None:
    plain, fast = ChunkLists(code_points), ChunkLists(code_points)
    fast.use(compiled_loops())
    expected = [code_points("".join(text.split())) for text in texts]
    assert read(plain, texts) == expected
    for _ in range(2):  # new, and seen before
        assert read(fast, texts) == expected


def test_what_was_seen_is_forgotten_where_it_would_take_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_lists, "_MOST_CHUNKS", 3)
    asked: list[str] = []

    def sizes(chunk: str) -> list[int]:
        asked.append(chunk)
        return [len(chunk)]

    for lists in (ChunkLists(sizes), ChunkLists(sizes)):
        asked.clear()
        for text in ("a bb ccc", "a dddd", "a eeeee"):
            assert read(lists, [text]) == [list(map(len, text.split()))]
        assert len(asked) > 5
        lists.use(compiled_loops())


def test_texts_that_are_too_long_for_compiled_loops_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_lists, "MOST_BYTES", 8)
    lists = ChunkLists(code_points)
    lists.use(compiled_loops())
    for texts in (["abc", "de"], ["abcdefghijk", "b"], ["c"]):
        assert read(lists, texts) == list(map(code_points, texts))
