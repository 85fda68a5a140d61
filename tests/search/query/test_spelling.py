from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kb.search.index.term_dictionary import TermDictionary
from kb.search.query.spelling import Speller, is_one_edit


def speller(**df: int) -> Speller:
    words = sorted(df)
    counts = np.array([df[word] for word in words], dtype=np.int32)
    arrays = {
        **TermDictionary.pack(words, "surface"),
        **Speller.pack(words, counts),
        "surface_df": counts,
    }
    return Speller(arrays, TermDictionary(arrays, "surface"))


def test_a_slip_finds_the_word_that_was_meant() -> None:
    known = speller(password=9, install=5)
    for slip in ("pasword", "passwrod", "passsword", "pazsword"):
        assert known.corrections(slip) == [(1, 1.0)], slip


def test_a_changed_first_letter_weighs_less() -> None:
    (first, _), (second, share) = speller(reset=4, beset=4).corrections("resex") + speller(
        aaaa=2
    ).corrections("aaab")
    assert first == 1
    assert (second, share) == (0, 1.0)
    both = dict(speller(bound=10, round=10).corrections("sound"))
    assert both == {0: 0.5, 1: 0.5}


def test_identifiers_numbers_and_short_words_are_never_corrected() -> None:
    known = speller(e404=9, port=9, abc=9)
    assert known.corrections("e405") == []
    assert known.corrections("abd") == []


def test_a_word_of_a_single_document_is_nobodys_correction() -> None:
    assert speller(zephyrion=1).corrections("zephyrian") == []


@given(st.text(alphabet="abcd", min_size=1, max_size=8), st.data())
def test_one_edit_is_symmetric_and_knows_every_single_edit(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcdx"))
    swapped = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    for other in (
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        swapped,
    ):
        assert is_one_edit(word, other)
        assert is_one_edit(other, word)
    assert not is_one_edit(word, word + "xy")
