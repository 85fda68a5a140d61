from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import Misconfigured
from kb.search.query.curation_file import read_curations
from kb.search.query.golden_file import GoldenQuery, read_golden_queries


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.toml"
    path.write_text(text, "utf-8")
    return path


def test_golden_queries_are_read_with_their_lines(tmp_path: Path) -> None:
    text = (
        '# why\n[[queries]]\nquery = "reset"\nexpect = "doc/reset"\ntop = 2\n\n'
        '[[queries]]\nquery = "weather"\nnothing = true\naudience = "staff"\n'
    )
    assert read_golden_queries(_file(tmp_path, text)) == (
        GoldenQuery("reset", ("doc/reset",), 2, "public", 3),
        GoldenQuery("weather", (), 3, "staff", 8),
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[[queries]]\nquery = "a"', 1),
        ('[[queries]]\nquery = "a"\nexpect = "b"\ntop = 99', 4),
        ('[[queries]]\nquery = "a"\nexpects = "b"', 3),
        ("queries = 3", 1),
        ("[[queries", 1),
    ],
)
def test_a_mistake_in_a_golden_query_names_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = _file(tmp_path, text)
    assert line in _mistaken_lines(read_golden_queries, path)


def test_curations_become_plain_values_and_name_their_documents(tmp_path: Path) -> None:
    text = (
        'stop_phrases = ["please help"]\n[[queries]]\nquery = "reset password"\nmatch = '
        '"contains"\npin = ["doc/a"]\n'
        'hide = ["doc/b"]\nboost = { "doc/c" = 2 }\n[[synonyms]]\nwords = ["log in", "sign in"]\n'
        '[[synonyms]]\nfrom = ["SSO"]\nto = ["single sign-on"]\n'
    )
    rules = read_curations(_file(tmp_path, 'no_synonyms = ["case"]\n' + text))
    rule = {
        "query": ["reset password"],
        "match": "contains",
        "pin": ["doc/a"],
        "hide": ["doc/b"],
        "boost": {"doc/c": 2},
    }
    assert rules.values == {
        "queries": [rule],
        "synonyms": [{"words": ["log in", "sign in"]}, {"from": ["SSO"], "to": ["single sign-on"]}],
        "no_synonyms": ["case"],
        "stop_phrases": ["please help"],
    }
    assert rules.named == (("doc/a", 6), ("doc/b", 7), ("doc/c", 8))


def test_all_mistakes_in_a_curations_file_are_reported_at_once(tmp_path: Path) -> None:
    text = (
        '[[queries]]\nquery = "a"\n[[queries]]\npin = ["doc/x"]\n[[queries]]\nquery = "b"\npin = '
        '["doc/x"]\n'
        'hide = ["doc/x"]\nboost = { "doc/y" = 0 }\n[[synonyms]]\nwords = '
        '["one"]\n[[synonyms]]\nfrom = ["x"]\n'
    )
    path = _file(tmp_path, text)
    assert _mistaken_lines(read_curations, path) == [1, 3, 8, 9, 10, 12]


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    assert _mistaken_lines(read_curations, tmp_path / "x.toml") == [1]
    with pytest.raises(Misconfigured, match=r"none\.toml"):
        read_golden_queries(tmp_path / "none.toml")


_LINES = (
    "[[queries]]",
    "[[synonyms]]",
    'query = "a"',
    "query = 1",
    'pin = ["x"]',
    "pin = {}",
    "boost = 1",
    'boost = { a = "b" }',
    "words = [1]",
    'words = ["a", "b"]',
    'from = ["a"]',
    "to = []",
    "match = 3",
    'stop_phrases = ["x", ""]',
    "[queries]",
    "nothing = 1",
    "top = true",
)


@given(st.lists(st.sampled_from(_LINES), max_size=8))
def test_any_curation_file_is_read_or_refused_with_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = _file(tmp_path_factory.getbasetemp(), "\n".join(lines))
    for read in (read_golden_queries, read_curations):
        assert all(1 <= line <= len(lines) + 1 for line in _mistaken_lines(read, path))


def _mistaken_lines(read: Callable[[Path], object], path: Path) -> list[int]:
    """The lines of the mistakes in a file; none when it is read."""
    try:
        read(path)
    except Misconfigured as error:
        places = [
            re.match(rf"{re.escape(str(path))}:(\d+): ", row) for row in str(error).split("\n")
        ]
        assert all(places)
        return [int(place[1]) for place in places if place]
    return []
