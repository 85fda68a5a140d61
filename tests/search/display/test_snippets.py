from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis.tokenizer import Analyzer, fold, folded_text
from kb.search.display.snippets import WIDTH, Matches, WeightedTerm, snippet


def matches(*stems: str, beginnings: tuple[str, ...] = ()) -> Matches:
    whole = [WeightedTerm(frozenset({stem}), "", 1.0) for stem in stems]
    opened = [WeightedTerm(frozenset(), beginning, 1.0) for beginning in beginnings]
    return Matches([*whole, *opened], Analyzer().stems_of)


def marked(text: str, query: Matches) -> list[str]:
    shown, spans = excerpt(text, query)
    return [shown[start:end] for start, end in spans]


def excerpt(text: str, query: Matches) -> tuple[str, tuple[tuple[int, int], ...]]:
    shown = snippet(folded_text(" ".join(text.split())), query)
    return shown.text, shown.spans


def test_inflections_of_a_word_are_marked() -> None:
    assert marked("Installing it: install, installed; reinstall.", matches("instal")) == [
        "Installing",
        "install",
        "installed",
    ]


def test_an_open_last_word_marks_its_completions() -> None:
    assert marked("Suggestions suggest", matches(beginnings=("sugg",))) == [
        "Suggestions",
        "suggest",
    ]


def test_accents_and_pairs_are_marked_in_place() -> None:
    assert marked("Ein Café hier", matches("cafe")) == ["Café"]
    assert marked("東京の日本語です", matches("日本", "本語")) == ["日本語"]


@pytest.mark.parametrize(
    ("query", "text", "shown"),
    [
        ("printer", "Printer in İstanbul", ["Printer"]),
        ("istanbul", "Printer in İstanbul", ["İstanbul"]),
        ("cafe", "Das Cafe\u0301 hier", ["Cafe\u0301"]),
        ("resume", "Your re\u0301sume\u0301 here", ["re\u0301sume\u0301"]),
        ("strasse", "STRASSE, Straße", ["STRASSE", "Straße"]),
        # In the folded form of the second word, "file" is followed by more letters.
        ("file", "The ﬁle File™ file", ["ﬁle", "file"]),
        ("صلى الله", "ﷺ Printer", ["ﷺ"]),
        ("שלום", "שָׁלוֹם עולם", ["שָׁלוֹם"]),
        ("हिन्दी", "यह हिन्दी है", ["हिन्दी"]),
        ("न्दी", "यह हिन्दी है", []),
        ("οδος", "Η ΟΔΟΣ εδώ", ["ΟΔΟΣ"]),
    ],
)
def test_words_are_marked_whose_letters_fold_to_more_or_fewer_letters(
    query: str, text: str, shown: list[str]
) -> None:
    assert marked(text, matches(*Analyzer().stems(query))) == shown


@given(st.text(alphabet="aBİßﬁ™…½e\u0301\u0307ָ शि日Σ ", max_size=30))
def test_every_letter_of_folded_text_has_an_offset_in_the_text(text: str) -> None:
    _, folded, offsets = folded_text(text)
    assert len(offsets) == len(folded) + 1
    assert list(offsets) == sorted(offsets)
    assert offsets[-1] == len(text)
    for letter, offset in zip(folded, offsets, strict=False):
        assert letter in fold(text[offset:]) or letter == "ς"


def test_the_excerpt_is_cut_around_the_matches() -> None:
    text = "nothing here " * 60 + "the needle lies there " + "and more " * 60
    shown, spans = excerpt(text, matches("needl"))
    assert [shown[a:b] for a, b in spans] == ["needle"]
    assert shown.startswith("… ")
    assert shown.endswith(" …")


def test_at_the_end_of_a_text_an_excerpt_has_no_less_to_read() -> None:
    shown, _ = excerpt("First this is told. " * 40 + "The last word is needle.", matches("needl"))
    assert len(shown) > WIDTH // 2
    assert shown.startswith("… First this is told.")


@given(
    st.text(max_size=2000),
    st.lists(st.text(alphabet="abé日", min_size=1, max_size=3), max_size=4),
)
def test_spans_lie_in_range_in_order_and_apart(text: str, stems: list[str]) -> None:
    shown, spans = excerpt(text, matches(*stems))
    assert len(shown) <= WIDTH + 4
    end = 0
    for start, stop in spans:
        assert end <= start < stop <= len(shown)
        end = stop
