from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis import Analyzer
from kb.search.highlight import WIDTH, Matches, excerpt


def matches(*stems: str, beginnings: tuple[str, ...] = ()) -> Matches:
    return Matches(stems, beginnings, Analyzer().stem)


def marked(text: str, found: Matches) -> list[str]:
    shown, spans = excerpt(text, found)
    return [shown[start:end] for start, end in spans]


def test_inflections_of_a_word_are_marked() -> None:
    assert marked("Installing it: install, installed; reinstall.", matches("instal")) == [
        "Installing",
        "install",
        "installed",
    ]


def test_an_open_last_word_marks_its_completions() -> None:
    assert marked("Suggestions suggest", matches(beginnings=("sugg",))) == ["Suggestions", "suggest"]


def test_accents_and_pairs_are_marked_in_place() -> None:
    assert marked("Ein Café hier", matches("cafe")) == ["Café"]
    assert marked("東京の日本語です", matches("日本", "本語")) == ["日本語"]


def test_the_excerpt_is_cut_around_the_matches() -> None:
    text = "nothing here " * 60 + "the needle lies there " + "and more " * 60
    shown, spans = excerpt(text, matches("needl"))
    assert [shown[a:b] for a, b in spans] == ["needle"]
    assert shown.startswith("… ")
    assert shown.endswith(" …")


@given(st.text(max_size=2000), st.lists(st.text(alphabet="abé日", min_size=1, max_size=3), max_size=4))
def test_spans_lie_in_range_in_order_and_apart(text: str, stems: list[str]) -> None:
    shown, spans = excerpt(text, matches(*stems))
    assert len(shown) <= WIDTH + 4
    end = 0
    for start, stop in spans:
        assert end <= start < stop <= len(shown)
        end = stop
