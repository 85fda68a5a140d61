"""Which titles hold what is being typed, as it was typed?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.index.previous import CarriedOver
from kb.search.index.title_text import TitleText, pack_title_text, tails
from kb.search.kernels.layout import Loops

TITLES = (
    "How do I reset my password?",
    "Reset my passkey",
    "My password",
    "",
    "密码重置",
    "Passwords my way",
)


Shares = Callable[..., list[float]]


@pytest.fixture(scope="module")
def shares(loops: Loops) -> Shares:
    def found(text: str, titles: tuple[str, ...] = TITLES) -> list[float]:
        parts = TitleText(pack_title_text(titles), loops).shares(text, np.arange(len(titles)))
        return [round(float(share), 2) for share in parts]

    return found


def test_the_share_is_that_of_the_longest_tail_which_a_title_holds(shares: Shares) -> None:
    assert shares("please reset my pass") == [0.65, 0.65, 0.35, 0, 0, 0.2]


def test_a_word_that_was_ended_stands_for_no_longer_one(shares: Shares) -> None:
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
def test_it_is_what_looking_into_each_title_says(
    loops: Loops, text: str, titles: list[str]
) -> None:
    held = [
        max((share for tail, share in tails(text) if tail in f" {title} ".encode()), default=0.0)
        for title in titles
    ]
    assert np.allclose(
        TitleText(pack_title_text(titles), loops).shares(text, np.arange(len(titles))), held
    )


def test_titles_that_stayed_are_taken_over() -> None:
    none = np.zeros(0, dtype=np.int32)
    then = CarriedOver(pack_title_text(TITLES), np.array([-1, 1]), surfaces=none, stems=none)
    again = pack_title_text(("New one", TITLES[1]), then)
    whole = pack_title_text(("New one", TITLES[1]))
    assert {name: value.tobytes() for name, value in again.items()} == {
        n: v.tobytes() for n, v in whole.items()
    }
