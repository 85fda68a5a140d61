"""Title text: the share of what was typed that a title holds literally."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis.tokenizer import read_typed
from kb.search.index.previous import CarriedOver
from kb.search.kernels.layout import Loops, read_only
from kb.search.scoring.title_text import TitleText, pack_title_text, tails

TITLES = (
    "How do I reset my password?",
    "Reset my passkey",
    "My password",
    "",
    "密码重置",
    "Passwords my way",
)


Shares = Callable[..., list[float]]


def title_text(titles: Sequence[str], loops: Loops) -> TitleText:
    """With arrays like those of an index, which cannot be written."""
    arrays = pack_title_text(titles)
    return TitleText({name: read_only(array) for name, array in arrays.items()}, loops)


@pytest.fixture(scope="module")
def shares(loops: Loops) -> Shares:
    def shares_of(text: str, titles: tuple[str, ...] = TITLES) -> list[float]:
        parts = title_text(titles, loops).shares(read_typed(text), np.arange(len(titles)))
        return [round(float(share), 2) for share in parts]

    return shares_of


def test_the_share_is_that_of_the_longest_tail_that_a_title_holds(shares: Shares) -> None:
    assert shares("please reset my pass") == [0.65, 0.65, 0.35, 0, 0, 0.2]


def test_a_finished_word_does_not_stand_for_a_longer_one(shares: Shares) -> None:
    assert shares("my password ")[:3] == [1, 0, 1]
    assert shares("password ")[-1] == 0


def test_scripts_without_spaces_may_begin_anywhere(shares: Shares) -> None:
    assert shares("重置")[4] == 1


def test_no_tail_reaches_from_one_title_into_the_next(shares: Shares) -> None:
    assert shares("a b", ("x a", "b c")) == [0, 0.33]


@pytest.mark.parametrize("text", ["", " ", "?!", "\ud800"])
def test_a_text_without_words_is_in_no_title(shares: Shares, text: str) -> None:
    assert not any(shares(text))


_WORDS = st.lists(st.sampled_from(["a", "ab", "abc", "b", "ba"]), max_size=6).map(" ".join)


@given(text=_WORDS, titles=st.lists(_WORDS, min_size=1, max_size=5))
def test_it_agrees_with_searching_each_title(loops: Loops, text: str, titles: list[str]) -> None:
    typed = read_typed(text)
    expected = [
        max((share for tail, share in tails(typed) if tail in f" {title} ".encode()), default=0.0)
        for title in titles
    ]
    shares = title_text(titles, loops).shares(typed, np.arange(len(titles)))
    assert np.allclose(shares, expected)


def test_unchanged_titles_are_carried_over() -> None:
    none = np.zeros(0, dtype=np.int32)
    then = CarriedOver(pack_title_text(TITLES), np.array([-1, 1]), surfaces=none, stems=none)
    incremental = pack_title_text(("New title", TITLES[1]), then)
    full = pack_title_text(("New title", TITLES[1]))
    assert {name: array.tobytes() for name, array in incremental.items()} == {
        name: array.tobytes() for name, array in full.items()
    }
