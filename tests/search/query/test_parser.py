from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kb.search.query.parser import MAX_QUERY_LENGTH, Operator, parse_query, plain_query


def test_plain_words_are_just_words() -> None:
    assert parse_query("  how do I reset it? ").words == "how do I reset it?"
    assert parse_query("error: it's broken").operators == ()


def test_operators_are_parsed() -> None:
    query = parse_query(
        'install "port in use" -docker title:setup product:"Askfirst Embed" after:2026-01'
    )
    assert query.operators == (
        Operator("", "port in use", excluded=False, exact=True),
        Operator("", "docker", excluded=True, exact=False),
        Operator("title", "setup", excluded=False, exact=False),
        Operator("product", "Askfirst Embed", excluded=False, exact=True),
        Operator("after", "2026-01", excluded=False, exact=False),
    )
    assert query.words == "install port in use setup"
    assert query.notes == ()


def test_malformed_operators_are_read_as_words_with_a_note() -> None:
    for text in ('say "hello', "before:soon"):
        query = parse_query(text)
        assert query.operators == ()
        assert len(query.notes) == 1
    assert parse_query('- -" : title:').operators == ()


def test_a_hyphen_inside_a_word_excludes_nothing() -> None:
    assert parse_query("sign-in e-mail").operators == ()


def test_a_title_has_no_operators() -> None:
    assert plain_query('what does "-x" mean').operators == ()


@given(st.text(max_size=3000))
def test_every_text_is_a_query_of_bounded_length(text: str) -> None:
    query = parse_query(text)
    assert query.text == text
    assert len(query.words) <= 2 * MAX_QUERY_LENGTH
    assert len(query.operators) <= 16
