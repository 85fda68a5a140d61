"""The doctor names what is wrong and what to do, and finds nothing on a sound installation."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.operations import doctor, heartbeats
from kb.operations.cli import doctor as command
from kb.operations.retention import RETENTION, Overdue
from kb.people.second_factor.steps import FactorRule
from kb.people.second_factor.totp import code_at, step_at
from kb.people.second_factors import SecondFactors
from kb.settings import Settings, load_settings
from tests.search.library import publish
from tests.world import World

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
ROOT = Path(__file__).parents[2]


def settings(data: Path, **more: str) -> Settings:
    values = {"data": str(data), "content": str(ROOT / "content"), **more}
    return load_settings({}, **values)


def sound(data: Path, **more: object) -> doctor.Examination:
    public = settings(
        data,
        base_url="https://help.example.com",
        secure_cookies="yes",
        smtp_host="mail.example.com",
        backup_folder="backups",
    )
    values: dict[str, object] = {
        "settings": public,
        "now": NOW,
        "generation": "000001",
        "worker_beat": NOW,
        "newest_backup": NOW - dt.timedelta(hours=47),
        "free_bytes": 10**11,
        "free_share": 0.5,
        **more,
    }
    return doctor.Examination(**values)  # type: ignore[arg-type]


def checks(facts: doctor.Examination, *, production: bool = True) -> list[str]:
    return [problem.check for problem in doctor.diagnose(facts, production=production)]


def test_a_sound_installation_has_no_problem(tmp_path: Path) -> None:
    assert checks(sound(tmp_path)) == []
    assert checks(sound(tmp_path, worker_ended=NOW - dt.timedelta(hours=24))) == []


@pytest.mark.parametrize(
    ("check", "more"),
    [
        ("index", {"generation": None}),
        ("index", {"index_problem": "Generation 000002 is damaged."}),
        ("index-version", {"index_is_earlier": True}),
        ("opensearch", {"cluster_problem": "OpenSearch has no index."}),
        ("worker", {"worker_beat": None}),
        ("worker", {"worker_beat": NOW - dt.timedelta(minutes=4)}),
        ("worker-ended", {"worker_ended": NOW - dt.timedelta(hours=23)}),
        ("outbox", {"oldest_message": NOW - dt.timedelta(minutes=16)}),
        ("undelivered", {"failed_messages": 1}),
        ("mail-in", {"delayed_mails": 1}),
        ("disk", {"free_bytes": 10**6}),
        ("disk", {"free_share": 0.01}),
        ("migration", {"needs_migration": True}),
        ("backup", {"newest_backup": None}),
        ("backup", {"newest_backup": NOW - dt.timedelta(hours=49)}),
        ("permissions", {"open_paths": (Path("secret.key"),)}),
        ("retention", {"overdue": (Overdue(RETENTION[0], NOW - dt.timedelta(days=3)),)}),
        ("demo-people", {"demo_people": ("ada@example.com",)}),
        ("second-factor", {"staff_without_factor": ("bob@example.com",)}),
        ("second-factor-key", {"unreadable_factors": 1}),
        ("field-key", {"secret_fields": ("Licence key",)}),
        ("meaning", {"errors": {"meaning": "The query table is damaged."}}),
        ("policies", {"errors": {"policies": "policies.toml:7: unknown level"}}),
    ],
)
def test_each_fault_is_named(tmp_path: Path, check: str, more: dict[str, object]) -> None:
    assert checks(sound(tmp_path, **more)) == [check]


@pytest.mark.parametrize(
    ("check", "more"),
    [
        ("demo-mode", {"demo": "yes"}),
        ("tls", {"base_url": "http://help.example.com"}),
        ("cookies", {"secure_cookies": "no"}),
        ("base-url", {"base_url": "http://127.0.0.1:8000", "secure_cookies": "no"}),
        ("smtp", {"smtp_host": ""}),
        ("backup", {"backup_folder": ""}),
    ],
)
def test_what_must_not_be_so_on_the_internet_is_named_for_production_only(
    tmp_path: Path, check: str, more: dict[str, str]
) -> None:
    values = {
        "base_url": "https://help.example.com",
        "secure_cookies": "yes",
        "smtp_host": "mail.example.com",
        "backup_folder": "backups",
        **more,
    }
    facts = sound(tmp_path, settings=settings(tmp_path, **values))
    assert checks(facts) == [check]
    assert checks(facts, production=False) == []


@pytest.mark.parametrize(
    ("rule", "impact"), [("off", "at-risk"), ("optional", "at-risk"), ("staff", "unsafe")]
)
def test_staff_without_a_second_factor_weigh_more_where_it_is_required(
    tmp_path: Path, rule: str, impact: str
) -> None:
    facts = sound(
        tmp_path,
        settings=settings(
            tmp_path,
            base_url="https://help.example.com",
            smtp_host="mail.example.com",
            backup_folder="backups",
            second_factor=rule,
        ),
        staff_without_factor=("bob@example.com",),
    )
    (problem,) = doctor.diagnose(facts, production=True)
    assert (problem.check, problem.impact) == ("second-factor", impact)
    assert "bob@example.com" in problem.message
    assert checks(facts, production=False) == []


def test_the_factors_of_a_real_folder_are_examined_without_a_key(world: World) -> None:
    """The key is lost, or in an environment that this command does not have."""
    factors = SecondFactors(world.database, FactorRule.OPTIONAL, None, lambda: ["k" * 40])
    token = world.accounts.sign_in("bob@example.com", "bob-demo", address="::1", now=NOW)
    sealed = factors.begin_app(world.bob)
    code = code_at(factors.app_secret(world.bob, sealed), step_at(NOW))
    factors.add_app(world.bob, sealed, code, token=token, now=NOW)

    facts = doctor.examine(settings(world.data), NOW)
    assert facts.staff_without_factor == ("ada@example.com", "erin@example.com")
    assert facts.unreadable_factors == 1
    assert not (world.data / "secret.key").exists()
    facts = doctor.examine(settings(world.data, secret_key="k" * 40), NOW)
    assert facts.unreadable_factors == 0


def test_an_examination_reads_a_real_folder_and_changes_nothing(world: World) -> None:
    heartbeats.beat(world.database, heartbeats.WORKER, NOW)
    (world.data / "secret.key").write_text("k" * 48)
    (world.data / "secret.key").chmod(0o644)

    facts = doctor.examine(settings(world.data), NOW)
    assert facts.errors == {}
    assert facts.worker_beat == NOW
    assert "alice@example.com" in facts.demo_people
    assert facts.worker_ended is None
    assert facts.generation is None
    assert world.data / "secret.key" in facts.open_paths


def test_demo_people_that_were_removed_are_no_problem(world: World) -> None:
    for person in world.accounts.administration.demo_people():
        world.accounts.administration.remove(person)
    assert doctor.examine(settings(world.data), NOW).demo_people == ()


def test_data_that_should_be_gone_is_named_with_its_setting(world: World) -> None:
    world.deflection.record("old", "form_open", {}, now=NOW - dt.timedelta(days=40))
    kept = settings(world.data, episode_days="30")
    facts = doctor.examine(kept, NOW)
    (problem,) = (p for p in doctor.diagnose(facts, production=False) if p.check == "retention")
    assert "KB_EPISODE_DAYS" in problem.message
    assert problem.since == NOW - dt.timedelta(days=10)
    assert doctor.examine(kept, NOW - dt.timedelta(days=9)).overdue == ()  # a night is no problem


def test_a_broken_part_never_ends_the_examination(world: World) -> None:
    (world.data / "tickets.db").write_bytes(b"no database at all" * 100)
    facts = doctor.examine(settings(world.data), NOW)
    assert set(facts.errors) == {"database"}


def test_a_database_that_cannot_be_reached_needs_no_backup_at_once(world: World) -> None:
    address = "postgresql://nobody@127.0.0.1:9/nothing"
    facts = doctor.examine(settings(world.data, database=address), NOW)
    (problem,) = (p for p in doctor.diagnose(facts, production=False) if p.check == "database")
    assert "kb database check" in problem.remedy.partition("kb restore")[0]


def test_a_damaged_generation_is_named_beside_the_one_that_answers(world: World) -> None:
    publish(world.data)
    publish(world.data)
    assert doctor.examine(settings(world.data), NOW).index_problem == ""
    (world.data / "index" / "gen-000002" / "part-0.arrays").write_bytes(b"zero")
    facts = doctor.examine(settings(world.data), NOW)
    assert facts.generation == "000001"
    (problem,) = (p for p in doctor.diagnose(facts, production=False) if p.check == "index")
    assert problem.impact is doctor.Impact.AT_RISK
    assert "000002" in problem.message
    assert "000001" in problem.message


def test_the_command_exits_with_one_and_prints_what_it_found(world: World) -> None:
    result = CliRunner().invoke(command, ["--data", str(world.data), "--json"])
    assert result.exit_code == 1
    problems = {problem["check"]: problem for problem in json.loads(result.stdout)}
    assert {"index", "worker"} <= set(problems)
    assert problems["worker"]["remedy"]
