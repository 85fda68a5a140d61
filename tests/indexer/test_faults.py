"""A publish that is killed, loses power, meets a failing disk or is damaged leaves the old or the
new generation.
"""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from bench import publish_faults as faults
from kb.search.generations import checksums


@pytest.fixture
def data(tmp_path: Path) -> Path:
    faults.publish(tmp_path / "data")
    faults.publish(tmp_path / "data", seed=2)
    return tmp_path / "data"


def test_killed_at_any_step_the_old_or_the_new_generation_serves(data: Path) -> None:
    steps = faults.operations(data)
    named = [
        steps.index(name) + 1 for name in dict.fromkeys(steps)
    ]  # the first operation of each sort
    last = [len(steps) - steps[::-1].index(name) for name in ("fsync", "rename", "replace")]
    spread = range(5, len(steps), max(1, len(steps) // 8))
    for at in sorted({*named, *last, *spread}):
        faults.kill_at(data, at)
    faults.clean(data)


def test_a_power_loss_after_any_step_leaves_the_old_or_the_new_generation(data: Path) -> None:
    assert faults.lose_power(data) > 20
    faults.clean(data)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_whichever_operation_fails_the_old_or_the_new_generation_serves(
    data: Path, code: int
) -> None:
    steps = faults.operations(data)
    interesting = {
        at for at, name in enumerate(steps, 1) if name not in ("write", "unlink", "fsync")
    }
    spread = set(range(1, len(steps) + 1, max(1, len(steps) // 25)))
    refused = [faults.fail_at(data, at, code) for at in sorted(interesting | spread)]
    assert sum(refused) > 20
    assert not faults.fail_at(data, 10**6, code)  # until a run passes clean
    faults.clean(data)


def test_any_damage_is_noticed_and_only_a_generation_without_it_serves(data: Path) -> None:
    dice = random.Random(20261123)
    kinds = [faults.damage(data, dice) for _ in range(200)]
    assert {"truncate", "zero", "flip", "grow"} <= set(kinds)


def test_a_publish_that_syncs_nothing_would_be_noticed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "sync", lambda _: None)
    with pytest.raises(AssertionError, match="serves"):
        faults.lose_power(data)
