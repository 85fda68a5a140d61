from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis.similarity import cosine, tfidf_vector
from kb.search.searcher import Searcher
from tests.search.library import document, publish

counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9)).map(Counter)


@given(counts, counts)
def test_a_cosine_is_a_share_and_the_same_both_ways(one: Counter[str], other: Counter[str]) -> None:
    found = cosine(tfidf_vector(one, lambda _: 1.5), tfidf_vector(other, lambda _: 1.5))
    assert 0 <= found <= 1
    assert found == pytest.approx(
        cosine(tfidf_vector(other, lambda _: 1.5), tfidf_vector(one, lambda _: 1.5))
    )
    assert cosine(
        tfidf_vector(one, lambda _: 1.5), tfidf_vector(one, lambda _: 1.5)
    ) == pytest.approx(1.0 if one else 0.0)


def test_words_that_the_help_centre_says_all_the_time_tell_little(tmp_path: Path) -> None:
    publish(tmp_path, [document(f"doc/{i}", "The press", f"press {i}") for i in range(30)])
    like = Searcher(tmp_path).likeness
    jam, press, same = like(
        "The press has a jam", ["A jam of paper", "The press is slow", "the PRESS has jams"]
    )
    assert press < jam < same
    assert same == pytest.approx(1.0)
    assert like("Press", []) == ()
    assert like("", ["press"]) == (0.0,)
