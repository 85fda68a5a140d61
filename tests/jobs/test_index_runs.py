"""Runs of the index: one at a time, leased, given back, given up, and never twice."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from kb.errors import Conflict
from kb.jobs.index_runs import (
    INDEX_RUN_LEASE,
    MAX_INDEX_RUN_ATTEMPTS,
    IndexRun,
    IndexRunKind,
    IndexRuns,
)
from tests.world import FRIDAY, World

SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)


@pytest.fixture
def runs(world: World) -> IndexRuns:
    return IndexRuns(world.database)


def claim(runs: IndexRuns, now: dt.datetime = FRIDAY) -> IndexRun:
    run = runs.claim(now)
    assert run is not None
    return run


def test_an_order_waits_runs_and_ends_with_its_result(world: World, runs: IndexRuns) -> None:
    assert runs.latest() is None
    assert runs.claim(FRIDAY) is None
    asked = runs.order(IndexRunKind.PUBLISH, world.erin.id, whole=True, now=FRIDAY)
    assert (asked.state, asked.whole, asked.by) == ("waiting", True, world.erin.name)
    run = claim(runs)
    assert runs.claim(FRIDAY) is None
    assert runs.renew(run, "reading", 3, 10, now=FRIDAY + SECOND)
    seen = runs.latest()
    assert seen
    assert (seen.state, seen.stage, seen.done, seen.total) == ("running", "reading", 3, 10)
    assert runs.finish(
        run, "done", "Generation 000002 is published.", {"read": 3}, now=FRIDAY + 2 * SECOND
    )
    ended = runs.latest(IndexRunKind.PUBLISH, state="done")
    assert ended
    assert (ended.open, ended.sentence, ended.report) == (
        False,
        "Generation 000002 is published.",
        {"read": 3},
    )
    assert runs.claim(FRIDAY + 9 * INDEX_RUN_LEASE) is None


def test_a_second_press_orders_nothing(world: World, runs: IndexRuns) -> None:
    first = runs.order(IndexRunKind.PUBLISH, world.erin.id, now=FRIDAY)
    for kind in (IndexRunKind.PUBLISH, IndexRunKind.LOOK):
        assert runs.order(kind, world.erin.id, now=FRIDAY).id == first.id
    claim(runs)
    for kind in (IndexRunKind.PUBLISH, IndexRunKind.LOOK):
        assert runs.order(kind, world.erin.id, now=FRIDAY).id == first.id
    with pytest.raises(Conflict):
        runs.order(IndexRunKind.CHECK, world.erin.id, now=FRIDAY)


def test_a_look_gives_way_to_what_changes_something(world: World, runs: IndexRuns) -> None:
    look = runs.order(IndexRunKind.LOOK, world.erin.id, now=FRIDAY)
    taken = claim(runs)
    check = runs.order(IndexRunKind.CHECK, world.erin.id, now=FRIDAY)
    assert (taken.id, check.state) == (look.id, "waiting")
    assert not runs.renew(taken, "looking", 1, 2, now=FRIDAY)
    publish = runs.order(IndexRunKind.PUBLISH, world.erin.id, now=FRIDAY)
    assert claim(runs).id == publish.id
    assert runs.latest(IndexRunKind.CHECK, state="cancelled")


def test_a_worker_that_died_loses_its_run_to_the_next_one(world: World, runs: IndexRuns) -> None:
    runs.order(IndexRunKind.CHECK, world.erin.id, now=FRIDAY)
    dead = claim(runs)
    assert runs.claim(FRIDAY + INDEX_RUN_LEASE - SECOND) is None
    run = claim(runs, FRIDAY + INDEX_RUN_LEASE)
    assert (run.id, run.attempts) == (dead.id, 2)
    assert not runs.renew(dead, "reading", 1, 2, now=FRIDAY + INDEX_RUN_LEASE)
    assert not runs.finish(dead, "done", "Too late.", {}, now=FRIDAY + INDEX_RUN_LEASE)
    assert runs.finish(run, "done", "In time.", {}, now=FRIDAY + INDEX_RUN_LEASE)


def test_a_run_that_kills_every_worker_is_given_up(world: World, runs: IndexRuns) -> None:
    runs.order(IndexRunKind.PUBLISH, world.erin.id, now=FRIDAY)
    for attempt in range(MAX_INDEX_RUN_ATTEMPTS):
        claim(runs, FRIDAY + attempt * INDEX_RUN_LEASE)
    assert runs.claim(FRIDAY + MAX_INDEX_RUN_ATTEMPTS * INDEX_RUN_LEASE) is None
    ended = runs.latest()
    assert ended
    assert ended.state == "failed"
    assert ended.sentence
    assert runs.order(IndexRunKind.PUBLISH, world.erin.id, now=FRIDAY + DAY).id != ended.id


def test_a_released_run_waits_and_the_attempt_does_not_count(world: World, runs: IndexRuns) -> None:
    runs.order(IndexRunKind.PUBLISH, world.erin.id, now=FRIDAY)
    for _ in range(MAX_INDEX_RUN_ATTEMPTS + 2):
        assert runs.release(claim(runs), "The worker was stopped.")
    seen = runs.latest()
    assert seen
    assert (seen.state, seen.attempts, seen.sentence) == ("waiting", 0, "The worker was stopped.")


def test_a_cancelled_run_cannot_be_renewed_or_claimed(world: World, runs: IndexRuns) -> None:
    asked = runs.order(IndexRunKind.PUBLISH, world.erin.id, now=FRIDAY)
    run = claim(runs)
    assert runs.cancel(asked.id, now=FRIDAY + SECOND)
    assert not runs.cancel(asked.id, now=FRIDAY + SECOND)
    assert not runs.renew(run, "reading", 1, 2, now=FRIDAY + SECOND)
    assert not runs.release(run, "Stopped.")
    assert runs.claim(FRIDAY + DAY) is None


def test_old_runs_are_deleted(world: World, runs: IndexRuns) -> None:
    for number in range(60):
        now = FRIDAY + number * SECOND
        runs.order(IndexRunKind.LOOK, world.erin.id, now=now)
        runs.finish(claim(runs, now), "done", "Nothing differs.", {}, now=now)
    with world.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 50


class Life(RuleBasedStateMachine):
    """Editors and workers, each at any time; workers keep runs that are no longer theirs."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.runs = IndexRuns(self.world.database)
        self.now = FRIDAY
        self.hands: list[IndexRun] = []
        newest = self.runs.latest()
        if newest and newest.open:
            self.runs.cancel(newest.id, now=self.now)

    @rule(kind=st.sampled_from(IndexRunKind))
    def ask(self, kind: IndexRunKind) -> None:
        with contextlib.suppress(Conflict):
            self.runs.order(kind, self.world.erin.id, now=self.now)

    @rule()
    def claim(self) -> None:
        run = self.runs.claim(self.now)
        self.hands += [run] if run else []

    @rule(seconds=st.integers(1, 90))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.hands)) if self.hands else None
        if run is not None:
            verbs: list[Callable[[], object]] = [
                lambda: self.runs.renew(run, "reading", 1, 2, now=self.now),
                lambda: self.runs.finish(run, "done", "Done.", {}, now=self.now),
                lambda: self.runs.release(run, "Stopped."),
            ]
            data.draw(st.sampled_from(verbs))()

    @invariant()
    def one_hand(self) -> None:
        with self.world.database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT state, lease FROM runs WHERE state IN ('waiting', 'running')"
            ).all()
        assert len(rows) <= 1
        assert all((state == "running") == bool(lease) for state, lease in rows)


def test_whatever_workers_and_editors_do_one_worker_has_the_run(world: World) -> None:
    Life.world = world
    run_state_machine_as_test(Life)
