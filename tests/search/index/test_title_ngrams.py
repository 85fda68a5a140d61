"""Lists of n-grams that are put together from old and new ones are those of a whole index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.search import weights
from kb.search.index import title_ngrams
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver
from kb.search.index.title_ngrams import pack_title_ngrams

titles = st.lists(st.sampled_from(["reset", "the", "mail", "größe", "日本", "a"]), max_size=4).map(
    " ".join
)
#: Of each step, by number: a title that is edited or added, or None for one that is taken away.
changes = st.dictionaries(st.integers(0, 30), st.none() | titles, max_size=5)
_NOTHING = np.zeros(0, dtype=np.int32)


def packed(titles: dict[int, str], then: CarriedOver | None) -> Arrays:
    numbers = sorted(titles)
    arrays = pack_title_ngrams([titles[n] for n in numbers], then, keep_weights=True)
    return arrays | {"kind": np.zeros(len(titles), dtype=np.uint8)}


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(changes, min_size=1, max_size=5))
def test_a_few_edited_titles_give_what_counting_all_titles_gives(
    steps: list[dict[int, str | None]],
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        # As if each n-gram of these short titles were in more titles than are kept.
        patched.setattr(weights, "LETTER_POSTINGS", 3)
        titles: dict[int, str] = {number: f"mail {number} reset" for number in range(12)}
        then = packed(titles, None)
        for step in steps:
            before, titles = titles, {n: t for n, t in (titles | step).items() if t is not None}
            rows = {number: row for row, number in enumerate(sorted(before))}
            places = [
                rows[number] if before.get(number) == titles[number] else -1
                for number in sorted(titles)
            ]
            now = packed(titles, CarriedOver(then, np.array(places, np.int64), _NOTHING, _NOTHING))

            nothing = np.full(len(titles), -1, dtype=np.int64)
            patched.setattr(title_ngrams, "_FEW", -1)
            whole = packed(titles, CarriedOver(now, nothing, _NOTHING, _NOTHING))
            patched.setattr(title_ngrams, "_FEW", 64)
            for name in whole:
                assert now[name].tobytes() == whole[name].tobytes(), name
            then = now
