"""The table of messages: every code is used, every sentence is one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import indexer
from indexer.findings import MESSAGES, make_finding

_CALLS = frozenset({"note", "make_finding", "Unreadable"})


def codes_in(path: Path) -> set[str]:
    """The texts in a module that are codes of messages."""
    tree = ast.parse(path.read_text("utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in MESSAGES
    }


def calls_in(path: Path) -> set[str]:
    """The codes with which a module reports something."""
    codes = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in _CALLS and isinstance(node.args[0], ast.Constant):
            codes.add(str(node.args[0].value))
    return codes


def modules() -> list[Path]:
    paths = Path(next(iter(indexer.__path__))).rglob("*.py")
    return [path for path in paths if path.name != "findings.py"]


def test_every_code_that_is_reported_has_a_message() -> None:
    assert {code for path in modules() for code in calls_in(path)} <= MESSAGES.keys()


def test_every_message_is_reported_somewhere() -> None:
    assert MESSAGES.keys() == {code for path in modules() for code in codes_in(path)}


@pytest.mark.parametrize("code", sorted(MESSAGES))
def test_a_message_is_a_sentence_and_its_advice_too(code: str) -> None:
    message = MESSAGES[code]
    assert message.sentence.endswith(".") or message.sentence.startswith("{reason}")
    assert re.fullmatch(r"[A-Z].+\.", message.advice)


def test_a_long_value_is_cut() -> None:
    finding = make_finding("link-not-found", "docs/a.md", target="x" * 10_000)
    assert len(finding.sentence) < 300
