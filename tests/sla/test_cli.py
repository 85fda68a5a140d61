"""The commands of `kb sla`: output for people and for scripts, exit codes, and refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kb.cli import kb
from kb.errors import KbError, Misconfigured
from kb.sla.cli import sla
from tests.sla.test_policy_file import GOOD

CONTENT = Path(__file__).parents[2] / "content" / "policies.toml"
FULL = """
[calendars.off]
zone = "Europe/Berlin"
[calendars.off.week]
mon = ["09:00-17:00"]
tue = ["09:00-17:00"]
wed = ["09:00-17:00"]
thu = ["09:00-17:00"]
fri = ["09:00-17:00"]
[levels.off]
calendar = "off"
first_response = "8h"
"""


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    file = tmp_path / "policies.toml"
    file.write_text(GOOD + FULL, encoding="utf-8")
    return file


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(sla, [str(word) for word in words])


def explain(policies: Path, *words: str) -> Result:
    return run("explain", "--policies", policies, "--calendar", "off", *words)


def answer(policies: Path, *words: str) -> dict[str, Any]:
    result = explain(policies, *words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_check_says_what_a_good_file_holds(policies: Path) -> None:
    result = run("check", policies)
    assert result.exit_code == 0
    counts = "2 calendars, 2 levels, 1 severity, 1 entitlement"
    assert counts in result.stdout


def test_check_names_every_mistake_with_its_line_and_exits_1(policies: Path) -> None:
    policies.write_text(
        GOOD.replace("Berlin", "Atlantis").replace('"24h"', '"soon"'), encoding="utf-8"
    )
    result = run("check", policies)
    assert result.exit_code == 1
    assert [row.split(":")[1] for row in result.stdout.splitlines()] == ["2", "10"]
    assert all(row.startswith(f"{policies}:") for row in result.stdout.splitlines())


def test_check_of_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert run("check", tmp_path / "absent.toml").exit_code == 2


def test_explain_prints_the_derivation_as_json(policies: Path) -> None:
    found = answer(policies, "--budget", "3h", "--start", "2026-06-05T15:00:00+02:00")
    assert found == {
        "start": "2026-06-05T15:00:00+02:00",
        "due": "2026-06-08T10:00:00+02:00",
        "used_seconds": 10_800,
        "remaining_seconds": 0,
        "budget_seconds": 10_800,
        "spans": [
            _span("2026-06-05T15:00:00", "2026-06-05T17:00:00", "open", "opening hours", 7200),
            _span(
                "2026-06-05T17:00:00",
                "2026-06-06T00:00:00",
                "closed",
                "outside opening hours",
                25_200,
            ),
            _span("2026-06-06T00:00:00", "2026-06-08T00:00:00", "closed", "weekend", 172_800),
            _span(
                "2026-06-08T00:00:00",
                "2026-06-08T09:00:00",
                "closed",
                "outside opening hours",
                32_400,
            ),
            _span("2026-06-08T09:00:00", "2026-06-08T10:00:00", "open", "opening hours", 3600),
        ],
    }


def _span(start: str, end: str, state: str, why: str, seconds: int) -> dict[str, Any]:
    return {
        "from": f"{start}+02:00",
        "to": f"{end}+02:00",
        "state": state,
        "why": why,
        "seconds": seconds,
    }


def test_explain_takes_several_pauses(policies: Path) -> None:
    pauses = (
        "--pause",
        "2026-06-05T16:00+02:00/2026-06-08T10:00+02:00",
        "--pause",
        "2026-06-08T10:30+02:00/2026-06-08T11:00+02:00",
    )
    found = answer(policies, "--budget", "8h", "--start", "2026-06-05T09:00:00+02:00", *pauses)
    assert found["due"] == "2026-06-08T11:30:00+02:00"
    assert (
        sum(span["seconds"] for span in found["spans"] if span["state"] == "paused") == 2.5 * 3600
    )


def test_explain_gives_null_for_a_due_time_that_never_comes(policies: Path) -> None:
    found = answer(
        policies,
        "--budget",
        "8h",
        "--start",
        "2026-06-05T07:00:00Z",
        "--pause",
        "2026-06-05T08:00:00Z/",
    )
    assert (found["due"], found["used_seconds"], found["remaining_seconds"]) == (None, 3600, 25_200)
    assert found["spans"][-1]["to"] is None


def test_explain_prints_a_ledger_for_people(policies: Path) -> None:
    result = explain(policies, "--budget", "3h", "--start", "2026-06-05T13:00:00Z")
    assert result.stdout.splitlines() == [
        "Start: Fri 5 Jun 2026 15:00:00 CEST",
        "Due:   Mon 8 Jun 2026 10:00:00 CEST",
        "  Fri 5 Jun 15:00 to 17:00 open, 2 h (opening hours)",
        "  Fri 5 Jun 17:00 to Mon 8 Jun 09:00 closed, 64 h (weekend)",
        "  Mon 8 Jun 09:00 to 10:00 open, 1 h (opening hours)",
    ]
    never = explain(
        policies,
        "--budget",
        "3h",
        "--start",
        "2026-06-05T13:00:00Z",
        "--pause",
        "2026-06-05T14:00:00Z/",
    )
    assert re.search("Due: .*2 h of 3 h", never.stdout)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--budget", "soon", "--start", "2026-06-05T13:00:00Z"), "--budget: 'soon'"),
        (("--budget", "3h", "--start", "yesterday"), "--start: 'yesterday'"),
        (("--budget", "3h", "--start", "2026-06-05T13:00:00"), "--start: '2026-06-05T13:00:00'"),
        (
            ("--budget", "3h", "--start", "2026-06-05T13:00:00Z", "--pause", "lunch"),
            "--pause: 'lunch'",
        ),
        (
            ("--budget", "3h", "--start", "2026-06-05T13:00:00Z", "--pause", "a/b"),
            "--pause: 'a'",
        ),
        (
            (
                "--budget",
                "3h",
                "--start",
                "2026-06-05T13:00Z",
                "--pause",
                "2026-06-05T14:00Z/2026-06-05T13:00Z",
            ),
            "before it starts",
        ),
    ],
)
def test_explain_refuses_what_it_cannot_read(
    policies: Path, words: tuple[str, ...], names: str
) -> None:
    result = explain(policies, *words)
    assert isinstance(result.exception, KbError)
    assert names in result.exception.sentence


def test_explain_names_the_calendars_there_are(policies: Path) -> None:
    result = run(
        "explain",
        "--policies",
        policies,
        "--calendar",
        "of",
        "--budget",
        "1h",
        "--start",
        "2026-06-05T13:00Z",
    )
    assert isinstance(result.exception, KbError)
    assert result.exception.code == "invalid"
    assert re.search("'of'.*'off'", result.exception.sentence)


def test_explain_stops_at_a_broken_file(policies: Path) -> None:
    policies.write_text("[", encoding="utf-8")
    assert isinstance(
        explain(policies, "--budget", "1h", "--start", "2026-06-05T13:00Z").exception, Misconfigured
    )


def test_without_a_file_the_one_of_the_settings_is_checked_or_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_CONTENT", str(tmp_path))
    missing = run("check")
    assert isinstance(missing.exception, Misconfigured)
    assert str(tmp_path / "policies.toml") in missing.exception.sentence
    assert "KB_POLICIES" in missing.exception.sentence
    (tmp_path / "policies.toml").write_text(GOOD + FULL, "utf-8")
    sound = run("check")
    assert sound.exit_code == 0, sound.output
    assert str(tmp_path / "policies.toml") in sound.output
    (tmp_path / "policies.toml").write_text("[calendars]\nx = 1\n")
    assert run("check").exit_code == 1


def test_the_kb_command_finds_the_promises() -> None:
    result = CliRunner().invoke(kb, ["sla", "check", str(CONTENT)])
    assert result.exit_code == 0, result.output
