"""A filing that is killed, or whose disk fails, leaves a whole ticket or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import filing_faults as faults
from tests.databases import ON_POSTGRESQL

pytestmark = pytest.mark.skipif(ON_POSTGRESQL, reason="the writes are those to the file of SQLite")


def test_killed_at_any_write_of_filing_the_ticket_is_whole_or_not_there(data: Path) -> None:
    steps = faults.operations(data)
    assert {"statement", "commit", "fsync"} <= set(steps)
    # The first of each kind, the last, and some between.
    first = {steps.index(name) + 1 for name in steps}
    for at in sorted(first | {len(steps), *range(4, len(steps), max(1, len(steps) // 6))}):
        faults.kill_at(data, at)


def test_a_failure_at_any_statement_of_filing_leaves_a_whole_ticket_or_none(data: Path) -> None:
    steps = faults.operations(data)
    refused = [faults.fail_at(data, at) for at in range(1, len(steps) + 1)]
    assert sum(refused) > len(steps) / 2
    assert not faults.fail_at(data, 10**6)  # until a run passes clean
