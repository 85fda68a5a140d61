"""`kb sla explain --ticket` and `kb sla dry-run` over a real data folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kb.errors import NotFound
from kb.sla.cli import sla
from kb.tickets import actions
from tests.world import FRIDAY, HOUR, POLICIES, World, draft

CATALOGUE = '[[products]]\nkey = "press"\ntitle = "Press"\n'


@pytest.fixture
def place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    content = tmp_path / "content"
    content.mkdir()
    (content / "catalogue.toml").write_text(CATALOGUE, "utf-8")
    (content / "policies.toml").write_text(POLICIES.read_text("utf-8"), "utf-8")
    monkeypatch.setenv("KB_DATA", str(world.data))
    monkeypatch.setenv("KB_CONTENT", str(content))
    return content


@pytest.fixture
def number(world: World) -> str:
    made = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    world.desk.act(made, world.bob, actions.reply("Plug?"), key="r", now=FRIDAY + HOUR)
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(sla, list(words))


def test_a_ticket_is_explained_event_by_event_and_span_by_span(place: Path, number: str) -> None:
    shown = run("explain", "--ticket", number)
    assert shown.exit_code == 0, shown.output
    assert "replied  Bob Baker" in shown.stdout
    assert "first response 1, level Commercial: met" in shown.stdout
    assert "Fri 5 Jun 15:00 to 17:00 open, 2 h (opening hours)" in shown.stdout
    (target,) = json.loads(run("explain", "--ticket", number, "--json").stdout)
    assert (target["state"], target["used_seconds"], target["due"]) == (
        "met",
        3600,
        "2026-06-08T15:00:00+02:00",
    )
    assert (
        sum(span["seconds"] for span in target["spans"] if span["state"] == "open")
        == target["budget_seconds"]
    )


def test_a_ticket_that_is_not_there_or_no_question_is_an_error(place: Path) -> None:
    missing = run("explain", "--ticket", "KB-9").exception
    assert isinstance(missing, NotFound)
    assert "KB-9" in missing.sentence
    assert run("explain", "--calendar", "office").exit_code == 2


def test_a_dry_run_names_changed_verdicts_and_writes_nothing(
    place: Path, world: World, number: str, tmp_path: Path
) -> None:
    new = tmp_path / "new.toml"
    new.write_text(POLICIES.read_text("utf-8"), "utf-8")
    assert run("dry-run", "--policies", str(new)).exit_code == 0
    before = world.desk.ticket(number, world.bob, now=FRIDAY)
    new.write_text(
        POLICIES.read_text("utf-8").replace('first_response = "8h"', 'first_response = "30m"'),
        "utf-8",
    )
    tried = run("dry-run", "--policies", str(new))
    assert tried.exit_code == 1
    assert f"{number}  first response 1: met -> breached" in tried.stdout
    assert " 1. " in tried.stdout.splitlines()[-1]
    change = json.loads(run("dry-run", "--policies", str(new), "--json").stdout.splitlines()[0])
    assert (change["ticket"], change["after"]) == (number, "breached")
    assert world.desk.ticket(number, world.bob, now=FRIDAY) == before


def test_a_dry_run_says_which_tickets_have_a_level_that_is_gone(
    place: Path, number: str, tmp_path: Path
) -> None:
    new = tmp_path / "new.toml"
    text = POLICIES.read_text("utf-8").replace("[levels.commercial]", "[levels.business]")
    new.write_text(text.replace('level = "commercial"', 'level = "business"'), "utf-8")
    tried = run("dry-run", "--policies", str(new))
    assert tried.exit_code == 1
    assert re.search(f"{number}  .*'commercial'", tried.stdout)
