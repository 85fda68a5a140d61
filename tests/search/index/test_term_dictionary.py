from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kb.search.index.term_dictionary import TermDictionary

WORDS = st.lists(st.text(alphabet="abcé日x0", min_size=1, max_size=14), max_size=40, unique=True)


def vocabulary(words: list[str]) -> tuple[list[str], TermDictionary]:
    ordered = sorted(words, key=lambda word: word.encode())
    return ordered, TermDictionary(TermDictionary.pack(ordered, "v"), "v")


@given(WORDS, st.text(alphabet="abcé日x0", max_size=14))
def test_a_word_is_found_where_it_is_and_nowhere_else(words: list[str], other: str) -> None:
    ordered, packed = vocabulary(words)
    assert [packed.word(i) for i in range(len(packed))] == ordered
    for word in [*words, other]:
        assert packed.find(word) == (ordered.index(word) if word in ordered else -1)


@given(WORDS, st.text(alphabet="abcé日x0", max_size=10))
def test_a_prefix_is_a_range(words: list[str], prefix: str) -> None:
    ordered, packed = vocabulary(words)
    low, high = packed.range(prefix)
    assert ordered[low:high] == [word for word in ordered if word.startswith(prefix)]
