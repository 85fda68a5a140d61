"""The list of capabilities is whole, and each test that it names exists and runs."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.stories.conftest import SITES
from tests.stories.sites import SITE_ROWS

TESTS = Path(__file__).parents[1]
LIST = Path(__file__).with_name("capabilities.toml")
CAPABILITIES: dict[str, dict[str, Any]] = tomllib.loads(LIST.read_text("utf-8"))
#: The story of each group of capabilities.
STORIES = CAPABILITIES.pop("stories")
STATES = ("works", "partly", "missing")
#: How many each of the three sites has.
COUNTS = {"B": 44, "V": 22, "X": 39}
#: Marks with which a test may not run.
_MARKS = ("skip", "skipif", "xfail")


def decorators(node: ast.FunctionDef) -> str:
    return " ".join(map(ast.unparse, node.decorator_list))


@cache
def running_tests(path: str) -> dict[str, set[str]]:
    """The tests in a file that nothing keeps from running, each with its fixtures."""
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    return {
        node.name: {argument.arg for argument in node.args.args}
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not any(f"mark.{mark}" in decorators(node) for mark in _MARKS)
    }


def test_all_capabilities_are_listed_once_and_in_order() -> None:
    expected = [f"{site}{n}" for site, count in COUNTS.items() for n in range(1, count + 1)]
    assert len(expected) == 105
    assert list(CAPABILITIES) == expected


@pytest.mark.parametrize("name", CAPABILITIES)
def test_each_is_tested_or_says_what_it_lacks(name: str) -> None:
    capability = CAPABILITIES[name]
    assert set(capability) <= {"words", "group", "state", "tests", "lacks"}
    assert capability["words"].endswith(".")
    assert capability["state"] in STATES
    assert bool(capability.get("tests")) == (capability["state"] != "missing")
    assert bool(capability.get("lacks")) == (capability["state"] != "works")


@pytest.mark.parametrize("name", CAPABILITIES)
def test_the_tests_that_it_names_run(name: str) -> None:
    for test in CAPABILITIES[name].get("tests", ()):
        path, _, function = test.partition("::")
        assert Path(path).name.startswith("test_"), test
        assert function in running_tests(path), test


def test_each_group_has_a_story_that_is_told_at_every_site() -> None:
    assert {capability["group"] for capability in CAPABILITIES.values()} == set(STORIES)
    assert {row.folder for row in SITE_ROWS} == {folder.name for folder in SITES.iterdir()}
    for story in STORIES.values():
        path, _, function = story.partition("::")
        assert "site" in running_tests(path)[function], story


def test_no_two_say_the_same() -> None:
    words = [capability["words"] for capability in CAPABILITIES.values()]
    assert len(set(words)) == len(words)
