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
def test_a_cosine_lies_between_0_and_1_and_is_symmetric(
    left_counts: Counter[str], right_counts: Counter[str]
) -> None:
    left, right = (tfidf_vector(counts, lambda _: 1.5) for counts in (left_counts, right_counts))
    assert 0 <= cosine(left, right) <= 1
    assert cosine(left, right) == pytest.approx(cosine(right, left))
    assert cosine(left, left) == pytest.approx(1.0 if left else 0.0)


def test_frequent_words_of_the_help_centre_weigh_little(tmp_path: Path) -> None:
    publish(tmp_path, [document(f"doc/{i}", "The press", f"press {i}") for i in range(30)])
    likeness = Searcher(tmp_path).likeness
    jam, press, same = likeness(
        "The press has a jam", ["A jam of paper", "The press is slow", "the PRESS has jams"]
    )
    assert press < jam < same
    assert same == pytest.approx(1.0)
    assert likeness("Press", []) == ()
    assert likeness("", ["press"]) == (0.0,)
