from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis.tokenizer import Analyzer, fold, index_words, tokens


def test_accents_and_case_are_folded() -> None:
    assert index_words("Überprüfung CAFÉ naïve") == ["uberprufung", "cafe", "naive"]


def test_an_identifier_is_found_whole_and_by_its_parts() -> None:
    assert {"get-childitem", "get", "child", "item"} <= set(index_words("Get-ChildItem"))
    assert {"err_conn_reset", "conn"} <= set(index_words("ERR_CONN_RESET"))
    assert "9.1.9" in index_words("since version 9.1.9")


def test_unspaced_scripts_become_overlapping_pairs_and_han_single_characters_too() -> None:
    assert index_words("日本語") == ["日本", "本語", "日", "本", "語"]
    assert index_words("カメラ") == ["カメ", "メラ"]
    assert index_words("日") == ["日"]


def test_a_word_beside_a_script_without_spaces_is_a_word() -> None:
    assert index_words("Astro组件") == ["astro", "组件", "组", "件"]
    assert [token.text for token in tokens("Astro组件")] == ["astro", "组件"]


def test_marks_of_other_scripts_do_not_cut_words() -> None:
    assert index_words("हिन्दी") == ["हिन्दी"]
    assert index_words("ไทย") == ["ไท", "ทย"]


def test_points_that_nobody_types_are_folded_away() -> None:
    assert index_words("שָׁלוֹם") == index_words("שלום") == ["שלום"]
    assert fold("İstanbul") == "istanbul"


def test_stop_words_have_no_stem_and_inflections_share_one() -> None:
    analyzer = Analyzer()
    assert analyzer.stem("the") == ""
    assert analyzer.stem("installing") == analyzer.stem("installed") == "instal"
    assert analyzer.stems("how to install") == ["how", "instal"]


@given(st.text())
def test_any_text_has_words_and_tokens_lie_inside_it(text: str) -> None:
    for word in index_words(text):
        assert 0 < len(word) <= 64
    ranges = [(token.start, token.end) for token in tokens(text)]
    assert all(0 <= start < end <= len(text) for start, end in ranges)
    assert ranges == sorted(ranges)
