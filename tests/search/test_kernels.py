"""Compiled loops give the bytes that numpy's give (run where the ``fast`` extra is installed)."""

from __future__ import annotations

import numpy as np
import pytest

from kb.search.kernels import Kernels, by_numpy, gather
from kb.search.lexical import top


@pytest.fixture(scope="module")
def compiled() -> Kernels:
    pytest.importorskip("numba", reason="the fast extra is not installed")
    from kb.search.compiled import loops

    return Kernels(**loops())


def test_entries_of_rows_are_gathered_in_order() -> None:
    places, owner = gather(np.array([0, 2, 2, 5]), np.array([2, 0, 1]))
    assert places.tolist() == [2, 3, 4, 0, 1]
    assert owner.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("seed", range(20))
def test_compiled_loops_give_the_same_bytes(compiled: Kernels, seed: int) -> None:
    dice = np.random.default_rng(seed)
    codes = dice.integers(1, 256, 300).astype(np.uint8)
    docs = np.sort(dice.choice(500, 300, replace=False)).astype(np.int32)
    worth = dice.integers(0, 40, 256).astype(np.int32)
    values = dice.random(500).astype(np.float32)
    pointers = np.linspace(0, 300, 31).astype(np.int64)
    groups = np.arange(0, 31, 3)
    answers = []
    for run in (by_numpy(), compiled):
        sums, best, total = np.zeros(500, np.int32), np.zeros(8, np.float32), np.zeros(8, np.float32)
        run.add(sums, docs, codes, worth)
        run.add_row(sums[:300], codes, worth)
        run.rows_best(groups, pointers, docs, values, values[:256], codes, np.arange(8), best)
        run.rows_sum(pointers, docs, values, codes, np.arange(8), total)
        answers.append((sums.tobytes(), best.tobytes(), total.tobytes()))
    assert answers[0] == answers[1]
    found = np.flatnonzero(sums)
    assert compiled.best is not None
    assert compiled.best(sums, 0, 500, 20).tolist() == top(found, sums[found], 20).tolist()
