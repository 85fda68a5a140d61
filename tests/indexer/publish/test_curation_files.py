from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.publish import curation_files
from indexer.publish.curation_files import GoldenQuery
from kb.errors import Misconfigured


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.toml"
    path.write_text(text, "utf-8")
    return path


def test_golden_queries_are_read_with_their_lines(tmp_path: Path) -> None:
    text = (
        '# why\n[[queries]]\nquery = "reset"\nexpect = "doc/reset"\ntop = 2\n\n'
        '[[queries]]\nquery = "weather"\nnothing = true\naudience = "staff"\n'
    )
    assert curation_files.read_golden_queries(_file(tmp_path, text)) == (
        GoldenQuery("reset", ("doc/reset",), 2, "public", 3),
        GoldenQuery("weather", (), 3, "staff", 8),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[[queries]]\nquery = "a"',
            r":1: A golden query says either 'expect' or 'nothing = true'\.",
        ),
        (
            '[[queries]]\nquery = "a"\nexpect = "b"\ntop = 99',
            r":4: 'top' is a whole number from 1 to 20\.",
        ),
        (
            '[[queries]]\nquery = "a"\nexpects = "b"',
            r":3: 'expects' is not known here; did you mean 'expect'\?",
        ),
        ("queries = 3", r":1: 'queries' must be written as \[\[queries\]\]"),
        ("[[queries", r":1: This is not valid TOML"),
    ],
)
def test_a_mistake_in_a_golden_query_names_its_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        curation_files.read_golden_queries(_file(tmp_path, text))


def test_curations_become_plain_values_and_name_their_documents(tmp_path: Path) -> None:
    text = (
        'stop_phrases = ["please help"]\n[[queries]]\nquery = "reset password"\nmatch = '
        '"contains"\npin = ["doc/a"]\n'
        'hide = ["doc/b"]\nboost = { "doc/c" = 2 }\n[[synonyms]]\nwords = ["log in", "sign in"]\n'
        '[[synonyms]]\nfrom = ["SSO"]\nto = ["single sign-on"]\n'
    )
    found = curation_files.read_curations(_file(tmp_path, text))
    rule = {
        "query": ["reset password"],
        "match": "contains",
        "pin": ["doc/a"],
        "hide": ["doc/b"],
        "boost": {"doc/c": 2},
    }
    assert found.values == {
        "queries": [rule],
        "synonyms": [{"words": ["log in", "sign in"]}, {"from": ["SSO"], "to": ["single sign-on"]}],
        "stop_phrases": ["please help"],
    }
    assert found.named == (("doc/a", 5), ("doc/b", 6), ("doc/c", 7))


def test_every_mistake_in_a_curations_file_is_told_at_once(tmp_path: Path) -> None:
    text = (
        '[[queries]]\nquery = "a"\n[[queries]]\npin = ["doc/x"]\n[[queries]]\nquery = "b"\npin = '
        '["doc/x"]\n'
        'hide = ["doc/x"]\nboost = { "doc/y" = 0 }\n[[synonyms]]\nwords = '
        '["one"]\n[[synonyms]]\nfrom = ["x"]\n'
    )
    with pytest.raises(Misconfigured) as caught:
        curation_files.read_curations(_file(tmp_path, text))
    told = str(caught.value).replace(str(tmp_path), "")
    assert told.splitlines() == [
        "/x.toml:1: [queries.1] decides nothing; give 'pin', 'hide' or 'boost'.",
        "/x.toml:3: [queries.2] needs 'query', a text or a list of texts.",
        "/x.toml:8: doc/x is both pinned and hidden; decide for one.",
        "/x.toml:9: The boost of doc/y is a number from 0.01 to 100.",
        "/x.toml:10: [synonyms.1] needs either 'words' (two or more that mean the same) or 'from' "
        "and 'to' (one way).",
        "/x.toml:12: [synonyms.2] needs either 'words' (two or more that mean the same) or 'from' "
        "and 'to' (one way).",
    ]


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Misconfigured, match="not UTF-8"):
        curation_files.read_curations(tmp_path / "x.toml")
    with pytest.raises(Misconfigured, match="Cannot read"):
        curation_files.read_golden_queries(tmp_path / "none.toml")


_LINES = (
    "[[queries]]", "[[synonyms]]", 'query = "a"', "query = 1", 'pin = ["x"]', "pin = {}", "boost = 1",
    'boost = { a = "b" }', "words = [1]", 'words = ["a", "b"]', 'from = ["a"]', "to = []", "match = 3",
    'stop_phrases = ["x", ""]', "[queries]", "nothing = 1", "top = true",
)  # fmt: skip


@given(st.lists(st.sampled_from(_LINES), max_size=8))
def test_any_file_is_read_or_refused_with_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = _file(tmp_path_factory.getbasetemp(), "\n".join(lines))
    for read in (curation_files.read_golden_queries, curation_files.read_curations):
        told = _mistakes(read, path)
        assert all(line.startswith(f"{path}:") for line in told.splitlines())


def _mistakes(read: Callable[[Path], object], path: Path) -> str:
    try:
        read(path)
    except Misconfigured as error:
        return str(error)
    return ""
