"""The index runner: follows `kb index` in its own process, whatever that process does."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from kb.jobs.index_runner import MAX_REPORTED_ITEMS, IndexRunner, run_result
from kb.jobs.index_runs import INDEX_RUN_LEASE, IndexRun, IndexRunKind, IndexRuns
from tests.world import FRIDAY, World


def report(**more: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "generation": "000002",
        "published": False,
        "documents": 7,
        "refused": [],
        "changes": [],
        "compared": 0,
        "files": {"files": 3, "added": 0, "changed": 0, "removed": 0, "unchanged": 3},
        "waiting": {"added": [], "changed": [], "removed": [], "other": []},
        "findings": [],
        "skipped": [],
    }
    return facts | more


def program(*lines: object, then: str = "") -> tuple[str, ...]:
    """A command that prints ``lines`` as JSON and ignores its arguments."""
    prints = "".join(f"print({json.dumps(line)!r}, flush=True);" for line in lines)
    return (sys.executable, "-c", f"import os, sys, time; {prints}{then}")


def fifo(folder: Path) -> Path:
    path = folder / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def runs(world: World) -> IndexRuns:
    return IndexRuns(world.database)


def carry_out(
    world: World,
    runs: IndexRuns,
    command: tuple[str, ...],
    kind: IndexRunKind = IndexRunKind.PUBLISH,
) -> IndexRun:
    runs.order(kind, world.erin.id, now=FRIDAY)
    runner = IndexRunner(runs, world.data, clock=lambda: FRIDAY, command=command)
    assert runner.start_waiting_run()
    runner.wait()
    ended = runs.latest()
    assert ended
    return ended


def test_the_report_of_the_process_is_saved(world: World, runs: IndexRuns) -> None:
    progress = {"stage": "reading", "done": 1, "total": 2, "what": "a.md"}
    ended = carry_out(world, runs, program(progress, {"report": report(published=True)}))
    assert ended.state == "done"
    assert ended.report["documents"] == 7


def test_the_error_of_the_process_is_the_message(world: World, runs: IndexRuns) -> None:
    ended = carry_out(
        world,
        runs,
        program({"error": "There is no folder docs.", "code": "invalid"}, then="sys.exit(2)"),
    )
    assert (ended.state, ended.sentence) == ("failed", "There is no folder docs.")


@pytest.mark.parametrize(
    ("then", "cause"),
    [
        ("sys.exit(3)", "code 3"),
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        ("print('no JSON')", "code 0"),
    ],
)
def test_a_process_that_ends_without_a_report_has_failed_and_the_cause_is_named(
    world: World, runs: IndexRuns, then: str, cause: str
) -> None:
    ended = carry_out(world, runs, program({"stage": "reading", "done": 1, "total": 2}, then=then))
    assert ended.state == "failed"
    assert cause in ended.sentence


def test_a_program_that_cannot_be_started_leaves_the_run_to_another_worker(
    world: World, runs: IndexRuns
) -> None:
    assert carry_out(world, runs, ("/nowhere/kb",)).state == "running"
    assert runs.claim(FRIDAY + INDEX_RUN_LEASE)


def test_while_another_build_goes_on_the_run_waits(world: World, runs: IndexRuns) -> None:
    words = "Another index build is running."
    ended = carry_out(
        world, runs, program({"error": words, "code": "conflict"}, then="sys.exit(1)")
    )
    assert (ended.state, ended.attempts) == ("waiting", 0)
    assert words in ended.sentence


def test_a_worker_that_must_end_stops_the_process_and_gives_the_run_back(
    world: World, runs: IndexRuns, tmp_path: Path
) -> None:
    pipe = fifo(tmp_path)
    command = program(then=f"open({str(pipe)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    runs.order(IndexRunKind.PUBLISH, world.erin.id, now=FRIDAY)
    runner = IndexRunner(runs, world.data, clock=lambda: FRIDAY, command=command)
    runner.start_waiting_run()
    process = int(pipe.read_text())  # waits until it is there
    runner.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(process, signal.SIG_DFL)
    left = runs.latest()
    assert left
    assert left.state == "waiting"


def test_a_cancelled_run_ends_its_process(world: World, runs: IndexRuns, tmp_path: Path) -> None:
    pipe = fifo(tmp_path)
    command = program(then=f"open({str(pipe)!r}, 'w').write('here'); time.sleep(600)")
    asked = runs.order(IndexRunKind.PUBLISH, world.erin.id, now=FRIDAY)
    runner = IndexRunner(runs, world.data, clock=lambda: FRIDAY, command=command)
    runner.start_waiting_run()
    assert pipe.read_text() == "here"
    runs.cancel(asked.id, now=FRIDAY)
    runner.wait()
    left = runs.latest()
    assert left
    assert left.state == "cancelled"


def test_the_real_command_runs_and_an_error_of_it_is_a_sentence(
    world: World, runs: IndexRuns, tmp_path: Path
) -> None:
    runs.order(IndexRunKind.LOOK, world.erin.id, now=FRIDAY)
    before = {name: os.environ.get(name) for name in ("KB_CONTENT", "KB_SOURCES")}
    os.environ["KB_CONTENT"] = str(tmp_path / "nothing")
    os.environ.pop("KB_SOURCES", None)
    try:
        runner = IndexRunner(runs, world.data, clock=lambda: FRIDAY + dt.timedelta(seconds=1))
        assert runner.start_waiting_run()
        runner.wait()
    finally:
        for name, text in before.items():
            os.environ.pop(name, None)
            os.environ |= {name: text} if text is not None else {}
    ended = runs.latest()
    assert ended
    assert ended.state == "failed"
    assert str(tmp_path / "nothing") in ended.sentence


WAITING = {
    "added": ["docs/a.md"],
    "changed": [],
    "removed": [],
    "other": ["Curations were changed."],
}


@pytest.mark.parametrize(
    ("kind", "facts", "state", "named"),
    [
        (IndexRunKind.LOOK, {}, "done", ["000002"]),
        (IndexRunKind.CHECK, {}, "done", ["000002"]),
        (
            IndexRunKind.LOOK,
            {"waiting": WAITING, "files": {"added": 1, "changed": 0, "removed": 0}},
            "done",
            ["1 added", "0 changed", "0 removed", "Curations were changed."],
        ),
        (
            IndexRunKind.CHECK,
            {"waiting": WAITING, "changes": [{}], "compared": 9},
            "done",
            ["1 of 9"],
        ),
        (IndexRunKind.CHECK, {"waiting": WAITING}, "done", ["golden.toml"]),
        (
            IndexRunKind.CHECK,
            {"waiting": WAITING, "refused": ["Half is gone."]},
            "done",
            ["Half is gone."],
        ),
        (IndexRunKind.PUBLISH, {"refused": ["Half is gone."]}, "failed", ["Half is gone."]),
        (IndexRunKind.PUBLISH, {}, "done", ["000002"]),
        (IndexRunKind.PUBLISH, {"published": True}, "done", ["000002", "7 documents"]),
    ],
)
def test_each_result_names_what_it_is_about(
    kind: IndexRunKind, facts: dict[str, Any], state: str, named: list[str]
) -> None:
    result_state, message, _ = run_result(kind, {"report": report(**facts)}, 0)
    assert result_state == state
    assert [fact for fact in named if fact not in message] == []


def test_a_report_is_kept_short_but_its_counts_are_those_of_the_whole() -> None:
    many = [str(number) for number in range(5000)]
    kept = run_result(
        IndexRunKind.CHECK,
        {"report": report(findings=many, changes=many, waiting={"added": many, "other": []})},
        0,
    )[2]
    assert [len(kept[name]) for name in ("findings", "changes")] == [
        MAX_REPORTED_ITEMS,
        MAX_REPORTED_ITEMS,
    ]
    assert len(kept["waiting"]["added"]) == MAX_REPORTED_ITEMS
    assert kept["changed_answers"] == 5000
