"""Pipe tables as people write them."""

from __future__ import annotations

import re

import pytest

from tests.indexer.conftest import Read


@pytest.mark.parametrize(
    ("written", "cells"),
    [
        ("For example:\n| a | b |\n|---|---|\n| 1 | 2 |", ["a", "b", "1", "2"]),
        ("| a | b |\n|---|---|\n| 1 |\n| 2 | 3 | 4 |", ["a", "b", "1", "", "2", "3 4"]),
        ("a | b\n--|--\n`x|y` | z", ["a", "b", "x|y", "z"]),
        ("- item\n\n  | a | b |\n  |---|---|\n  | 1 | 2 |", ["a", "b", "1", "2"]),
        ("> | a | b |\n> |---|---|\n> | 1 | 2 |", ["a", "b", "1", "2"]),
    ],
)
def test_tables_are_read_as_people_write_them(read: Read, written: str, cells: list[str]) -> None:
    html = read("doc", "a.md", written)[0][0].html
    assert re.findall(r"<t[hd][^>]*>(?:<code>)?(.*?)(?:</code>)?</t[hd]>", html) == cells


def test_bars_in_code_are_not_a_table(read: Read) -> None:
    text = "```\n| a | b |\n|---|---|\n| 1 |\n```"
    assert read("doc", "a.md", text)[0][0].text() == "| a | b |\n|---|---|\n| 1 |"
