"""The CPU time of each test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processor_time import by_folder, processor_seconds

_BUSY = """import time
while time.process_time() < 0.5: pass
print(flush=True)
input()"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux counts running processes")
def test_a_process_counts_while_it_runs_and_once_when_it_has_ended() -> None:
    before = processor_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", _BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as busy:
        assert busy.stdout
        busy.stdout.readline()
        assert processor_seconds() - before >= 0.4
        busy.communicate(b"\n")
    assert 0.4 <= processor_seconds() - before < 0.9


def test_the_seconds_of_a_folder_are_those_of_its_tests() -> None:
    seconds = {"tests/sla/a/test_b.py::test_c[x/y]": 1.0, "tests/sla/test_d.py::test_e": 2.0}
    assert by_folder(seconds) == {"tests/sla": 3.0}
