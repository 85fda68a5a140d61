"""`kb accounts` on a real data folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kb.errors import Conflict, Invalid
from kb.people.accounts import DEMO
from kb.worker.cli import accounts


def run(data: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(accounts, [words[0], "--data", str(data), *words[1:]], input=typed)


def test_an_added_account_is_listed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    added = run(
        data,
        "add",
        "Dora@example.com",
        "--name",
        "Dora",
        "--organisation",
        "Acme",
        typed="a secret\na secret\n",
    )
    assert added.exit_code == 0, added.output
    agent = run(
        data,
        "add",
        "ben@example.com",
        "--name",
        "Ben",
        "--role",
        "agent",
        "--password-stdin",
        typed="a secret\n",
    )
    assert agent.exit_code == 0, agent.output
    assert run(data, "list").stdout.splitlines() == [
        "ben@example.com  agent  Ben",
        "dora@example.com  customer  Dora  Acme",
    ]
    listed = json.loads(run(data, "list", "--json").stdout)
    assert [(person["email"], person["audience"]) for person in listed] == [
        ("ben@example.com", "staff"),
        ("dora@example.com", "customers"),
    ]
    assert "a secret" not in added.output + agent.output


def test_the_demo_prints_each_sign_in_once_and_again(tmp_path: Path) -> None:
    first, second = run(tmp_path, "demo"), run(tmp_path, "demo", "--json")
    assert len(first.stdout.splitlines()) == len(DEMO)
    assert "alice@example.com  alice-demo" in first.stdout
    assert [sign["name"] for sign in json.loads(second.stdout)] == [demo.name for demo in DEMO]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("add", "dora", "--name", "Dora", "--password-stdin"), Invalid),
        (("add", "alice@example.com", "--name", "Alice", "--password-stdin"), Conflict),
    ],
)
def test_a_mistake_is_an_error_for_the_command_line_to_say(
    data: Path, words: tuple[str, ...], error: type[Exception]
) -> None:
    result = run(data, *words, typed="a secret\n")
    assert isinstance(result.exception, error)


def test_every_command_has_help(tmp_path: Path) -> None:
    for name in accounts.commands:
        shown = CliRunner().invoke(accounts, [name, "--help"]).output
        assert accounts.commands[name].help or "" in shown
        assert "Usage" in shown
