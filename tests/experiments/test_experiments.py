"""Which experiment runs, what is counted for whom, and the verdict."""

from __future__ import annotations

import datetime as dt
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from kb.analytics.deflection import Visit
from kb.errors import Conflict, Invalid, NotFound
from kb.experiments.cli import experiment as command
from kb.experiments.experiment import Preference, result_of
from kb.experiments.experiments import Experiments
from kb.experiments.tables import EXPERIMENT_CREDITS
from kb.search.build.builder import IndexBuilder
from kb.search.interleaving import Team, Trial
from kb.search.query.curation_file import CurationFile, read_curations
from tests.search.library import document
from tests.world import FRIDAY, HOUR, World

RULES = CurationFile({"synonyms": [{"words": ["a", "b"]}]})


def teams_of(_text: str, _trial: Trial) -> dict[str, Team]:
    return {"doc/a": Team.PRESENT, "doc/b": Team.CANDIDATE}


def visit(
    world: World, experiments: Experiments, episode: str, *opened: str, **who: object
) -> None:
    seen = Visit(**who)  # type: ignore[arg-type]
    world.deflection.record(episode, "query", {"q": "paper"}, seen, now=FRIDAY)
    for document_id in opened:
        experiments.count(episode, "open", {"id": document_id}, seen, teams_of, now=FRIDAY)


def test_one_experiment_runs_at_a_time(world: World) -> None:
    experiments = Experiments(world.database)
    assert experiments.trial(FRIDAY) is None
    with pytest.raises(NotFound):
        experiments.end(now=FRIDAY)
    with pytest.raises(Invalid):
        experiments.start("empty", CurationFile(), now=FRIDAY)
    experiments.start("synonyms", RULES, now=FRIDAY)
    with pytest.raises(Conflict):
        experiments.start("again", RULES, now=FRIDAY)
    trial = experiments.trial(FRIDAY)
    assert trial
    assert trial.curations == RULES.values

    # Another process sees it, and that it ended, within a second or two.
    other = Experiments(world.database)
    assert other.trial(FRIDAY) == trial
    experiments.end(now=FRIDAY + HOUR)
    assert other.trial(FRIDAY + 2 * HOUR) is None


def test_each_person_is_one_observation_and_agents_are_none(world: World) -> None:
    experiments = Experiments(world.database)
    experiments.start("synonyms", RULES, now=FRIDAY)
    visit(world, experiments, "one", *["doc/b"] * 50)
    visit(world, experiments, "two", "doc/a", "doc/b", "doc/unknown", person_id=world.alice.id)
    visit(world, experiments, "three", "doc/b", "doc/b", person_id=world.alice.id)
    visit(world, experiments, "four", "doc/a", apart=True)
    latest = experiments.latest()
    assert latest
    assert latest.result
    assert latest.result.people == 2
    assert latest.result.share == pytest.approx((1 + 3 / 4) / 2)
    assert latest.result.verdict is Preference.UNKNOWN

    ended = experiments.end(now=FRIDAY)
    assert ended.result == latest.result
    kept = experiments.latest()
    assert kept
    assert kept.result == latest.result
    with world.database.read() as connection:
        rows = connection.execute(select(func.count()).select_from(EXPERIMENT_CREDITS)).scalar()
    assert rows == 0


def test_a_preference_is_found_and_a_draw_is_none() -> None:
    assert result_of([(0, 1)] * 150 + [(1, 0)] * 50).verdict is Preference.CANDIDATE
    assert result_of([(0, 1)] * 50 + [(1, 0)] * 150).verdict is Preference.PRESENT
    assert result_of([(0, 1)] * 5).verdict is Preference.UNKNOWN
    assert result_of([]).share is None


def test_looking_every_day_rarely_finds_what_is_not_there() -> None:
    wrong = 0
    for run in range(200):
        chance = random.Random(run)
        opened: list[tuple[int, int]] = []
        for _ in range(40):
            opened += [(0, 1) if chance.random() < 0.5 else (1, 0) for _ in range(20)]
            if result_of(opened).verdict is not Preference.UNKNOWN:
                wrong += 1
                break
    assert wrong / 200 <= 0.05


def test_the_command_starts_shows_and_ends(tmp_path: Path) -> None:
    data = tmp_path / "data"
    same, good, bad = (tmp_path / f"{name}.toml" for name in ("same", "good", "bad"))
    same.write_text('[[synonyms]]\nwords = ["page", "sheet"]\n')
    with IndexBuilder(data, operators=False) as builder:
        builder.add(document("doc/a", "A page", "Text."))
        builder.curations = read_curations(same).values
        builder.publish(ledger={}, settings={})
    good.write_text('[[queries]]\nquery = "page"\npin = ["doc/a"]\n\n[weights]\nmeaning = 0.5\n')
    bad.write_text('[[queries]]\nquery = "page"\npin = ["doc/nowhere"]\n')

    def run(*arguments: str) -> tuple[int, dict[str, object]]:
        result = CliRunner().invoke(command, [*arguments, "--data", str(data), "--json"])
        return result.exit_code, json.loads(result.output) if result.exit_code == 0 else {}

    assert run("show")[0] == 1
    assert run("start", str(bad))[0] == 1
    assert run("start", str(same))[0] == 1, "it is published already, so nobody ever decides"
    code, shape = run("start", str(good))
    assert (code, shape["name"], shape["running"], shape["verdict"]) == (
        0,
        "good",
        True,
        "not known yet",
    )
    assert run("show")[1]["running"] is True
    ended = run("end")[1]
    assert ended["running"] is False
    assert dt.datetime.fromisoformat(str(ended["ended_at"]))
    assert run("end")[0] == 1
