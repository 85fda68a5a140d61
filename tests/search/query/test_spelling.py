from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis.edits import is_one_edit
from kb.search.index.term_dictionary import TermDictionary
from kb.search.query.spelling import Speller


def speller(*, documents: int = 10, **df: int) -> Speller:
    words = sorted(df)
    counts = np.array([df[word] for word in words], dtype=np.int32)
    arrays = {
        **TermDictionary.pack(words, "surface"),
        **Speller.pack(words, counts, documents),
        "surface_df": counts,
    }
    return Speller(arrays, TermDictionary(arrays, "surface"))


def test_a_typo_finds_the_word_that_was_meant() -> None:
    spelling = speller(password=9, install=5)
    for typo in ("pasword", "passwrod", "passsword", "pazsword"):
        assert spelling.corrections(typo) == [(1, 1.0)], typo


def test_two_typos_are_corrected_in_long_words_only() -> None:
    spelling = speller(language=9, close=3)
    assert spelling.corrections("lengguage") == []
    assert spelling.farther_corrections("lengguage") == [(1, 1.0)]
    assert spelling.farther_corrections("anguagee") == []
    assert spelling.farther_corrections("clsoee") == []


def test_a_changed_first_letter_weighs_less() -> None:
    (first, _), (second, share) = speller(reset=4, beset=4).corrections("resex") + speller(
        aaaa=2
    ).corrections("aaab")
    assert first == 1
    assert (second, share) == (0, 1.0)
    both = dict(speller(bound=10, round=10).corrections("sound"))
    assert both == {0: 0.5, 1: 0.5}


def test_identifiers_numbers_and_short_words_are_never_corrected() -> None:
    spelling = speller(e404=9, port=9, abc=9)
    assert spelling.corrections("e405") == []
    assert spelling.corrections("abd") == []


def test_a_word_of_a_single_document_corrects_in_small_help_centres_only() -> None:
    assert speller(zephyrion=1).corrections("zephyrian") == [(0, 1.0)]
    assert speller(zephyrion=1, documents=100_000).corrections("zephyrian") == []


def test_two_words_written_as_one_are_two_words() -> None:
    spelling = speller(email=9, detail=2, ema=1, ildetail=9, screen=3)
    assert spelling.parts("emaildetail", ()) == (2, 0)
    assert spelling.parts("emailscreenx", ()) == ()
    assert spelling.parts("e4mail", ()) == ()


def test_a_compound_is_made_of_known_words_and_of_letters_between_them() -> None:
    spelling = speller(datenbank=3, verbindung=2, fehler=5, bank=9, daten=9)
    assert spelling.parts("datenbankverbindungsfehler", ("s", "en")) == (2, 4, 3)
    assert spelling.parts("datenbankverbindungsfehler", ()) == ()
    assert spelling.parts("fehlers", ("s",)) == ()


@given(st.text(alphabet="abcd", min_size=1, max_size=8), st.data())
def test_one_edit_is_symmetric_and_knows_every_single_edit(word: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcdx"))
    before, after = word[:position], word[position + 1 :]
    for other in (
        before + after,
        before + letter + word[position:],
        before + letter + after,
        before + word[position : position + 2][::-1] + word[position + 2 :],
    ):
        assert is_one_edit(word, other)
        assert is_one_edit(other, word)
    assert not is_one_edit(word, word + "xy")
